package mapping

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// JSON writes the document as JSON, without white space, members in the map's
// order.
func (n *Node) JSON() []byte {
	var b bytes.Buffer
	n.json(&b)
	return b.Bytes()
}

func (n *Node) json(b *bytes.Buffer) {
	switch {
	case n.leaf && n.typ != Text:
		b.WriteString(n.text) // Apply has seen to it that it is sound
	case n.leaf:
		jsonText(b, n.text)
	case n.list():
		b.WriteByte('[')
		for i, k := range n.kids {
			if i > 0 {
				b.WriteByte(',')
			}
			k.json(b)
		}
		b.WriteByte(']')
	default:
		b.WriteByte('{')
		for i, k := range n.kids {
			if i > 0 {
				b.WriteByte(',')
			}
			jsonText(b, k.name)
			b.WriteByte(':')
			k.json(b)
		}
		b.WriteByte('}')
	}
}

// jsonText writes a text; & < and > stay themselves.
func jsonText(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err == nil {
		b.Truncate(b.Len() - 1) // the line end
	}
}

// XML writes the document as XML 1.0 in UTF-8. The first segment of all paths
// must be one name, the root element; a list is its element repeated. The error
// names what XML cannot hold.
func (n *Node) XML() ([]byte, error) {
	if len(n.kids) != 1 || n.list() {
		return nil, errors.New("an XML document has one root element: all paths must begin with one name")
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := n.kids[0].xml(&b, n.kids[0].name); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (n *Node) xml(b *bytes.Buffer, name string) error {
	if !xmlName(name) {
		return fmt.Errorf("%q is not a name in XML", name)
	}
	if n.list() {
		for _, k := range n.kids {
			if k.list() {
				return fmt.Errorf("%q is a list of lists", name)
			}
			if err := k.xml(b, name); err != nil {
				return err
			}
		}
		return nil
	}
	b.WriteString("<" + name)
	rest, err := n.attributes(b)
	if err != nil {
		return err
	}
	b.WriteByte('>')
	if n.leaf {
		escapeXML(b, n.text)
	}
	for _, k := range rest {
		if k.name == "#text" && k.leaf {
			escapeXML(b, k.text)
			continue
		}
		if err := k.xml(b, k.name); err != nil {
			return err
		}
	}
	b.WriteString("</" + name + ">")
	return nil
}

// attributes writes the children whose names begin with @ and returns the others.
func (n *Node) attributes(b *bytes.Buffer) ([]*Node, error) {
	var rest []*Node
	for _, k := range n.kids {
		name, is := strings.CutPrefix(k.name, "@")
		if !is {
			rest = append(rest, k)
			continue
		}
		if !xmlName(name) || !k.leaf {
			return nil, fmt.Errorf("%q is not an attribute in XML", k.name)
		}
		b.WriteString(" " + name + `="`)
		escapeXML(b, k.text)
		b.WriteByte('"')
	}
	return rest, nil
}

// escapeXML writes text; characters that XML cannot hold become U+FFFD.
func escapeXML(b *bytes.Buffer, s string) { _ = xml.EscapeText(b, []byte(s)) }

// xmlName reports whether the name is one that every parser takes.
func xmlName(s string) bool {
	for i, c := range s {
		switch {
		case unicode.IsLetter(c) || c == '_':
		case i > 0 && (unicode.IsDigit(c) || c == '-' || c == '.' || c == ':'):
		default:
			return false
		}
	}
	return s != ""
}

// Form writes the document as a form, in the map's order. Segments are joined by
// dots; a value in a list repeats the list's key.
func (n *Node) Form() []byte {
	var b bytes.Buffer
	for _, k := range n.kids {
		k.form(&b, k.name)
	}
	return b.Bytes()
}

func (n *Node) form(b *bytes.Buffer, key string) {
	if n.leaf {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(key) + "=" + url.QueryEscape(n.text))
		return
	}
	for _, k := range n.kids {
		switch {
		case k.index >= 0 && k.leaf:
			k.form(b, key)
		default:
			k.form(b, key+"."+k.name)
		}
	}
}
