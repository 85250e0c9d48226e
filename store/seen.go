package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

const (
	seenFor = 24 * time.Hour // the longest spam window
	maxSeen = 200_000        // callers remembered
)

// seen remembers who called which number, the last two times.
type seen struct {
	mu   sync.Mutex
	last map[seenKey][2]time.Time // newest first
}

type seenKey struct{ caller, number ringbid.Phone }

func newSeen() *seen { return &seen{last: map[seenKey][2]time.Time{}} }

// note remembers a call. The same call may be noted twice.
func (m *seen) note(caller, number ringbid.Phone, at time.Time) {
	if caller == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := seenKey{caller, number}
	two, known := m.last[k]
	switch {
	case !known && len(m.last) >= maxSeen:
	case at.After(two[0]):
		m.last[k] = [2]time.Time{at, two[0]}
	case at.Before(two[0]) && at.After(two[1]):
		m.last[k] = [2]time.Time{two[0], at}
	}
}

// within reports whether there was a call before the moment, at most so long
// ago. A call at the very moment is the one that is asked about.
func (m *seen) within(caller, number ringbid.Phone, at time.Time, window time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.last[seenKey{caller, number}] {
		if t.Before(at) && at.Sub(t) <= window {
			return true
		}
	}
	return false
}

func (m *seen) sweep(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, two := range m.last {
		if now.Sub(two[0]) > seenFor {
			delete(m.last, k)
		}
	}
}

// SeenWithin reports whether the caller dialled the number before the moment,
// at most so long ago. Calls of this node are known from memory; those of other
// nodes are asked for within the budget.
func (s *Store) SeenWithin(caller, number ringbid.Phone, at time.Time, window time.Duration) bool {
	if caller == "" {
		return false
	}
	if s.seen.within(caller, number, at, window) {
		return true
	}
	if s.Away() || s.ledger.alone() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Budget)
	defer cancel()
	var found bool
	err := s.calls.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM calls WHERE caller = $1 AND number = $2 AND received < $3 AND received >= $4)`,
		caller, number, at, at.Add(-window)).Scan(&found)
	s.trouble(err)
	return found
}

// alone reports whether this is the only node.
func (l *ledger) alone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.nodes) <= 1
}

// recallSeen remembers the callers of the last day, so that a restart forgets
// nobody.
func (s *Store) recallSeen(ctx context.Context) error {
	rows, err := s.pages.Query(ctx, `
		SELECT caller, number, max(received) FROM calls WHERE received > $1 AND caller <> ''
		GROUP BY caller, number ORDER BY 3 DESC LIMIT $2`, s.cfg.Now().Add(-seenFor), maxSeen/2)
	if err != nil {
		return fmt.Errorf("recall callers: %w", err)
	}
	var caller, number ringbid.Phone
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&caller, &number, &at}, func() error {
		s.seen.note(caller, number, at)
		return nil
	})
	if err != nil {
		return fmt.Errorf("recall callers: %w", err)
	}
	return nil
}
