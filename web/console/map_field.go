package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
)

// mapField is one field of a map as its document has it. It is read to be shown;
// whether it is sound is said by whoever runs maps.
type mapField struct {
	To        string         `json:"to"`
	Static    *string        `json:"static,omitempty"`
	From      string         `json:"from,omitempty"`
	Concat    *mapConcat     `json:"concat,omitempty"`
	Split     *mapSplit      `json:"split,omitempty"`
	Translate *mapTranslate  `json:"translate,omitempty"`
	Format    []mapFormat    `json:"format,omitempty"`
	Default   *string        `json:"default,omitempty"`
	When      []mapCondition `json:"when,omitempty"`
	Required  bool           `json:"required,omitempty"`
	Type      string         `json:"type,omitempty"`
	SendEmpty bool           `json:"send_empty,omitempty"`
}

type mapConcat struct {
	Of   []string `json:"of"`
	With string   `json:"with,omitempty"`
	Bare bool     `json:"bare,omitempty"`
}

type mapSplit struct {
	From string `json:"from"`
	As   string `json:"as"`
	Part string `json:"part"`
}

type mapTranslate struct {
	Values    map[string]string `json:"values"`
	Otherwise *string           `json:"otherwise,omitempty"`
	Keep      bool              `json:"keep,omitempty"`
}

type mapFormat struct {
	As     string   `json:"as"`
	To     string   `json:"to,omitempty"`
	From   []string `json:"from,omitempty"`
	Zone   string   `json:"zone,omitempty"`
	Places int      `json:"places,omitempty"`
	Yes    string   `json:"yes,omitempty"`
	No     string   `json:"no,omitempty"`
	Length int      `json:"length,omitempty"`
}

type mapCondition struct {
	Field  string   `json:"field"`
	Op     string   `json:"op"`
	Value  string   `json:"value,omitempty"`
	Values []string `json:"values,omitempty"`
}

// mapFields reads the fields of a map; those that are not of the usual form are
// as far as they are.
func mapFields(raw ringbid.Raw) []mapField {
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return nil
	}
	out := make([]mapField, len(parts))
	for i, p := range parts {
		_ = json.Unmarshal(p, &out[i]) // what can be read is shown
	}
	return out
}

// same reports whether nothing of the document was lost in reading the field.
func (f mapField) same(raw json.RawMessage) bool {
	b, err := json.Marshal(f)
	if err != nil {
		return false
	}
	var one, other ringbid.Raw
	return one.UnmarshalJSON(b) == nil && other.UnmarshalJSON(raw) == nil && bytes.Equal(one, other)
}

// Source says where the value comes from.
func (f mapField) Source() string {
	switch {
	case f.Static != nil && *f.Static == "":
		return "nothing"
	case f.Static != nil:
		return "always “" + *f.Static + "”"
	case f.Concat != nil && f.Concat.Bare:
		return strings.Join(f.Concat.Of, " + ") + ", without a gap"
	case f.Concat != nil && f.Concat.With != "":
		return strings.Join(f.Concat.Of, " + ") + ", joined by “" + f.Concat.With + "”"
	case f.Concat != nil:
		return strings.Join(f.Concat.Of, " + ") + ", joined by a space"
	case f.Split != nil:
		return f.Split.Part + " of the " + f.Split.As + " in " + f.Split.From
	case f.From != "":
		return f.From
	}
	return "no source"
}

// Words says what is done with the value, a phrase a step.
func (f mapField) Words() []string {
	var out []string
	if t := f.Translate; t != nil {
		out = append(out, t.words())
	}
	for _, x := range f.Format {
		out = append(out, x.words())
	}
	if f.Default != nil {
		out = append(out, "“"+*f.Default+"” where it is empty")
	}
	for _, w := range f.When {
		out = append(out, "only where "+w.words())
	}
	if f.Type != "" {
		out = append(out, "as a "+f.Type)
	}
	if f.SendEmpty {
		out = append(out, "sent also when empty")
	}
	return out
}

func (t mapTranslate) words() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(t.Values)) {
		if len(parts) == 8 {
			parts = append(parts, fmt.Sprintf("%d more", len(t.Values)-8))
			break
		}
		parts = append(parts, k+" → "+t.Values[k])
	}
	s := "words: " + strings.Join(parts, ", ")
	switch {
	case t.Otherwise != nil:
		s += "; else “" + *t.Otherwise + "”"
	case t.Keep:
		s += "; else as it is"
	}
	return s
}

func (x mapFormat) words() string {
	switch x.As {
	case "phone":
		return "number as " + map[string]string{"e164": "+18005550100", "1nnn": "18005550100", "10": "8005550100", "paren": "(800) 555-0100", "dash": "800-555-0100"}[x.To]
	case "date":
		s := "date as " + x.To
		if x.Zone != "" {
			s += " in " + x.Zone
		}
		return s
	case "amount":
		return strings.TrimSpace(fmt.Sprintf("amount %s with %d places", x.To, x.Places))
	case "case":
		return map[string]string{"upper": "in capitals", "lower": "in small letters", "title": "First Letters Large"}[x.To]
	case "boolean":
		if x.Yes == "" && x.No == "" {
			return "yes or no as true or false"
		}
		return "yes or no as “" + x.Yes + "” or “" + x.No + "”"
	case "state":
		return "state as " + map[string]string{"name": "its name"}[x.To] + map[string]string{"code": "two letters"}[x.To]
	case "trim":
		return "without space around"
	case "digits":
		return "digits only"
	case "max":
		return fmt.Sprintf("at most %d characters", x.Length)
	}
	return strings.TrimSpace(x.As + " " + x.To)
}

func (w mapCondition) words() string {
	op := map[string]string{"is": "is", "is_not": "is not", "in": "is one of", "not_in": "is none of", "contains": "contains", "starts": "starts with", "lt": "is under", "le": "is at most", "gt": "is over", "ge": "is at least"}[w.Op]
	switch {
	case w.Op == "present":
		return w.Field + " is there"
	case w.Op == "absent":
		return w.Field + " is not there"
	case len(w.Values) > 0:
		return w.Field + " " + op + " " + strings.Join(w.Values, ", ")
	}
	return w.Field + " " + op + " " + w.Value
}
