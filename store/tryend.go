package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// EndTry writes down how a try ended and carries out what follows from it: the
// breaker, the retry, the fallback, the purchase with its money and caps, the
// next buyer, all in one transaction. A report whose claim is not the
// delivery's any more changes nothing and is a Conflict error.
func (s *Store) EndTry(ctx context.Context, r ringbid.TryReport) error {
	var result ringbid.LeadResult
	err := inTx(ctx, s.leads, func(tx pgx.Tx) error {
		result = ringbid.LeadResult{}
		var lead string
		if err := tx.QueryRow(ctx, `SELECT lead_id FROM deliveries WHERE id = $1`, r.Delivery).Scan(&lead); err != nil {
			return err
		}
		// The lead first: whoever changes what hangs on it takes turns. Rows that only
		// refer to it, such as what people did with it, do not wait.
		if _, err := tx.Exec(ctx, `SELECT FROM leads WHERE id = $1 FOR NO KEY UPDATE`, lead); err != nil {
			return err
		}
		o, err := openDelivery(ctx, tx, r.Delivery)
		if err != nil {
			return err
		}
		if o.claim != r.Claim || o.State.Over() {
			return ringbid.Errorf(ringbid.Conflict, "another worker has it")
		}
		e := &ending{s: s, tx: tx, r: r, d: o.Delivery, now: s.cfg.Now().UTC()}
		if e.lead, err = readLead(ctx, tx, lead, false); err != nil {
			return err
		}
		if err := e.run(ctx); err != nil {
			return err
		}
		result = e.result()
		return nil
	})
	if err != nil {
		return fmt.Errorf("end try of delivery %s: %w", r.Delivery, kinded(err))
	}
	if s.cfg.Settled != nil && result.Lead != "" {
		s.cfg.Settled(result)
	}
	return nil
}

// ending is one report being carried out.
type ending struct {
	s    *Store
	tx   pgx.Tx
	r    ringbid.TryReport
	d    ringbid.Delivery
	lead *ringbid.Lead
	now  time.Time
	sums leadHour
	more []leadHour // of others
	news bool       // the lead's state changed
}

