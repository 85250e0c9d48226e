package email

import (
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"
)

// MaxDigest is how many leads a digest shows; it says how many more there are.
const MaxDigest = 200

// entry is a lead in a digest.
type entry struct {
	Name, Place, Phone, Email, ID string
	Tel, Mail, Link               template.URL
}

func newEntry(l Lead) entry {
	e := entry{
		Name: l.person(), Place: l.place(), Phone: l.short("phone"), Email: l.short("email"), ID: oneLine(l.ID, 60),
	}
	if e.Name == "" {
		e.Name = "(no name)"
	}
	e.Tel, e.Mail = template.URL(link("phone", e.Phone)), template.URL(link("email", e.Email))
	if webAddress(l.Link) {
		e.Link = template.URL(l.Link)
	}
	return e
}

// Digest writes one letter about many leads. link is where all of them are, or
// ""; what is no sound http or https address is left out.
func Digest(title string, leads []Lead, link string) (subject, text, html string) {
	subject = fmt.Sprintf("%d new leads", len(leads))
	if len(leads) == 1 {
		subject = "1 new lead"
	}
	subject = oneLine(joined(": ", subject, oneLine(title, subjectLetters)), subjectLetters)
	if !webAddress(link) {
		link = ""
	}
	more := max(0, len(leads)-MaxDigest)
	var entries []entry
	for _, l := range leads[:len(leads)-more] {
		entries = append(entries, newEntry(l))
	}
	var b strings.Builder
	// The template is ours and a builder takes everything.
	_ = digestTemplate.Execute(&b, struct {
		Headline string
		Rows     []entry
		More     int
		Link     template.URL
	}{subject, entries, more, template.URL(link)})
	return subject, digestText(subject, entries, more, link), b.String()
}

func digestText(subject string, entries []entry, more int, link string) string {
	rows := [][]string{{"Name", "Phone", "E-mail", "Place", "Lead"}}
	for _, e := range entries {
		rows = append(rows, []string{e.Name, e.Phone, e.Email, e.Place, e.ID})
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	b.WriteString(subject + "\n\n")
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			line.WriteString(cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	if link != "" {
		b.WriteString("\n" + link + "\n")
	}
	return b.String()
}
