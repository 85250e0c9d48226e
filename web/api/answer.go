package api

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/ringbid/ringbid"
)

// answerBody is an Answer as publishers read it.
type answerBody struct {
	XMLName   xml.Name       `json:"-" xml:"response"`
	Status    string         `json:"status" xml:"status"`
	LeadID    string         `json:"lead_id,omitempty" xml:"lead_id,omitempty"`
	PingID    string         `json:"ping_id,omitempty" xml:"ping_id,omitempty"`
	Price     *ringbid.Money `json:"price,omitempty" xml:"price,omitempty"`
	Currency  string         `json:"currency,omitempty" xml:"currency,omitempty"`
	ExpiresIn int64          `json:"expires_in,omitempty" xml:"expires_in,omitempty"` // seconds
	Reason    string         `json:"reason,omitempty" xml:"reason,omitempty"`
	Code      string         `json:"code,omitempty" xml:"code,omitempty"`
	Errors    []answerError  `json:"errors,omitempty" xml:"-"`
	ErrorsXML *answerErrors  `json:"-" xml:"errors"` // the same
	Repeat    bool           `json:"repeat,omitempty" xml:"repeat,omitempty"`
}

type answerErrors struct {
	List []answerError `xml:"error"`
}

type answerError struct {
	Field string `json:"field" xml:"field"`
	Text  string `json:"text" xml:"text"`
}

func (a Answer) body() answerBody {
	b := answerBody{
		Status: a.Status, LeadID: a.LeadID, PingID: a.PingID, Price: a.Price, Currency: a.Currency,
		ExpiresIn: int64(a.Expires.Seconds()), Reason: a.Reason, Code: a.Code, Repeat: a.Repeat,
	}
	for _, p := range a.Fields {
		b.Errors = append(b.Errors, answerError{p.Field, p.Text})
	}
	if len(b.Errors) > 0 {
		b.ErrorsXML = &answerErrors{b.Errors}
	}
	return b
}

// encode writes the answer as JSON or XML.
func (a Answer) encode(as wire) ([]byte, error) {
	var out bytes.Buffer
	if as == wireXML {
		out.WriteString(xml.Header)
		e := xml.NewEncoder(&out)
		e.Indent("", " ")
		err := e.Encode(a.body())
		out.WriteByte('\n')
		return out.Bytes(), err
	}
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(a.body())
	return out.Bytes(), err
}

// code returns the HTTP status of the answer. In this trade a rejected lead is
// an answer, not a failure.
func (a Answer) code(way string) int {
	switch a.Status {
	case StatusAccepted, StatusPending:
		if way == WayPing || a.Repeat {
			return http.StatusOK
		}
		return http.StatusCreated
	case StatusInvalid:
		return http.StatusUnprocessableEntity
	case StatusError:
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

func (a Answer) write(w http.ResponseWriter, way string, as wire) error {
	b, err := a.encode(as)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if as == wireXML {
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	}
	w.WriteHeader(a.code(way))
	_, _ = w.Write(b)
	return nil
}

// answerAs returns in what to answer: what the Accept header likes best of JSON
// and XML (RFC 9110 section 12.5.1), else what the post was written in.
func answerAs(accept string, written wire) wire {
	liked := map[wire]float64{}
	for i, part := range strings.Split(accept, ",") {
		if i == 20 {
			break
		}
		kind, params, err := mime.ParseMediaType(part)
		as := wires[kind]
		if err != nil || as != wireJSON && as != wireXML {
			continue
		}
		q := 1.0
		if s, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(s, 64); err != nil {
				continue
			}
		}
		liked[as] = max(liked[as], q)
	}
	switch {
	case liked[wireJSON] > liked[wireXML]:
		return wireJSON
	case liked[wireXML] > liked[wireJSON] || written == wireXML:
		return wireXML
	}
	return wireJSON
}
