package web

import (
	"cmp"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
)

// LeadMask hides who a lead is about in any text that belongs to the lead:
// phone numbers however they are written, e-mail addresses, names, streets and
// IP addresses, also as a request, a form or a document holds them.
type LeadMask struct {
	phones []hiddenPhone
	texts  []hiddenText    // the longest first
	seen   map[string]bool // of both
}

type hiddenPhone struct {
	form *regexp.Regexp
	mask string
}

type hiddenText struct{ text, mask string }

// NewLeadMask makes the mask of a lead from its facts, from what was posted, and
// from what the maps of its deliveries made of them.
func NewLeadMask(l *ringbid.Lead) *LeadMask {
	m := &LeadMask{seen: map[string]bool{}}
	for k, v := range l.Facts {
		m.learn(k, v)
	}
	for k, v := range l.Posted {
		m.learn(k, v)
	}
	for _, d := range l.Deliveries {
		for _, t := range d.Tries {
			m.learnSent(t.Fields)
		}
	}
	slices.SortFunc(m.texts, func(a, b hiddenText) int {
		return cmp.Or(len(b.text)-len(a.text), strings.Compare(a.text, b.text))
	})
	return m
}

// contactKind tells what a field holds by its name: "phone", "email", "name",
// "place" or "".
func contactKind(field string) string {
	low := strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "", ".", "").Replace(field))
	switch {
	case strings.Contains(low, "email"):
		return "email"
	case strings.Contains(low, "phone"), strings.Contains(low, "mobile"), strings.HasSuffix(low, "caller"), low == "cell", low == "tel":
		return "phone"
	case low == "name", strings.HasSuffix(low, "firstname"), strings.HasSuffix(low, "lastname"), strings.HasSuffix(low, "fullname"), strings.HasSuffix(low, "surname"), low == "fname", low == "lname", low == "first", low == "last":
		return "name"
	case strings.HasPrefix(low, "address"), strings.HasPrefix(low, "street"), low == "ip", low == "ipaddress", low == "consentip":
		return "place"
	}
	return ""
}

// learn takes a field's value in where it names a person. A phone or mail
// address is known by its form as well, whatever its field is called.
func (m *LeadMask) learn(field, value string) {
	value = strings.TrimSpace(value)
	kind := contactKind(field)
	switch p, err := ringbid.ParsePhone(value); {
	case value == "":
	case err == nil && (kind == "phone" || kind == "" && len(p.National()) == 10):
		m.addPhone(p)
	case kind == "email", kind == "" && strings.Contains(value, "@"):
		m.addText(value, MaskEmail(value))
	case kind == "name":
		m.addText(value, MaskName(value))
		words := strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) })
		for _, word := range words[:min(len(words), maxNameWords)] {
			m.addText(word, MaskName(word))
		}
	case kind != "":
		m.addText(value, hidden)
	}
}

// learnSent takes in what a map made of contact data: a part of a name, a number
// in another form.
func (m *LeadMask) learnSent(fields string) {
	var notes []struct {
		In  []struct{ Name, Value string }
		Out string
	}
	if json.Unmarshal([]byte(fields), &notes) != nil {
		return
	}
	for _, n := range notes {
		for _, f := range n.In {
			m.learn(f.Name, f.Value)
			m.learnPart(f.Name, f.Value, n.Out)
		}
	}
}

// learnPart takes in what is left of a contact value that was cut or formatted.
// What else a map put around it names nobody.
func (m *LeadMask) learnPart(field, value, out string) {
	low := strings.ToLower(value)
	switch contactKind(field) {
	case "phone":
		m.learn(field, out)
	case "name":
		words := strings.Fields(out)
		for _, word := range words[:min(len(words), maxNameWords)] {
			if utf8.RuneCountInString(word) > 2 && strings.Contains(low, strings.ToLower(word)) {
				m.addText(word, MaskName(word))
			}
		}
	case "email", "place":
		if utf8.RuneCountInString(out) > 4 && strings.Contains(low, strings.ToLower(out)) {
			m.addText(out, hidden)
		}
	}
}

