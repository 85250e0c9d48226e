package dialect

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
)

// Request is a question in the Ringba format.
type Request struct {
	Caller       ringbid.Phone // CID
	ExposeCaller bool
	SIP          bool   // the asker wants a SIP address
	CallID       string // publisherInboundCallId
	// Tags are all other fields, under their names as sent.
	Tags map[string]string
	// XML says that the answer is to be XML: the address ends in .xml.
	XML bool
}

// maxRequest bounds the body of a question, in bytes.
const maxRequest = 64 << 10

// DecodeRequest reads a question: the query string of a GET, or a POST whose
// Content-Type says JSON, XML or a form. The error is Invalid.
func DecodeRequest(r *http.Request) (Request, error) {
	out := Request{Tags: map[string]string{}, XML: strings.HasSuffix(strings.ToLower(r.URL.Path), ".xml")}
	fields, err := requestFields(r)
	if err != nil {
		return out, err
	}
	for _, f := range fields {
		if err := out.set(f.Name, f.Value); err != nil {
			return out, err
		}
	}
	return out, nil
}

func requestFields(r *http.Request) ([]field, error) {
	fields := formFields(r.URL.Query())
	if r.Method != http.MethodPost {
		return fields, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "read the question: %w", err)
	}
	if len(body) > maxRequest {
		return nil, ringbid.Errorf(ringbid.Invalid, "question is larger than %d bytes", maxRequest)
	}
	more, err := bodyFields(r.Header.Get("Content-Type"), body)
	if len(fields)+len(more) > maxFields {
		return nil, ringbid.Errorf(ringbid.Invalid, "question has more than %d fields", maxFields)
	}
	return append(fields, more...), err
}

func bodyFields(contentType string, body []byte) ([]field, error) {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(body) == 0:
		return nil, nil
	case kind == "application/x-www-form-urlencoded":
		v, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, ringbid.Errorf(ringbid.Invalid, "question is not a sound form")
		}
		return formFields(v), nil
	case strings.HasSuffix(kind, "xml"), looksXML(body):
		kids, err := xmlFields(body)
		if err != nil {
			return nil, ringbid.Errorf(ringbid.Invalid, "question is not sound XML")
		}
		var out []field
		for _, e := range kids {
			out = append(out, field{e.Name, e.Text})
		}
		return out, nil
	}
	out, err := jsonFields(body)
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "question is not a JSON object: it %w", err)
	}
	return out, nil
}

func formFields(v url.Values) []field {
	var out []field
	for _, k := range slices.Sorted(maps.Keys(v)) {
		if len(out) < maxFields && len(v[k]) > 0 {
			out = append(out, field{k, v[k][0]})
		}
	}
	return out
}

func (r *Request) set(name, value string) error {
	switch strings.ToLower(name) {
	case "cid":
		if value == "" {
			return nil
		}
		p, err := ringbid.ParsePhone(value)
		if err != nil {
			return ringbid.FieldError(name, "%.40q is not a phone number", value)
		}
		r.Caller = p
	case "exposecallerid":
		r.ExposeCaller = yes(value)
	case "sipok":
		r.SIP = yes(value)
	case "publisherinboundcallid":
		r.CallID = value
	default:
		r.Tags[name] = value
	}
	return nil
}

// yes reads a word that may mean true.
func yes(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "true", "1", "y", "on":
		return true
	}
	return false
}

// Tag returns a tag by its name without regard to case: "zipcode" and "ZipCode"
// are both in use.
func (r Request) Tag(name string) string {
	if v, ok := r.Tags[name]; ok {
		return v
	}
	for _, k := range slices.Sorted(maps.Keys(r.Tags)) {
		if strings.EqualFold(k, name) {
			return r.Tags[k]
		}
	}
	return ""
}

// EncodeRequest writes a question as XML or JSON and returns it with its
// Content-Type. Fields that are empty are left out.
func EncodeRequest(r Request, asXML bool) (contentType string, body []byte) {
	fields := map[string]string{}
	maps.Copy(fields, r.Tags)
	if r.Caller != "" {
		fields["CID"] = r.Caller.Digits()
	}
	if r.ExposeCaller {
		fields["exposeCallerId"] = "yes"
	}
	if r.SIP {
		fields["sipOk"] = "yes"
	}
	if r.CallID != "" {
		fields["publisherInboundCallId"] = r.CallID
	}
	if !asXML {
		body, _ = json.Marshal(fields) // strings always marshal, keys sorted
		return "application/json", body
	}
	var b strings.Builder
	b.WriteString("<bid_request>")
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if !elementName(k) {
			continue
		}
		b.WriteString("<" + k + ">")
		_ = xml.EscapeText(&b, []byte(fields[k])) // a Builder takes everything
		b.WriteString("</" + k + ">")
	}
	b.WriteString("</bid_request>")
	return "application/xml", []byte(b.String())
}

// elementName reports whether a field's name can be an XML element.
func elementName(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' || s[0] == '-' || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z' || s[i] >= '0' && s[i] <= '9' || s[i] == '_' || s[i] == '-' || s[i] == '.') {
			return false
		}
	}
	return true
}
