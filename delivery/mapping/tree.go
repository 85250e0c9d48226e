package mapping

import (
	"fmt"
	"slices"
)

// Value is one field as it goes out.
type Value struct {
	To   string `json:"to"`
	Text string `json:"text"`
	Type Type   `json:"type,omitempty"`
}

// Node is a part of a document: a value, an object or a list.
type Node struct {
	name  string
	index int // in a list; -1 for a name
	text  string
	typ   Type
	leaf  bool
	kids  []*Node
}

// Tree makes values into a document, in their order. The error names the path
// that does not fit with the others.
func Tree(values []Value) (*Node, error) {
	root := &Node{index: -1}
	for _, v := range values {
		steps, err := parsePath(v.To)
		if err == nil {
			err = root.set(steps, v)
		}
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", v.To, err)
		}
	}
	root.sort()
	return root, nil
}

func (n *Node) set(steps []step, v Value) error {
	at := n
	for _, s := range steps {
		if at.leaf {
			return fmt.Errorf("%q is a value already, it cannot hold fields", at.name)
		}
		if len(at.kids) > 0 && (at.kids[0].index >= 0) != (s.index >= 0) {
			return fmt.Errorf("%q is both a list and an object", at.name)
		}
		at = at.kid(s)
	}
	if at.leaf {
		return fmt.Errorf("is filled twice")
	}
	if len(at.kids) > 0 {
		return fmt.Errorf("holds fields already, it cannot be a value")
	}
	at.leaf, at.text, at.typ = true, v.Text, v.Type
	return nil
}

// kid returns the child, made where there is none.
func (n *Node) kid(s step) *Node {
	for _, k := range n.kids {
		if k.index == s.index && (s.index >= 0 || k.name == s.name) {
			return k
		}
	}
	k := &Node{name: s.name, index: s.index}
	n.kids = append(n.kids, k)
	return k
}

// sort puts lists in the order of their places; a place that is left out closes
// up.
func (n *Node) sort() {
	if n.list() {
		slices.SortStableFunc(n.kids, func(a, b *Node) int { return a.index - b.index })
	}
	for _, k := range n.kids {
		k.sort()
	}
}

func (n *Node) list() bool { return len(n.kids) > 0 && n.kids[0].index >= 0 }

// find returns the named child, or nil.
func (n *Node) find(name string) *Node {
	for _, k := range n.kids {
		if k.index < 0 && k.name == name {
			return k
		}
	}
	return nil
}
