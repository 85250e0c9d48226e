package email

import (
	"errors"
	"fmt"
	"html/template"
	"strings"
	"unicode"
)

// places is a text with places for facts, {{name}}.
type places []place

type place struct {
	text string
	name string // of a place; then text is ""
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

func parsePlaces(s string) (places, error) {
	var t places
	for {
		before, rest, found := strings.Cut(s, "{{")
		if before != "" {
			t = append(t, place{text: before})
		}
		if !found {
			return t, nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		name = strings.TrimSpace(name)
		if !closed || name == "" || strings.Trim(name, nameLetters) != "" {
			return t, fmt.Errorf("%.40q is not a place for a fact: {{name}}", "{{"+rest)
		}
		t, s = append(t, place{name: name}), after
	}
}

// render puts values in their places. What a value holds is never read as a
// template.
func (t places) render(value func(name string) string) string {
	var b strings.Builder
	for _, p := range t {
		if p.name == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString(value(p.name))
		}
	}
	return b.String()
}

// html makes the text a template whose values are escaped for where they stand:
// between tags, in an attribute, in an address. A link cannot become a script.
func (t places) html() (*template.Template, error) {
	var b strings.Builder
	for _, p := range t {
		if p.name == "" {
			b.WriteString(p.text)
		} else {
			fmt.Fprintf(&b, `{{index . %q}}`, p.name)
		}
	}
	return template.New("html").Parse(b.String())
}

// renderHTML puts values in their places, escaped.
func (t places) renderHTML(value func(name string) string) (string, error) {
	compiled, err := t.html()
	if err != nil {
		return "", fmt.Errorf("is not a template: %w", err)
	}
	values := map[string]string{}
	for _, p := range t {
		if p.name != "" {
			values[p.name] = value(p.name)
		}
	}
	var b strings.Builder
	if err := compiled.Execute(&b, values); err != nil {
		return "", explainHTML(err)
	}
	return b.String(), nil
}

// explainHTML says what is wrong with a page in words of its writer.
func explainHTML(err error) error {
	var e *template.Error
	if errors.As(err, &e) && e.ErrorCode == template.ErrEndContext {
		return errors.New("ends inside a tag, a comment, a script or a style")
	}
	return errors.New("has a place where no value can stand")
}

// clean makes a value fit to stand in a text: UTF-8, its lines ended by LF, no
// other control characters, and none of those that turn the direction of what
// follows. Marks of direction are kept; names need them.
func clean(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(strings.ToValidUTF8(s, "\ufffd"))
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return c
		case turnsDirection(c):
			return -1
		case unicode.IsControl(c):
			return ' '
		}
		return c
	}, s)
}

// turnsDirection reports whether c embeds, overrides or isolates a direction.
func turnsDirection(c rune) bool {
	return c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069
}

// oneLine makes a value fit to stand in a line of n letters at most.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(clean(s)), " ")
	if r := []rune(s); len(r) > n {
		return strings.TrimRight(string(r[:n-1]), " ") + "…"
	}
	return s
}
