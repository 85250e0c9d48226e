package webhook

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Rules say where a partner writes what: paths of names and places parted by
// dots, "data.lead.id", "items.0.state"; in a form, names of fields, where
// "data.lead.id" finds data[lead][id] too. Of several paths parted by "|" the
// first that holds something counts. What is "" is looked for in the usual places.
type Rules struct {
	Status    string `json:"status,omitempty"`
	Lead      string `json:"lead,omitempty"`       // our id
	BuyerLead string `json:"buyer_lead,omitempty"` // the partner's
	Event     string `json:"event,omitempty"`      // the event's id
	At        string `json:"at,omitempty"`
	Amount    string `json:"amount,omitempty"`
	Note      string `json:"note,omitempty"`
	// Words are the partner's words for the statuses, whatever their case and
	// punctuation; they come before the common ones. A word that stands for ""
	// makes no event.
	Words map[string]string `json:"words,omitempty"`
}

// The usual places.
const (
	usualStatus    = "status|event|type|data.status"
	usualLead      = "lead_id|leadId|data.lead_id|data.leadId"
	usualBuyerLead = "buyer_lead_id|buyerLeadId|data.buyer_lead_id|data.buyerLeadId"
	usualEvent     = "event_id|eventId"
	usualAt        = "occurred_at|timestamp|data.occurred_at"
	usualAmount    = "amount|data.amount"
	usualNote      = "note|data.note"
	usualVersion   = "version|data.version"
)

// Bounds of Rules.
const (
	maxPath  = 200 // bytes
	maxWords = 200
	maxWord  = 100 // bytes
)

// Check returns what is unsound in the rules.
func (r Rules) Check() []Problem {
	var p problems
	for _, f := range []struct{ name, path string }{
		{"status", r.Status}, {"lead", r.Lead}, {"buyer_lead", r.BuyerLead}, {"event", r.Event}, {"at", r.At},
		{"amount", r.Amount}, {"note", r.Note},
	} {
		if err := checkPath(f.path); f.path != "" && err != nil {
			p.add(f.name, "%s", err)
		}
	}
	if len(r.Words) > maxWords {
		p.add("words", "are more than %d", maxWords)
		return p
	}
	seen := map[string]string{}
	for _, word := range sorted(r.Words) {
		path, f := fmt.Sprintf("words[%.40q]", word), fold(word)
		if f == "" || len(word) > maxWord {
			p.add(path, "is no word of up to %d bytes", maxWord)
		}
		if s := r.Words[word]; s != "" && !slices.Contains(Statuses(), s) {
			p.add(path, "stands for %.40q, which is none of %s", s, strings.Join(Statuses(), ", "))
		}
		if other, twice := seen[f]; twice && r.Words[other] != r.Words[word] {
			p.add(path, "is the same word as %.40q and stands for another status", other)
		}
		seen[f] = word
	}
	return p
}

func checkPath(s string) error {
	if len(s) > maxPath || hasControl(s) {
		return fmt.Errorf("is longer than %d bytes or has control characters", maxPath)
	}
	for path := range strings.SplitSeq(s, "|") {
		steps := strings.Split(path, ".")
		if len(steps) > maxDepth || slices.Contains(steps, "") {
			return fmt.Errorf("%.60q is no path of names parted by dots", path)
		}
	}
	return nil
}

// meaning returns our status for a partner's word; known is false where nobody
// has said what the word means.
func (r Rules) meaning(word string) (status string, known bool) {
	f := fold(word)
	if f == "" {
		return "", false
	}
	for w, s := range r.Words {
		if fold(w) == f {
			return s, true
		}
	}
	for {
		if s := commonWord(f); s != "" {
			return s, true
		}
		rest := f
		for _, p := range []string{"lead_", "status_", "call_"} {
			rest = strings.TrimPrefix(rest, p)
		}
		if rest == f {
			return "", false
		}
		f = rest
	}
}

// fold makes words comparable: lower case, and everything between letters and
// digits one "_".
func fold(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c)
	}), "_")
}
