package api

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/ringbid/ringbid"
)

// Limits of a post.
const (
	maxPost   = 64 << 10 // bytes of the body, as sent and unpacked
	maxFields = 300
	maxName   = 100 // bytes
	maxValue  = 8 << 10
	maxDepth  = 8 // objects or elements in one another, the outermost counted
)

var errTooManyFields = ringbid.Errorf(ringbid.Invalid, "the post has more than %d fields", maxFields)

// field is one value of a post. What it lies in stands before the last dot of
// the name; last is the name without that, "" where it has none of its own.
type field struct{ name, last, text string }

// fields gathers what a post holds, whatever it was written in. Names are the
// same where they differ in case or in the spaces around them only.
type fields struct {
	list     []field
	seen     int            // also of what was not taken
	at       map[string]int // folded name to its place in list
	problems []ringbid.FieldProblem
	told     map[string]bool // of whom a problem is told
}

func newFields() *fields { return &fields{at: map[string]int{}, told: map[string]bool{}} }

func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// add takes a value. What is wrong with it is kept as a problem; the error is
// for too many.
func (f *fields) add(name, last, text string) error {
	if f.seen++; f.seen > maxFields {
		return errTooManyFields
	}
	text = strings.ReplaceAll(text, "\x00", "")
	k := fold(name)
	switch {
	case k == "":
		f.problem("(no name)", "a field has no name")
		return nil
	case len(name) > maxName:
		f.problem(fmt.Sprintf("%.40s…", name), "has a name of more than %d bytes", maxName)
		return nil
	case strings.ContainsFunc(name, unicode.IsControl):
		f.problem(strings.Map(printable, name), "has control characters in its name")
		return nil
	case len(text) > maxValue:
		f.problem(name, "is longer than %d bytes", maxValue)
		return nil
	}
	if i, ok := f.at[k]; ok {
		if f.list[i].text != text {
			f.problem(name, "is sent twice, with different values")
		}
		return nil
	}
	f.at[k] = len(f.list)
	f.list = append(f.list, field{name, last, text})
	return nil
}

// problem tells what is wrong with a field, once.
func (f *fields) problem(name, format string, args ...any) {
	if k := fold(name); !f.told[k] && len(f.problems) < maxFields {
		f.told[k] = true
		f.problems = append(f.problems, ringbid.FieldProblem{Field: name, Text: fmt.Sprintf(format, args...)})
	}
}

func printable(r rune) rune {
	if unicode.IsControl(r) {
		return -1
	}
	return r
}

// get returns the value of a name, also of one that lies in others if it is the
// only one of its last name.
func (f *fields) get(name string) string {
	for _, x := range f.all() {
		if fold(x.name) == name {
			return x.text
		}
	}
	return ""
}

// all returns every field, and those that lie in others by their last name as
// well, where that means one value only.
func (f *fields) all() []field {
	short := map[string]int{} // folded last name to its first place, -1 for several values
	for i, x := range f.list {
		if x.last == "" || x.last == x.name {
			continue
		}
		k := fold(x.last)
		first, seen := short[k]
		switch {
		case !seen:
			short[k] = i
		case first >= 0 && f.list[first].text != x.text:
			short[k] = -1
		}
	}
	out := make([]field, 0, len(f.list)+len(short))
	out = append(out, f.list...)
	for i, x := range f.list {
		k := fold(x.last)
		if _, whole := f.at[k]; k != "" && !whole && short[k] == i && x.last != x.name {
			out = append(out, field{x.last, x.last, x.text})
		}
	}
	return out
}
