package trade

import (
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/sim"
)

// TestWhoMayBuy lets the best buyer be kept from a lead by one rule at a time: the
// next one has it, and the record says why.
func TestWhoMayBuy(t *testing.T) {
	t.Parallel()
	monday := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	r := openRig(t, parts{clock: &clock{now: monday}})
	for name, c := range map[string]struct {
		edit  func(c *ringbid.Campaign, b *ringbid.Buyer, d *ringbid.Target)
		code  string
		words string
	}{
		"paused buyer":  {func(_ *ringbid.Campaign, b *ringbid.Buyer, _ *ringbid.Target) { b.Paused = true }, "paused", "buyer best is paused"},
		"paused target": {func(_ *ringbid.Campaign, _ *ringbid.Buyer, d *ringbid.Target) { d.Paused = true }, "paused", "target best is paused"},
		"closed": {func(_ *ringbid.Campaign, _ *ringbid.Buyer, d *ringbid.Target) {
			d.Hours, d.Zone = ringbid.Hours{{Days: "mon-fri", From: "09:00", To: "17:00"}}, "America/New_York"
		}, "closed", "closed until Mon 09:00 (buyer's time)"},
		"floor": {func(c *ringbid.Campaign, _ *ringbid.Buyer, d *ringbid.Target) { c.Floor, d.Price = 40_000, 39_999 }, "floor", "3.9999 is below the floor of 4.00"},
		"state": {func(_ *ringbid.Campaign, _ *ringbid.Buyer, d *ringbid.Target) { d.States = []string{"NY"} }, "state", "does not take callers from CA"},
		"filter": {func(_ *ringbid.Campaign, _ *ringbid.Buyer, d *ringbid.Target) {
			d.Filters = []ringbid.Filter{{Tag: "zip", Op: "eq", Value: "1"}}
		}, "filter", "takes only zip eq 1"},
		"calls": {func(_ *ringbid.Campaign, _ *ringbid.Buyer, d *ringbid.Target) {
			d.Methods, d.Trunk, d.User = nil, "line", "100"
		}, "kind", "takes calls only"},
		"nothing": {func(*ringbid.Campaign, *ringbid.Buyer, *ringbid.Target) {}, "", ""},
	} {
		docs := named(name, basics("best", "next"))
		best := buyer("best", "20.00", inbox("best"))
		c.edit(campaign(docs), best[0].(*ringbid.Buyer), target(best))
		r.publish(slices.Concat(docs, best, buyer("next", "5.00", inbox("next")), []ringbid.Document{&ringbid.Trunk{Name: "line", Address: "127.0.0.1:5060"}})...)
		l := r.lead(r.sendOK(intake.Posting{Source: docs[2].(*ringbid.Source), Way: "direct", Values: person()}).LeadID)
		i := slices.IndexFunc(l.Auction.Bids, func(b ringbid.Bid) bool { return b.Name == "best" })
		b, want := l.Auction.Bids[i], "next"
		if c.code == "" {
			want = "best"
		}
		if l.Purchases[0].Buyer != want || b.Code != c.code || b.Reason != c.words {
			t.Errorf("%s: sold to %s; %s", name, l.Purchases[0].Buyer, asJSON(b))
		}
	}
	r.balanced()
}

// TestHoursPass opens and closes a buyer by the clock, on its own clock; what was
// offered while it was open is not offered any more when it has closed.
func TestHoursPass(t *testing.T) {
	t.Parallel()
	r := openRig(t, parts{clock: &clock{now: time.Date(2027, 3, 14, 12, 59, 59, 0, time.UTC)}}) // the day of the change
	docs := buyer("acme", "5.00", inbox("acme"))
	target(docs).Hours, target(docs).Zone = ringbid.Hours{{Days: "all", From: "09:00", To: "10:00"}}, "America/New_York"
	r.publish(slices.Concat(basics("first", "acme"), docs, buyer("first", "9.00", r.httpMethod("first-api", "reject", "")))...)
	last := func(l *ringbid.Lead) string { return l.Purchases[len(l.Purchases)-1].Buyer + " " + string(l.State) }
	if got := last(r.settle(r.post(person(), "").LeadID)); got != "first unsold" {
		t.Errorf("a second before it opens: %s", got)
	}
	r.clock.advance(time.Second)
	if got := last(r.settle(r.post(person(), "").LeadID)); got != "acme sold" {
		t.Errorf("when it opens: %s", got)
	}
	r.clock.advance(time.Hour - time.Second)
	id := r.post(person(), "").LeadID
	r.clock.advance(time.Second)
	l := r.settle(id)
	if got := last(l); got != "first unsold" || l.Auction.Bids[1].State != ringbid.BidStanding {
		t.Errorf("it has closed before the first refused: %s", got)
	}
}

