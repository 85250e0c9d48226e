package mapping

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Result is what a map made of a lead.
type Result struct {
	// Fields go out, in the map's order.
	Fields []Value `json:"fields"`
	// Notes has one entry for each field of the map.
	Notes []Note `json:"notes"`
	// Problems are by target; with any, the document must not be sent.
	Problems []Problem `json:"problems,omitempty"`
}

// Note explains one field.
type Note struct {
	To   string `json:"to"`
	In   []Fact `json:"in,omitempty"` // the facts that were read
	Out  string `json:"out"`
	Sent bool   `json:"sent"`
	// Why lists what was done, in order, for people.
	Why []string `json:"why,omitempty"`
	// Problem says why the field could not be made, or is empty.
	Problem string `json:"problem,omitempty"`
}

// Fact is a named value that came in.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// OK reports whether the document may be sent.
func (r Result) OK() bool { return len(r.Problems) == 0 }

// Apply runs the map over the facts of a lead. It does not change them. A map
// that does not pass Validate gives problems, never a panic.
func (m Map) Apply(facts map[string]string) Result {
	r := Result{Notes: make([]Note, 0, len(m.Fields))}
	filled := map[string]bool{}
	for _, f := range m.Fields {
		n := f.apply(facts, filled[f.To])
		if n.Problem != "" {
			r.Problems = append(r.Problems, Problem{f.To, n.Problem})
		}
		if n.Sent {
			filled[f.To] = true
			r.Fields = append(r.Fields, Value{f.To, n.Out, f.Type})
		}
		r.Notes = append(r.Notes, n)
	}
	return r
}

func (f Field) apply(facts map[string]string, filled bool) Note {
	n := Note{To: f.To}
	if filled {
		n.why("left out: filled already")
		return n
	}
	for _, c := range f.When {
		if !c.holds(facts) {
			n.In = append(n.In, Fact{c.Field, facts[c.Field]})
			n.why("left out: not so that %s", c)
			return n
		}
	}
	out, err := f.source(facts, &n)
	if err == nil && out != "" && f.Translate != nil {
		out, err = f.Translate.apply(out, &n)
	}
	for i := 0; err == nil && out != "" && i < len(f.Format); i++ {
		out, err = f.Format[i].apply(out, &n)
	}
	if err == nil && out == "" && f.Default != nil {
		out = *f.Default
		n.why("default %q", out)
	}
	if err == nil {
		out, err = f.finish(out)
	}
	if err != nil {
		n.Problem = err.Error()
		return n
	}
	n.Out, n.Sent = out, out != "" || f.SendEmpty
	if !n.Sent {
		n.why("left out: empty")
	}
	return n
}

// finish checks the value against what the field is.
func (f Field) finish(out string) (string, error) {
	switch {
	case out == "" && f.Required:
		return "", fmt.Errorf("is required and empty")
	case len(out) > MaxText:
		return "", fmt.Errorf("is longer than %d bytes", MaxText)
	case !utf8.ValidString(out):
		return "", fmt.Errorf("is not UTF-8")
	case f.Type == Number && out != "" && !jsonNumber(out):
		return "", fmt.Errorf("%.40q is not a number", out)
	case f.Type == Number && out == "" && f.SendEmpty:
		return "null", nil
	case f.Type == Boolean && out != "":
		b, ok := boolean(out)
		if !ok {
			return "", fmt.Errorf("%.40q is neither true nor false", out)
		}
		return fmt.Sprint(b), nil
	case f.Type == Boolean && f.SendEmpty:
		return "null", nil
	}
	return out, nil
}

func (f Field) source(facts map[string]string, n *Note) (string, error) {
	read := func(name string) string {
		n.In = append(n.In, Fact{name, facts[name]})
		return facts[name]
	}
	switch {
	case f.Static != nil:
		n.why("static")
		return *f.Static, nil
	case f.Concat != nil:
		var parts []string
		for _, name := range f.Concat.Of {
			if v := strings.TrimSpace(read(name)); v != "" {
				parts = append(parts, v)
			}
		}
		with := f.Concat.With
		if with == "" && !f.Concat.Bare {
			with = " "
		}
		n.why("joined %s", strings.Join(f.Concat.Of, ", "))
		return strings.Join(parts, with), nil
	case f.Split != nil:
		v, err := split(f.Split.As, f.Split.Part, read(f.Split.From))
		n.why("%s of the %s in %s", f.Split.Part, f.Split.As, f.Split.From)
		return v, err
	case f.From != "":
		n.why("from %s", f.From)
		return read(f.From), nil
	}
	return "", fmt.Errorf("has no source")
}

func (t *Translate) apply(v string, n *Note) (string, error) {
	out, ok := t.Values[v]
	for _, k := range sortedKeys(t.Values) {
		if !ok && fold(k) == fold(v) {
			out, ok = t.Values[k], true
		}
	}
	switch {
	case ok:
		n.why("translated %q to %q", v, out)
	case t.Otherwise != nil:
		out = *t.Otherwise
		n.why("%q is not listed: %q", v, out)
	case t.Keep:
		out = v
		n.why("%q is not listed: kept", v)
	default:
		return "", fmt.Errorf("%.60q has no translation", v)
	}
	return out, nil
}

func (n *Note) why(format string, args ...any) { n.Why = append(n.Why, fmt.Sprintf(format, args...)) }

// jsonNumber reports whether the text is a number as JSON writes it.
func jsonNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s))
}
