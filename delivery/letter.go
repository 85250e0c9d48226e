package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
)

// letter sends the lead by mail, or notes it for the next digest.
func (e *Engine) letter(ctx context.Context, w ringbid.Work, m *ringbid.Method) connector.Outcome {
	unsound := func(code connector.Code, why string) connector.Outcome {
		return connector.Outcome{Class: connector.ClassUnsound, Code: code, Sent: connector.SentNo, Reason: why}
	}
	if e.cfg.Mailer == nil {
		return unsound(CodeMethod, "this node has no mail server; name one with --smtp")
	}
	if m.Email.Digest != "" {
		at := digestAt(m.Email, e.cfg.Now())
		return connector.Outcome{Class: connector.ClassAccepted, Sent: connector.SentNo, Unconfirmed: true,
			Reason: "goes with the letter of " + at.UTC().Format(time.RFC3339)}
	}
	lead := e.lettered(w.Lead.ID, w.Lead.Campaign, e.facts(w))
	l, err := email.Compose(form(m.Email), lead)
	if err != nil {
		return unsound(connector.CodeMapping, err.Error())
	}
	l.ID, l.Attempt, l.LeadID, l.To, l.ReplyTo = w.Delivery.ID, w.Try, w.Lead.ID, m.Email.To, m.Email.ReplyTo
	l.Files = attached(m.Email, []email.Lead{lead})
	return e.cfg.Mailer.Send(ctx, l)
}

// attached are the files that go with a letter about leads.
func attached(f *ringbid.EmailForm, leads []email.Lead) []email.File {
	switch f.Attach {
	case "csv":
		return []email.File{email.CSV(leads)}
	case "json":
		return []email.File{email.JSON(leads)}
	}
	return nil
}

// lettered is a lead as a letter tells of it.
func (e *Engine) lettered(id, campaign string, facts map[string]string) email.Lead {
	title, c := campaign, e.cfg.Book().Campaigns[campaign]
	if c != nil && c.Title != "" {
		title = c.Title
	}
	hidden := []string{"lead_id", "campaign", "purchase_id", "ping_id", "target"} // ours, and no use to who reads it
	shown := make(map[string]string, len(facts))
	for k, v := range facts {
		if !strings.HasPrefix(k, ours) && (!slices.Contains(hidden, k) || declares(c, k)) {
			shown[k] = v
		}
	}
	return email.Lead{ID: id, Facts: shown, Title: title, Link: e.cfg.Link(id)}
}

// digestAt returns when the method's next letter goes out.
func digestAt(f *ringbid.EmailForm, now time.Time) time.Time {
	if f.Digest == "hourly" {
		return now.Truncate(time.Hour).Add(time.Hour)
	}
	zone, err := ringbid.LoadZone(f.Zone)
	if err != nil {
		zone = time.UTC
	}
	t := now.In(zone)
	for day := 0; ; day++ {
		at := time.Date(t.Year(), t.Month(), t.Day()+day, f.At, 0, 0, 0, zone)
		if at.Hour() != f.At { // the clocks skip it: when they are put forward
			_, at = at.ZoneBounds()
		}
		if at.After(now) {
			return at
		}
	}
}

// Digests are the leads that wait for their letter; the store keeps them.
type Digests interface {
	// Due returns the leads of a method whose letter is due, by delivery.
	Due(ctx context.Context, method string, n int) (deliveries []string, leads []ringbid.Lead, err error)
	// Sent runs send while nobody else sends the method's letter, and takes what it
	// returns off the list.
	Sent(ctx context.Context, method string, send func() ([]string, error)) error
	// Refused takes deliveries off the list whose letter is refused for good, and
	// puts them before a person.
	Refused(ctx context.Context, deliveries []string, why string) error
}

// SendDigests sends the letters that are due, one a method. A letter that does
// not go out is tried again the next time; its leads stay on the list, and keep
// nobody else's letter back. One that is refused for good is given up: its leads
// are exceptions from then on.
func (e *Engine) SendDigests(ctx context.Context, d Digests) error {
	var all error
	for name, m := range e.cfg.Book().Methods {
		if m.Type != "email" || m.Email.Digest == "" || m.Paused || e.cfg.Mailer == nil {
			continue
		}
		err := d.Sent(ctx, name, func() ([]string, error) {
			ids, leads, err := d.Due(ctx, name, email.MaxDigest)
			if err != nil || len(ids) == 0 {
				return nil, err
			}
			return e.sendDigest(ctx, d, m, ids, leads)
		})
		if err != nil {
			all = errors.Join(all, fmt.Errorf("send digest of %s: %w", name, err))
		}
	}
	return all
}

// sendDigest sends a letter about the first of the leads, as many as fit into one,
// and returns which.
func (e *Engine) sendDigest(ctx context.Context, d Digests, m *ringbid.Method, ids []string, leads []ringbid.Lead) ([]string, error) {
	var all []email.Lead
	for i := range leads {
		all = append(all, e.lettered(leads[i].ID, leads[i].Campaign, leads[i].Facts))
	}
	for n := len(all); ; n /= 2 {
		l := email.Letter{ID: ids[0], Attempt: 1, To: m.Email.To, ReplyTo: m.Email.ReplyTo, Files: attached(m.Email, all[:n])}
		l.Subject, l.Text, l.HTML = email.Digest(cmp.Or(m.Title, m.Name), all[:n], "")
		out := e.cfg.Mailer.Send(ctx, l)
		switch {
		case out.Class == connector.ClassAccepted || out.Class == connector.ClassAmbiguous: // twice is worse than late
			return ids[:n], nil
		case out.Code == connector.CodeTooLarge && n > 1:
		case out.Class == connector.ClassRejected || out.Class == connector.ClassUnsound:
			e.cfg.Logger.Error("digest is refused for good and given up", slog.String("method", m.Name), slog.Int("leads", n), slog.String("reason", out.Reason))
			return nil, d.Refused(ctx, ids[:n], "its digest is refused for good: "+out.Reason)
		default:
			return nil, fmt.Errorf("letter of %d leads: %s %s", n, out.Class, out.Reason)
		}
	}
}
