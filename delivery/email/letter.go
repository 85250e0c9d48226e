package email

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Letter is one letter as it is to go out.
type Letter struct {
	// ID is the delivery's: letters, digits, "-" and "_", at most 48. It stays the
	// same when the delivery is tried again; Attempt counts the tries.
	ID      string
	Attempt int
	LeadID  string // "" for a letter about no single lead
	// To and Cc are "a@b.example" or "Name <a@b.example>".
	To, Cc  []string
	ReplyTo string
	Subject string // at most 250 letters
	Text    string
	HTML    string
	// Unsubscribe is an https address that takes the letter's reader off the list
	// by one POST (RFC 8058); for digests and alerts.
	Unsubscribe string
	Files       []File
}

// Bounds of a letter.
const (
	MaxRecipients = 50
	MaxBytes      = 1 << 20 // as it is sent, attachments and encoding included
	MaxFiles      = 10

	maxID          = 48 // bytes; leaves room for the rest of a bounce address
	maxLeadID      = 200
	maxSubject     = 250 // letters
	maxUnsubscribe = 900 // bytes; a line has 998
	maxAttempt     = 999_999
)

var errTooLarge = fmt.Errorf("letter is larger than %d bytes", MaxBytes)

// parties are the addresses of a letter, read.
type parties struct {
	to, cc  []*mail.Address
	replyTo *mail.Address // or nil
}

// recipients returns each address once.
func (p parties) recipients() []string {
	var all []string
	for _, a := range slices.Concat(p.to, p.cc) {
		if !slices.ContainsFunc(all, func(b string) bool { return strings.EqualFold(a.Address, b) }) {
			all = append(all, a.Address)
		}
	}
	return all
}

// check says what is unsound in a letter, and reads its addresses.
func (l Letter) check() (parties, error) {
	var p parties
	if len(l.To) == 0 {
		return p, errors.New("letter has no recipient")
	}
	if n := len(l.To) + len(l.Cc); n > MaxRecipients {
		return p, fmt.Errorf("letter has %d recipients, more than %d", n, MaxRecipients)
	}
	var err error
	if p.to, err = parseAll("to", l.To); err != nil {
		return p, err
	}
	if p.cc, err = parseAll("cc", l.Cc); err != nil {
		return p, err
	}
	if l.ReplyTo != "" {
		if p.replyTo, err = parseAddress(l.ReplyTo); err != nil {
			return p, fmt.Errorf("reply to: %w", err)
		}
	}
	return p, errors.Join(l.checkHeaders(), l.checkBody())
}

func parseAll(what string, list []string) ([]*mail.Address, error) {
	var all []*mail.Address
	for i, s := range list {
		a, err := parseAddress(s)
		if err != nil {
			return nil, fmt.Errorf("%s %d: %w", what, i+1, err)
		}
		all = append(all, a)
	}
	return all, nil
}

func (l Letter) checkHeaders() error {
	switch {
	case !deliveryID(l.ID):
		return fmt.Errorf("id %.60q is not letters, digits, - and _, %d at most", l.ID, maxID)
	case l.Attempt < 0 || l.Attempt > maxAttempt:
		return fmt.Errorf("attempt %d is none", l.Attempt)
	case len(l.LeadID) > maxLeadID || strings.ContainsFunc(l.LeadID, func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		return errors.New("lead id does not fit in a header")
	case hasControl(l.Subject):
		return errors.New("subject has control characters")
	case utf8.RuneCountInString(l.Subject) > maxSubject:
		return fmt.Errorf("subject is longer than %d letters", maxSubject)
	case l.Unsubscribe != "" && !httpsAddress(l.Unsubscribe):
		return errors.New("unsubscribe is not a sound https address")
	}
	return nil
}

func (l Letter) checkBody() error {
	size := len(l.Text) + len(l.HTML)
	for _, f := range l.Files {
		size += len(f.Body)
	}
	switch {
	case l.Text == "" && l.HTML == "":
		return errors.New("letter is empty")
	case len(l.Files) > MaxFiles:
		return fmt.Errorf("letter has more than %d files", MaxFiles)
	case size > MaxBytes:
		return errTooLarge
	}
	return nil
}

func deliveryID(s string) bool {
	return s != "" && len(s) <= maxID &&
		!strings.ContainsFunc(s, func(c rune) bool { return !alphanumeric(c) && c != '-' && c != '_' })
}

// httpsAddress reports whether s may stand between angle brackets in a header.
func httpsAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && len(s) <= maxUnsubscribe &&
		!strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == ',' })
}
