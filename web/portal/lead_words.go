package portal

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
)

// LeadWord is a status of a lead as people read it.
type LeadWord struct{ Value, Word, Class string }

// leadWords are all statuses, in the order of a lead's life.
func leadWords() []LeadWord {
	return []LeadWord{
		{"new", "New", "info"}, {"contacted", "Contacted", ""}, {"no_contact", "No contact", "warn"}, {"appointment", "Appointment", "good"},
		{"quoted", "Quoted", "good"}, {"converted", "Converted", "good"}, {"invalid", "Invalid", "bad"}, {"duplicate", "Duplicate", "bad"},
		{"returned", "Returned", "bad"},
	}
}

// sayable are the statuses that somebody can give a lead: it is new by itself,
// and returned by way of a request.
func sayable() []LeadWord {
	return slices.DeleteFunc(leadWords(), func(s LeadWord) bool { return s.Value == "new" || s.Value == "returned" })
}

// statusOf returns the words for a purchase's status.
func statusOf(x *ringbid.Purchase) LeadWord {
	value := x.Status
	switch {
	case x.State == ringbid.PurchaseReturned:
		value = "returned"
	case value == "":
		value = "new"
	}
	return statusWord(value)
}

func statusWord(value string) LeadWord {
	for _, s := range leadWords() {
		if s.Value == value {
			return s
		}
	}
	return LeadWord{Value: value, Word: clip(humanName(value), 40)}
}

// returnReasons are what a lead is given back for.
func returnReasons() []string {
	return []string{"Wrong or disconnected number", "Did not ask for this", "Had this person already", "Outside our area", "Does not fit what we buy", "Invented details", "Other"}
}

// ago says how long ago something was, in few letters.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d m ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %02d m ago", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d ago", int(d.Hours())/24)
}

// short writes a length of time in as few letters as ago does.
func short(d time.Duration) string {
	return strings.TrimSuffix(ago(max(d, time.Second)), " ago")
}

// clip keeps the first letters of a text.
func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// humanName makes a name for programs readable: "roof_age" is "Roof age".
func humanName(name string) string {
	s := strings.TrimSpace(strings.NewReplacer("_", " ", ".", " ").Replace(name))
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return name
	}
	return string(unicode.ToUpper(first)) + s[n:]
}

// whois says who did something: a user's title, a partner's webhook, or the
// operator, whoever that is.
func whois(b *ringbid.Book, by string) string {
	if hook, ok := strings.CutPrefix(by, "webhook "); ok {
		return clip(hook, 64) + " (webhook)"
	}
	u := b.Users[by]
	switch {
	case u == nil:
		return clip(by, 64)
	case u.Role == ringbid.RoleOperator || u.Role == ringbid.RoleQA:
		return "The operator"
	case u.Title != "":
		return clip(u.Title, 64)
	}
	return u.Name
}

// campaignTitle returns what a campaign is called.
func campaignTitle(b *ringbid.Book, name string) string {
	if c := b.Campaigns[name]; c != nil && c.Title != "" {
		return c.Title
	}
	return name
}
