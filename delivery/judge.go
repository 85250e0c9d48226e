package delivery

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
)

// judge says what follows from a try.
func (e *Engine) judge(w ringbid.Work, m *ringbid.Method, out connector.Outcome, began time.Time) ringbid.TryReport {
	now := e.cfg.Now()
	patience, cooldown, idempotent := ringbid.DefaultPatience, ringbid.DefaultCooldown, false
	if m != nil {
		patience, cooldown = patienceOf(m), m.Cooldown.Or(ringbid.DefaultCooldown)
		idempotent = e.idempotent(m)
	}
	left := patience - now.Sub(w.Delivery.Made)
	v := Judge(Try{
		Class: out.Class, Idempotent: idempotent, Number: w.Delivery.Count, Maybe: w.Delivery.Maybe, RetryAfter: out.RetryAfter,
		Patience: max(left, time.Millisecond),
	})
	if w.Unfinished { // that a worker is gone says nothing about the endpoint
		v.Breaker = BreakerNothing
	}
	if v.Next == NextRetry && v.After > left {
		v.Next = NextWaterfall // there is no time for it
		if v.Maybe {
			v.Next = NextException
		}
	}
	ended := now
	r := ringbid.TryReport{
		Delivery: w.Delivery.ID, Claim: w.Claim, Maybe: v.Maybe, Breaker: string(v.Breaker), Cooldown: cooldown, Code: string(out.Code),
		Reason: cmp.Or(out.Reason, words(out)), Partner: out.ID, Price: out.Price,
		Try: ringbid.Try{
			N: w.Try, Began: began.UTC(), Ended: &ended, Class: string(out.Class), Code: string(out.Code), Sent: string(out.Sent), Status: out.Status,
			MS: now.Sub(began).Milliseconds(), Reason: cmp.Or(out.Reason, words(out)), Partner: out.ID, Price: out.Price, Next: string(v.Next),
			Request: out.Request, Response: out.Response, Fields: notes(out.Mapped), Version: e.cfg.Book().MapVersions[mapOf(m)],
		},
	}
	if out.Note != "" {
		r.Reason += "; " + out.Note
	}
	switch v.Next {
	case NextDone:
		e.done(&r, w, m)
	case NextRetry:
		r.State, r.After = ringbid.DeliveryRetry, Jitter(v.After, rand.Float64())
	case NextException:
		r.State, r.Exception, r.Verdict = ringbid.DeliveryHeld, true, ringbid.PurchaseHeld
	case NextWaterfall:
		e.lost(&r, w, out.Declined)
	}
	return r
}

// patienceOf is how long a lead waits for a method; mail servers ask for more.
func patienceOf(m *ringbid.Method) time.Duration {
	if m.Type == "email" {
		return m.Patience.Or(ringbid.DefaultMailPatience)
	}
	return m.Patience.Or(ringbid.DefaultPatience)
}

func mapOf(m *ringbid.Method) string {
	if m == nil {
		return ""
	}
	return m.Map
}

// done is an accepted delivery.
func (e *Engine) done(r *ringbid.TryReport, w ringbid.Work, m *ringbid.Method) {
	r.State, r.Verdict, r.Code, r.Maybe = ringbid.DeliveryAccepted, ringbid.PurchaseAccepted, "", false
	if m.Type == "email" && m.Email.Digest != "" {
		r.Digest = digestAt(m.Email, e.cfg.Now())
	}
	if w.Purchase == nil {
		return
	}
	book := e.cfg.Book()
	if c := book.Campaigns[w.Lead.Campaign]; c != nil {
		r.Sale = ringbid.SettleLead(c, book.Sources[w.Lead.Source], w.Purchase.Sale.Price, w.Lead.Unpaid)
		return
	}
	r.Sale = ringbid.Sale{Currency: w.Purchase.Sale.Currency, Price: w.Purchase.Sale.Price, Revenue: w.Purchase.Sale.Price, Converted: true, Rule: "paid: accepted; the campaign is gone, the publisher is not paid"}
}

