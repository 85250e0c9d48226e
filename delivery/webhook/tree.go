package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
)

// Bounds of a body.
const (
	MaxEvents = 100 // in one body
	maxDepth  = 32
	maxFields = 1000 // of a form
)

// node is a value of a document. It is a leaf with a text, or an object, or a
// list; null is none of them.
type node struct {
	leaf   bool
	text   string // of a number its digits as they stand
	object map[string]*node
	list   []*node
}

func (n *node) empty() bool {
	return n == nil || n.leaf && n.text == "" || !n.leaf && n.object == nil && n.list == nil
}

// at finds what a path leads to; nil where it leads nowhere.
func (n *node) at(path string) *node {
	if n.object != nil {
		if whole := n.object[path]; whole != nil {
			return whole
		}
		if name, rest, deep := strings.Cut(path, "."); deep { // as forms write it
			if b := n.object[name+"["+strings.ReplaceAll(rest, ".", "][")+"]"]; b != nil {
				return b
			}
		}
	}
	for step := range strings.SplitSeq(path, ".") {
		switch {
		case n == nil:
			return nil
		case n.object != nil:
			n = n.object[step]
		default:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(n.list) || strconv.Itoa(i) != step {
				return nil
			}
			n = n.list[i]
		}
	}
	return n
}

func (n *node) equal(m *node) bool {
	return n.leaf == m.leaf && n.text == m.text && (n.object == nil) == (m.object == nil) && (n.list == nil) == (m.list == nil) &&
		maps.EqualFunc(n.object, m.object, (*node).equal) && slices.EqualFunc(n.list, m.list, (*node).equal)
}

// trail is where a parser stands, for its errors.
type trail struct {
	up   *trail
	step string
}

// String writes the trail as a path, of 200 bytes at most.
func (t *trail) String() string {
	var steps []string
	for ; t != nil; t = t.up {
		steps = append(steps, strings.ToValidUTF8(t.step[:min(len(t.step), maxPath)], ""))
	}
	slices.Reverse(steps)
	s := strings.Join(steps, ".")
	return strings.ToValidUTF8(s[:min(len(s), maxPath)], "")
}

// parseJSON reads one value. Unlike encoding/json it does not let the last of
// several equal keys win.
func parseJSON(body []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	n, err := parseValue(d, nil, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, ringbid.FieldError("body", "has something behind the JSON")
	}
	return n, nil
}

func parseValue(d *json.Decoder, where *trail, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, ringbid.FieldError(where.String(), "is deeper than %d", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, ringbid.FieldError("body", "is not JSON")
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return parseObject(d, where, depth)
		}
		return parseList(d, where, depth)
	case string:
		return &node{leaf: true, text: t}, nil
	case json.Number:
		return &node{leaf: true, text: t.String()}, nil
	case bool:
		return &node{leaf: true, text: strconv.FormatBool(t)}, nil
	}
	return &node{}, nil
}

func parseObject(d *json.Decoder, where *trail, depth int) (*node, error) {
	n := &node{object: map[string]*node{}}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return nil, ringbid.FieldError("body", "is not JSON")
		}
		at := &trail{where, key}
		v, err := parseValue(d, at, depth+1)
		if err != nil {
			return nil, err
		}
		if first, twice := n.object[key]; twice && !first.equal(v) {
			return nil, ringbid.FieldError(at.String(), "stands there twice, differently")
		}
		n.object[key] = v
	}
	return n, closing(d)
}

func parseList(d *json.Decoder, where *trail, depth int) (*node, error) {
	n := &node{list: []*node{}}
	for d.More() {
		v, err := parseValue(d, &trail{where, strconv.Itoa(len(n.list))}, depth+1)
		if err != nil {
			return nil, err
		}
		n.list = append(n.list, v)
	}
	return n, closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return ringbid.FieldError("body", "is not JSON")
	}
	return nil
}

// parseForm reads a form; a field that stands there twice must say the same.
func parseForm(body []byte) (*node, error) {
	if bytes.Count(body, []byte("&")) >= maxFields {
		return nil, ringbid.FieldError("body", "has more than %d fields", maxFields)
	}
	values, err := url.ParseQuery(string(bytes.TrimSpace(body)))
	if err != nil {
		return nil, ringbid.FieldError("body", "is not a form")
	}
	n := &node{object: map[string]*node{}}
	for _, name := range sorted(values) {
		all := values[name]
		if len(slices.Compact(all)) > 1 {
			return nil, ringbid.FieldError((&trail{step: name}).String(), "stands there twice, differently")
		}
		if !utf8.ValidString(name) || !utf8.ValidString(all[0]) {
			return nil, ringbid.FieldError("body", "is not UTF-8")
		}
		n.object[name] = &node{leaf: true, text: all[0]}
	}
	return n, nil
}

// elements parts a JSON body into its objects, each as it stands there.
func elements(body []byte) (all []json.RawMessage, many bool, err error) {
	if body[0] == '{' {
		return []json.RawMessage{body}, false, nil
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, true, ringbid.FieldError("body", "is not JSON")
	}
	if n := len(all); n == 0 || n > MaxEvents {
		return nil, true, ringbid.FieldError("body", "holds %d events, not 1 to %d", n, MaxEvents)
	}
	for i, e := range all {
		if len(e) == 0 || e[0] != '{' {
			return nil, true, ringbid.FieldError(fmt.Sprintf("[%d]", i), "is not an object")
		}
	}
	return all, true, nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
