package ringbid

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Filter is one condition on a fact of the caller.
type Filter struct {
	Tag string `json:"tag"`
	// Op is "eq", "in", "contains", "gt", "lt", "match" (shell wildcard),
	// "regex" (RE2) or "exists".
	Op     string   `json:"op"`
	Value  string   `json:"value,omitempty"`
	Values []string `json:"values,omitempty"` // for in
	Not    bool     `json:"not,omitempty"`
}

func (f Filter) check(c *checker, at string) {
	c.that(tagForm.MatchString(f.Tag), at+".tag", "%.70q is not a tag name", f.Tag)
	switch f.Op {
	case "eq", "contains", "exists":
	case "match":
		_, err := path.Match(f.Value, "")
		c.that(err == nil, at+".value", "%.60q is not a wildcard pattern", f.Value)
	case "in":
		c.that(len(f.Values) > 0 && len(f.Values) <= 50_000, at+".values", "needs 1 to 50000 entries")
	case "gt", "lt":
		_, err := ParseMoney(f.Value)
		c.that(err == nil, at+".value", "%.40q is not a number", f.Value)
	case "regex":
		_, err := regexp.Compile(f.Value)
		c.that(err == nil && len(f.Value) <= 500, at+".value", "%.60q is not a regular expression", f.Value)
	default:
		c.addf(at+".op", "%.20q is not eq, in, contains, gt, lt, match, regex or exists", f.Op)
	}
}

// Match reports whether the facts satisfy the filter. Values compare without
// regard to case; numbers compare as exact decimals of at most four places.
func (f Filter) Match(facts TagMap) bool { return f.test(facts) != f.Not }

func (f Filter) test(facts TagMap) bool {
	v, ok := facts.Get(f.Tag)
	if !ok || f.Op == "exists" {
		return ok && v != ""
	}
	switch f.Op {
	case "eq":
		return strings.EqualFold(v, f.Value)
	case "in":
		return slices.ContainsFunc(f.Values, func(s string) bool { return strings.EqualFold(s, v) })
	case "contains":
		return strings.Contains(strings.ToLower(v), strings.ToLower(f.Value))
	case "match":
		ok, err := path.Match(strings.ToLower(f.Value), strings.ToLower(v))
		return err == nil && ok
	case "regex":
		re, err := regexp.Compile(f.Value)
		return err == nil && re.MatchString(v)
	case "gt", "lt":
		a, errA := ParseMoney(v)
		b, errB := ParseMoney(f.Value)
		return errA == nil && errB == nil && (f.Op == "gt" && a > b || f.Op == "lt" && a < b)
	}
	return false
}

// String says the condition in words, for reasons shown to people.
func (f Filter) String() string {
	not := ""
	if f.Not {
		not = "not "
	}
	switch f.Op {
	case "in":
		return fmt.Sprintf("%s %sin a list of %d", f.Tag, not, len(f.Values))
	case "exists":
		return fmt.Sprintf("%s %sgiven", f.Tag, not)
	}
	return fmt.Sprintf("%s %s%s %s", f.Tag, not, f.Op, f.Value)
}

// Get returns the value of a fact, by name without regard to case.
func (m TagMap) Get(name string) (string, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

// Has reports whether the fact is known and not empty.
func (m TagMap) Has(name string) bool {
	v, ok := m.Get(name)
	return ok && v != ""
}
