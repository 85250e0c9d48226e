package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// deadAfter is the silence after which a node is taken for dead.
func (s *Store) deadAfter() time.Duration { return 4 * s.cfg.Heartbeat }

// register writes down that this node runs, and finishes what its earlier runs
// left: their calls ended when they last said that they lived.
func (s *Store) register(ctx context.Context) error {
	var calls int64
	owing, _ := s.owingCalls()
	sent := time.Now()
	err := inTx(ctx, s.pages, func(tx pgx.Tx) error {
		var boot string
		beat := s.cfg.Now()
		err := tx.QueryRow(ctx, `SELECT boot, beat_at FROM nodes WHERE node = $1 FOR UPDATE`, s.cfg.Node).Scan(&boot, &beat)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO nodes (node, boot, started_at, beat_at) VALUES ($1, $2, now(), now())
			ON CONFLICT (node) DO UPDATE SET boot = excluded.boot, started_at = now(), beat_at = now()`, s.cfg.Node, s.boot)
		if err != nil {
			return err
		}
		if _, err = freeLines(ctx, tx, s.cfg.Node, s.boot, owing); err != nil {
			return err
		}
		calls, err = bury(ctx, tx, s.cfg.Node, s.boot, beat)
		return err
	})
	if err != nil {
		return fmt.Errorf("register node %s: %w", s.cfg.Node, err)
	}
	s.ledger.beaten(sent)
	if calls > 0 {
		s.cfg.Logger.Warn("calls of an earlier run were lost", slog.Int64("calls", calls))
	}
	return nil
}

// freeLines gives back the slots of a node's runs other than the given one, but for
// those of the calls that are still to be counted.
func freeLines(ctx context.Context, tx pgx.Tx, node, but string, owing []string) (lines int64, err error) {
	tag, err := tx.Exec(ctx, `DELETE FROM leases WHERE node = $1 AND boot <> $2 AND NOT call_id = ANY ($3)`, node, but, owing)
	return tag.RowsAffected(), err
}

// bury ends the live calls of a node's runs other than the given one.
func bury(ctx context.Context, tx pgx.Tx, node, but string, beat time.Time) (calls int64, err error) {
	err = tx.QueryRow(ctx, `
		WITH gone AS (
			UPDATE calls SET state = 'ended', ended = greatest(received, $3::timestamptz), outcome = 'lost',
				reason_code = 'node_lost', reason_text = 'node lost', fault = 'ours', ended_by = 'ringbid', counted = true
			WHERE node = $1 AND boot <> $2 AND state = 'live'
			RETURNING received, campaign, publisher, buyer, currency
		), sums AS (
			INSERT INTO hourly AS h (hour, campaign, publisher, buyer, currency, calls, answered, dialled, connected, converted, lost, connected_ms, revenue, payout)
			SELECT date_trunc('hour', received, 'UTC'), campaign, publisher, buyer, currency, count(*), 0, 0, 0, 0, count(*), 0, 0, 0
			FROM gone GROUP BY 1, 2, 3, 4, 5
			ON CONFLICT (hour, campaign, publisher, buyer, currency) DO UPDATE SET calls = h.calls + excluded.calls, lost = h.lost + excluded.lost
		)
		SELECT count(*) FROM gone`, node, but, beat).Scan(&calls)
	return calls, err
}

// beat says that this node lives, puts its leases right and, once Postgres has
// been there for a while, buries the nodes that fell silent. After an absence of
// Postgres everybody looks silent at first.
func (s *Store) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Heartbeat)
	defer cancel()
	sent := time.Now()
	tag, err := s.pages.Exec(ctx, `UPDATE nodes SET beat_at = now() WHERE node = $1 AND boot = $2`, s.cfg.Node, s.boot)
	if err == nil && tag.RowsAffected() == 0 {
		s.cfg.Logger.Error("another process runs under the name of this node", slog.String("node", s.cfg.Node))
	} else if err == nil {
		s.ledger.beaten(sent)
	}
	if err == nil {
		err = s.reconcile(ctx)
	}
	if err == nil && s.circuit.steady() > s.deadAfter()+s.cfg.Heartbeat {
		err = s.buryOthers(ctx)
	}
	if err == nil {
		err = s.sweep(ctx)
	}
	if err != nil {
		s.trouble(err)
		s.cfg.Logger.Warn("heartbeat", slog.Any("error", err))
	}
	return err
}

// buryOthers finishes the calls of nodes that have been silent for too long, and
// frees their lines: a dead node must not keep a buyer's lines idle. A node that
// lives after all puts its calls right when it settles them, and its lines with its
// next heartbeat.
func (s *Store) buryOthers(ctx context.Context) error {
	rows, err := s.pages.Query(ctx, `
		SELECT node, beat_at FROM nodes n WHERE node <> $1 AND beat_at < now() - $2::interval
		AND (EXISTS (SELECT FROM calls c WHERE c.node = n.node AND c.state = 'live') OR EXISTS (SELECT FROM leases l WHERE l.node = n.node))`,
		s.cfg.Node, s.deadAfter())
	if err != nil {
		return err
	}
	type silent struct {
		Node string
		Beat time.Time
	}
	dead, err := pgx.CollectRows(rows, pgx.RowToStructByPos[silent])
	if err != nil {
		return err
	}
	for _, d := range dead {
		var calls, lines int64
		err := inTx(ctx, s.pages, func(tx pgx.Tx) error {
			var still bool
			err := tx.QueryRow(ctx, `SELECT beat_at < now() - $2::interval FROM nodes WHERE node = $1 FOR UPDATE`, d.Node, s.deadAfter()).Scan(&still)
			if err != nil || !still {
				return err
			}
			if lines, err = freeLines(ctx, tx, d.Node, "", []string{}); err != nil {
				return err
			}
			calls, err = bury(ctx, tx, d.Node, "", d.Beat)
			return err
		})
		if err != nil {
			return fmt.Errorf("bury node %s: %w", d.Node, err)
		}
		s.cfg.Logger.Warn("a node fell silent; its calls are lost and its lines are free",
			slog.String("silent", d.Node), slog.Int64("calls", calls), slog.Int64("lines", lines))
	}
	return nil
}

// sweep deletes what has run out.
func (s *Store) sweep(ctx context.Context) error {
	for _, sql := range []string{
		`DELETE FROM sessions WHERE expires_at < now()`,
		`DELETE FROM cap_counters WHERE per = 'hour' AND window_start < now() - interval '7 days'`,
		`DELETE FROM cap_counters WHERE per = 'day' AND window_start < now() - interval '62 days'`,
		`DELETE FROM cap_shares WHERE per <> 'total' AND window_start < now() - CASE per WHEN 'hour' THEN interval '3 hours' WHEN 'day' THEN interval '3 days' ELSE interval '33 days' END`,
		`DELETE FROM cap_shares s WHERE NOT EXISTS (SELECT FROM nodes n WHERE n.node = s.node AND n.beat_at > now() - interval '1 hour')`,
		`DELETE FROM reservations WHERE at < now() - interval '62 days'`,
		`DELETE FROM lead_pings WHERE expires < now() - interval '1 day'`,
		`DELETE FROM alerts WHERE closed < now() - interval '90 days'`,
		`DELETE FROM nodes n WHERE beat_at < now() - interval '7 days' AND NOT EXISTS (SELECT FROM calls c WHERE c.node = n.node AND c.state = 'live')
			AND NOT EXISTS (SELECT FROM leases l WHERE l.node = n.node)`,
	} {
		if _, err := s.pages.Exec(ctx, sql); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	s.seen.sweep(s.cfg.Now())
	s.tries.sweep()
	return nil
}

// leave says that this node stops, so that nobody waits for it. What is not counted
// yet keeps its room until the next run has done so: its lines until this node is
// taken for dead, its shares for an hour.
func (s *Store) leave(ctx context.Context) {
	if s.Away() || !s.ready {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, connectIn)
	defer cancel()
	owing, owes := s.owingCalls()
	if _, err := s.pages.Exec(ctx, `DELETE FROM leases WHERE node = $1 AND boot = $2 AND NOT call_id = ANY ($3)`, s.cfg.Node, s.boot, owing); err != nil {
		s.cfg.Logger.Warn("leases are left to the others", slog.Any("error", err))
	}
	if owes {
		return // what was sold from its shares is not all counted
	}
	if _, err := s.pages.Exec(ctx, `DELETE FROM cap_shares WHERE node = $1 AND boot = $2`, s.cfg.Node, s.boot); err != nil {
		s.cfg.Logger.Warn("shares of caps are left for an hour", slog.Any("error", err))
	}
}
