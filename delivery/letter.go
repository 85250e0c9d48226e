package delivery

import (
	"context"
	"fmt"
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
	lead := e.lettered(w.Lead.ID, w.Lead.Campaign, Facts(w))
	l, err := email.Compose(form(m.Email), lead)
	if err != nil {
		return unsound(connector.CodeMapping, err.Error())
	}
	l.ID, l.Attempt, l.LeadID, l.To, l.ReplyTo = w.Delivery.ID, w.Try, w.Lead.ID, m.Email.To, m.Email.ReplyTo
	switch m.Email.Attach {
	case "csv":
		l.Files = []email.File{email.CSV([]email.Lead{lead})}
	case "json":
		l.Files = []email.File{email.JSON([]email.Lead{lead})}
	}
	return e.cfg.Mailer.Send(ctx, l)
}

// lettered is a lead as a letter tells of it.
func (e *Engine) lettered(id, campaign string, facts map[string]string) email.Lead {
	title := campaign
	if c := e.cfg.Book().Campaigns[campaign]; c != nil && c.Title != "" {
		title = c.Title
	}
	shown := make(map[string]string, len(facts))
	for k, v := range facts {
		shown[k] = v
	}
	for _, k := range []string{"lead_id", "campaign", "purchase_id", "ping_id", "target"} {
		delete(shown, k) // ours, and no use to who reads it
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
		if at := time.Date(t.Year(), t.Month(), t.Day()+day, f.At, 0, 0, 0, zone); at.After(now) {
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
}

// SendDigests sends the letters that are due, one a method. A letter that does
// not go out is tried again the next time; its leads stay on the list.
func (e *Engine) SendDigests(ctx context.Context, d Digests) error {
	for name, m := range e.cfg.Book().Methods {
		if m.Type != "email" || m.Email.Digest == "" || m.Paused || e.cfg.Mailer == nil {
			continue
		}
		err := d.Sent(ctx, name, func() ([]string, error) {
			ids, leads, err := d.Due(ctx, name, email.MaxDigest)
			if err != nil || len(ids) == 0 {
				return nil, err
			}
			return ids, e.sendDigest(ctx, m, ids, leads)
		})
		if err != nil {
			return fmt.Errorf("send digest of %s: %w", name, err)
		}
	}
	return nil
}

func (e *Engine) sendDigest(ctx context.Context, m *ringbid.Method, ids []string, leads []ringbid.Lead) error {
	var all []email.Lead
	for i := range leads {
		all = append(all, e.lettered(leads[i].ID, leads[i].Campaign, leads[i].Facts))
	}
	title := m.Title
	if title == "" {
		title = m.Name
	}
	l := email.Letter{ID: ids[0], Attempt: 1, To: m.Email.To, ReplyTo: m.Email.ReplyTo}
	l.Subject, l.Text, l.HTML = email.Digest(title, all, "")
	if m.Email.Attach == "csv" {
		l.Files = []email.File{email.CSV(all)}
	}
	out := e.cfg.Mailer.Send(ctx, l)
	if out.Class == connector.ClassAccepted || out.Class == connector.ClassAmbiguous { // twice is worse than late
		return nil
	}
	return fmt.Errorf("letter of %d leads: %s %s", len(leads), out.Class, out.Reason)
}
