package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// Schema is a buyer's JSON Schema, as far as it is read: type, properties,
// required, items, enum, const, pattern, minLength, maxLength, minimum, maximum,
// minItems, maxItems, additionalProperties as true or false, and $ref within the
// document, of any draft. Other rules are listed by Ignored, not guessed at.
type Schema struct {
	types      []string
	properties map[string]*Schema
	required   []string
	items      *Schema
	words      []string // enum and const, as texts
	pattern    *regexp.Regexp
	length     bounds // of texts, in characters
	count      bounds // of lists
	low, high  *big.Rat
	closed     bool // additionalProperties is false
	ignored    []string
}

type bounds struct{ low, high int } // high -1: none

const (
	maxSchema      = 1 << 20
	maxSchemaDepth = 24
	maxSchemaParts = 5000
)

// ParseSchema reads a JSON Schema. The error names what is unsound; a $ref that
// leads out of the document or in a circle is.
func ParseSchema(b []byte) (*Schema, error) {
	if len(b) > maxSchema {
		return nil, fmt.Errorf("schema is larger than %d bytes", maxSchema)
	}
	var doc any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("schema is not JSON: %w", err)
	}
	r := &schemaReader{doc: doc}
	s, err := r.read(doc, "", 0)
	if err != nil {
		return nil, err
	}
	s.ignored = r.ignored
	return s, nil
}

// Ignored returns the paths of the rules that are not checked, such as
// "properties.phone.oneOf".
func (s *Schema) Ignored() []string { return slices.Clone(s.ignored) }

type schemaReader struct {
	doc     any
	ignored []string
	parts   int
}

func (r *schemaReader) read(v any, path string, depth int) (*Schema, error) {
	if r.parts++; depth > maxSchemaDepth || r.parts > maxSchemaParts {
		return nil, fmt.Errorf("schema at %q is too deep, too large or refers to itself", path)
	}
	s := &Schema{properties: map[string]*Schema{}, length: bounds{0, -1}, count: bounds{0, -1}}
	m, ok := v.(map[string]any)
	if b, is := v.(bool); is && b {
		return s, nil
	}
	if !ok {
		return nil, fmt.Errorf("schema at %q is not an object", path)
	}
	if ref, is := m["$ref"].(string); is {
		target, err := r.resolve(ref)
		if err != nil {
			return nil, err
		}
		return r.read(target, path, depth+1)
	}
	for _, k := range sortedKeys(m) {
		if err := r.keyword(s, k, m[k], join(path, k), depth); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (r *schemaReader) resolve(ref string) (any, error) {
	rest, ok := strings.CutPrefix(ref, "#")
	v := r.doc
	for part := range strings.SplitSeq(strings.TrimPrefix(rest, "/"), "/") {
		if part == "" {
			continue
		}
		m, is := v.(map[string]any)
		if !is {
			ok = false
			break
		}
		if v, is = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]; !is {
			ok = false
		}
	}
	if !ok {
		return nil, fmt.Errorf("schema refers to %q, which is not in it", ref)
	}
	return v, nil
}

func (r *schemaReader) keyword(s *Schema, k string, v any, path string, depth int) (err error) {
	switch k {
	case "properties":
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("schema at %q is not an object", path)
		}
		for _, name := range sortedKeys(m) {
			if s.properties[name], err = r.read(m[name], join(path, name), depth+1); err != nil {
				return err
			}
		}
	case "items":
		s.items, err = r.read(v, path, depth+1)
	case "type":
		s.types, err = texts(v, path)
	case "required":
		s.required, err = texts(v, path)
	case "enum", "const":
		s.words = scalars(v)
	case "additionalProperties":
		b, is := v.(bool)
		if s.closed = is && !b; !is {
			r.ignored = append(r.ignored, path)
		}
	case "pattern":
		p, _ := v.(string)
		if s.pattern, err = regexp.Compile(p); err != nil { // of another dialect
			s.pattern, err = nil, nil
			r.ignored = append(r.ignored, path)
		}
	case "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum":
		err = s.limit(k, v, path)
	case "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "example",
		"deprecated", "readOnly", "writeOnly":
	default:
		r.ignored = append(r.ignored, path)
	}
	return err
}

func (s *Schema) limit(k string, v any, path string) error {
	n, _ := v.(json.Number)
	d, ok := decimal(n.String())
	if !ok {
		return fmt.Errorf("schema at %q is not a plain number", path)
	}
	whole := -1
	if d.IsInt() && d.Num().IsInt64() {
		whole = int(min(d.Num().Int64(), 1<<30))
	}
	switch k {
	case "minimum":
		s.low = d
	case "maximum":
		s.high = d
	case "minLength":
		s.length.low = whole
	case "maxLength":
		s.length.high = whole
	case "minItems":
		s.count.low = whole
	case "maxItems":
		s.count.high = whole
	}
	if whole < 0 && k != "minimum" && k != "maximum" {
		return fmt.Errorf("schema at %q is not a whole number", path)
	}
	return nil
}

func texts(v any, path string) ([]string, error) {
	if s, ok := v.(string); ok {
		return []string{s}, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("schema at %q is neither a text nor a list", path)
	}
	var out []string
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, fmt.Errorf("schema at %q holds something else than texts", path)
		}
		out = append(out, s)
	}
	return out, nil
}

// scalars returns the values of an enum or const as texts.
func scalars(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := []string{}
	for _, e := range list {
		if e == nil {
			out = append(out, "null")
			continue
		}
		out = append(out, fmt.Sprint(e))
	}
	return out
}

func join(path, name string) string {
	name = strings.ReplaceAll(name, ".", `\.`)
	if path == "" {
		return name
	}
	return path + "." + name
}
