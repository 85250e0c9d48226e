package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// BuyerHealth is how many of a buyer's deliveries ended how, within some time.
type BuyerHealth struct {
	Buyer                       string
	Delivered, Rejected, Failed int64
}

// EndpointHealth is how one method's endpoint does.
type EndpointHealth struct {
	Method, Buyer   string
	Tries, Errors   int64
	Mean, Slowest   time.Duration
	Failures        int // in a row
	Opened, ProbeAt *time.Time
	Probing         bool
	Reason          string
	Waiting         int64
}

// ErrorKind is how often tries ended in one way that is no success.
type ErrorKind struct {
	Class, Code string
	Count       int64
}

// QueueDepth is what waits.
type QueueDepth struct {
	Queued, Retrying, Sending int64
	Oldest                    *time.Time
}

// BuyerHealth sums up the deliveries that were made since the moment.
func (s *Store) BuyerHealth(ctx context.Context, since time.Time) ([]BuyerHealth, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT buyer, count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE state = 'rejected'),
			count(*) FILTER (WHERE state IN ('failed', 'held'))
		FROM deliveries WHERE made >= $1 GROUP BY buyer ORDER BY buyer`, since)
	if err != nil {
		return nil, fmt.Errorf("sum up deliveries: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[BuyerHealth])
	if err != nil {
		return nil, fmt.Errorf("sum up deliveries: %w", kinded(err))
	}
	return list, nil
}

// BuyerHours returns, by buyer, the success of each of the last n hours in
// percent, the oldest first; -1 for an hour without deliveries.
func (s *Store) BuyerHours(ctx context.Context, n int) (map[string][]int64, error) {
	now := s.cfg.Now().UTC().Truncate(time.Hour)
	rows, err := s.pages.Query(ctx, `
		SELECT buyer, date_trunc('hour', made, 'UTC'), count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE state IN ('accepted', 'failed', 'held'))
		FROM deliveries WHERE made >= $1 GROUP BY 1, 2`, now.Add(-time.Duration(n-1)*time.Hour))
	if err != nil {
		return nil, fmt.Errorf("sum up hours: %w", kinded(err))
	}
	out := map[string][]int64{}
	var buyer string
	var hour time.Time
	var good, all int64
	_, err = pgx.ForEachRow(rows, []any{&buyer, &hour, &good, &all}, func() error {
		if out[buyer] == nil {
			out[buyer] = make([]int64, n)
			for i := range out[buyer] {
				out[buyer][i] = -1
			}
		}
		if i := n - 1 - int(now.Sub(hour)/time.Hour); i >= 0 && i < n && all > 0 {
			out[buyer][i] = good * 100 / all
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sum up hours: %w", kinded(err))
	}
	return out, nil
}

// EndpointHealth sums up the tries of each method since the hour of the moment.
func (s *Store) EndpointHealth(ctx context.Context, since time.Time) ([]EndpointHealth, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT m.method, coalesce(max(h.buyer), ''), coalesce(sum(h.n), 0)::bigint,
			coalesce(sum(h.n) FILTER (WHERE h.class NOT IN ('accepted', 'rejected')), 0)::bigint,
			coalesce(sum(h.ms) / nullif(sum(h.n), 0), 0)::bigint, coalesce(max(h.slowest), 0),
			coalesce(max(e.failures), 0), max(e.opened), max(e.probe_at), coalesce(bool_or(e.probing <> ''), false), coalesce(max(e.reason), ''),
			(SELECT count(*) FROM deliveries d WHERE d.method = m.method AND d.state IN ('queued', 'retry', 'sending'))
		FROM (SELECT method FROM endpoint_hours WHERE hour >= $1 UNION SELECT method FROM endpoints
			UNION SELECT method FROM deliveries WHERE state IN ('queued', 'retry', 'sending')) m
		LEFT JOIN endpoint_hours h ON h.method = m.method AND h.hour >= $1
		LEFT JOIN endpoints e ON e.method = m.method
		GROUP BY m.method ORDER BY m.method`, since.UTC().Truncate(time.Hour))
	if err != nil {
		return nil, fmt.Errorf("sum up endpoints: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (h EndpointHealth, err error) {
		var mean, slowest int64
		err = r.Scan(&h.Method, &h.Buyer, &h.Tries, &h.Errors, &mean, &slowest, &h.Failures, &h.Opened, &h.ProbeAt, &h.Probing, &h.Reason, &h.Waiting)
		h.Mean, h.Slowest = time.Duration(mean)*time.Millisecond, time.Duration(slowest)*time.Millisecond
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("sum up endpoints: %w", kinded(err))
	}
	return list, nil
}