// TestFloorForBids declines a bid below the floor, and asks nobody who cannot
// reach it.
func TestFloorForBids(t *testing.T) {
	t.Parallel()
	r := pinged(t, func(docs []ringbid.Document) {
		campaign(docs).Floor = 110_000
		for _, d := range docs {
			if b, is := d.(*ringbid.Bidder); is && b.Name == "low-bot" {
				b.MaxBid = 105_000
			}
		}
	})
	if err := r.buyers.Set("high", sim.LeadBuying{Least: 109_900, Most: 109_900}); err != nil {
		t.Fatal(err)
	}
	a := r.sendOK(intake.Posting{Way: "direct", Values: person()})
	l := r.lead(a.LeadID)
	var got []string
	for _, b := range l.Auction.Bids {
		got = append(got, strings.Join([]string{b.Name, string(b.State), b.Code, b.Reason}, "|"))
	}
	slices.Sort(got)
	if d := gocmp.Diff([]string{
		"high-bot|declined|floor|bid of 10.99 is below the floor of 11.00", "low-bot|ineligible|floor|bids at most 10.50, below the floor of 11.00",
	}, got); d != "" || a.Status != "rejected" || a.Code != "no_buyer" || l.State != ringbid.LeadUnsold {
		t.Errorf("%+v %s", a, d)
	}
	if n := r.buyers.Count("low").Pings; n != 0 {
		t.Errorf("who cannot reach the floor was asked %d times", n)
	}
}

// TestBuyerRepeats keeps a person from a buyer that bought it lately, by phone or
// by e-mail, and only while it has it.
func TestBuyerRepeats(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	docs := buyer("acme", "20.00", r.httpMethod("acme-api", r.buying("acme", sim.LeadBuying{}), ""))
	target(docs).RepeatDays = 10
	lax := *target(docs)
	lax.Name, lax.Price, lax.RepeatDays = "acme-lax", 1_000, 0
	r.publish(slices.Concat(basics("acme", "next", "acme-lax"), docs, []ringbid.Document{&lax}, buyer("next", "5.00", inbox("next")))...)
	sold := func(values map[string]string) string {
		t.Helper()
		l := r.settle(r.post(values, "").LeadID)
		return l.Purchases[len(l.Purchases)-1].Target
	}
	who := person()
	r.buying("acme", sim.LeadBuying{Reject: "outside criteria"})
	if got := sold(who); got != "next" {
		t.Errorf("refused: sold to %s", got)
	}
	r.buying("acme", sim.LeadBuying{})
	if got := sold(with(person(), "phone", who["phone"])); got != "acme" {
		t.Errorf("what it refused it may buy: sold to %s", got)
	}
	for name, again := range map[string]map[string]string{
		"by phone": with(person(), "phone", "+1 "+who["phone"]), "by e-mail": with(person(), "email", "  "+who["email"]),
	} {
		if name == "by e-mail" {
			r.settle(r.post(with(person(), "email", strings.ToUpper(who["email"])), "").LeadID)
		}
		l := r.lead(r.post(again, "").LeadID)
		i := slices.IndexFunc(l.Auction.Bids, func(b ringbid.Bid) bool { return b.Name == "acme" })
		j := slices.IndexFunc(l.Auction.Bids, func(b ringbid.Bid) bool { return b.Name == "acme-lax" })
		if b := l.Auction.Bids[i]; l.Purchases[0].Buyer != "next" || b.Code != "barred" || !strings.HasPrefix(b.Reason, "bought this person on ") {
			t.Errorf("%s: sold to %s; %s", name, l.Purchases[0].Buyer, asJSON(b))
		}
		if b := l.Auction.Bids[j]; b.State != ringbid.BidStanding {
			t.Errorf("%s: a target that takes everybody: %s", name, asJSON(b))
		}
	}
	r.clock.advance(10*24*time.Hour + time.Second)
	if got := sold(with(person(), "phone", who["phone"], "email", who["email"])); got != "acme" {
		t.Errorf("eleven days later: sold to %s", got)
	}
	r.balanced()
}
