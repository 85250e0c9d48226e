package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Disposition is what an agent says of a call.
type Disposition struct {
	CallID string
	User   string
	Value  string // such as "sold"
	Note   string // at most 2000 bytes
	At     time.Time
}

// Dispose keeps what a user says of a call, in place of what they said before.
// The error is NotFound for a call that is not known.
func (s *Store) Dispose(ctx context.Context, d Disposition) error {
	tag, err := s.pages.Exec(ctx, `
		INSERT INTO dispositions (call_id, username, value, note, at)
		SELECT id, $2, $3, $4, $5 FROM calls WHERE id = $1
		ON CONFLICT (call_id, username) DO UPDATE SET value = excluded.value, note = excluded.note, at = excluded.at`,
		clean(d.CallID), clean(d.User), cut(clean(d.Value), 64), cut(clean(d.Note), 2000), d.At)
	if err != nil {
		return fmt.Errorf("keep disposition of call %.64q: %w", d.CallID, kinded(err))
	}
	if tag.RowsAffected() == 0 {
		return notFound("call", d.CallID)
	}
	return nil
}

// Disposed returns what the user said of the calls, by call.
func (s *Store) Disposed(ctx context.Context, user string, calls []string) (map[string]Disposition, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT call_id, username, value, note, at FROM dispositions WHERE username = $1 AND call_id = ANY($2)`, clean(user), calls)
	if err != nil {
		return nil, fmt.Errorf("read dispositions: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Disposition])
	if err != nil {
		return nil, fmt.Errorf("read dispositions: %w", kinded(err))
	}
	out := make(map[string]Disposition, len(list))
	for _, d := range list {
		out[d.CallID] = d
	}
	return out, nil
}

// CapUsed returns how much of a target's cap is used in its present window.
func (s *Store) CapUsed(ctx context.Context, t *ringbid.Target, c ringbid.Cap) (int64, error) {
	alone := *t
	alone.Caps = []ringbid.Cap{c}
	at := capsAt(&alone, s.cfg.Now())[0]
	var used int64
	err := s.pages.QueryRow(ctx, `
		SELECT used FROM cap_counters WHERE target = $1 AND counts = $2 AND per = $3 AND window_start = $4`,
		t.Name, c.On, c.Per, at.Start).Scan(&used)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read caps of %s: %w", t.Name, kinded(err))
	}
	return used, nil
}
