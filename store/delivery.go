package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// TryFor is the longest a try may take: a claim older than that, or of a node
// that is gone, is nobody's any more.
const TryFor = 50 * time.Second

const deliveryColumns = `d.id, d.lead_id, coalesce(d.purchase_id, ''), d.buyer, d.target, d.method, d.role, d.state, d.made, d.next, d.done,
	d.count, d.maybe, d.partner_id, d.code, d.reason, d.exception`

func deliveryFields(d *ringbid.Delivery) []any {
	return []any{&d.ID, &d.Lead, &d.Purchase, &d.Buyer, &d.Target, &d.Method, &d.Role, &d.State, &d.Made, &d.Next, &d.Done,
		&d.Count, &d.Maybe, &d.Partner, &d.Code, &d.Reason, &d.Exception}
}

func deliveryUTC(d *ringbid.Delivery) {
	d.Made = d.Made.UTC()
	for _, t := range []*time.Time{d.Next, d.Done} {
		if t != nil {
			*t = t.UTC()
		}
	}
}

func readDeliveries(ctx context.Context, q querier, where string, args ...any) ([]ringbid.Delivery, error) {
	rows, err := q.Query(ctx, `SELECT `+deliveryColumns+` FROM deliveries d WHERE `+where+` ORDER BY d.made, d.n`, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (d ringbid.Delivery, err error) {
		err = r.Scan(deliveryFields(&d)...)
		deliveryUTC(&d)
		return d, err
	})
	if len(list) == 0 {
		list = nil
	}
	return list, err
}

// Delivery returns a delivery without its tries, or a NotFound error.
func (s *Store) Delivery(ctx context.Context, id string) (*ringbid.Delivery, error) {
	list, err := readDeliveries(ctx, s.leads, `d.id = $1`, clean(id))
	if err != nil {
		return nil, fmt.Errorf("read delivery: %w", kinded(err))
	}
	if len(list) == 0 {
		return nil, notFound("delivery", id)
	}
	return &list[0], nil
}

// opened is a delivery's row while a try begins.
type opened struct {
	ringbid.Delivery
	tries   int
	since   time.Time
	claim   string
	claimed *time.Time
	facts   []byte
}

// BeginTry claims a delivery for one try, where it is time for one and the
// endpoint may be asked: its breaker, rate and concurrency are held over all
// nodes. limits says a method's. What was written is there before anything is
// sent, so that a worker that dies is noticed.
func (s *Store) BeginTry(ctx context.Context, delivery string, limits func(method string) ringbid.WorkLimits) (w ringbid.Work, err error) {
	err = inTx(ctx, s.leads, func(tx pgx.Tx) error {
		w = ringbid.Work{}
		o, err := openDelivery(ctx, tx, delivery)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // withdrawn with its lead
		}
		if err != nil {
			return err
		}
		now := s.cfg.Now().UTC()
		w.Delivery = o.Delivery
		w.Delivery.Made = o.since.UTC()
		atIt := false
		if o.State == ringbid.DeliverySending && o.claimed != nil && now.Sub(*o.claimed) < TryFor {
			if atIt, err = s.lives(ctx, tx, o.claim); err != nil {
				return err
			}
		}
		switch {
		case o.State.Over():
			return nil
		case atIt:
			w.Wait, w.Why = min(TryFor-now.Sub(*o.claimed), 5*time.Second), "another worker is at it"
			return nil
		case o.State == ringbid.DeliverySending:
			w.Unfinished = true
		case o.State == ringbid.DeliveryRetry && o.Next != nil && o.Next.After(now.Add(50*time.Millisecond)):
			w.Wait, w.Why = o.Next.Sub(now), "not time yet"
			return nil
		}
		if !w.Unfinished {
			if err := s.admit(ctx, tx, &w, limits(o.Method), now); err != nil {
				return err
			}
			if w.Wait > 0 && !w.Open {
				return nil
			}
		}
		return s.claim(ctx, tx, &w, o, now)
	})
	if err != nil {
		return ringbid.Work{}, fmt.Errorf("begin try of delivery %s: %w", delivery, kinded(err))
	}
	return w, nil
}

