package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Attach opens a store beside the node that runs on it, for commands that read
// calls or publish documents. It migrates the schema and reads the Book, takes
// no calls, keeps no spool and does not count as a node. Without Postgres it
// fails with an Unavailable error.
func Attach(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.fill(); err != nil {
		return nil, fmt.Errorf("attach to store: %w", err)
	}
	cfg.MaxConns = min(cfg.MaxConns, 2)
	s := &Store{cfg: cfg, boot: cfg.Boot, seen: newSeen(), tries: newTries(cfg.Now), ledger: newLedger(cfg.Node)}
	s.circuit.init()
	s.journal.init()
	if err := s.attach(ctx); err != nil {
		_ = s.closeParts()
		return nil, fmt.Errorf("attach to store: %w", kinded(err))
	}
	return s, nil
}

func (s *Store) attach(ctx context.Context) (err error) {
	if s.metrics, err = newMetrics(s); err != nil {
		return err
	}
	if s.keys, err = loadKeys(s.cfg.KeyFile); err != nil {
		return err
	}
	if s.calls, err = s.pool(ctx, s.cfg.MaxConns); err != nil {
		return err
	}
	if s.pages, err = s.pool(ctx, s.cfg.MaxConns); err != nil {
		return err
	}
	s.leads = s.pages
	empty, _ := ringbid.NewBook(nil)
	s.book.Store(empty)
	if err := migrate(ctx, s.pages, s.cfg.Migrate); err != nil {
		return err
	}
	return s.refreshBook(ctx)
}

// Whole returns all that is known of the calls with the ids, in that order, or
// without ids of the last n, the newest first.
func (s *Store) Whole(ctx context.Context, ids []string, n int) ([]ringbid.Call, error) {
	if len(ids) == 0 {
		page, err := s.Calls(ctx, CallFilter{Limit: n})
		if err != nil {
			return nil, err
		}
		for _, c := range page.Calls {
			ids = append(ids, c.ID)
		}
	}
	out := make([]ringbid.Call, 0, len(ids))
	for _, id := range ids {
		c, err := s.Call(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, *c)
	}
	return out, nil
}

// CallBySIP returns the latest call of the last day whose INVITE had the Call-ID,
// or a NotFound error.
func (s *Store) CallBySIP(ctx context.Context, sipCallID string) (*ringbid.Call, error) {
	var id string
	err := s.pages.QueryRow(ctx, `
		SELECT id FROM calls WHERE received > now() - interval '1 day' AND body->>'sip_call_id' = $1
		ORDER BY received DESC LIMIT 1`, clean(sipCallID)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound("call with the SIP Call-ID", sipCallID)
	}
	if err != nil {
		return nil, fmt.Errorf("find call by its SIP Call-ID: %w", kinded(err))
	}
	return s.Call(ctx, id)
}
