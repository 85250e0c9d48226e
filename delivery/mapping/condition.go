package mapping

import (
	"maps"
	"math/big"
	"slices"
	"strings"
)

// holds reports whether the condition holds for the facts.
func (c Condition) holds(facts map[string]string) bool {
	got := strings.TrimSpace(facts[c.Field])
	switch c.Op {
	case "is":
		return fold(got) == fold(c.Value)
	case "is_not":
		return fold(got) != fold(c.Value)
	case "in":
		return among(c.Values, got)
	case "not_in":
		return !among(c.Values, got)
	case "contains":
		return strings.Contains(fold(got), fold(c.Value))
	case "starts":
		return strings.HasPrefix(fold(got), fold(c.Value))
	case "present":
		return got != ""
	case "absent":
		return got == ""
	}
	return c.compares(got)
}

func (c Condition) compares(got string) bool {
	a, ok := decimal(got)
	b, okay := decimal(c.Value)
	if !ok || !okay {
		return false
	}
	switch sign := a.Cmp(b); c.Op {
	case "lt":
		return sign < 0
	case "le":
		return sign <= 0
	case "gt":
		return sign > 0
	case "ge":
		return sign >= 0
	}
	return false
}

// String writes the condition as a person would say it.
func (c Condition) String() string {
	op := strings.ReplaceAll(c.Op, "_", " ")
	switch c.Op {
	case "present", "absent":
		return c.Field + " is " + op
	case "in", "not_in":
		return c.Field + " " + op + " " + strings.Join(c.Values, ", ")
	}
	return c.Field + " " + op + " " + c.Value
}

func among(values []string, got string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return fold(v) == fold(got) })
}

// fold makes texts comparable without regard to case and surrounding space.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// maxDigits bounds a number that is read.
const maxDigits = 40

// decimal reads a plain decimal such as "-12.50".
func decimal(s string) (*big.Rat, bool) {
	s = strings.TrimSpace(s)
	if len(s) == 0 || len(s) > maxDigits || strings.Trim(s, "+-.0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
