package email

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"unicode/utf8"
)

var (
	//go:embed letter.html
	letterHTML string
	//go:embed digest.html
	digestHTML string

	letterTemplate = template.Must(template.New("letter").Parse(letterHTML))
	digestTemplate = template.Must(template.New("digest").Parse(digestHTML))
)

// headline is the built-in subject: "New lead: Ann Lee, Austin TX", as much of
// it as is known.
func (l Lead) headline() string {
	about := joined(", ", l.person(), l.place())
	if about == "" {
		about = oneLine(l.Title, subjectLetters)
	}
	return oneLine(joined(": ", "New lead", about), subjectLetters)
}

// person returns the lead's name, where it shows it.
func (l Lead) person() string {
	name := joined(" ", l.short("first_name"), l.short("last_name"))
	if name == "" {
		name = l.short("name")
	}
	return name
}

func (l Lead) place() string { return joined(" ", l.short("city"), l.short("state")) }

// short returns a fact that the lead shows, as part of a line.
func (l Lead) short(name string) string { return oneLine(l.shown(name), 60) }

// joined joins what is not empty.
func joined(with string, parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, with)
}

// text is the built-in text: the facts in two columns.
func (l Lead) text() string {
	sections := l.sections()
	width := 0
	for _, s := range sections {
		for _, r := range s.Rows {
			width = max(width, utf8.RuneCountInString(r.Label))
		}
	}
	var b strings.Builder
	b.WriteString(l.headline() + "\n")
	if l.Title != "" {
		b.WriteString(oneLine(l.Title, subjectLetters) + "\n")
	}
	for _, s := range sections {
		b.WriteByte('\n')
		if s.Title != "" {
			b.WriteString(s.Title + "\n")
		}
		for _, r := range s.Rows {
			writeRow(&b, r, width)
		}
	}
	b.WriteByte('\n')
	if l.ID != "" {
		b.WriteString("Lead " + oneLine(l.ID, maxLeadID) + "\n")
	}
	if l.Link != "" {
		b.WriteString(l.Link + "\n")
	}
	return b.String()
}

// writeRow writes a fact; further lines of a value are indented, so that none
// looks like another fact.
func writeRow(b *strings.Builder, r row, width int) {
	indent := "\n" + strings.Repeat(" ", width+2)
	pad := strings.Repeat(" ", width-utf8.RuneCountInString(r.Label)+2)
	b.WriteString(r.Label + pad + strings.ReplaceAll(r.Value, "\n", indent) + "\n")
}

// html is the built-in page.
func (l Lead) html() (string, error) {
	var b strings.Builder
	err := letterTemplate.Execute(&b, struct {
		Headline, Title, ID string
		Link                template.URL // checked
		Sections            []section
	}{l.headline(), oneLine(l.Title, subjectLetters), oneLine(l.ID, maxLeadID), template.URL(l.Link), l.sections()})
	if err != nil {
		return "", fmt.Errorf("write letter: %w", err)
	}
	return b.String(), nil
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		len(s) <= 2000 && !hasControl(s) && !strings.ContainsAny(s, " <>\"")
}
