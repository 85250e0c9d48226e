package email

import (
	"cmp"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// known lists the facts that a reader wants first, in their order.
func known() []string {
	return []string{
		"first_name", "last_name", "name", "company", "phone", "phone2", "mobile", "email",
		"address", "address2", "city", "state", "zip", "country", "dob",
	}
}

// compareNames orders facts: the known first, the rest by name.
func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

func rank(name string) int {
	if i := slices.Index(known(), name); i >= 0 {
		return i
	}
	return len(known())
}

// evidence reports whether a fact speaks of the person's consent or of how it
// was given.
func evidence(name string) bool {
	s := strings.ToLower(name)
	switch s {
	case "ip", "ip_address", "user_agent", "source_url", "landing_url":
		return true
	}
	for _, p := range []string{"consent", "tcpa", "trustedform", "trusted_form", "xxtrustedform", "leadid", "jornaya", "universal_leadid"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

const maxLabel = 40 // letters

// label names a fact for people: "first_name" is "First name".
func label(name string) string {
	switch name {
	case "zip":
		return "ZIP"
	case "dob":
		return "Date of birth"
	case "ip", "ip_address":
		return "IP address"
	case "email":
		return "E-mail"
	case "address2":
		return "Address, line 2"
	case "phone2":
		return "Second phone"
	case "source_url":
		return "Web page"
	case "trustedform_url", "trustedform_cert_url":
		return "TrustedForm"
	case "leadid", "universal_leadid":
		return "LeadiD"
	}
	s := oneLine(strings.NewReplacer("_", " ", ".", " ").Replace(name), maxLabel)
	if s == "" {
		return "(no name)"
	}
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// row is a fact as a reader sees it. Link is a tel: or mailto: address, or "";
// no other value becomes a link, because a stranger wrote it.
type row struct {
	Label, Value string
	Link         template.URL
}

// section is a list of facts under a heading.
type section struct {
	Title string
	Rows  []row
}

// sections returns the facts that a lead shows and has, those of consent apart.
func (l Lead) sections() []section {
	person, consent := section{}, section{Title: "Consent"}
	for _, name := range l.names() {
		value := strings.TrimSpace(clean(l.Facts[name]))
		if value == "" {
			continue
		}
		r := row{label(name), value, template.URL(link(name, value))}
		if evidence(name) {
			consent.Rows = append(consent.Rows, r)
		} else {
			person.Rows = append(person.Rows, r)
		}
	}
	var all []section
	for _, s := range []section{person, consent} {
		if len(s.Rows) > 0 {
			all = append(all, s)
		}
	}
	return all
}

var (
	mailRE  = regexp.MustCompile(`^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,189}$`)
	phoneRE = regexp.MustCompile(`^\+?[0-9() .-]{7,24}$`)
)

func link(name, value string) string {
	s := strings.ToLower(name)
	switch {
	case (s == "email" || strings.HasSuffix(s, "_email")) && mailRE.MatchString(value):
		return "mailto:" + value
	case strings.HasPrefix(s, "phone") || strings.HasSuffix(s, "_phone") || s == "mobile" || s == "caller":
		return tel(value)
	}
	return ""
}

// tel returns the address that dials a number, or "" where it is none.
func tel(value string) string {
	if !phoneRE.MatchString(value) {
		return ""
	}
	digits := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, value)
	if len(digits) < 7 || len(digits) > 15 {
		return ""
	}
	if value[0] == '+' {
		return "tel:+" + digits
	}
	return "tel:" + digits
}
