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

// LeadPing is a price that was given for a lead whose contact data is not known
// yet.
type LeadPing struct {
	ID      string
	Source  string
	At      time.Time
	Expires time.Time
	Facts   ringbid.TagMap
	Auction ringbid.Auction
	Lead    string // that used it; "" until then
	Test    bool   // only tests may follow it
}

// KeepPing keeps a ping until it is used or has run out.
func (s *Store) KeepPing(ctx context.Context, p LeadPing) error {
	facts, err := json.Marshal(p.Facts)
	if err != nil {
		return err
	}
	auction, err := json.Marshal(boundAuction(p.Auction))
	if err != nil {
		return err
	}
	_, err = s.leads.Exec(ctx, `INSERT INTO lead_pings (id, source, at, expires, facts, auction, lead_id, test) VALUES ($1, $2, $3, $4, $5, $6, '', $7)`,
		p.ID, p.Source, p.At.UTC(), p.Expires.UTC(), scrubNUL(facts), scrubNUL(auction), p.Test)
	if err != nil {
		return fmt.Errorf("keep ping: %w", kinded(err))
	}
	return nil
}

// TakePing returns a ping that the lead may follow; Sell uses it up, with the
// lead. The error is NotFound for one that is unknown, of another source or has
// run out, Conflict for one that another lead used.
func (s *Store) TakePing(ctx context.Context, source, id, lead string) (p LeadPing, err error) {
	var facts, auction []byte
	err = s.leads.QueryRow(ctx, `SELECT id, source, at, expires, facts, auction, lead_id, test FROM lead_pings WHERE id = $1 AND source = $2`, clean(id), source).
		Scan(&p.ID, &p.Source, &p.At, &p.Expires, &facts, &auction, &p.Lead, &p.Test)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, notFound("ping", id)
	}
	if err == nil {
		err = errors.Join(json.Unmarshal(facts, &p.Facts), json.Unmarshal(auction, &p.Auction))
	}
	switch {
	case err != nil:
		return p, fmt.Errorf("use ping: %w", kinded(err))
	case p.Lead != "" && p.Lead != lead:
		return p, errPingUsed
	case s.cfg.Now().After(p.Expires):
		return p, ringbid.Errorf(ringbid.NotFound, "ping %.64q has run out", id)
	}
	return p, nil
}

var errPingUsed = ringbid.FieldConflict("ping_id", "was used for another lead")
