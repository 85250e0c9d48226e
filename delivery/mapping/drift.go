package mapping

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Finding is a place where a map and a buyer's schema do not fit.
type Finding struct {
	Path string `json:"path"`
	// Code is missing, maybe_missing, unknown, type, value or too_long.
	Code string `json:"code"`
	Text string `json:"text"`
	// Sure findings fail every lead they concern; others only some.
	Sure bool `json:"sure"`
}

// Drift holds the map itself against the schema, without any lead: what the
// buyer requires and the map never or not always sends, what it sends and the
// buyer does not know, types, fixed words and lengths that do not fit. It is in
// the map's order; what is missing comes last.
func (m Map) Drift(s *Schema) []Finding {
	d := &drift{always: map[string]bool{}, ever: map[string]bool{}}
	for _, f := range m.Fields {
		steps, err := parsePath(f.To)
		if err != nil {
			d.add(f.To, "unknown", true, "path is unsound: %s", err)
			continue
		}
		d.note(steps, f)
		d.field(s, steps, f)
	}
	d.missing(s, "", 0)
	return d.findings
}

type drift struct {
	findings     []Finding
	always, ever map[string]bool // paths
}

func (d *drift) add(path, code string, sure bool, format string, args ...any) {
	d.findings = append(d.findings, Finding{path, code, fmt.Sprintf(format, args...), sure})
}

// note remembers the path and those above it.
func (d *drift) note(steps []step, f Field) {
	path := ""
	for _, st := range steps {
		path = join(path, st.name)
		d.ever[path] = true
		if f.certain() {
			d.always[path] = true
		}
	}
}

// certain reports whether a document cannot be sent without the field.
func (f Field) certain() bool {
	filled := f.Required || f.SendEmpty || f.Static != nil && *f.Static != "" || f.Default != nil && *f.Default != ""
	return filled && len(f.When) == 0
}

func (d *drift) field(s *Schema, steps []step, f Field) {
	at := s
	for _, st := range steps {
		if st.index >= 0 {
			if !at.takes("array") {
				d.add(f.To, "type", true, "is a list, the buyer wants %s", strings.Join(at.types, " or "))
			}
			if at = at.items; at == nil {
				return
			}
			continue
		}
		next, known := at.properties[st.name]
		if !known {
			if at.closed {
				d.add(f.To, "unknown", true, "is not in the buyer's schema")
			} else if len(at.properties) > 0 {
				d.add(f.To, "unknown", false, "is not in the buyer's schema, which allows more")
			}
			return
		}
		at = next
	}
	d.value(at, f)
}

func (d *drift) value(s *Schema, f Field) {
	want := map[Type][]string{Text: {"string"}, Number: {"number", "integer"}, Boolean: {"boolean"}}[f.Type]
	if !slices.ContainsFunc(want, s.takes) {
		d.add(f.To, "type", true, "is %s, the buyer wants %s", want[0], strings.Join(s.types, " or "))
		return
	}
	for _, w := range f.words() {
		n := &Node{leaf: true, text: w, typ: f.Type}
		c := &check{}
		s.check(c, f.To, n)
		for _, p := range c.problems {
			d.add(f.To, "value", f.Static != nil && len(f.When) == 0, "%s", p.Text)
		}
	}
	if s.length.high >= 0 && s.words == nil && f.Static == nil && !f.cutTo(s.length.high) {
		d.add(f.To, "too_long", false, "is not cut to the buyer's %d characters", s.length.high)
	}
}

// words returns the values that can be told without a lead.
func (f Field) words() []string {
	var out []string
	if f.Static != nil && *f.Static != "" && f.Translate == nil && len(f.Format) == 0 {
		out = append(out, *f.Static)
	}
	if f.Default != nil && *f.Default != "" {
		out = append(out, *f.Default)
	}
	if t := f.Translate; t != nil && len(f.Format) == 0 {
		for _, k := range sortedKeys(t.Values) {
			if v := t.Values[k]; !slices.Contains(out, v) && v != "" {
				out = append(out, v)
			}
		}
		if t.Otherwise != nil && *t.Otherwise != "" && !slices.Contains(out, *t.Otherwise) {
			out = append(out, *t.Otherwise)
		}
	}
	return out
}

