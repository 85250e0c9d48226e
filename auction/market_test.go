package auction_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
)

// Everything may be called from any goroutine, also after Done.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	f := setup(t, pinged("a", requires("zip")), pinged("b", maxBid(dollars(5))), static("desk", dollars(1)))
	f.bidder.scripts["a"] = bids(dollars(9), time.Millisecond)
	f.bidder.scripts["b"] = bids(dollars(4), 2*time.Millisecond)
	var wg sync.WaitGroup
	for i := range 40 {
		a := f.open(nil, func(ask *ringbid.Ask) { ask.CallID = fmt.Sprint("call-", i) })
		wg.Go(func() {
			for n := range 5 {
				a.Offer(ringbid.TagMap{"zip": fmt.Sprint(90210 + n)})
			}
		})
		wg.Go(func() {
			for {
				w, ok := a.Award(t.Context())
				if !ok {
					return
				}
				a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictBusy})
			}
		})
		wg.Go(func() {
			a.Record()
			if i%2 == 0 {
				a.Done(0)
			}
		})
		t.Cleanup(func() { checkReplay(t, a.Done(0)) })
	}
	wg.Wait()
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	if len(f.ledger.held) != 0 {
		t.Errorf("held %v", f.ledger.held)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	b := &fakeBidder{scripts: map[string]script{"b": bids(dollars(2), 0)}}
	m := auction.New(auction.Config{
		Roster: roster{pinged("b")}, Ledger: newLedger(), Bidders: map[string]auction.Bidder{"ringba": b}, Registerer: reg,
	})
	a := m.Open(t.Context(), ringbid.Ask{CallID: "c", Campaign: "auto"})
	award(t, a, "b")
	a.Done(0)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range families {
		got[f.GetName()] = true
	}
	for _, name := range []string{"closed_total", "pings_total", "awards_total", "ping_seconds", "overtime_seconds"} {
		if !got["ringbid_auction_"+name] {
			t.Errorf("no metric %s in %v", name, got)
		}
	}
}
