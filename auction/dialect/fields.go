package dialect

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// field is one name and value of a flat document, in the order it came.
type field struct{ Name, Value string }

// Limits on what is read of a document.
const (
	maxFields = 256
	maxDepth  = 16
)

var (
	errNotObject = errors.New("is not an object")
	errTooMany   = errors.New("has too many fields")
	errDepth     = errors.New("is nested too deeply")
)

// byteOrderMark is the byte order mark some partners put before UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// jsonFields reads the fields of a JSON object. Strings, numbers and booleans
// become text, null becomes "", arrays and objects stay JSON.
func jsonFields(body []byte) ([]field, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte(byteOrderMark))))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	var out []field
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errNotObject
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, errNotObject
		}
		if len(out) == maxFields {
			return nil, errTooMany
		}
		s, _ := name.(string)
		out = append(out, field{s, jsonText(raw)})
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, errNotObject
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotObject
	}
	return out, nil
}

func jsonText(raw json.RawMessage) string {
	if string(raw) == "null" {
		return ""
	}
	var s string
	if raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// element is one XML element with what is in it.
type element struct {
	Name string
	Text string
	Kids []element
}

// xmlFields reads the children of an XML document's root, whatever that is
// called.
func xmlFields(body []byte) ([]element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	n := 0
	for {
		t, err := d.Token()
		if err != nil {
			return nil, errNotObject
		}
		if _, ok := t.(xml.StartElement); ok {
			root, err := xmlElement(d, &n, 0)
			if err != nil {
				return nil, err
			}
			return root.Kids, nil
		}
	}
}

func xmlElement(d *xml.Decoder, n *int, depth int) (element, error) {
	var e element
	if depth > maxDepth {
		return e, errDepth
	}
	var text strings.Builder
	for {
		t, err := d.Token()
		if err != nil {
			return e, errNotObject
		}
		switch t := t.(type) {
		case xml.StartElement:
			if *n++; *n > maxFields {
				return e, errTooMany
			}
			kid, err := xmlElement(d, n, depth+1)
			if err != nil {
				return e, err
			}
			kid.Name = t.Name.Local
			e.Kids = append(e.Kids, kid)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			e.Text = strings.TrimSpace(text.String())
			return e, nil
		}
	}
}

// looksXML reports whether the body starts as XML does.
func looksXML(body []byte) bool { return bytes.HasPrefix(start(body), []byte("<")) }

// looksPage reports whether a body begins as HTML does.
func looksPage(body []byte) bool {
	b := bytes.ToLower(start(body)[:min(16, len(start(body)))])
	return bytes.HasPrefix(b, []byte("<html")) || bytes.HasPrefix(b, []byte("<!doctype html"))
}

// start returns the body from its first byte that says anything.
func start(body []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(body, []byte(byteOrderMark)), " \t\r\n")
}