// lives reports whether the node that made a claim runs, in that very run.
func (s *Store) lives(ctx context.Context, q querier, claim string) (lives bool, err error) {
	boot, _, _ := strings.Cut(claim, "/")
	if boot == s.boot {
		return true, nil
	}
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM nodes WHERE boot = $1 AND beat_at > now() - $2::interval)`, boot, s.deadAfter()).Scan(&lives)
	return lives, err
}

// Alive returns the runs of nodes, by their Boot, that were heard of lately.
func (s *Store) Alive(ctx context.Context) ([]string, error) {
	rows, err := s.leads.Query(ctx, `SELECT boot FROM nodes WHERE beat_at > now() - $1::interval`, s.deadAfter())
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", kinded(err))
	}
	boots, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", kinded(err))
	}
	return boots, nil
}

func openDelivery(ctx context.Context, tx pgx.Tx, id string) (o opened, err error) {
	err = tx.QueryRow(ctx, `SELECT `+deliveryColumns+`, d.tries, d.since, d.claim, d.claimed, d.facts FROM deliveries d WHERE d.id = $1 FOR UPDATE`, id).
		Scan(append(deliveryFields(&o.Delivery), &o.tries, &o.since, &o.claim, &o.claimed, &o.facts)...)
	deliveryUTC(&o.Delivery)
	return o, err
}

// claim reads what the try takes, and writes that it has begun. With an open
// breaker only the reading is done, and the claim is for saying so.
func (s *Store) claim(ctx context.Context, tx pgx.Tx, w *ringbid.Work, o opened, now time.Time) error {
	l, err := readLead(ctx, tx, o.Lead, true)
	if err != nil {
		return err
	}
	w.Lead, w.Facts = *l, ringbid.TagMap{}
	for k, v := range l.Facts {
		w.Facts[k] = v
	}
	if o.facts != nil {
		if err := json.Unmarshal(o.facts, &w.Facts); err != nil {
			return err
		}
	}
	for i := range l.Purchases {
		if l.Purchases[i].ID == o.Purchase {
			w.Purchase = &l.Purchases[i]
		}
	}
	if o.Purchase != "" {
		var ways []byte
		if err := tx.QueryRow(ctx, `SELECT ways FROM purchases WHERE id = $1`, o.Purchase).Scan(&ways); err != nil {
			return err
		}
		if err := json.Unmarshal(ways, &w.Ways); err != nil {
			return err
		}
	}
	if w.Methods, err = methodsOf(ctx, tx, o.Lead, o.Purchase); err != nil {
		return err
	}
	w.Claim = s.boot + "/" + ringbid.NewID()
	w.Try = o.tries
	if w.Open {
		w.Try = 0
		_, err = tx.Exec(ctx, `UPDATE deliveries SET claim = $2 WHERE id = $1`, o.ID, w.Claim)
		return err
	}
	if !w.Unfinished {
		w.Try = o.tries + 1
		body, err := json.Marshal(ringbid.Try{N: w.Try, Began: now})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO tries (delivery_id, n, method, began, class, code, status, ms, next, body) VALUES ($1, $2, $3, $4, '', '', 0, 0, '', $5)`,
			o.ID, w.Try, o.Method, now, body)
		if err != nil {
			return err
		}
		w.Delivery.Count++
	}
	_, err = tx.Exec(ctx, `UPDATE deliveries SET state = 'sending', claim = $2, claimed = $3, tries = $4, count = $5, next = NULL WHERE id = $1`,
		o.ID, w.Claim, now, w.Try, w.Delivery.Count)
	return err
}

// methodsOf returns the methods a purchase, or a call, has gone by.
func methodsOf(ctx context.Context, tx pgx.Tx, lead, purchase string) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT method FROM deliveries WHERE lead_id = $1 AND coalesce(purchase_id, '') = $2 ORDER BY n`, lead, purchase)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
