package email

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/ringbid/ringbid"
)

// Form is the words of a letter, with places for facts: {{name}}, in letters,
// digits, "_", "." and "-". {{lead_id}}, {{title}} and {{link}} stand for what
// the Lead says, whatever its facts. A fact that is missing leaves its place
// empty. What is "" is written by the built-in words.
//
// In HTML, values are escaped for where they stand; comments are left out.
type Form struct {
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text,omitempty"`
	HTML    string `json:"html,omitempty"`
}

// Bounds of a Form and of a Lead.
const (
	maxFormSubject = 500       // bytes
	maxFormBody    = 100 << 10 // bytes of Text, and of HTML
	maxPlaces      = 500       // in one part
	maxFacts       = 500       // of a lead
	maxFactBytes   = 64 << 10  // of them in all
	maxPart        = 512 << 10 // bytes that Compose puts together for one part
	subjectLetters = 200
)

// Problem is one thing wrong with a Form; Path is subject, text or html.
type Problem struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// String returns "path: text".
func (p Problem) String() string { return p.Path + ": " + p.Text }

// Check returns what is unsound in a Form; none means that Compose takes it.
func Check(f Form) []Problem {
	var all []Problem
	add := func(path string, err error) {
		if err != nil {
			all = append(all, Problem{path, err.Error()})
		}
	}
	if strings.ContainsFunc(f.Subject, unicode.IsControl) {
		add("subject", errors.New("has control characters, such as the end of a line"))
	}
	_, err := part(f.Subject, maxFormSubject)
	add("subject", err)
	_, err = part(f.Text, maxFormBody)
	add("text", err)
	places, err := part(f.HTML, maxFormBody)
	if err == nil {
		_, err = places.renderHTML(func(name string) string { return name })
	}
	add("html", err)
	return all
}

// part reads one part of a Form.
func part(s string, limit int) (places, error) {
	switch {
	case len(s) > limit:
		return nil, fmt.Errorf("is longer than %d bytes", limit)
	case strings.ToValidUTF8(s, "") != s || strings.Contains(s, "\x00"):
		return nil, errors.New("is not UTF-8")
	}
	t, err := parsePlaces(s)
	if err == nil && len(t) > 2*maxPlaces {
		return nil, fmt.Errorf("has more than %d places", maxPlaces)
	}
	return t, err
}

// Lead is what a letter is about.
type Lead struct {
	ID    string
	Facts map[string]string
	// Names are the facts to list, in order; nil lists all, the known ones first.
	// A Form may name others.
	Names []string
	Title string // of the campaign, or what the letter is about
	Link  string // to the lead's page, http or https
}

func (l Lead) check() error {
	size := 0
	for k, v := range l.Facts {
		size += len(k) + len(v)
	}
	switch {
	case len(l.Facts) > maxFacts || len(l.Names) > maxFacts:
		return ringbid.FieldError("facts", "are more than %d", maxFacts)
	case size > maxFactBytes:
		return ringbid.FieldError("facts", "hold more than %d bytes", maxFactBytes)
	case l.Link != "" && !webAddress(l.Link):
		return ringbid.FieldError("link", "is not a sound http or https address")
	}
	return nil
}

// value finds what stands in a place.
func (l Lead) value(name string) string {
	switch name {
	case "lead_id":
		return clean(l.ID)
	case "title":
		return clean(l.Title)
	case "link":
		return l.Link
	}
	return clean(l.Facts[name])
}

// Compose writes the letter about a lead: subject, texts and the lead's id; whom
// it goes to is for others to say. The error is Invalid.
func Compose(f Form, lead Lead) (Letter, error) {
	if err := lead.check(); err != nil {
		return Letter{}, err
	}
	if problems := Check(f); len(problems) > 0 {
		return Letter{}, ringbid.FieldError(problems[0].Path, "%s", problems[0].Text)
	}
	l := Letter{LeadID: lead.ID}
	var err error
	if l.Subject, err = written(f.Subject, lead, lead.headline); err != nil {
		return Letter{}, ringbid.FieldError("subject", "%s", err)
	}
	if l.Subject = oneLine(l.Subject, subjectLetters); l.Subject == "" {
		l.Subject = "New lead"
	}
	if l.Text, err = written(f.Text, lead, lead.text); err != nil {
		return Letter{}, ringbid.FieldError("text", "%s", err)
	}
	if l.HTML, err = writtenHTML(f.HTML, lead); err != nil {
		return Letter{}, ringbid.FieldError("html", "%s", err)
	}
	return l, nil
}

// written writes a part by the operator's words, else by the built-in ones.
func written(words string, lead Lead, builtIn func() string) (string, error) {
	if words == "" {
		return builtIn(), nil
	}
	t, err := lead.fill(words)
	if err != nil {
		return "", err
	}
	return t.render(lead.value), nil
}

func writtenHTML(words string, lead Lead) (string, error) {
	if words == "" {
		return lead.html()
	}
	t, err := lead.fill(words)
	if err != nil {
		return "", err
	}
	return t.renderHTML(lead.value)
}

// fill reads words and makes sure that the lead does not swell them: a long fact
// may stand in many places.
func (l Lead) fill(words string) (places, error) {
	t, err := parsePlaces(words)
	size := len(words)
	for _, p := range t {
		if p.name != "" {
			size += len(l.value(p.name))
		}
	}
	if err == nil && size > maxPart {
		return nil, fmt.Errorf("holds more than %d bytes with the lead's facts in it", maxPart)
	}
	return t, err
}