// cutTo reports whether the value cannot be longer than n characters.
func (f Field) cutTo(n int) bool {
	if f.Translate != nil && !f.Translate.Keep {
		return true // its words were checked
	}
	for _, x := range f.Format {
		switch {
		case x.As == "max" && x.Length <= n, x.As == "phone" && n >= 16, x.As == "state" && x.To == "code" && n >= 2,
			x.As == "phone" && x.To == "10" && n >= 10, x.As == "date" && len(x.To)+5 <= n:
			return true
		}
	}
	return f.Split != nil && (f.Split.Part == "zip" || f.Split.Part == "plus4") && n >= 5
}

func (s *Schema) takes(kind string) bool { return len(s.types) == 0 || slices.Contains(s.types, kind) }

// missing looks for what the buyer requires.
func (d *drift) missing(s *Schema, path string, depth int) {
	for _, name := range s.required {
		p := join(path, name)
		switch {
		case !d.ever[p]:
			d.add(p, "missing", true, "the buyer requires it, the map does not have it")
		case !d.always[p] && s.properties[name].plain():
			d.add(p, "maybe_missing", false, "the buyer requires it, the map sends it only where there is a value")
		}
	}
	for _, name := range sortedKeys(s.properties) {
		if p := join(path, name); d.ever[p] && depth < maxSchemaDepth {
			d.missing(s.properties[name], p, depth+1)
		}
	}
	for i := range maxIndex + 1 {
		if p := join(path, strconv.Itoa(i)); s.items != nil && d.ever[p] {
			d.missing(s.items, p, depth+1)
		}
	}
}

// plain reports whether the schema is of a value, not of an object or list.
func (s *Schema) plain() bool { return s == nil || len(s.properties) == 0 && s.items == nil }

// Compare returns how a buyer's schema moved from one reading to the next, by
// path: what a mapping that worked for years stumbles over.
func Compare(from, to *Schema) []Change {
	was, is := map[string]map[string]string{}, map[string]map[string]string{}
	from.flatten("", false, was)
	to.flatten("", false, is)
	var out []Change
	for _, p := range sortedKeys(was) {
		if is[p] == nil {
			out = append(out, Change{Path: p, Kind: "removed", Old: text(was[p])})
		}
	}
	for _, p := range sortedKeys(is) {
		if was[p] == nil {
			out = append(out, Change{Path: p, Kind: "added", New: text(is[p])})
			continue
		}
		for _, k := range sortedKeys(is[p]) {
			if was[p][k] != is[p][k] {
				out = append(out, Change{p, k, "changed", was[p][k], is[p][k]})
			}
		}
	}
	return out
}

// flatten writes each part's rules as texts.
func (s *Schema) flatten(path string, required bool, into map[string]map[string]string) {
	rules := map[string]string{
		"type": strings.Join(s.types, " or "), "required": strconv.FormatBool(required), "enum": strings.Join(s.words, ", "),
		"length": s.length.String(), "closed": strconv.FormatBool(s.closed), "pattern": "", "minimum": "", "maximum": "",
	}
	if s.pattern != nil {
		rules["pattern"] = s.pattern.String()
	}
	if s.low != nil {
		rules["minimum"] = s.low.RatString()
	}
	if s.high != nil {
		rules["maximum"] = s.high.RatString()
	}
	into[path] = rules
	for _, name := range sortedKeys(s.properties) {
		s.properties[name].flatten(join(path, name), slices.Contains(s.required, name), into)
	}
	if s.items != nil {
		s.items.flatten(join(path, "[]"), false, into)
	}
}

func text(rules map[string]string) string {
	b, err := json.Marshal(rules)
	if err != nil {
		return ""
	}
	return string(b)
}
