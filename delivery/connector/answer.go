package connector

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Bounds of an answer's structure.
const (
	maxAnswerDepth = 32
	maxAnswerParts = 20_000
)

// node is a part of an answer. Numbers and booleans are the text they were
// written as, so that amounts stay exact.
type node struct {
	name string
	text string
	kids []*node
	list bool
	read []byte // of XML, while it is read
}

// answerReader counts what it makes.
type answerReader struct{ parts int }

func (r *answerReader) add(to *node, name string, depth int) (*node, error) {
	if r.parts++; r.parts > maxAnswerParts || depth > maxAnswerDepth {
		return nil, errors.New("answer is too deep or has too many parts")
	}
	k := &node{name: name}
	to.kids = append(to.kids, k)
	return k, nil
}

// readAnswer reads a text as the given kind: json, xml, form, text, or "" to
// tell by its look. Keys that come twice are both kept.
func readAnswer(text string, as string) (*node, error) {
	text = strings.TrimSpace(text)
	if as == "" {
		as = look(text)
	}
	r := &answerReader{}
	switch as {
	case "json":
		return r.json(text)
	case "xml":
		return r.xml(text)
	case "form":
		return r.form(text)
	}
	return &node{text: text}, nil
}

// look tells the kind of a text.
func look(s string) string {
	switch {
	case s == "":
		return "text"
	case s[0] == '{' || s[0] == '[' || json.Valid([]byte(s)):
		return "json"
	case s[0] == '<':
		return "xml"
	case strings.Contains(s, "=") && !strings.ContainsAny(s, " \t\r\n<>"):
		return "form"
	}
	return "text"
}

// webPage reports whether the text is HTML, whatever its header says, and its
// title.
func webPage(s string) (title string, is bool) {
	low := strings.ToLower(strings.TrimSpace(s[:min(len(s), 2048)]))
	for strings.HasPrefix(low, "<!--") {
		_, low, _ = strings.Cut(low, "-->")
		low = strings.TrimSpace(low)
	}
	for _, p := range []string{"<!doctype html", "<html", "<head", "<body", "<title", "<h1"} {
		is = is || strings.HasPrefix(low, p)
	}
	if at := strings.Index(low, "<title>"); is && at >= 0 {
		title, _, _ = strings.Cut(low[at+len("<title>"):], "<")
	}
	return strings.Join(strings.Fields(title), " "), is
}

func (r *answerReader) json(text string) (*node, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	root := &node{}
	if err := r.jsonValue(d, root, 0); err != nil {
		return nil, fmt.Errorf("answer is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("answer goes on after its JSON")
	}
	return root, nil
}

func (r *answerReader) jsonValue(d *json.Decoder, into *node, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	delim, is := t.(json.Delim)
	if !is {
		if t != nil {
			into.text = fmt.Sprint(t)
		}
		return nil
	}
	into.list = delim == '['
	for i := 0; d.More(); i++ {
		name := strconv.Itoa(i)
		if !into.list {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name, _ = key.(string)
		}
		k, err := r.add(into, name, depth)
		if err == nil {
			err = r.jsonValue(d, k, depth+1)
		}
		if err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// xml reads a document; its root element is not part of the paths. A document
// type is refused, and with it every entity of its own.
func (r *answerReader) xml(text string) (*node, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = sameText
	root := &node{}
	stack := []*node{root}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("answer is not XML: %w", err)
		}
		top := stack[len(stack)-1]
		switch t := t.(type) {
		case xml.Directive:
			return nil, errors.New("answer has a document type, which is refused")
		case xml.StartElement:
			k, err := r.element(top, t, len(stack))
			if err != nil {
				return nil, err
			}
			stack = append(stack, k)
		case xml.EndElement:
			top.text, top.read = strings.TrimSpace(string(top.read)), nil
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.read = append(top.read, t...)
		}
	}
	if len(root.kids) != 1 {
		return nil, errors.New("answer is not one XML element")
	}
	return root.kids[0], nil
}

func (r *answerReader) element(top *node, t xml.StartElement, depth int) (*node, error) {
	k, err := r.add(top, t.Name.Local, depth)
	for _, a := range t.Attr {
		var attr *node
		if err == nil {
			if attr, err = r.add(k, "@"+a.Name.Local, depth+1); err == nil {
				attr.text = a.Value
			}
		}
	}
	return k, err
}

func (r *answerReader) form(text string) (*node, error) {
	root := &node{}
	for pair := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '&' || c == '\n' || c == '\r' }) {
		key, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(key)
		if err != nil {
			return nil, errors.New("answer is not a form")
		}
		k, err := r.add(root, name, 0)
		if err != nil {
			return nil, err
		}
		if k.text, err = url.QueryUnescape(value); err != nil {
			return nil, errors.New("answer is not a form")
		}
	}
	return root, nil
}

// find returns what stands at a path of names and places parted by dots, and
// whether the path names several parts that say different things. Names are
// matched as written, else without regard to case.
func (n *node) find(path string) (at *node, contradicts bool) {
	at = n
	if path == "" {
		return at, false
	}
	for name := range strings.SplitSeq(path, ".") {
		found := at.named(func(k string) bool { return k == name })
		if len(found) == 0 {
			found = at.named(func(k string) bool { return strings.EqualFold(k, name) })
		}
		if i, err := strconv.Atoi(name); err == nil && len(found) == 0 && i == 0 && !at.list {
			continue // the only one of a kind
		}
		if len(found) == 0 {
			return nil, contradicts
		}
		for _, f := range found[1:] {
			contradicts = contradicts || len(f.kids) == 0 && f.text != found[0].text
		}
		at = found[0]
	}
	return at, contradicts
}

func (n *node) named(is func(string) bool) []*node {
	var out []*node
	for _, k := range n.kids {
		if is(k.name) {
			out = append(out, k)
		}
	}
	return out
}

// count returns how many parts stand at a path: entries of a list, or elements
// of one name.
func (n *node) count(path string) int {
	cut := strings.LastIndexByte(path, '.')
	parent := n
	if cut >= 0 {
		parent, _ = n.find(path[:cut])
	}
	if parent == nil {
		return 0
	}
	found := parent.named(func(k string) bool { return strings.EqualFold(k, path[cut+1:]) })
	if len(found) == 1 && found[0].list {
		return len(found[0].kids)
	}
	return len(found)
}
