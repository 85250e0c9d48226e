package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Digested is a lead that waits for its method's next letter.
type Digested struct {
	Delivery string
	Lead     ringbid.Lead
}

// DueDigests returns the leads of a method whose letter is due, the oldest
// first, at most n, with a person's corrections over their facts. They stay until
// DigestSent.
func (s *Store) DueDigests(ctx context.Context, method string, n int) ([]Digested, error) {
	rows, err := s.leads.Query(ctx, `
		SELECT g.delivery_id, d.lead_id, d.facts FROM digests g JOIN deliveries d ON d.id = g.delivery_id
		WHERE g.method = $1 AND g.due <= $2 ORDER BY d.made, d.id LIMIT $3`, method, s.cfg.Now(), n)
	if err != nil {
		return nil, fmt.Errorf("read digest of %s: %w", method, kinded(err))
	}
	var corrected [][]byte
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (d Digested, err error) {
		var facts []byte
		err = r.Scan(&d.Delivery, &d.Lead.ID, &facts)
		corrected = append(corrected, facts)
		return d, err
	})
	for i := range list {
		if err != nil {
			break
		}
		var l *ringbid.Lead
		if l, err = readLead(ctx, s.leads, list[i].Lead.ID, false); err != nil {
			break
		}
		if l.Facts == nil {
			l.Facts = ringbid.TagMap{}
		}
		if corrected[i] != nil {
			err = json.Unmarshal(corrected[i], &l.Facts)
		}
		list[i].Lead = *l
	}
	if err != nil {
		return nil, fmt.Errorf("read digest of %s: %w", method, kinded(err))
	}
	return list, nil
}

// DigestSent runs send while nobody on any node sends the method's letter, and
// takes the deliveries it returns off the list. Its error keeps them.
func (s *Store) DigestSent(ctx context.Context, method string, send func() ([]string, error)) error {
	unlock, err := s.LockToken(ctx, "digest "+method)
	if err != nil {
		return err
	}
	defer unlock()
	ids, err := send()
	if err != nil || len(ids) == 0 {
		return err
	}
	if _, err := s.leads.Exec(ctx, `DELETE FROM digests WHERE delivery_id = ANY($1)`, ids); err != nil {
		return fmt.Errorf("note digest of %s as sent: %w", method, kinded(err))
	}
	return nil
}

// digestRefused is the code of a delivery whose digest was refused for good.
const digestRefused = "digest_refused"

// DigestRefused takes deliveries off the list whose letter is refused for good and
// makes exceptions of them. Their purchases stand: Retry puts them on the list
// again, a return gives the money back.
func (s *Store) DigestRefused(ctx context.Context, deliveries []string, why string) error {
	err := inTx(ctx, s.leads, func(tx pgx.Tx) error {
		for _, sql := range []string{
			`SELECT FROM leads WHERE id IN (SELECT lead_id FROM deliveries WHERE id = ANY($1)) ORDER BY id FOR NO KEY UPDATE`,
			`DELETE FROM digests WHERE delivery_id = ANY($1)`,
		} {
			if _, err := tx.Exec(ctx, sql, deliveries); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE deliveries SET exception = true, code = $2, reason = $3 WHERE id = ANY($1) AND state = 'accepted'`,
			deliveries, digestRefused, cut(clean(why), 2000))
		return err
	})
	if err != nil {
		return fmt.Errorf("give up digest: %w", kinded(err))
	}
	return nil
}

// digestAgain puts a delivery whose digest was refused on the list again, due at
// once, with a person's corrections.
func (s *Store) digestAgain(ctx context.Context, tx pgx.Tx, d ringbid.Delivery, corrected []byte, by string) error {
	if _, err := tx.Exec(ctx, `INSERT INTO digests (delivery_id, method, due) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, d.ID, d.Method, s.cfg.Now()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE deliveries SET exception = false, code = '', reason = $2,
		facts = CASE WHEN $3::jsonb IS NULL THEN facts ELSE coalesce(facts, '{}') || $3 END WHERE id = $1`, d.ID, cut(clean("on the list again by "+by), 200), corrected)
	return err
}

// ForgetCopies takes the copies of requests and answers off a method's tries
// that ended before the moment, at most n, and returns how many there were.
func (s *Store) ForgetCopies(ctx context.Context, method string, before time.Time, n int) (int64, error) {
	tag, err := s.pages.Exec(ctx, `
		UPDATE tries SET body = body - 'request' - 'response' - 'fields' WHERE (delivery_id, n) IN (
			SELECT delivery_id, n FROM tries WHERE method = $1 AND ended < $2 AND (body ? 'request' OR body ? 'response' OR body ? 'fields') LIMIT $3)`,
		method, before, n)
	if err != nil {
		return 0, fmt.Errorf("forget copies of %s: %w", method, kinded(err))
	}
	return tag.RowsAffected(), nil
}
