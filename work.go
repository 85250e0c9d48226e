package ringbid

import (
	"strconv"
	"time"
)

// Work is a delivery that is about to be tried, with all that it takes.
type Work struct {
	Lead     Lead // with its auction and purchases, without deliveries
	Delivery Delivery
	Purchase *Purchase // nil for a call's lead
	Facts    TagMap    // the lead's, with a person's corrections over them
	// Ways are the methods of the purchase as they were when it was made, Methods
	// those it went by already.
	Ways    []Way
	Methods []string
	// Claim is the worker's right to report; "" where there is nothing to do.
	Claim string
	// Try is the number of the try that begins.
	Try int
	// Unfinished says that the try of this number was begun by a worker that never
	// reported: what it sent may have arrived.
	Unfinished bool
	// Wait is how long to come back later: the endpoint is busy, or its breaker is
	// Open.
	Wait time.Duration
	Open bool
	Why  string
}

// WorkLimits are a method's, for the start of a try.
type WorkLimits struct {
	Rate, Concurrency int
	Cooldown          time.Duration
	Paused            bool
}

// TryReport says how a try ended and what follows. The store carries it out in
// one transaction.
type TryReport struct {
	Delivery, Claim string
	// Try is the try; its N is 0 where nothing was tried, because the breaker is
	// open or time is up.
	Try Try
	// State is what the delivery is now.
	State     DeliveryState
	After     time.Duration // before the retry
	Maybe     bool
	Exception bool
	Code      string
	Reason    string
	Partner   string
	Price     *Money // what the partner says it pays
	// Breaker is "success", "failure", "open" or "nothing".
	Breaker  string
	Cooldown time.Duration
	// Digest is when the letter goes out that the lead stands in; zero for none.
	Digest time.Time
	// Sale is what an accepted purchase brings.
	Sale Sale
	// Fallback is the next method of the same purchase; then the purchase stays
	// pending.
	Fallback *Way
	// Verdict is what becomes of the purchase where there is no fallback; "" where
	// the method decides nothing.
	Verdict PurchaseState
	// Next are who may buy the lead instead, best first, each with its methods.
	Next []Offer
}

// Offer is a purchase that may be made, and the deliveries that come with it.
type Offer struct {
	Purchase Purchase
	Ways     []Way
	Uses     []CapUse // what it counts against the target's caps
}

// NewOffer makes the offer of a lead to the bid's target.
func NewOffer(lead string, t *Target, b Bid, currency string, at time.Time) Offer {
	o := Offer{
		Purchase: Purchase{
			ID: NewID(), Lead: lead, Buyer: t.Buyer, Target: t.Name, Name: b.Name, BidID: b.BidID, Rank: b.Rank, State: PurchasePending,
			Made: at, Sale: Sale{Currency: currency, Price: b.Amount},
		},
		Uses: LeadUses(t, b.Amount, at),
	}
	for i, w := range t.Methods {
		o.Ways = append(o.Ways, Way{Method: w.Method, Role: t.RoleOf(i)})
	}
	return o
}

// CapUse is something counted against a cap in one of its windows.
type CapUse struct {
	On    string    `json:"on"`
	Per   string    `json:"per"`
	Start time.Time `json:"start"`
	Max   int64     `json:"max"`
	N     int64     `json:"n"`
}

// LeadResult is what became of a lead, for whoever waits for it.
type LeadResult struct {
	Lead   string
	State  LeadState
	Sale   Sale
	Reason Reason
}

// SettleLead applies the campaign's contract to a lead that a buyer accepted at
// the price: a lead is paid for when it is accepted.
func SettleLead(c *Campaign, s *Source, price Money, unpaid bool) Sale {
	sale := Sale{Currency: c.CurrencyCode(), Price: price, Revenue: price, Converted: true, Rule: "paid: accepted"}
	p := c.Payout
	if s != nil && s.Payout != nil {
		p = s.Payout
	}
	switch {
	case unpaid:
		sale.Rule += "; publisher not paid: a repeat"
	case p != nil && p.Share > 0:
		sale.Payout = sale.Revenue.Share(p.Share * 100)
		sale.Rule += "; publisher earns " + strconv.Itoa(p.Share) + " % of revenue"
	case p != nil:
		sale.Payout = p.Amount
	}
	return sale
}

// LeadUses returns what a purchase at the price counts against the target's caps
// at the moment, an attempt included.
func LeadUses(t *Target, price Money, at time.Time) []CapUse {
	if len(t.Caps) == 0 {
		return nil
	}
	zone, err := LoadZone(t.Zone)
	if err != nil {
		zone = time.UTC
	}
	var out []CapUse
	for _, c := range t.Caps {
		u := CapUse{On: c.On, Per: c.Per, Start: c.Window(at, zone).UTC(), Max: c.Max(), N: 1}
		if u.Start.IsZero() {
			u.Start = time.Unix(0, 0).UTC()
		}
		if c.On == "revenue" {
			u.N = int64(price)
		}
		out = append(out, u)
	}
	return out
}
