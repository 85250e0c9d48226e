package connector

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
)

// template is a text with places for values, {{name}}.
type template struct{ parts []part }

type part struct {
	text string
	name string // of a place; then text is ""
}

func parseTemplate(s string) (template, error) {
	var t template
	for {
		before, rest, found := strings.Cut(s, "{{")
		if before != "" {
			t.parts = append(t.parts, part{text: before})
		}
		if !found {
			return t, nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		name = strings.TrimSpace(name)
		if !closed || name == "" || strings.Trim(name, nameLetters) != "" {
			return t, fmt.Errorf("%.40q is not a place for a value: {{name}}", "{{"+rest)
		}
		t.parts, s = append(t.parts, part{name: name}), after
	}
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

// render puts values in their places, each escaped. What a value holds is never
// read as a template.
func (t template) render(value func(name string) string, escape func(string) string) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString(escape(value(p.name)))
		}
	}
	return b.String()
}

// address renders a URL. Where it names the host only settings may stand, so that
// no lead can choose whom it is sent to; behind that every value is escaped, and
// must be there.
func (t template) address(value func(name string) string, setting func(name string) (string, bool)) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.text)
			continue
		}
		where := b.String()
		_, rest, scheme := strings.Cut(where, "://")
		if !scheme || !strings.ContainsAny(rest, "/?") {
			v, ok := setting(p.name)
			if !ok || v == "" {
				return "", fmt.Errorf("address needs the setting %s", p.name)
			}
			b.WriteString(v)
			continue
		}
		v := value(p.name)
		if v == "" || v == "." || v == ".." {
			return "", fmt.Errorf("address needs a value for %s", p.name)
		}
		if strings.Contains(rest, "?") {
			b.WriteString(url.QueryEscape(v))
		} else {
			b.WriteString(url.PathEscape(v))
		}
	}
	return b.String(), nil
}

func asIs(s string) string { return s }

// inJSON escapes a value to stand between quotation marks.
func inJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return ""
	}
	return b.String()[1 : b.Len()-2]
}

func inXML(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// escapeFor returns how values are escaped in a body of a kind.
func escapeFor(kind string) func(string) string {
	switch kind {
	case BodyJSON:
		return inJSON
	case BodyXML:
		return inXML
	case BodyForm:
		return url.QueryEscape
	}
	return asIs
}
