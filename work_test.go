package ringbid_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ringbid/ringbid"
)

func TestSettleLead(t *testing.T) {
	t.Parallel()
	const price = 12*ringbid.MoneyScale + 3
	for name, c := range map[string]struct {
		campaign, source *ringbid.Payout
		unpaid           bool
		payout           ringbid.Money
		rule             string
	}{
		"share":             {&ringbid.Payout{Share: 60}, nil, false, 72_002, "paid: accepted; publisher earns 60 % of revenue"},
		"amount":            {&ringbid.Payout{Amount: 50_000}, nil, false, 50_000, "paid: accepted"},
		"none":              {nil, nil, false, 0, "paid: accepted"},
		"the source's own":  {&ringbid.Payout{Share: 60}, &ringbid.Payout{Amount: 10_000}, false, 10_000, "paid: accepted"},
		"a source's share":  {nil, &ringbid.Payout{Share: 100}, false, price, "paid: accepted; publisher earns 100 % of revenue"},
		"a repeat":          {&ringbid.Payout{Amount: 50_000}, nil, true, 0, "paid: accepted; publisher not paid: a repeat"},
		"more than revenue": {&ringbid.Payout{Amount: 200_000}, nil, false, 200_000, "paid: accepted"},
	} {
		got := ringbid.SettleLead(&ringbid.Campaign{Payout: c.campaign}, &ringbid.Source{Payout: c.source}, price, c.unpaid)
		want := ringbid.Sale{Currency: "USD", Price: price, Revenue: price, Payout: c.payout, Converted: true, Rule: c.rule}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if got := ringbid.SettleLead(&ringbid.Campaign{Currency: "EUR", Payout: &ringbid.Payout{Share: 50}}, nil, 2, false); got.Payout != 1 || got.Currency != "EUR" {
		t.Errorf("without a source: %+v", got)
	}
}

// TestNewOffer makes an offer with its methods, their parts filled in, and what
// it counts: each cap in its own window, on the target's clock.
func TestNewOffer(t *testing.T) {
	t.Parallel()
	at := utc(t, "2026-03-09T03:30:00Z") // still the day before in New York, whose clocks were put forward that day
	target := &ringbid.Target{
		Name: "desk", Buyer: "acme", Zone: "America/New_York", Methods: []ringbid.Way{{Method: "api"}, {Method: "mail"}, {Method: "copy", Role: "parallel"}},
		Caps: []ringbid.Cap{
			{On: "convert", Per: "day", Limit: 7}, {On: "attempt", Per: "hour", Limit: 50}, {On: "revenue", Per: "month", Amount: 1_000_000}, {On: "connect", Per: "total", Limit: 9},
		},
	}
	bid := ringbid.Bid{Name: "acme-bot", BidID: "P-1", Rank: 2, Amount: 250_000}
	got := ringbid.NewOffer("lead-1", target, bid, "USD", at)
	day := utc(t, "2026-03-08T05:00:00Z")
	want := ringbid.Offer{
		Purchase: ringbid.Purchase{
			Lead: "lead-1", Buyer: "acme", Target: "desk", Name: "acme-bot", BidID: "P-1", Rank: 2, State: ringbid.PurchasePending, Made: at,
			Sale: ringbid.Sale{Currency: "USD", Price: 250_000},
		},
		Ways: []ringbid.Way{{Method: "api", Role: "primary"}, {Method: "mail", Role: "fallback"}, {Method: "copy", Role: "parallel"}},
		Uses: []ringbid.CapUse{
			{On: "convert", Per: "day", Start: day, Max: 7, N: 1}, {On: "attempt", Per: "hour", Start: utc(t, "2026-03-09T03:00:00Z"), Max: 50, N: 1},
			{On: "revenue", Per: "month", Start: utc(t, "2026-03-01T05:00:00Z"), Max: 1_000_000, N: 250_000},
			{On: "connect", Per: "total", Start: time.Unix(0, 0).UTC(), Max: 9, N: 1},
		},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(ringbid.Purchase{}, "ID")); d != "" || got.Purchase.ID == "" {
		t.Error(d)
	}
	target.Zone = "Mars/Phobos" // which no book would take
	if got := ringbid.LeadUses(target, 1, at)[0].Start; !got.Equal(utc(t, "2026-03-09T00:00:00Z")) {
		t.Errorf("without a zone the day begins at %s", got)
	}
	if ringbid.LeadUses(&ringbid.Target{}, 1, at) != nil {
		t.Error("a target without caps counts something")
	}
}

func TestDeliveryIsOver(t *testing.T) {
	t.Parallel()
	for s, want := range map[ringbid.DeliveryState]bool{
		ringbid.DeliveryQueued: false, ringbid.DeliverySending: false, ringbid.DeliveryRetry: false, ringbid.DeliveryAccepted: true,
		ringbid.DeliveryRejected: true, ringbid.DeliveryFailed: true, ringbid.DeliveryHeld: true, ringbid.DeliveryCancelled: true,
	} {
		if s.Over() != want {
			t.Errorf("%s is over: %v", s, s.Over())
		}
	}
}
