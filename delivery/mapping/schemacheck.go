package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check returns where a document breaks the schema, by path.
func (s *Schema) Check(doc *Node) []Problem {
	c := &check{}
	s.check(c, "", doc)
	return c.problems
}

func (s *Schema) check(c *check, path string, n *Node) {
	got := n.kind()
	if len(s.types) > 0 && !slices.Contains(s.types, got) &&
		!(got == "integer" && slices.Contains(s.types, "number")) {
		c.add(path, "is %s, the buyer wants %s", got, strings.Join(s.types, " or "))
		return
	}
	switch {
	case n.leaf:
		s.checkText(c, path, n)
	case n.list():
		if k := len(n.kids); k < s.count.low || s.count.high >= 0 && k > s.count.high {
			c.add(path, "has %d entries, the buyer wants %s", k, s.count)
		}
		for i, k := range n.kids {
			if s.items != nil {
				s.items.check(c, join(path, strconv.Itoa(i)), k)
			}
		}
	default:
		s.checkObject(c, path, n)
	}
}

func (s *Schema) checkObject(c *check, path string, n *Node) {
	for _, name := range s.required {
		if n.find(name) == nil {
			c.add(join(path, name), "is missing, the buyer requires it")
		}
	}
	for _, k := range n.kids {
		p, known := s.properties[k.name]
		switch {
		case known:
			p.check(c, join(path, k.name), k)
		case s.closed:
			c.add(join(path, k.name), "is not in the buyer's schema")
		}
	}
}

func (s *Schema) checkText(c *check, path string, n *Node) {
	if s.words != nil && !slices.Contains(s.words, n.text) {
		c.add(path, "%.40q is none of %s", n.text, strings.Join(s.words, ", "))
	}
	if n.typ == Text {
		if l := utf8.RuneCountInString(n.text); l < s.length.low || s.length.high >= 0 && l > s.length.high {
			c.add(path, "has %d characters, the buyer wants %s", l, s.length)
		}
		if s.pattern != nil && !s.pattern.MatchString(n.text) {
			c.add(path, "%.40q does not match %s", n.text, s.pattern)
		}
		return
	}
	if d, ok := decimal(n.text); ok {
		if s.low != nil && d.Cmp(s.low) < 0 {
			c.add(path, "%s is below %s", n.text, s.low.RatString())
		}
		if s.high != nil && d.Cmp(s.high) > 0 {
			c.add(path, "%s is above %s", n.text, s.high.RatString())
		}
	}
}

// kind returns the node's type in the words of JSON Schema.
func (n *Node) kind() string {
	switch {
	case n.list():
		return "array"
	case !n.leaf:
		return "object"
	case n.typ == Text:
		return "string"
	case n.text == "null":
		return "null"
	case n.typ == Boolean:
		return "boolean"
	}
	if d, ok := decimal(n.text); ok && d.IsInt() {
		return "integer"
	}
	return "number"
}

// String writes bounds for people.
func (b bounds) String() string {
	if b.high < 0 {
		return fmt.Sprintf("at least %d", b.low)
	}
	return fmt.Sprintf("%d to %d", b.low, b.high)
}