func (m *LeadMask) addPhone(p ringbid.Phone) {
	n := p.National()
	if len(n) < 7 || m.seen[n] || len(m.seen) >= maxHidden {
		return
	}
	m.seen[n] = true
	const gap = `(?:[^0-9A-Za-z]|%[0-9A-Fa-f]{2}){0,4}`
	form := regexp.MustCompile(`(?:(?:\+|%2[Bb])?1` + gap + `)?(?:\(|%28)?` + strings.Join(strings.Split(n, ""), gap))
	m.phones = append(m.phones, hiddenPhone{form, p.Mask()})
}

// Bounds of what a mask looks for.
const (
	maxNameWords = 12
	maxHidden    = 1000 // texts, and phone numbers
)

// addText adds a value in the ways in which texts are written into requests. One
// letter alone is not looked for: it would be found everywhere.
func (m *LeadMask) addText(value, mask string) {
	if utf8.RuneCountInString(value) < 2 {
		return
	}
	b, _ := json.Marshal(value)
	for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value), html.EscapeString(value), strings.Trim(string(b), `"`)} {
		if low := strings.ToLower(form); !m.seen[low] && len(m.seen) < maxHidden {
			m.seen[low] = true
			m.texts = append(m.texts, hiddenText{low, mask})
		}
	}
}

// hidden stands for what is not even shown in part.
const hidden = "•••"

// MaskName leaves the initial of each word of a name.
func MaskName(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		r, _ := utf8.DecodeRuneInString(w)
		words[i] = string(r) + hidden
	}
	return strings.Join(words, " ")
}

// MaskEmail leaves the first letter of a mail address.
func MaskEmail(s string) string {
	if s == "" {
		return ""
	}
	r, _ := utf8.DecodeRuneInString(s)
	return string(r) + hidden + "@" + hidden
}

// Text returns a text of the lead without what names the person. A letter whose
// encoding may hide a name is left out.
func (m *LeadMask) Text(s string) string {
	if s == "" {
		return s
	}
	if encodedLetter.MatchString(s) {
		return "(left out: the letter is encoded, and may hold contact data)"
	}
	for _, p := range m.phones {
		s = p.form.ReplaceAllString(s, p.mask)
	}
	for _, t := range m.texts {
		s = replaceWord(s, t.text, t.mask)
	}
	return s
}

var encodedLetter = regexp.MustCompile(`(?i)content-transfer-encoding:\s*(?:base64|quoted-printable)|=\?[a-z0-9-]+\?[bq]\?`)

// replaceWord replaces a text where no letter or digit goes on at its ends, in
// any case.
func replaceWord(s, low, mask string) string {
	all := strings.ToLower(s)
	if len(all) != len(s) { // a case that changes its length: compare as it is
		all = s
	}
	if !strings.Contains(all, low) {
		return s
	}
	var out strings.Builder
	for at := 0; ; {
		i := strings.Index(all[at:], low)
		if i < 0 {
			out.WriteString(s[at:])
			return out.String()
		}
		from, to := at+i, at+i+len(low)
		if goesOn(s[:from], s[from:to], s[to:]) {
			_, size := utf8.DecodeRuneInString(s[from:])
			out.WriteString(s[at : from+size])
			at = from + size
			continue
		}
		out.WriteString(s[at:from])
		out.WriteString(mask)
		at = to
	}
}

// goesOn reports whether the found text is a part of a longer word.
func goesOn(before, found, after string) bool {
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	first, _ := utf8.DecodeRuneInString(found)
	last, _ := utf8.DecodeLastRuneInString(found)
	prev, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	if escapedByte.MatchString(before[max(len(before)-6, 0):]) {
		prev = 0 // %20 and \n end no word
	}
	return word(first) && word(prev) || word(last) && word(next)
}

var escapedByte = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2}|\\[nrtbf]|\\u[0-9A-Fa-f]{4})$`)
