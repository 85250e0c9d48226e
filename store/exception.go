package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Exception is a delivery that a person must look at.
type Exception struct {
	Delivery ringbid.Delivery
	Person   string
	Campaign string
	Received time.Time
	State    ringbid.LeadState
	Facts    ringbid.TagMap // as they would be sent
}

// ExceptionFilter says which exceptions are asked for.
type ExceptionFilter struct {
	ID, Buyer, Method, Code, Campaign string
	Limit                             int // up to MaxPage; default 50
	Cursor                            string
}

// ExceptionPage is one answer of a list of exceptions, the newest first.
type ExceptionPage struct {
	Rows []Exception
	Next string
}

// Exceptions lists deliveries that a person must look at.
func (s *Store) Exceptions(ctx context.Context, f ExceptionFilter) (ExceptionPage, error) {
	limit := min(max(or(f.Limit, 50), 1), MaxPage)
	w := &where{}
	w.add("d.exception")
	for _, x := range []struct{ column, value string }{
		{"d.id", f.ID}, {"d.buyer", f.Buyer}, {"d.method", f.Method}, {"d.code", f.Code}, {"l.campaign", f.Campaign},
	} {
		if x.value != "" {
			w.add(x.column+" = %s", clean(x.value))
		}
	}
	if f.Cursor != "" {
		from, at, id, err := parseCursor(f.Cursor)
		if err != nil {
			return ExceptionPage{}, err
		}
		w.add("(%s::bigint = 0 AND (d.made, d.id) < (%s, %s))", from, at, id)
	}
	rows, err := s.pages.Query(ctx, fmt.Sprintf(`
		SELECT %s, d.facts, l.person, l.campaign, l.received, l.state, l.body->'facts'
		FROM deliveries d JOIN leads l ON l.id = d.lead_id WHERE %s ORDER BY d.made DESC, d.id DESC LIMIT %d`, deliveryColumns, w, limit+1), w.args...)
	if err != nil {
		return ExceptionPage{}, fmt.Errorf("list exceptions: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, scanException)
	if err != nil {
		return ExceptionPage{}, fmt.Errorf("list exceptions: %w", kinded(err))
	}
	p := ExceptionPage{Rows: list}
	if len(list) > limit {
		p.Rows = list[:limit]
		last := p.Rows[limit-1].Delivery
		p.Next = cursor(0, ringbid.Call{ID: last.ID, Received: last.Made})
	}
	return p, nil
}

func scanException(r pgx.CollectableRow) (x Exception, err error) {
	var corrected, facts []byte
	if err = r.Scan(append(deliveryFields(&x.Delivery), &corrected, &x.Person, &x.Campaign, &x.Received, &x.State, &facts)...); err != nil {
		return x, err
	}
	deliveryUTC(&x.Delivery)
	if facts != nil {
		err = json.Unmarshal(facts, &x.Facts)
	}
	if err == nil && corrected != nil {
		err = json.Unmarshal(corrected, &x.Facts)
	}
	return x, err
}

// ExceptionKind counts exceptions of one method and code.
type ExceptionKind struct {
	Method, Code string
	Count        int64
}

// ExceptionKinds counts all open exceptions, the most frequent first.
func (s *Store) ExceptionKinds(ctx context.Context) ([]ExceptionKind, error) {
	rows, err := s.pages.Query(ctx, `SELECT method, code, count(*) FROM deliveries WHERE exception GROUP BY method, code ORDER BY 3 DESC, 1, 2 LIMIT 200`)
	if err != nil {
		return nil, fmt.Errorf("count exceptions: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ExceptionKind])
	if err != nil {
		return nil, fmt.Errorf("count exceptions: %w", kinded(err))
	}
	return list, nil
}

// Retry queues an exception again as if it were new, with a person's corrections
// over the lead's facts and over earlier ones. The purchase gets its caps and its
// place back; the error is Conflict where somebody else has the lead by now, or
// another method is at it.
func (s *Store) Retry(ctx context.Context, delivery string, facts map[string]string, by string) error {
	err := inTx(ctx, s.leads, func(tx pgx.Tx) error { return s.retry(ctx, tx, clean(delivery), facts, by) })
	if err != nil {
		return fmt.Errorf("retry delivery %.64q: %w", delivery, kinded(err))
	}
	return nil
}

func (s *Store) retry(ctx context.Context, tx pgx.Tx, id string, facts map[string]string, by string) error {
	o, err := s.lockException(ctx, tx, id)
	if err != nil {
		return err
	}
	now := s.cfg.Now().UTC()
	var corrected []byte
	if len(facts) > 0 {
		if corrected, err = json.Marshal(facts); err != nil {
			return err
		}
		corrected = scrubNUL(corrected)
	}
	if o.Code == digestRefused {
		return s.digestAgain(ctx, tx, o.Delivery, corrected, by)
	}
	if o.Purchase != "" {
		if err := s.reopen(ctx, tx, o.Delivery); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `
		UPDATE deliveries SET state = 'queued', since = $2, next = NULL, done = NULL, count = 0, maybe = false, claim = '', claimed = NULL,
			exception = false, code = '', reason = $3, facts = CASE WHEN $4::jsonb IS NULL THEN facts ELSE coalesce(facts, '{}') || $4 END WHERE id = $1`, id, now, cut(clean("queued again by "+by), 200), corrected)
	if err != nil || s.cfg.Outbox == nil {
		return err
	}
	return s.cfg.Outbox.DeliverTx(ctx, tx, []string{id}, time.Time{})
}

// lockException takes the lead and the delivery, which must be an exception.
func (s *Store) lockException(ctx context.Context, tx pgx.Tx, id string) (o opened, err error) {
	list, err := readDeliveries(ctx, tx, `d.id = $1`, id)
	if err != nil {
		return o, err
	}
	if len(list) == 0 {
		return o, notFound("delivery", id)
	}
	if _, err := tx.Exec(ctx, `SELECT FROM leads WHERE id = $1 FOR NO KEY UPDATE`, list[0].Lead); err != nil {
		return o, err
	}
	if o, err = openDelivery(ctx, tx, id); err != nil {
		return o, err
	}
	if !o.Exception {
		return o, ringbid.Errorf(ringbid.Conflict, "it is no exception any more")
	}
	return o, nil
}

// reopen makes the purchase of a delivery pending again. What goes beside one needs
// it to stand.
func (s *Store) reopen(ctx context.Context, tx pgx.Tx, d ringbid.Delivery) error {
	list, err := readPurchases(ctx, tx, `lead_id = $1`, d.Lead)
	if err != nil {
		return err
	}
	var p ringbid.Purchase
	for _, x := range list {
		if x.ID == d.Purchase {
			p = x
		}
	}
	if d.Role == ringbid.RoleParallel {
		if p.State == ringbid.PurchaseRejected || p.State == ringbid.PurchaseFailed {
			return ringbid.Errorf(ringbid.Conflict, "%s has not bought the lead", p.Buyer)
		}
		return nil
	}
	for _, x := range list {
		if x.ID != p.ID && x.Place == p.Place && (x.State == ringbid.PurchasePending || x.State == ringbid.PurchaseAccepted || x.State == ringbid.PurchaseHeld) {
			return ringbid.Errorf(ringbid.Conflict, "%s has the lead meanwhile", x.Buyer)
		}
	}
	switch p.State {
	case ringbid.PurchasePending:
		return ringbid.Errorf(ringbid.Conflict, "the lead is on its way to %s already", p.Buyer)
	case ringbid.PurchaseAccepted, ringbid.PurchaseReturned:
		return ringbid.Errorf(ringbid.Conflict, "%s has the lead already", p.Buyer)
	case ringbid.PurchaseRejected, ringbid.PurchaseFailed:
		if err := s.takeAgain(ctx, tx, p); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE purchases SET state = 'pending', reason = '', decided = NULL WHERE id = $1`, p.ID); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE leads SET state = 'selling', reason_code = '', reason_text = '' WHERE id = $1 AND state IN ('unsold', 'held')`, d.Lead)
	return err
}

// takeAgain counts against the caps what the purchase had given back.
func (s *Store) takeAgain(ctx context.Context, tx pgx.Tx, p ringbid.Purchase) error {
	var raw []byte
	if err := tx.QueryRow(ctx, `SELECT uses FROM purchases WHERE id = $1`, p.ID).Scan(&raw); err != nil {
		return err
	}
	var uses, again []ringbid.CapUse
	if err := json.Unmarshal(raw, &uses); err != nil {
		return err
	}
	for _, u := range uses {
		if u.On != "attempt" {
			again = append(again, u)
		}
	}
	why, err := takeCaps(ctx, tx, p.Target, again)
	if err == nil && why != "" {
		err = ringbid.Errorf(ringbid.Conflict, "%s", s.capWords(why, p.Target))
	}
	return err
}

// Dismiss takes deliveries off the list of exceptions; a purchase that was held
// for a person is given up with them. It returns how many there were.
func (s *Store) Dismiss(ctx context.Context, ids []string, by string) (int, error) {
	done := 0
	for _, id := range ids[:min(len(ids), MaxPage)] {
		err := inTx(ctx, s.leads, func(tx pgx.Tx) error { return s.dismiss(ctx, tx, clean(id), by) })
		if k := ringbid.KindOf(err); k == ringbid.NotFound || k == ringbid.Conflict {
			continue
		}
		if err != nil {
			return done, fmt.Errorf("dismiss delivery %.64q: %w", id, kinded(err))
		}
		done++
	}
	return done, nil
}

func (s *Store) dismiss(ctx context.Context, tx pgx.Tx, id, by string) error {
	o, err := s.lockException(ctx, tx, id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE deliveries SET exception = false, reason = left(reason || '; dismissed by ' || $2, 2000) WHERE id = $1`, id, cut(clean(by), 100))
	if err != nil || o.Purchase == "" || o.State != ringbid.DeliveryHeld {
		return err
	}
	list, err := readPurchases(ctx, tx, `id = $1 AND state = 'held'`, o.Purchase)
	if err != nil || len(list) == 0 {
		return err
	}
	l, err := readLead(ctx, tx, o.Lead, false)
	if err != nil {
		return err
	}
	e := &ending{s: s, tx: tx, d: o.Delivery, lead: l, now: s.cfg.Now().UTC(), sums: hourOfLead(l),
		r: ringbid.TryReport{Verdict: ringbid.PurchaseFailed, Reason: "given up by " + by}}
	e.sums.buyer = o.Buyer
	if err := e.lose(ctx, list[0]); err != nil {
		return err
	}
	return e.putSums(ctx)
}

// Exception returns one delivery with its lead, also where nobody needs to look
// at it, or a NotFound error.
func (s *Store) Exception(ctx context.Context, id string) (Exception, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT `+deliveryColumns+`, d.facts, l.person, l.campaign, l.received, l.state, l.body->'facts'
		FROM deliveries d JOIN leads l ON l.id = d.lead_id WHERE d.id = $1`, clean(id))
	if err != nil {
		return Exception{}, fmt.Errorf("read exception: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, scanException)
	if err != nil {
		return Exception{}, fmt.Errorf("read exception: %w", kinded(err))
	}
	if len(list) == 0 {
		return Exception{}, notFound("delivery", id)
	}
	return list[0], nil
}
