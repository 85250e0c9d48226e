package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// The breaker of an endpoint: ten failures in a row within five minutes, whichever
// five, open it; after the method's cool-down one try looks, and its success
// closes it.
const (
	breakerFailures = 10
	breakerWithin   = 5 * time.Minute
	probeFor        = TryFor + 10*time.Second // a probe that is not heard of again
)

// endpoint is a row of endpoints.
type endpoint struct {
	opened, probeAt *time.Time
	probing         string
	reason          string
	tokens          float64
	filled          time.Time
}

// admit decides whether the delivery's endpoint may be asked now. One asker of
// an endpoint at a time gets here.
func (s *Store) admit(ctx context.Context, tx pgx.Tx, w *ringbid.Work, l ringbid.WorkLimits, now time.Time) error {
	d := w.Delivery
	if l.Paused {
		w.Wait, w.Why = 15*time.Second, "the method is paused"
		return nil
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 11))`, d.Method); err != nil {
		return err
	}
	var e endpoint
	err := tx.QueryRow(ctx, `SELECT opened, probe_at, probing, reason, tokens, filled FROM endpoints WHERE method = $1`, d.Method).
		Scan(&e.opened, &e.probeAt, &e.probing, &e.reason, &e.tokens, &e.filled)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if e.opened != nil {
		return s.admitProbe(ctx, tx, w, e, now)
	}
	if l.Concurrency > 0 {
		var sending int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM deliveries WHERE method = $1 AND state = 'sending' AND claimed > $2`, d.Method, now.Add(-TryFor)).Scan(&sending); err != nil {
			return err
		}
		if sending >= l.Concurrency {
			w.Wait, w.Why = jitter(250*time.Millisecond), "the endpoint is busy"
			return nil
		}
	}
	if l.Rate > 0 {
		return s.takeToken(ctx, tx, w, e, l.Rate, now)
	}
	return nil
}

// admitProbe lets one try through when the cool-down is over.
func (s *Store) admitProbe(ctx context.Context, tx pgx.Tx, w *ringbid.Work, e endpoint, now time.Time) error {
	if e.probeAt != nil && !now.Before(*e.probeAt) {
		// The next one may look when this one is taken for lost.
		_, err := tx.Exec(ctx, `UPDATE endpoints SET probing = $2, probe_at = $3 WHERE method = $1`, w.Delivery.Method, w.Delivery.ID, now.Add(probeFor))
		return err
	}
	w.Open, w.Why, w.Wait = true, "the endpoint is not asked: "+e.reason, jitter(5*time.Second)
	if e.probeAt != nil && e.probing == "" {
		w.Wait = max(100*time.Millisecond, e.probeAt.Sub(now)) + rand.N(2*time.Second)
	}
	return nil
}

// takeToken takes one of the rate's tokens; the bucket holds a second's worth.
func (s *Store) takeToken(ctx context.Context, tx pgx.Tx, w *ringbid.Work, e endpoint, rate int, now time.Time) error {
	tokens := float64(rate)
	if !e.filled.IsZero() {
		tokens = min(float64(rate), e.tokens+now.Sub(e.filled).Seconds()*float64(rate))
	}
	if tokens < 1 {
		w.Wait, w.Why = jitter(time.Duration((1-tokens)/float64(rate)*float64(time.Second))+20*time.Millisecond), "the endpoint's rate is used up"
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO endpoints (method, tokens, filled) VALUES ($1, $2, $3)
		ON CONFLICT (method) DO UPDATE SET tokens = excluded.tokens, filled = excluded.filled`, w.Delivery.Method, tokens-1, now)
	return err
}

func jitter(d time.Duration) time.Duration { return d + rand.N(d+time.Millisecond) }

// closeBreaker makes a breaker as it was at first.
const closeBreaker = `UPDATE endpoints SET failures = 0, first_at = NULL, recent = '{}', opened = NULL, probe_at = NULL, probing = '', reason = '' WHERE method = $1`

// tellBreaker moves the breaker of an endpoint by how a try ended.
func (s *Store) tellBreaker(ctx context.Context, tx pgx.Tx, method, delivery, what, why string, cooldown time.Duration, now time.Time) error {
	switch what {
	case "success":
		_, err := tx.Exec(ctx, closeBreaker+` AND (failures > 0 OR opened IS NOT NULL)`, method)
		return err
	case "failure", "open":
		return failBreaker(ctx, tx, method, delivery, what == "open", why, now, now.Add(cooldown))
	}
	// Nothing was learnt: somebody else may look at once.
	_, err := tx.Exec(ctx, `UPDATE endpoints SET probing = '', probe_at = $3 WHERE method = $1 AND probing = $2`, method, delivery, now)
	return err
}

// failBreaker counts a failure, and opens the breaker with the tenth in a row of
// the last five minutes, or at once. While it is open the next look is at probe,
// unless another delivery is looking now.
func failBreaker(ctx context.Context, tx pgx.Tx, method, delivery string, open bool, why string, now, probe time.Time) error {
	if _, err := tx.Exec(ctx, `INSERT INTO endpoints (method, filled) VALUES ($1, $2) ON CONFLICT (method) DO NOTHING`, method, now); err != nil {
		return err
	}
	var e endpoint
	var recent []time.Time
	err := tx.QueryRow(ctx, `SELECT opened, probe_at, probing, recent FROM endpoints WHERE method = $1 FOR UPDATE`, method).
		Scan(&e.opened, &e.probeAt, &e.probing, &recent)
	if err != nil {
		return err
	}
	recent = slices.DeleteFunc(recent, func(t time.Time) bool { return t.Before(now.Add(-breakerWithin)) })
	recent = append(recent, now)
	recent = recent[max(0, len(recent)-breakerFailures):]
	if e.opened == nil && (open || len(recent) >= breakerFailures) {
		e.opened, e.probeAt = &now, &probe
	} else if e.opened != nil && (e.probing == "" || e.probing == delivery) {
		e.probeAt = &probe
	}
	if e.probing == delivery {
		e.probing = ""
	}
	_, err = tx.Exec(ctx, `
		UPDATE endpoints SET failures = $2, first_at = $3, recent = $4, opened = $5, probe_at = $6, probing = $7, reason = $8 WHERE method = $1`,
		method, len(recent), recent[0], recent, e.opened, e.probeAt, e.probing, cut(clean(why), 300))
	return err
}

// Broken returns the methods whose breaker is open, and why.
func (s *Store) Broken(ctx context.Context) (map[string]string, error) {
	rows, err := s.leads.Query(ctx, `SELECT method, reason FROM endpoints WHERE opened IS NOT NULL`)
	if err != nil {
		return nil, fmt.Errorf("read breakers: %w", kinded(err))
	}
	out := map[string]string{}
	var method, reason string
	if _, err := pgx.ForEachRow(rows, []any{&method, &reason}, func() error { out[method] = reason; return nil }); err != nil {
		return nil, fmt.Errorf("read breakers: %w", kinded(err))
	}
	return out, nil
}

// CloseBreaker lets an endpoint be asked again at once, whatever happened
// before.
func (s *Store) CloseBreaker(ctx context.Context, method string) error {
	_, err := s.leads.Exec(ctx, closeBreaker, clean(method))
	if err != nil {
		return fmt.Errorf("close breaker of %.64q: %w", method, kinded(err))
	}
	return nil
}
