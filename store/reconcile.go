package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// refreshLedger reads what other nodes hold and what the caps have used.
func (s *Store) refreshLedger(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeIn)
	defer cancel()
	began := time.Now()
	leases, err := s.readLeases(ctx)
	if err != nil {
		return fmt.Errorf("read leases: %w", err)
	}
	used, err := s.readUsed(ctx)
	if err != nil {
		return fmt.Errorf("read caps: %w", err)
	}
	rows, err := s.calls.Query(ctx, `SELECT node FROM nodes WHERE node = $1 OR beat_at > now() - $2::interval ORDER BY node`, s.cfg.Node, s.deadAfter())
	if err != nil {
		return fmt.Errorf("read nodes: %w", err)
	}
	nodes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read nodes: %w", err)
	}
	s.ledger.refresh(began, leases, used, nodes)
	return nil
}

// readLeases returns how many slots of each target other nodes hold.
func (s *Store) readLeases(ctx context.Context) (map[string]int, error) {
	rows, err := s.calls.Query(ctx, `SELECT target, count(*)::integer FROM leases WHERE NOT (node = $1 AND boot = $2) GROUP BY target`, s.cfg.Node, s.boot)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	var target string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&target, &n}, func() error { out[target] = n; return nil })
	return out, err
}

func (s *Store) readUsed(ctx context.Context) ([]use, error) {
	rows, err := s.calls.Query(ctx, `
		SELECT target, counts, per, window_start, used FROM cap_counters
		WHERE per = 'total' OR window_start > now() - CASE per WHEN 'hour' THEN interval '2 hours' WHEN 'day' THEN interval '2 days' ELSE interval '32 days' END`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[use])
}

// refresh takes over what was read by statements that began at the moment.
func (l *ledger) refresh(began time.Time, leases map[string]int, used []use, nodes []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(nodes) > 0 {
		l.nodes = nodes
	}
	for target, s := range l.slots {
		s.others = leases[target]
		if s.others == 0 && len(s.held) == 0 {
			delete(l.slots, target)
		}
	}
	for target, n := range leases {
		l.slot(target).others = n
	}
	for k := range l.used { // windows long gone
		if k.per != "total" && k.start < began.Add(-33*24*time.Hour).Unix() {
			delete(l.used, k)
		}
	}
	for _, u := range used { // what was learnt since may be missing here
		k := u.key()
		if l.learnt[k].After(began) {
			u.N = max(u.N, l.used[k])
		}
		l.used[k] = u.N
	}
	maps.DeleteFunc(l.learnt, func(_ capKey, at time.Time) bool { return !at.After(began) })
	for id, w := range l.waiting {
		if !w.committed.IsZero() && w.committed.Before(began) {
			l.remove(id)
		}
	}
}

// reconcile makes the leases in Postgres those that this node's calls hold. One
// of a call that is over but not settled yet stays: it may become a connect. What
// the calls hold is read once the transaction has begun, however long that took:
// a lease that was two seconds old by then is of a call in the list, or of none.
func (s *Store) reconcile(ctx context.Context) error {
	var targets, calls []string
	err := inTx(ctx, s.pages, func(tx pgx.Tx) error {
		targets, calls = s.ledger.holding(time.Now().Add(-time.Second))
		over, ended := s.ledger.unsettled()
		_, err := tx.Exec(ctx, `
			DELETE FROM leases l WHERE node = $1 AND boot = $2 AND taken_at < now() - interval '2 seconds'
			AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::text[]) AS h (target, call_id) WHERE h.target = l.target AND h.call_id = l.call_id)`,
			s.cfg.Node, s.boot, append(over, targets...), append(ended, calls...))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO leases (target, call_id, node, boot) SELECT target, call_id, $1, $2 FROM unnest($3::text[], $4::text[]) AS h (target, call_id)
			ON CONFLICT DO NOTHING`, s.cfg.Node, s.boot, targets, calls)
		return err
	})
	if err != nil {
		return fmt.Errorf("reconcile leases: %w", err)
	}
	s.ledger.leased(targets, calls)
	return nil
}

// holding returns the slots our calls have held since before the moment.
func (l *ledger) holding(before time.Time) (targets, calls []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	targets, calls = []string{}, []string{}
	for target, s := range l.slots {
		for call, h := range s.held {
			if h.since.Before(before) {
				targets, calls = append(targets, target), append(calls, call)
			}
		}
	}
	return targets, calls
}

// leased says that the calls' slots are among the leases: they need nothing of
// this node's shares any more.
func (l *ledger) leased(targets, calls []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, target := range targets {
		if h := l.slot(target).held[calls[i]]; h != nil {
			l.disclaim(h)
		}
	}
}

// unsettled returns the targets of calls that are over and wait to be settled.
func (l *ledger) unsettled() (targets, calls []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, w := range l.waiting {
		if call, ok := strings.CutPrefix(id, settledName); ok && w.committed.IsZero() {
			targets, calls = append(targets, w.uses[0].Target), append(calls, call)
		}
	}
	return targets, calls
}

// addUses adds to the counters, in the order in which all transactions lock
// them, one statement for all.
func addUses(ctx context.Context, tx pgx.Tx, uses []use) error {
	sums := map[capKey]use{}
	for _, u := range uses {
		x := sums[u.key()]
		u.N += x.N
		sums[u.key()] = u
	}
	merged := make([]use, 0, len(sums))
	for _, u := range sums {
		merged = append(merged, u)
	}
	slices.SortFunc(merged, compareUses)
	batch := &pgx.Batch{}
	for _, u := range merged {
		batch.Queue(`
			INSERT INTO cap_counters AS c (target, counts, per, window_start, used) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (target, counts, per, window_start) DO UPDATE SET used = c.used + excluded.used`,
			u.Target, u.On, u.Per, u.Start, u.N)
	}
	return tx.SendBatch(ctx, batch).Close()
}
