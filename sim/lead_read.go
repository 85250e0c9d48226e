package sim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is read as a lead.
const (
	maxLeadBytes  = 64 << 10
	maxLeadFields = 500
	maxLeadDepth  = 16
)

// The ways a lead is written.
const (
	leadJSON = "json"
	leadXML  = "xml"
	leadForm = "form"
)

// leadKind tells how a body is written, by its declared type, else by its look.
func leadKind(contentType string, body []byte) string {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case strings.HasSuffix(kind, "json"):
		return leadJSON
	case strings.HasSuffix(kind, "xml"):
		return leadXML
	case kind == "application/x-www-form-urlencoded":
		return leadForm
	}
	switch body = bytes.TrimSpace(body); {
	case bytes.HasPrefix(body, []byte("{")):
		return leadJSON
	case bytes.HasPrefix(body, []byte("<")):
		return leadXML
	}
	return leadForm
}

// leadReader gathers the fields of a lead. What is nested is named by its path,
// its parts parted by dots; the root element of XML is not part of it.
type leadReader struct {
	fields map[string]string
}

// readLead reads the fields of a lead.
func readLead(kind string, body []byte) (map[string]string, error) {
	r := &leadReader{fields: map[string]string{}}
	var err error
	switch kind {
	case leadJSON:
		err = r.json(body)
	case leadXML:
		err = r.xml(body)
	default:
		err = r.form(body)
	}
	if err != nil {
		return nil, fmt.Errorf("read lead as %s: %w", kind, err)
	}
	return r.fields, nil
}

// add keeps a field. The second of a name is called NAME.1, the next NAME.2.
func (r *leadReader) add(name, text string) error {
	if len(r.fields) >= maxLeadFields {
		return fmt.Errorf("it has more than %d fields", maxLeadFields)
	}
	as := name
	for n := 1; ; n++ {
		if _, taken := r.fields[as]; !taken {
			break
		}
		as = name + "." + strconv.Itoa(n)
	}
	r.fields[as] = text
	return nil
}

func (r *leadReader) json(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var whole map[string]any
	if err := d.Decode(&whole); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it goes on after its end")
	}
	return r.value("", whole, 0)
}

func (r *leadReader) value(path string, v any, depth int) error {
	if depth > maxLeadDepth {
		return fmt.Errorf("it is nested more than %d deep", maxLeadDepth)
	}
	below := func(name string, v any) error {
		if path != "" {
			name = path + "." + name
		}
		return r.value(name, v, depth+1)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if err := below(name, v[name]); err != nil {
				return err
			}
		}
	case []any:
		for i, kid := range v {
			if err := below(strconv.Itoa(i), kid); err != nil {
				return err
			}
		}
	case nil:
		return r.add(path, "")
	default:
		return r.add(path, fmt.Sprint(v))
	}
	return nil
}

func (r *leadReader) xml(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	var path []string
	var text strings.Builder
	leaf, roots := false, 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(path) == 0 {
				roots++
			}
			if path = append(path, t.Name.Local); len(path) > maxLeadDepth {
				return fmt.Errorf("it is nested more than %d deep", maxLeadDepth)
			}
			leaf = true
			text.Reset()
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if leaf && len(path) > 1 {
				if err := r.add(strings.Join(path[1:], "."), strings.TrimSpace(text.String())); err != nil {
					return err
				}
			}
			path, leaf = path[:len(path)-1], false
		}
	}
	if roots != 1 {
		return errors.New("it is not one element")
	}
	return nil
}

func (r *leadReader) form(body []byte) error {
	if bytes.Count(body, []byte("&")) >= maxLeadFields {
		return fmt.Errorf("it has more than %d fields", maxLeadFields)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return err
	}
	for name, all := range values {
		for _, v := range all {
			if err := r.add(name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// leadField returns the first of the named fields that is not empty, whatever
// its case and however deep it lies. Of several places the first in the order of
// their paths counts.
func leadField(fields map[string]string, names ...string) string {
	for _, name := range names {
		if v := fields[name]; v != "" {
			return v
		}
		at := ""
		for k, v := range fields {
			last := k[strings.LastIndexByte(k, '.')+1:]
			if v != "" && strings.EqualFold(last, name) && (at == "" || k < at) {
				at = k
			}
		}
		if at != "" {
			return fields[at]
		}
	}
	return ""
}
