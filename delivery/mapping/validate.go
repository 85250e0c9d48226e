package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Validate returns what is unsound in the map, in its order; none means that
// Apply can only meet problems of the facts.
func (m Map) Validate() []Problem {
	c := &check{}
	switch n := len(m.Fields); {
	case n == 0:
		c.add("fields", "map has no fields")
	case n > MaxFields:
		c.add("fields", "map has more than %d fields", MaxFields)
		return c.problems
	}
	var sample []Value
	open := map[string]bool{} // targets filled only under a condition so far
	for i, f := range m.Fields {
		path := fmt.Sprintf("fields.%d", i)
		c.field(path, f)
		conditional, seen := open[f.To]
		if seen && !conditional {
			c.add(path+".to", "%q is filled already by a field without a condition", f.To)
		}
		open[f.To] = len(f.When) > 0
		if !seen {
			sample = append(sample, Value{To: f.To})
		}
	}
	if len(c.problems) == 0 {
		if _, err := Tree(sample); err != nil {
			c.add("fields", "%s", err)
		}
	}
	return c.problems
}

type check struct{ problems []Problem }

func (c *check) add(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{path, fmt.Sprintf(format, args...)})
}

func (c *check) oneOf(path, what, got string, want ...string) {
	if !slices.Contains(want, got) {
		c.add(path, "%s %q is none of %s", what, got, strings.Join(want, ", "))
	}
}

func (c *check) field(path string, f Field) {
	if _, err := parsePath(f.To); err != nil {
		c.add(path+".to", "%s", err)
	}
	c.source(path, f)
	c.oneOf(path+".type", "type", string(f.Type), string(Text), string(Number), string(Boolean))
	if f.Type == Number && f.Default != nil && *f.Default != "" && !jsonNumber(*f.Default) {
		c.add(path+".default", "%q is not a number", *f.Default)
	}
	if t := f.Translate; t != nil {
		if n := len(t.Values); n == 0 || n > maxValues {
			c.add(path+".translate.values", "needs 1 to %d values", maxValues)
		}
		if t.Keep && t.Otherwise != nil {
			c.add(path+".translate.keep", "does not go with otherwise")
		}
		c.folded(path+".translate.values", t.Values)
	}
	if len(f.Format) > maxFormats {
		c.add(path+".format", "more than %d formats", maxFormats)
	}
	for i, x := range f.Format {
		c.format(fmt.Sprintf("%s.format.%d", path, i), x)
	}
	if len(f.When) > maxCondition {
		c.add(path+".when", "more than %d conditions", maxCondition)
	}
	for i, x := range f.When {
		c.condition(fmt.Sprintf("%s.when.%d", path, i), x)
	}
}

// folded finds keys that differ in case or space only, and could not be told
// apart.
func (c *check) folded(path string, values map[string]string) {
	seen := map[string]string{}
	for _, k := range sortedKeys(values) {
		if other, twice := seen[fold(k)]; twice {
			c.add(path, "%q and %q are the same", other, k)
		}
		seen[fold(k)] = k
	}
}

func (c *check) source(path string, f Field) {
	n := 0
	for _, is := range []bool{f.Static != nil, f.From != "", f.Concat != nil, f.Split != nil} {
		if is {
			n++
		}
	}
	if n != 1 {
		c.add(path, "needs exactly one of static, from, concat and split")
	}
	if f.Concat != nil {
		if len(f.Concat.Of) == 0 || slices.Contains(f.Concat.Of, "") {
			c.add(path+".concat.of", "needs names of facts")
		}
		if f.Concat.Bare && f.Concat.With != "" {
			c.add(path+".concat.bare", "does not go with with")
		}
	}
	if s := f.Split; s != nil {
		if s.From == "" {
			c.add(path+".split.from", "needs the name of a fact")
		}
		c.oneOf(path+".split.as", "kind", s.As, "name", "address", "zip")
		if parts := splitParts(s.As); parts != nil {
			c.oneOf(path+".split.part", "part", s.Part, parts...)
		}
	}
}

