package sip

import "strings"

// expand replaces each {{name}} in text by what value returns for it. What is
// not a whole token stays as it is written.
func expand(text string, value func(name string) string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}}")
		if !ok {
			b.WriteString("{{")
			b.WriteString(rest)
			return b.String()
		}
		b.WriteString(value(strings.TrimSpace(name)))
		text = after
	}
}
