package trade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
	"github.com/ringbid/ringbid/store"
)

// The bounds of the alerts: a success rate under 90 % of at least 20 deliveries
// of the last hour, five errors in a row, an open breaker, a mean response time
// above the method's, a delivery that has waited for ten minutes.
const (
	alertSuccess   = 0.90
	alertFewest    = 20
	alertInARow    = 5
	alertSlowTries = 10
	alertWaiting   = 10 * time.Minute
)

// Watch looks how deliveries do, opens and closes alerts, and tells of new ones;
// where that does not succeed, the next time.
func (t *Trade) Watch(ctx context.Context) error {
	now := t.cfg.Now()
	health, err := t.cfg.Store.BuyerHealth(ctx, now.Add(-time.Hour))
	if err != nil {
		return err
	}
	endpoints, err := t.cfg.Store.EndpointHealth(ctx, now.Add(-time.Hour))
	if err != nil {
		return err
	}
	queue, err := t.cfg.Store.QueueDepth(ctx)
	if err != nil {
		return err
	}
	t.gauges.set(endpoints, queue)
	fresh, err := t.cfg.Store.SetAlerts(ctx, judge(health, endpoints, queue, t.cfg.Book(), now))
	if err != nil {
		return err
	}
	for _, a := range fresh {
		if !a.Opened.Before(now.Truncate(time.Microsecond)) { // as it is kept; others were logged before
			t.cfg.Logger.Error("alert", slog.String("kind", a.Kind), slog.String("subject", a.Subject), slog.String("text", a.Text))
		}
	}
	if err = t.tell(ctx, fresh); err != nil {
		err = errors.Join(err, t.cfg.Store.Untold(ctx, fresh))
	}
	return err
}

// judge says what the operator should know.
func judge(health []store.BuyerHealth, endpoints []store.EndpointHealth, queue store.QueueDepth, book *ringbid.Book, now time.Time) []store.Alert {
	var out []store.Alert
	add := func(kind, subject, format string, args ...any) {
		out = append(out, store.Alert{ID: ringbid.NewID(), Kind: kind, Subject: subject, Text: fmt.Sprintf(format, args...)})
	}
	for _, h := range health {
		all := h.Delivered + h.Failed
		if rate := float64(h.Delivered) / float64(max(all, 1)); all >= alertFewest && rate < alertSuccess {
			add("success", h.Buyer, "%.0f %% of the last hour's %d deliveries to %s succeeded; the target is 95 %%", rate*100, all, cmp.Or(h.Buyer, "the operator"))
		}
	}
	for _, e := range endpoints {
		slow := ringbid.DefaultSlow
		if m := book.Methods[e.Method]; m != nil {
			slow = m.Slow.Or(ringbid.DefaultSlow)
		}
		switch {
		case e.Opened != nil:
			add("breaker", e.Method, "%s is not asked any more: %s", e.Method, e.Reason)
		case e.Failures >= alertInARow:
			add("errors", e.Method, "%s failed %d times in a row: %s", e.Method, e.Failures, e.Reason)
		}
		if e.Tries >= alertSlowTries && e.Mean > slow {
			add("slow", e.Method, "%s takes %s on average, more than %s", e.Method, e.Mean.Round(time.Millisecond), slow)
		}
	}
	if queue.Oldest != nil && now.Sub(*queue.Oldest) > alertWaiting {
		add("queue", "deliveries", "%d deliveries wait, the oldest for %s", queue.Queued+queue.Retrying+queue.Sending, now.Sub(*queue.Oldest).Round(time.Second))
	}
	return out
}

// tell sends new alerts by mail, all in one letter.
func (t *Trade) tell(ctx context.Context, fresh []store.Alert) error {
	if len(fresh) == 0 || t.cfg.Mailer == nil || len(t.cfg.AlertTo) == 0 {
		return nil
	}
	var lines []string
	for _, a := range fresh {
		lines = append(lines, a.Text+".")
	}
	subject := "ringbid: " + fresh[0].Text
	if len(fresh) > 1 {
		subject = fmt.Sprintf("ringbid: %d alerts", len(fresh))
	}
	subject = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, subject)
	out := t.cfg.Mailer.Send(ctx, email.Letter{
		ID: fresh[0].ID, Attempt: 1, To: t.cfg.AlertTo, Subject: string([]rune(subject)[:min(200, len([]rune(subject)))]), Text: strings.Join(lines, "\n\n") + "\n",
	})
	if out.Class != connector.ClassAccepted {
		return fmt.Errorf("alert by mail: %s %s", out.Class, out.Reason)
	}
	return nil
}
