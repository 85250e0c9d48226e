package webhook

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
)

const (
	maxNote = 2000 // letters
	maxRaw  = 16 << 10
)

// record is one event as the partner wrote it.
type record struct {
	rules Rules
	root  *node
	proof Proof
	raw   string
	place int // in an array, from 1; 0 where it stands alone
}

// event reads the record; nil where its word makes no event.
func (rec *record) event() (*Event, error) {
	e := &Event{Raw: cut(rec.raw, maxRaw), At: rec.proof.At}
	status, err := rec.status()
	if err != nil || status == "" {
		return nil, err
	}
	e.Status = status
	if e.LeadID, err = rec.identifier("lead_id", rec.rules.Lead, usualLead); err != nil {
		return nil, err
	}
	if e.BuyerLeadID, err = rec.identifier("buyer_lead_id", rec.rules.BuyerLead, usualBuyerLead); err != nil {
		return nil, err
	}
	if e.LeadID == "" && e.BuyerLeadID == "" {
		return nil, ringbid.FieldError(or(rec.rules.Lead, "lead_id"), "is missing, and so is the partner's own")
	}
	for _, read := range []func(*Event) error{rec.at, rec.amount, rec.version, rec.note} {
		if err := read(e); err != nil {
			return nil, err
		}
	}
	e.ID, err = rec.id(e)
	return e, err
}

// text returns what the first of the paths that holds something says. field names
// it where it holds more than a text.
func (rec *record) text(paths string) (text, path string, err error) {
	var odd string
	for path := range strings.SplitSeq(paths, "|") {
		n := rec.root.at(path)
		if n.empty() {
			continue
		}
		if n.leaf && strings.TrimSpace(n.text) != "" {
			return strings.TrimSpace(n.text), path, nil
		}
		if !n.leaf && odd == "" {
			odd = path
		}
	}
	if odd != "" {
		return "", odd, ringbid.FieldError(odd, "is not a text or a number")
	}
	return "", "", nil
}

// status returns our word for the partner's. In the usual places the first word
// that somebody knows counts: a body may name the kind of event beside the status.
func (rec *record) status() (string, error) {
	if rec.rules.Status != "" {
		word, path, err := rec.text(rec.rules.Status)
		if err != nil {
			return "", err
		}
		return rec.known(word, or(path, rec.rules.Status))
	}
	var unknown error
	for path := range strings.SplitSeq(usualStatus, "|") {
		word, _, err := rec.text(path)
		if err != nil || word == "" {
			continue
		}
		status, err := rec.known(word, path)
		if err == nil {
			return status, nil
		}
		if unknown == nil {
			unknown = err
		}
	}
	if unknown == nil {
		unknown = ringbid.FieldError("status", "is missing")
	}
	return "", unknown
}

func (rec *record) known(word, path string) (string, error) {
	if word == "" {
		return "", ringbid.FieldError(path, "is missing")
	}
	status, known := rec.rules.meaning(word)
	if !known {
		return "", ringbid.FieldError(path, "word %.60q is not known", word)
	}
	return status, nil
}

func (rec *record) identifier(field, configured, usual string) (string, error) {
	text, path, err := rec.text(or(configured, usual))
	if err == nil && (len(text) > maxID || hasControl(text)) {
		err = ringbid.FieldError(or(path, field), "is no id of up to %d bytes", maxID)
	}
	if err != nil {
		return "", err
	}
	return text, nil
}

// id returns the event's id: the partner's, else the request's. A mere "id" may
// be the lead's, the same in all its events, and is told apart by what happened.
func (rec *record) id(e *Event) (string, error) {
	id, err := rec.identifier("event_id", rec.rules.Event, usualEvent)
	if err != nil || id != "" {
		return id, err
	}
	if rec.rules.Event == "" && (rec.place > 0 || !rec.proof.Bound || strings.HasPrefix(rec.proof.ID, "sha256:")) {
		if id, err = rec.identifier("id", "id", ""); err != nil {
			return "", err
		}
		if id != "" {
			id += ":" + e.Status
			if !e.At.Equal(rec.proof.At) {
				id += ":" + strconv.FormatInt(e.At.Unix(), 10)
			}
			return id, nil
		}
	}
	if id = rec.proof.ID; id == "" {
		id = bodyID(rec.raw)
	}
	if rec.place > 0 {
		id += "#" + strconv.Itoa(rec.place-1)
	}
	return id, nil
}

func (rec *record) at(e *Event) error {
	text, path, err := rec.text(or(rec.rules.At, usualAt))
	if err != nil || text == "" {
		return err
	}
	at, err := readTime(text)
	if err != nil {
		return ringbid.FieldError(path, "%.60q is neither RFC 3339 with a zone nor seconds or milliseconds since 1970", text)
	}
	if y := at.Year(); y < 2000 || y > 2100 {
		return ringbid.FieldError(path, "%.60q is not in this century", text)
	}
	e.At = at
	return nil
}

func readTime(s string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC(), nil
	}
	whole, part, has := strings.Cut(s, ".")
	if !has {
		return parseUnix(s)
	}
	at, err := parseSeconds(whole)
	if err != nil || part == "" || len(part) > 9 || strings.Trim(part, "0123456789") != "" {
		return time.Time{}, errNoTime
	}
	n, err := strconv.ParseInt(part+strings.Repeat("0", 9-len(part)), 10, 64)
	return at.Add(time.Duration(n)), err
}

func (rec *record) amount(e *Event) error {
	text, path, err := rec.text(or(rec.rules.Amount, usualAmount))
	if err != nil || text == "" {
		return err
	}
	m, err := ringbid.ParseMoney(text)
	if err != nil {
		return ringbid.FieldError(path, "%s", err)
	}
	e.Amount = &m
	return nil
}

// version counts where it is a whole number; what else stands there, such as
// "2.0", is the version of the partner's interface.
func (rec *record) version(e *Event) error {
	text, path, err := rec.text(usualVersion)
	if err != nil || text == "" || strings.Trim(text, "0123456789") != "" {
		return nil
	}
	if e.Version, err = strconv.ParseInt(text, 10, 64); err != nil {
		return ringbid.FieldError(path, "%.60q is too large", text)
	}
	return nil
}

func (rec *record) note(e *Event) error {
	text, _, err := rec.text(or(rec.rules.Note, usualNote))
	if err != nil && rec.rules.Note != "" {
		return err
	}
	text = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return ' '
		}
		return c
	}, text)
	if r := []rune(text); len(r) > maxNote {
		text = string(r[:maxNote-1]) + "…"
	}
	e.Note = text
	return nil
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// cut bounds a copy, and says so.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	tail := fmt.Sprintf("… cut: %d bytes in all", len(s))
	n := limit - len(tail)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + tail
}