func (c *check) format(path string, f Format) {
	if allowed, ok := formatKeys(f.As); ok {
		for _, key := range f.set() {
			if !slices.Contains(allowed, key) {
				c.add(path+"."+key, "means nothing to %s", f.As)
			}
		}
	}
	switch f.As {
	case "phone":
		c.oneOf(path+".to", "form", f.To, "e164", "1nnn", "10", "paren", "dash")
	case "date":
		c.date(path, f)
	case "amount":
		c.oneOf(path+".to", "form", f.To, "plain", "thousands", "minor")
		if f.Places < 0 || f.Places > maxPlaces {
			c.add(path+".places", "must be 0 to %d", maxPlaces)
		}
	case "case":
		c.oneOf(path+".to", "case", f.To, "upper", "lower", "title")
	case "state":
		c.oneOf(path+".to", "form", f.To, "code", "name")
	case "boolean":
		if (f.Yes == "") != (f.No == "") {
			c.add(path, "needs both yes and no, or neither")
		}
	case "max":
		if f.Length < 1 || f.Length > MaxText {
			c.add(path+".length", "must be 1 to %d", MaxText)
		}
	case "trim", "digits":
	default:
		c.add(path+".as", "format %q is none of phone, date, amount, case, boolean, state, trim, digits, max", f.As)
	}
}

func (c *check) date(path string, f Format) {
	if _, err := layout(f.To); err != nil && !slices.Contains(namedDates(), f.To) {
		c.add(path+".to", "%s", err)
	}
	for i, l := range f.From {
		if _, err := layout(l); err != nil && !slices.Contains(namedDates(), l) {
			c.add(fmt.Sprintf("%s.from.%d", path, i), "%s", err)
		}
	}
	if _, err := time.LoadLocation(f.Zone); err != nil || f.Zone == "Local" {
		c.add(path+".zone", "%q is not an IANA zone", f.Zone)
	}
}

func (c *check) condition(path string, x Condition) {
	if x.Field == "" {
		c.add(path+".field", "needs the name of a fact")
	}
	switch x.Op {
	case "in", "not_in":
		if len(x.Values) == 0 || x.Value != "" {
			c.add(path+".values", "%s needs values, not a value", x.Op)
		}
		return
	case "present", "absent":
		if x.Value != "" {
			c.add(path+".value", "means nothing to %s", x.Op)
		}
	case "lt", "le", "gt", "ge":
		if _, ok := decimal(x.Value); !ok {
			c.add(path+".value", "%q is not a number", x.Value)
		}
	case "is", "is_not", "contains", "starts":
	default:
		c.add(path+".op", "%q is none of is, is_not, in, not_in, contains, starts, present, absent, lt, le, gt, ge", x.Op)
	}
	if len(x.Values) > 0 {
		c.add(path+".values", "are for in and not_in")
	}
}

// formatKeys returns the keys a format reads besides as.
func formatKeys(as string) ([]string, bool) {
	switch as {
	case "phone", "case", "state":
		return []string{"to"}, true
	case "date":
		return []string{"to", "from", "zone"}, true
	case "amount":
		return []string{"to", "places"}, true
	case "boolean":
		return []string{"yes", "no"}, true
	case "max":
		return []string{"length"}, true
	case "trim", "digits":
		return nil, true
	}
	return nil, false
}

// set returns the keys that are set besides as.
func (f Format) set() []string {
	var keys []string
	for _, k := range []struct {
		name string
		is   bool
	}{
		{"to", f.To != ""}, {"from", len(f.From) > 0}, {"zone", f.Zone != ""}, {"places", f.Places != 0},
		{"yes", f.Yes != ""}, {"no", f.No != ""}, {"length", f.Length != 0},
	} {
		if k.is {
			keys = append(keys, k.name)
		}
	}
	return keys
}
