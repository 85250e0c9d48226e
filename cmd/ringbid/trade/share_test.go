package trade

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store/storetest"
)

// inbox is a portal of a buyer's own: it takes whatever comes.
func inbox(name string) *ringbid.Method {
	return &ringbid.Method{Name: name + "-inbox", Type: "portal"}
}

// lines writes purchases as lines, for comparing.
func lines(purchases []ringbid.Purchase) []string {
	var out []string
	for _, p := range purchases {
		out = append(out, fmt.Sprintf("%d %s %s %s pays %s, earns %s", p.Place, p.Buyer, p.Target, p.State, p.Sale.Revenue, p.Sale.Payout))
	}
	return out
}

// TestSharedLead sells one lead to three of four buyers, each once. Where one
// refuses, the fourth has its place.
func TestSharedLead(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	docs := basics("a", "b", "c", "d")
	campaign(docs).Lead.Share = 3
	r.publish(slices.Concat(docs, buyer("a", "30.00", inbox("a")), buyer("b", "25.00", r.httpMethod("b-api", "b", "")), buyer("c", "20.00", inbox("c")), buyer("d", "10.00", inbox("d")))...)
	r.buying("b", sim.LeadBuying{})
	a := r.post(person(), "ext-1")
	if again := r.post(person(), "ext-1"); *a.Price != 180_000 || *again.Price != *a.Price {
		t.Errorf("told %+v, then %+v", a, again)
	}
	l := r.settle(a.LeadID)
	if d := gocmp.Diff([]string{
		"0 a a accepted pays 30.00, earns 18.00", "1 b b accepted pays 25.00, earns 15.00", "2 c c accepted pays 20.00, earns 12.00",
	}, lines(l.Purchases)); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff(ringbid.Sale{Currency: "USD", Revenue: 750_000, Payout: 450_000}, l.Sale); d != "" || l.Recovered {
		t.Error(d)
	}
	if again := r.post(person(), "ext-1"); again.Status != "accepted" || *again.Price != 450_000 {
		t.Errorf("in the end: %+v", again)
	}
	r.buying("b", sim.LeadBuying{Reject: "outside criteria"})
	l = r.settle(r.post(person(), "").LeadID)
	if d := gocmp.Diff([]string{
		"0 a a accepted pays 30.00, earns 18.00", "1 b b rejected pays 0.00, earns 0.00", "1 d d accepted pays 10.00, earns 6.00",
		"2 c c accepted pays 20.00, earns 12.00",
	}, lines(l.Purchases)); d != "" || !l.Recovered {
		t.Error(d)
	}
	r.balanced()
}

// TestOneBuyerOnce never gives a lead to a buyer twice, however many targets it
// has: not when it is shared, not when it falls through.
func TestOneBuyerOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	second := buyer("a", "28.00")[1].(*ringbid.Target)
	second.Name, second.Methods = "a-second", []ringbid.Way{{Method: "a-inbox"}}
	docs := slices.Concat(buyer("a", "30.00", r.httpMethod("a-api", "reject", "")), []ringbid.Document{second, inbox("a")}, buyer("b", "10.00", inbox("b")))
	docs[4].(*ringbid.Method).Buyer = "a"
	for share, want := range map[int][]string{
		1: {"0 a a rejected pays 0.00, earns 0.00", "0 b b accepted pays 10.00, earns 6.00"},
		3: {"0 a a rejected pays 0.00, earns 0.00", "1 b b accepted pays 10.00, earns 6.00"},
	} {
		sale := basics("a", "a-second", "b")
		campaign(sale).Lead.Share = share
		r.publish(slices.Concat(sale, docs)...)
		l := r.settle(r.post(person(), "").LeadID)
		if d := gocmp.Diff(want, lines(l.Purchases)); d != "" {
			t.Errorf("shared with %d: %s", share, d)
		}
	}
	r.balanced()
}

// TestSharedWithoutRoom posts ten shared leads at once to a best buyer who takes
// one: each of the others goes to the next two, at their price.
func TestSharedWithoutRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	docs, best := basics("a", "b", "c"), buyer("a", "30.00", inbox("a"))
	campaign(docs).Lead.Share = 2
	target(best).Caps = []ringbid.Cap{{On: "convert", Per: "total", Limit: 1}}
	r.publish(slices.Concat(docs, best, buyer("b", "20.00", inbox("b")), buyer("c", "10.00", inbox("c")))...)
	count := map[string]int{}
	for _, a := range r.atOnce(10, func(int) intake.Posting { return intake.Posting{Way: "direct", Values: person()} }) {
		l := r.settle(a.LeadID)
		var who []string
		for _, p := range l.Purchases {
			who = append(who, fmt.Sprint(p.Place, p.Buyer))
		}
		bid := l.Auction.Bids[slices.IndexFunc(l.Auction.Bids, func(b ringbid.Bid) bool { return b.Name == "a" })]
		count[fmt.Sprintf("%s at %s, won by %s, a is %s", strings.Join(who, " "), a.Price, l.Auction.Winner, bid.State)]++
	}
	if d := gocmp.Diff(map[string]int{"0a 1b at 18.00, won by a, a is won": 1, "0b 1c at 12.00, won by b, a is ineligible": 9}, count); d != "" {
		t.Error(d)
	}
	r.balanced()
}

// TestNobodyWaitsInACircle sells and resells leads to buyers with caps whose order
// differs from campaign to campaign. Postgres is told not to resolve deadlocks
// within the test, so that there must be none.
func TestNobodyWaitsInACircle(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("sells 48 leads three times")
	}
	dsn := storetest.DB(t)
	sluggish(t, dsn)
	r := openRig(t, parts{dsn: dsn})
	caps := []ringbid.Cap{{On: "convert", Per: "day", Limit: 1000}, {On: "revenue", Per: "day", Amount: 1000 * ringbid.MoneyScale}}
	docs := basics()[1:2]
	names := []string{"a", "b", "c"}
	for _, name := range names {
		d := buyer(name, "10.00", r.httpMethod(name+"-api", "reject", ""))
		target(d).Caps = caps
		docs = append(docs, d...)
	}
	var sources []*ringbid.Source
	for share := 1; share <= 2; share++ {
		for i := range names {
			sale := named(fmt.Sprint("sale", share, i), basics(names...))
			c := campaign(sale)
			c.Lead.Share = share
			for k := range c.Routes {
				c.Routes[k].Priority = 1 + (k+i)%len(names)
			}
			docs, sources = append(docs, sale[0], sale[2]), append(sources, sale[2].(*ringbid.Source))
		}
	}
	r.publish(docs...)
	answers := r.atOnce(48, func(i int) intake.Posting {
		return intake.Posting{Source: sources[i%len(sources)], Way: "direct", Values: person()}
	})
	var all sync.WaitGroup
	for _, a := range answers {
		all.Go(func() {
			for range 3 {
				l, err := r.store.Lead(t.Context(), a.LeadID)
				if err != nil {
					t.Error(err)
					return
				}
				for _, d := range l.Deliveries {
					if _, err := r.Engine.Deliver(t.Context(), d.ID); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	for _, a := range answers {
		if l := r.settle(a.LeadID); l.State != ringbid.LeadUnsold || len(l.Purchases) != 3 {
			t.Errorf("%s", asJSON(l.Purchases))
		}
	}
	r.balanced()
}

// sluggish makes a database slow to notice deadlocks.
func sluggish(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `ALTER DATABASE `+conn.Config().Database+` SET deadlock_timeout = '60s'`); err != nil {
		t.Fatal(err)
	}
}