// ErrorKinds counts the tries since the hour of the moment that were no success.
func (s *Store) ErrorKinds(ctx context.Context, since time.Time) ([]ErrorKind, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT class, code, sum(n)::bigint FROM endpoint_hours WHERE hour >= $1 AND class <> 'accepted' GROUP BY class, code ORDER BY 3 DESC LIMIT 50`,
		since.UTC().Truncate(time.Hour))
	if err != nil {
		return nil, fmt.Errorf("count errors: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ErrorKind])
	if err != nil {
		return nil, fmt.Errorf("count errors: %w", kinded(err))
	}
	return list, nil
}

// QueueDepth returns what waits to be delivered.
func (s *Store) QueueDepth(ctx context.Context) (q QueueDepth, err error) {
	err = s.pages.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'retry'), count(*) FILTER (WHERE state = 'sending'), min(since)
		FROM deliveries WHERE state IN ('queued', 'retry', 'sending')`).Scan(&q.Queued, &q.Retrying, &q.Sending, &q.Oldest)
	if err != nil {
		return q, fmt.Errorf("read queue depth: %w", kinded(err))
	}
	return q, nil
}

// Alert is something the operator should know.
type Alert struct {
	ID, Kind, Subject, Text string
	Opened                  time.Time
	Closed, Told            *time.Time
}

// Alerts returns the open alerts, and those closed since the moment.
func (s *Store) Alerts(ctx context.Context, since time.Time) ([]Alert, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT id, kind, subject, text, opened, closed, told FROM alerts WHERE closed IS NULL OR closed >= $1
		ORDER BY closed IS NOT NULL, opened DESC LIMIT 200`, since)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Alert])
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", kinded(err))
	}
	return list, nil
}

// SetAlerts makes the open alerts those that are given: new ones are opened,
// others closed. It returns those that nobody was told of yet, the oldest first,
// and takes it that they are told now; where that does not succeed, Untold takes
// it back. Of nodes that do so at once, one does it.
func (s *Store) SetAlerts(ctx context.Context, now []Alert) (fresh []Alert, err error) {
	err = inTx(ctx, s.pages, func(tx pgx.Tx) error {
		fresh = nil
		var mine bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtextextended('alerts', 17))`).Scan(&mine); err != nil || !mine {
			return err
		}
		kinds, subjects := make([]string, len(now)), make([]string, len(now))
		for i, a := range now {
			kinds[i], subjects[i] = a.Kind, a.Subject
		}
		at := s.cfg.Now().UTC()
		_, err := tx.Exec(ctx, `
			UPDATE alerts SET closed = $3 WHERE closed IS NULL
			AND NOT EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS n (kind, subject) WHERE n.kind = alerts.kind AND n.subject = alerts.subject)`, kinds, subjects, at)
		if err != nil {
			return err
		}
		for _, a := range now {
			_, err := tx.Exec(ctx, `INSERT INTO alerts (id, kind, subject, text, opened) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kind, subject) WHERE closed IS NULL DO NOTHING`,
				a.ID, a.Kind, a.Subject, cut(clean(a.Text), 1000), at)
			if err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, `UPDATE alerts SET told = $1 WHERE closed IS NULL AND told IS NULL RETURNING id, kind, subject, text, opened, closed, told`, at)
		if err != nil {
			return err
		}
		fresh, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Alert])
		slices.SortFunc(fresh, func(a, b Alert) int {
			return cmp.Or(a.Opened.Compare(b.Opened), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Subject, b.Subject))
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("set alerts: %w", kinded(err))
	}
	return fresh, nil
}

// Untold takes back that alerts were told of.
func (s *Store) Untold(ctx context.Context, alerts []Alert) error {
	ids := make([]string, len(alerts))
	for i, a := range alerts {
		ids[i] = a.ID
	}
	if _, err := s.pages.Exec(ctx, `UPDATE alerts SET told = NULL WHERE id = ANY($1)`, ids); err != nil {
		return fmt.Errorf("note alerts as not told: %w", kinded(err))
	}
	return nil
}