func (e *ending) run(ctx context.Context) error {
	e.sums = hourOfLead(e.lead)
	e.sums.buyer = e.d.Buyer
	if err := e.withdraw(ctx); err != nil {
		return err
	}
	if err := e.putTry(ctx); err != nil {
		return err
	}
	if err := e.moveDelivery(ctx); err != nil {
		return err
	}
	if !e.r.Digest.IsZero() {
		if _, err := e.tx.Exec(ctx, `INSERT INTO digests (delivery_id, method, due) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, e.d.ID, e.d.Method, e.r.Digest); err != nil {
			return err
		}
	}
	if e.d.Purchase == "" && e.r.Fallback != nil {
		if err := e.fallBack(ctx); err != nil {
			return err
		}
	}
	if e.d.Purchase != "" && e.d.Role != ringbid.RoleParallel && e.r.State.Over() {
		if err := e.decide(ctx); err != nil {
			return err
		}
	}
	if err := e.s.tellBreaker(ctx, e.tx, e.d.Method, e.d.ID, e.r.Breaker, e.r.Reason, e.r.Cooldown, e.now); err != nil {
		return err
	}
	return e.putSums(ctx)
}

// putSums adds what this was to the sums.
func (e *ending) putSums(ctx context.Context) error {
	if (e.sums != leadHour{at: e.sums.at, campaign: e.sums.campaign, publisher: e.sums.publisher, buyer: e.sums.buyer, currency: e.sums.currency}) {
		e.more = append(e.more, e.sums)
	}
	if len(e.more) == 0 {
		return nil
	}
	return putLeadHours(ctx, e.tx, e.more...)
}

// withdraw lets what goes beside a purchase not be tried again where the purchase
// came to nothing while it was under way.
func (e *ending) withdraw(ctx context.Context) error {
	if e.d.Role != ringbid.RoleParallel || e.d.Purchase == "" || e.r.State != ringbid.DeliveryRetry {
		return nil
	}
	list, err := readPurchases(ctx, e.tx, `id = $1 AND state IN ('rejected', 'failed')`, e.d.Purchase)
	if err == nil && len(list) > 0 {
		e.r.State, e.r.Reason, e.r.Try.Next = ringbid.DeliveryCancelled, notMade, ""
	}
	return err
}

// notMade is why a delivery beside a purchase is cancelled.
const notMade = "the purchase was not made"

// putTry completes the row of the try.
func (e *ending) putTry(ctx context.Context) error {
	t := e.r.Try
	if t.N == 0 {
		return nil
	}
	t.Request, t.Response, t.Fields, t.Reason = cut(t.Request, 20<<10), cut(t.Response, 20<<10), cut(t.Fields, 64<<10), cut(t.Reason, MaxText)
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = e.tx.Exec(ctx, `UPDATE tries SET ended = $3, class = $4, code = $5, status = $6, ms = $7, next = $8, body = $9 WHERE delivery_id = $1 AND n = $2`,
		e.d.ID, t.N, t.Ended, t.Class, t.Code, t.Status, t.MS, t.Next, scrubNUL(body))
	if err != nil {
		return err
	}
	return addEndpointHour(ctx, e.tx, e.d, t)
}

// moveDelivery puts the delivery into its new state, and queues a retry.
func (e *ending) moveDelivery(ctx context.Context) error {
	r := e.r
	var next, done *time.Time
	if r.State == ringbid.DeliveryRetry {
		next = new(e.now.Add(r.After))
	}
	if r.State.Over() {
		done = &e.now
	}
	_, err := e.tx.Exec(ctx, `
		UPDATE deliveries SET state = $2, next = $3, done = $4, maybe = $5, claim = '', claimed = NULL, exception = $6, code = $7, reason = $8,
			partner_id = CASE WHEN $9 = '' THEN partner_id ELSE $9 END
		WHERE id = $1`, e.d.ID, r.State, next, done, r.Maybe, r.Exception, cut(clean(r.Code), 64), cut(clean(r.Reason), MaxText), cut(clean(r.Partner), 200))
	if err != nil || next == nil || e.s.cfg.Outbox == nil {
		return err
	}
	return e.s.cfg.Outbox.DeliverTx(ctx, e.tx, []string{e.d.ID}, *next)
}

// decide settles the purchase, or hands it to its next method.
func (e *ending) decide(ctx context.Context) error {
	list, err := readPurchases(ctx, e.tx, `id = $1`, e.d.Purchase)
	if err != nil || len(list) == 0 {
		return err
	}
	p := list[0]
	if p.State != ringbid.PurchasePending && p.State != ringbid.PurchaseHeld {
		return nil // decided by somebody meanwhile
	}
	if e.r.Fallback != nil {
		return e.fallBack(ctx)
	}
	switch e.r.Verdict {
	case ringbid.PurchaseAccepted:
		return e.accept(ctx, p)
	case ringbid.PurchaseHeld:
		return e.hold(ctx, p)
	case ringbid.PurchaseRejected, ringbid.PurchaseFailed:
		return e.lose(ctx, p)
	}
	return nil
}

// fallBack hands the lead to the next method of the same buyer.
func (e *ending) fallBack(ctx context.Context) error {
	return e.s.putDeliveries(ctx, e.tx, ringbid.Delivery{
		ID: ringbid.NewID(), Lead: e.lead.ID, Purchase: e.d.Purchase, Buyer: e.d.Buyer, Target: e.d.Target, Method: e.r.Fallback.Method, Role: ringbid.RoleFallback, Made: e.now,
	})
}

func (e *ending) setPurchase(ctx context.Context, p ringbid.Purchase) error {
	_, err := e.tx.Exec(ctx, `
		UPDATE purchases SET state = $2, reason = $3, decided = $4, partner_id = CASE WHEN $5 = '' THEN partner_id ELSE $5 END,
			revenue = $6, payout = $7, rule = $8 WHERE id = $1`,
		p.ID, p.State, cut(clean(e.r.Reason), MaxText), e.now, cut(clean(e.r.Partner), 200), int64(p.Sale.Revenue), int64(p.Sale.Payout), p.Sale.Rule)
	return err
}

// accept books the money.
func (e *ending) accept(ctx context.Context, p ringbid.Purchase) error {
	price := p.Sale.Price
	p.State, p.Sale = ringbid.PurchaseAccepted, e.r.Sale
	p.Sale.Price = price
	if e.r.Price != nil && *e.r.Price != price {
		p.Sale.Rule += "; the buyer's answer names " + e.r.Price.String()
	}
	if err := e.setPurchase(ctx, p); err != nil {
		return err
	}
	if err := bookPurchase(ctx, e.tx, p, e.lead.Publisher, "sale", e.now); err != nil {
		return err
	}
	if err := logActivity(ctx, e.tx, ringbid.Activity{Lead: e.lead.ID, Purchase: p.ID, At: e.now, By: "ringbid", Kind: "received", Text: "delivered by " + e.d.Method}); err != nil {
		return err
	}
	e.sums.accepted, e.sums.revenue, e.sums.payout = 1, p.Sale.Revenue, p.Sale.Payout
	if p.Recovery {
		e.sums.recovered, e.sums.recoveredRevenue = 1, p.Sale.Revenue
	}
	e.lead.State, e.lead.Recovered = ringbid.LeadSold, e.lead.Recovered || p.Recovery
	e.lead.Sale.Revenue += p.Sale.Revenue
	e.lead.Sale.Payout += p.Sale.Payout
	return e.setLead(ctx)
}

// hold leaves the purchase for a person: nobody else may buy in its place.
func (e *ending) hold(ctx context.Context, p ringbid.Purchase) error {
	p.State = ringbid.PurchaseHeld
	if err := e.setPurchase(ctx, p); err != nil {
		return err
	}
	if e.lead.State != ringbid.LeadSold {
		e.lead.State, e.lead.Reason = ringbid.LeadHeld, ringbid.Reason{Code: "held", Text: p.Buyer + " may have it; a person must look", Fault: ringbid.FaultBuyer}
		return e.setLead(ctx)
	}
	return nil
}

// lose gives back what the purchase took, and offers the lead to the next.
func (e *ending) lose(ctx context.Context, p ringbid.Purchase) error {
	var uses []byte
	if err := e.tx.QueryRow(ctx, `SELECT uses FROM purchases WHERE id = $1`, p.ID).Scan(&uses); err != nil {
		return err
	}
	if err := lockCaps(ctx, e.tx, p.Target, e.r.Next); err != nil {
		return err
	}
	if err := giveCaps(ctx, e.tx, p.Target, uses); err != nil {
		return err
	}
	p.State = e.r.Verdict
	if err := e.setPurchase(ctx, p); err != nil {
		return err
	}
	e.sums.rejected, e.sums.failed = 1, 0
	if p.State == ringbid.PurchaseFailed {
		e.sums.rejected, e.sums.failed = 0, 1
	}
	// What goes beside is not worth sending any more.
	if _, err := e.tx.Exec(ctx, `UPDATE deliveries SET state = 'cancelled', done = $2, next = NULL, reason = $3 WHERE purchase_id = $1 AND state IN ('queued', 'retry') AND role = 'parallel'`, p.ID, e.now, notMade); err != nil {
		return err
	}
	why := ""
	for _, o := range e.r.Next {
		o.Purchase.Place, o.Purchase.Made = p.Place, e.now
		o.Purchase.Recovery = true
		full, err := e.s.putOffer(ctx, e.tx, e.lead, o)
		if err != nil {
			return err
		}
		if full == "" {
			h := hourOfLead(e.lead)
			h.buyer, h.offered = o.Purchase.Buyer, 1
			e.more = append(e.more, h)
			return nil
		}
		why = full
	}
	return e.unsold(ctx, why)
}

// unsold closes the lead where no purchase of it stands.
func (e *ending) unsold(ctx context.Context, why string) error {
	list, err := readPurchases(ctx, e.tx, `lead_id = $1`, e.lead.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(p ringbid.Purchase) bool {
		return p.State == ringbid.PurchasePending || p.State == ringbid.PurchaseAccepted || p.State == ringbid.PurchaseHeld
	}) {
		return nil
	}
	text := or(e.r.Reason, "no buyer took it")
	if why != "" {
		text += "; next buyer: " + why
	}
	e.lead.State, e.lead.Reason = ringbid.LeadUnsold, ringbid.Reason{Code: "no_buyer", Text: text, Fault: ringbid.FaultBuyer}
	return e.setLead(ctx)
}

func (e *ending) setLead(ctx context.Context) error {
	e.news = true
	if e.lead.State == ringbid.LeadSold {
		e.lead.Reason = ringbid.Reason{}
	}
	_, err := e.tx.Exec(ctx, `UPDATE leads SET state = $2, reason_code = $3, reason_text = $4, revenue = $5, payout = $6, recovered = $7 WHERE id = $1`,
		e.lead.ID, e.lead.State, e.lead.Reason.Code, cut(clean(e.lead.Reason.Text), MaxText), int64(e.lead.Sale.Revenue), int64(e.lead.Sale.Payout), e.lead.Recovered)
	return err
}

func (e *ending) result() ringbid.LeadResult {
	if !e.news {
		return ringbid.LeadResult{}
	}
	return ringbid.LeadResult{Lead: e.lead.ID, State: e.lead.State, Sale: e.lead.Sale, Reason: e.lead.Reason}
}

func logActivity(ctx context.Context, tx pgx.Tx, a ringbid.Activity) error {
	_, err := tx.Exec(ctx, `INSERT INTO lead_activity (lead_id, purchase_id, at, by, kind, text) VALUES ($1, $2, $3, $4, $5, $6)`,
		a.Lead, a.Purchase, a.At.UTC(), cut(clean(a.By), 100), cut(clean(a.Kind), 32), cut(clean(a.Text), 2000))
	return err
}
