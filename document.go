package ringbid

import (
	"fmt"
	"regexp"
)

// DocKind names a kind of configuration document, as written in its kind key.
type DocKind string

// The kinds of document.
const (
	KindTrunk     DocKind = "Trunk"
	KindNumber    DocKind = "Number"
	KindCampaign  DocKind = "Campaign"
	KindFlow      DocKind = "Flow"
	KindBuyer     DocKind = "Buyer"
	KindTarget    DocKind = "Target"
	KindBidder    DocKind = "Bidder"
	KindPublisher DocKind = "Publisher"
	KindPrompt    DocKind = "Prompt"
	KindUser      DocKind = "User"
	KindSource    DocKind = "Source"
	KindMethod    DocKind = "Method"
	KindMap       DocKind = "Map"
	KindHook      DocKind = "Hook"
)

// Document is one configuration document: something an operator names, writes
// down and publishes.
type Document interface {
	// Key returns the kind and name that identify the document.
	Key() Key
	// Validate returns what is unsound in the document by itself. References
	// to other documents are checked by NewBook.
	Validate() []Problem
	// refs calls need for each document this one names.
	refs(need func(path string, key Key))
}

// Key identifies a document.
type Key struct {
	Kind DocKind `json:"kind"`
	Name string  `json:"name"`
}

// String returns "Kind/name".
func (k Key) String() string { return string(k.Kind) + "/" + k.Name }

// Problem is one thing wrong with a document. Path is where, in the form
// "nodes[2].next"; it is empty where the whole document is meant.
type Problem struct {
	Key  Key    `json:"key"`
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
}

// String returns "Kind/name: path: text".
func (p Problem) String() string {
	if p.Path == "" {
		return p.Key.String() + ": " + p.Text
	}
	return p.Key.String() + ": " + p.Path + ": " + p.Text
}

// NewDocument returns an empty document of the kind, ready to be decoded into,
// or an Invalid error for an unknown kind.
func NewDocument(kind DocKind) (Document, error) {
	switch kind {
	case KindTrunk:
		return new(Trunk), nil
	case KindNumber:
		return new(Number), nil
	case KindCampaign:
		return new(Campaign), nil
	case KindFlow:
		return new(Flow), nil
	case KindBuyer:
		return new(Buyer), nil
	case KindTarget:
		return new(Target), nil
	case KindBidder:
		return new(Bidder), nil
	case KindPublisher:
		return new(Publisher), nil
	case KindPrompt:
		return new(Prompt), nil
	case KindUser:
		return new(User), nil
	case KindSource:
		return new(Source), nil
	case KindMethod:
		return new(Method), nil
	case KindMap:
		return new(FieldMap), nil
	case KindHook:
		return new(Hook), nil
	}
	return nil, FieldError("kind", "%.40q is not one of Trunk, Number, Campaign, Flow, Buyer, Target, Bidder, Publisher, Prompt, User, Source, Method, Map, Hook", kind)
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// checker gathers the problems of one document.
type checker struct {
	key      Key
	problems []Problem
}

func check(d Document) *checker { return &checker{key: d.Key()} }

func (c *checker) addf(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Key: c.key, Path: path, Text: fmt.Sprintf(format, args...)})
}

// that adds a problem where ok is false.
func (c *checker) that(ok bool, path, format string, args ...any) {
	if !ok {
		c.addf(path, format, args...)
	}
}

func (c *checker) name() {
	c.that(nameForm.MatchString(c.key.Name), "name",
		"%.70q is not a name: 1 to 64 lower-case letters, digits, dots, dashes and underscores", c.key.Name)
}

func (c *checker) span(path string, d Duration, least, most Duration) {
	c.that(d == 0 || (d >= least && d <= most), path, "%s is not between %s and %s", d, least, most)
}

func (c *checker) between(path string, n, least, most int) {
	c.that(n >= least && n <= most, path, "%d is not between %d and %d", n, least, most)
}