// lost is a delivery that came to nothing: the buyer's next method where it went
// wrong, else the next buyer. What went wrong is for a person to see.
func (e *Engine) lost(r *ringbid.TryReport, w ringbid.Work, declined bool) {
	r.State, r.Verdict = ringbid.DeliveryFailed, ringbid.PurchaseFailed
	if declined {
		r.State, r.Verdict = ringbid.DeliveryRejected, ringbid.PurchaseRejected
	}
	r.Exception = !declined
	if w.Delivery.Role == ringbid.RoleParallel {
		return
	}
	if !declined {
		r.Fallback = e.fallback(w)
	}
	if r.Fallback == nil && w.Purchase != nil {
		r.Next = e.waterfall(w)
	}
}

// leave decides whether a lead waits for an endpoint whose breaker is open: not
// where there is somewhere else to go, nor longer than the method's patience.
func (e *Engine) leave(w ringbid.Work, m *ringbid.Method) (ringbid.TryReport, bool) {
	r := ringbid.TryReport{Delivery: w.Delivery.ID, Claim: w.Claim, Maybe: w.Delivery.Maybe, Breaker: "", Code: string(CodeOpen), Reason: w.Why}
	patience := ringbid.DefaultPatience
	if m != nil {
		patience = patienceOf(m)
	}
	over := e.cfg.Now().Sub(w.Delivery.Made) > patience
	if w.Delivery.Maybe { // the partner may have it: nobody else gets it
		if over {
			r.State, r.Exception, r.Verdict = ringbid.DeliveryHeld, true, ringbid.PurchaseHeld
		}
		return r, over
	}
	e.lost(&r, w, false)
	return r, over || r.Fallback != nil || len(r.Next) > 0
}

// fallback returns the next method of the purchase's buyer that was not used.
func (e *Engine) fallback(w ringbid.Work) *ringbid.Way {
	ways := w.Ways
	if t := e.cfg.Book().Targets[w.Delivery.Target]; w.Purchase == nil && t != nil {
		for i, x := range t.Methods {
			ways = append(ways, ringbid.Way{Method: x.Method, Role: t.RoleOf(i)})
		}
	}
	for _, x := range ways {
		if x.Role == ringbid.RoleFallback && !slices.Contains(w.Methods, x.Method) {
			return &x
		}
	}
	return nil
}

// waterfall returns who may buy the lead next, the best bid first: those of the
// stored auction that still stand, whose buyer has not had it and is open.
func (e *Engine) waterfall(w ringbid.Work) []ringbid.Offer {
	if w.Lead.Auction == nil {
		return nil
	}
	now, book := e.cfg.Now(), e.cfg.Book()
	tried := map[string]bool{}
	for _, p := range w.Lead.Purchases {
		tried[p.Buyer] = true
	}
	bids := slices.Clone(w.Lead.Auction.Bids)
	slices.SortStableFunc(bids, func(a, b ringbid.Bid) int { return cmp.Compare(a.Rank, b.Rank) })
	var out []ringbid.Offer
	for _, b := range bids {
		t := book.Targets[b.Target]
		if b.Rank == 0 || b.State != ringbid.BidStanding || t == nil || tried[t.Buyer] || b.Expires != nil && b.Expires.Before(now) || !open(book, t, now) {
			continue
		}
		out = append(out, ringbid.NewOffer(w.Lead.ID, t, b, w.Purchase.Sale.Currency, now))
	}
	return out
}

// open reports whether a target takes leads at the moment.
func open(b *ringbid.Book, t *ringbid.Target, now time.Time) bool {
	zone, err := ringbid.LoadZone(t.Zone)
	buyer := b.Buyers[t.Buyer]
	return err == nil && buyer != nil && !buyer.Paused && !t.Paused && len(t.Methods) > 0 && t.Hours.Open(now, zone)
}

func (e *Engine) idempotent(m *ringbid.Method) bool {
	if m.Type != "http" {
		return m.Type == "portal"
	}
	p := e.plan(m)
	return p.plan != nil && p.plan.Idempotent()
}

// words says an outcome without a reason.
func words(out connector.Outcome) string {
	if out.Class == connector.ClassAccepted {
		return "accepted"
	}
	return fmt.Sprintf("%s %s", out.Class, out.Code)
}

// territory returns the agents of a state, in order of name.
func territory(t map[string][]string, state string) []string {
	var out []string
	for agent, states := range t {
		if state != "" && slices.Contains(states, state) {
			out = append(out, agent)
		}
	}
	slices.Sort(out)
	return out
}
