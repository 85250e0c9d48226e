package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// HookEvent is one thing a partner says of a lead.
type HookEvent struct {
	Hook, Buyer string
	ID          string // the partner's, by which a repeat is known
	Lead        string // our id of the lead, or
	Partner     string // the buyer's
	Status      string
	At          time.Time // when it was so
	Version     int64     // orders events of one moment
	Note        string
	Amount      *ringbid.Money
	Raw         string // at most 16 KB
}

// What became of an event.
const (
	HookApplied  = "applied"
	HookStale    = "stale"  // something newer is known
	HookParked   = "parked" // of a lead that is not known yet
	HookRepeated = "repeated"
)

// TakeEvent keeps a partner's event, once, and applies it where it is the newest
// of its lead. An event of an unknown lead is parked and tried again later. The
// error is Invalid for what is no status of a lead.
func (s *Store) TakeEvent(ctx context.Context, e HookEvent) (state string, err error) {
	if err := knownStatus(e.Status); err != nil {
		return "", fmt.Errorf("take event of hook %s: %w", e.Hook, err)
	}
	e.At = e.At.UTC().Truncate(time.Microsecond) // as it is kept, for comparing
	err = inTx(ctx, s.leads, func(tx pgx.Tx) error {
		body, err := json.Marshal(map[string]any{"partner": e.Partner, "note": cut(e.Note, 2000), "amount": e.Amount, "buyer": e.Buyer, "raw": cut(e.Raw, 16<<10)})
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO hook_events (hook, event_id, at, said_at, version, lead_id, status, state, body) VALUES ($1, $2, $3, $4, $5, $6, $7, 'parked', $8)
			ON CONFLICT DO NOTHING`, e.Hook, cut(clean(e.ID), 300), s.cfg.Now().UTC(), e.At.UTC(), e.Version, clean(e.Lead), e.Status, scrubNUL(body))
		if err != nil || tag.RowsAffected() == 0 {
			state = HookRepeated
			return err
		}
		state, err = s.applyEvent(ctx, tx, e)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("take event of hook %s: %w", e.Hook, kinded(err))
	}
	return state, nil
}

// applyEvent finds the event's purchase and moves its status.
func (s *Store) applyEvent(ctx context.Context, tx pgx.Tx, e HookEvent) (string, error) {
	list, err := readPurchases(ctx, tx, `buyer = $1 AND (lead_id = $2 OR id = $2 OR $3 <> '' AND partner_id = $3) ORDER BY made DESC LIMIT 1 FOR UPDATE`,
		e.Buyer, clean(e.Lead), clean(e.Partner))
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return HookParked, nil
	}
	p, state := list[0], HookApplied
	stale, err := isStale(ctx, tx, p, e)
	if err == nil && stale {
		state = HookStale
	} else if err == nil {
		err = s.applyStatus(ctx, tx, p, e)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE hook_events SET state = $3, lead_id = $4 WHERE hook = $1 AND event_id = $2`, e.Hook, cut(clean(e.ID), 300), state, p.Lead)
	}
	return state, err
}

// isStale reports whether something newer than the event is known of a purchase:
// of a later moment, or of the same one and a higher version.
func isStale(ctx context.Context, tx pgx.Tx, p ringbid.Purchase, e HookEvent) (bool, error) {
	var at *time.Time
	if err := tx.QueryRow(ctx, `SELECT status_at FROM purchases WHERE id = $1`, p.ID).Scan(&at); err != nil || at == nil || !e.At.Equal(*at) {
		return at != nil && e.At.Before(*at), err
	}
	var version int64
	err := tx.QueryRow(ctx, `
		SELECT coalesce(max(version), 0) FROM hook_events WHERE lead_id = $1 AND said_at = $2 AND state = 'applied' AND body->>'buyer' = $3`,
		p.Lead, *at, p.Buyer).Scan(&version)
	return e.Version < version, err
}

func (s *Store) applyStatus(ctx context.Context, tx pgx.Tx, p ringbid.Purchase, e HookEvent) error {
	if err := s.setStatus(ctx, tx, p, e.Status, e.At); err != nil {
		return err
	}
	text := e.Status
	if e.Amount != nil {
		text += ", " + e.Amount.String()
	}
	if e.Note != "" {
		text += ": " + e.Note
	}
	a := ringbid.Activity{Lead: p.Lead, Purchase: p.ID, At: e.At, By: "webhook " + e.Hook, Kind: "status", Text: text}
	if err := logActivity(ctx, tx, a); err != nil {
		return err
	}
	if e.Status != "returned" && e.Status != "invalid" {
		return nil
	}
	a.Kind, a.Text = "return", or(e.Note, "the buyer says: "+e.Status)
	err := askReturn(ctx, tx, p, a)
	if ringbid.KindOf(err) == ringbid.Conflict { // asked before, or nothing to give back
		return nil
	}
	if err == nil {
		err = logActivity(ctx, tx, a)
	}
	return err
}

// ApplyParked tries the parked events again, at most n, and returns how many
// found their lead. Events parked for thirty days are let go.
func (s *Store) ApplyParked(ctx context.Context, n int) (applied int, err error) {
	rows, err := s.leads.Query(ctx, `
		SELECT hook, event_id, said_at, version, lead_id, status, body FROM hook_events WHERE state = 'parked' AND at > $1 ORDER BY at LIMIT $2`,
		s.cfg.Now().Add(-30*24*time.Hour), n)
	if err != nil {
		return 0, fmt.Errorf("read parked events: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		return 0, fmt.Errorf("read parked events: %w", kinded(err))
	}
	var all error
	for _, e := range list {
		state := HookParked
		err := inTx(ctx, s.leads, func(tx pgx.Tx) (err error) { state, err = s.unpark(ctx, tx, e); return err })
		if all = errors.Join(all, err); err == nil && state != HookParked {
			applied++
		}
	}
	return applied, kinded(all)
}

// unpark applies an event where nobody else is at it or has done so.
func (s *Store) unpark(ctx context.Context, tx pgx.Tx, e HookEvent) (string, error) {
	tag, err := tx.Exec(ctx, `SELECT FROM hook_events WHERE hook = $1 AND event_id = $2 AND state = 'parked' FOR UPDATE SKIP LOCKED`, e.Hook, e.ID)
	if err != nil || tag.RowsAffected() == 0 {
		return HookParked, err
	}
	return s.applyEvent(ctx, tx, e)
}

func scanEvent(r pgx.CollectableRow) (e HookEvent, err error) {
	var body []byte
	if err = r.Scan(&e.Hook, &e.ID, &e.At, &e.Version, &e.Lead, &e.Status, &body); err != nil {
		return e, err
	}
	var more struct {
		Partner, Note, Buyer, Raw string
		Amount                    *ringbid.Money
	}
	err = json.Unmarshal(body, &more)
	e.Partner, e.Note, e.Buyer, e.Raw, e.Amount = more.Partner, more.Note, more.Buyer, more.Raw, more.Amount
	return e, err
}
