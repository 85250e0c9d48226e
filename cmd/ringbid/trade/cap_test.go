package trade

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/sim"
)

// until waits for what the store does in the background.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited 20 s for: %s", what)
		}
	}
}

// untilRoom waits until the store's memory, by which auctions go, says whether a
// target has room.
func (r *rig) untilRoom(name string, want bool) {
	r.t.Helper()
	r.until(fmt.Sprintf("%s has room: %v", name, want), func() bool {
		_, full := r.store.Full(r.store.Book().Targets[name])
		return full != want
	})
}

// TestCapHolds posts fifty leads at once to a buyer who takes seven a day: it has
// seven, and the next buyer all others. The next day there is room again.
func TestCapHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	docs := buyer("acme", "20.00", r.httpMethod("acme-api", r.buying("acme", sim.LeadBuying{}), ""))
	target(docs).Caps = []ringbid.Cap{{On: "convert", Per: "day", Limit: 7}}
	r.publish(slices.Concat(basics("acme", "next"), docs, buyer("next", "5.00", inbox("next")))...)
	count := map[string]int{}
	posts := func(n int) {
		for _, a := range r.atOnce(n, func(int) intake.Posting { return intake.Posting{Way: "direct", Values: person()} }) {
			l := r.settle(a.LeadID)
			if len(l.Purchases) != 1 || l.State != ringbid.LeadSold {
				t.Errorf("%s", asJSON(l))
			}
			count[fmt.Sprintf("%s, told %s", l.Purchases[0].Buyer, a.Price)]++
		}
	}
	posts(50)
	if d := gocmp.Diff(map[string]int{"acme, told 12.00": 7, "next, told 3.00": 43}, count); d != "" {
		t.Error(d)
	}
	if n := r.buyers.Count("acme"); n.Kept != 7 || n.Posts != 7 {
		t.Errorf("the buyer has seen %+v", n)
	}
	r.clock.advance(24 * time.Hour)
	r.untilRoom("acme", true)
	posts(1)
	if count["acme, told 12.00"] != 8 {
		t.Errorf("the next day: %v", count)
	}
	r.balanced()
}

// TestCapsGivenBack counts an attempt for each offer, and a sale only while it
// stands: what is refused or returned makes room.
func TestCapsGivenBack(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the memory of the store, a second each time")
	}
	r := newRig(t, nil, nil)
	docs := buyer("acme", "20.00", r.httpMethod("acme-api", r.buying("acme", sim.LeadBuying{}), ""))
	target(docs).Caps = []ringbid.Cap{{On: "convert", Per: "day", Limit: 1}, {On: "attempt", Per: "day", Limit: 3}, {On: "revenue", Per: "month", Amount: 20 * ringbid.MoneyScale}}
	r.publish(slices.Concat(basics("acme", "next"), docs, buyer("next", "5.00", inbox("next")))...)
	used := func() string {
		return ask[string](r, `SELECT string_agg(counts || ' ' || used, ', ' ORDER BY counts) FROM cap_counters WHERE target = 'acme'`)
	}
	sell := func(what, want, counted string, room bool) *ringbid.Lead {
		t.Helper()
		r.untilRoom("acme", room)
		l := r.settle(r.post(person(), "").LeadID)
		if got := l.Purchases[len(l.Purchases)-1].Buyer; got != want || used() != counted {
			t.Errorf("%s: sold to %s, counted %s; want %s, %s", what, got, used(), want, counted)
		}
		return l
	}
	giveBack := func(l *ringbid.Lead) {
		t.Helper()
		if err := r.store.Act(t.Context(), "acme", ringbid.Activity{Lead: l.ID, At: r.clock.Now(), By: "ann", Kind: "return"}); err != nil {
			t.Fatal(err)
		}
		if err := r.store.DecideReturn(t.Context(), l.Purchases[0].ID, true, "boss"); err != nil {
			t.Fatal(err)
		}
	}
	r.buying("acme", sim.LeadBuying{Reject: "outside criteria"})
	sell("refused", "next", "attempt 1, convert 0, revenue 0", true)
	r.buying("acme", sim.LeadBuying{})
	second := sell("sold", "acme", "attempt 2, convert 1, revenue 200000", true)
	sell("full", "next", "attempt 2, convert 1, revenue 200000", false)
	giveBack(second)
	if got := used(); got != "attempt 2, convert 0, revenue 0" {
		t.Errorf("after the return: %s", got)
	}
	third := sell("sold again", "acme", "attempt 3, convert 1, revenue 200000", true)
	giveBack(third)
	sell("attempts are used up", "next", "attempt 3, convert 0, revenue 0", false)
	bids := r.lead(r.post(person(), "").LeadID).Auction.Bids
	i := slices.IndexFunc(bids, func(b ringbid.Bid) bool { return b.Name == "acme" })
	if b := bids[i]; b.State != ringbid.BidIneligible || b.Code != "full" || b.Reason == "" || b.Rank != 0 {
		t.Errorf("%s", asJSON(b))
	}
	r.balanced()
}
