package auction_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
)

// The clock of these cases is Saturday 1 January 2000, 00:00 UTC: Friday 16:00
// in Los Angeles. The caller's area code is in California.
func TestEligibility(t *testing.T) {
	t.Parallel()
	type edit = func(*ringbid.Buying)
	for name, c := range map[string]struct {
		edit   edit
		facts  ringbid.TagMap
		state  ringbid.BidState
		code   string
		reason string
	}{
		"welcome":       {func(*ringbid.Buying) {}, nil, ringbid.BidStanding, "", ""},
		"paused target": {func(b *ringbid.Buying) { b.Target.Paused = true }, nil, ringbid.BidIneligible, "paused", "target x is paused"},
		"paused buyer":  {func(b *ringbid.Buying) { b.Buyer.Paused = true }, nil, ringbid.BidIneligible, "paused", "buyer x-co is paused"},
		"no target":     {func(b *ringbid.Buying) { b.Target = nil }, nil, ringbid.BidIneligible, "config", "its target or buyer is not published"},
		"closed on Friday night": {func(b *ringbid.Buying) {
			b.Target.Zone, b.Target.Hours = "America/New_York", ringbid.Hours{{Days: "mon-fri", From: "09:00", To: "17:00"}}
		}, nil, ringbid.BidIneligible, "closed", "closed until Mon 09:00 (buyer's time)"},
		"open in Los Angeles": {func(b *ringbid.Buying) {
			b.Target.Zone, b.Target.Hours = "America/Los_Angeles", ringbid.Hours{{Days: "mon-fri", From: "09:00", To: "17:00"}}
		}, nil, ringbid.BidStanding, "", ""},
		"unknown zone": {func(b *ringbid.Buying) { b.Target.Zone = "Mars/Olympus" }, nil, ringbid.BidIneligible, "config", `"Mars/Olympus" is not a time zone we know`},
		"state by number": {func(b *ringbid.Buying) { b.Target.States = []string{"NV", "CA"} }, nil,
			ringbid.BidStanding, "", ""},
		"state as answered": {func(b *ringbid.Buying) { b.Target.States = []string{"CA"} }, ringbid.TagMap{"State": "ny"},
			ringbid.BidIneligible, "state", "does not take callers from NY"},
		"wrong state": {func(b *ringbid.Buying) { b.Target.States = []string{"TX"} }, nil,
			ringbid.BidIneligible, "state", "does not take callers from CA"},
		"filter met": {func(b *ringbid.Buying) { b.Target.Filters = []ringbid.Filter{{Tag: "age", Op: "gt", Value: "64"}} },
			ringbid.TagMap{"age": "65"}, ringbid.BidStanding, "", ""},
		"filter not met": {func(b *ringbid.Buying) { b.Target.Filters = []ringbid.Filter{{Tag: "age", Op: "gt", Value: "64"}} },
			ringbid.TagMap{"age": "64"}, ringbid.BidIneligible, "filter", "takes only age gt 64"},
		"filter on what is not known yet": {func(b *ringbid.Buying) { b.Target.Filters = []ringbid.Filter{{Tag: "age", Op: "gt", Value: "64"}} },
			nil, ringbid.BidWaiting, "waiting", "needs age"},
		"a hopeless rule comes before a missing fact": {func(b *ringbid.Buying) {
			b.Target.Filters = []ringbid.Filter{{Tag: "age", Op: "gt", Value: "64"}, {Tag: "zip", Op: "eq", Value: "1"}}
		}, ringbid.TagMap{"zip": "2"}, ringbid.BidIneligible, "filter", "takes only zip eq 1"},
		"negated filter on a missing fact": {func(b *ringbid.Buying) {
			b.Target.Filters = []ringbid.Filter{{Tag: "insured", Op: "eq", Value: "yes", Not: true}}
		}, nil, ringbid.BidStanding, "", ""},
		"below the floor": {func(b *ringbid.Buying) { b.Target.Price = dollars(4) }, nil,
			ringbid.BidIneligible, "floor", "4.00 is below the floor of 5.00"},
		"bidder cannot reach the floor": {func(b *ringbid.Buying) {
			b.Bidder = &ringbid.Bidder{Name: "x", Dialect: "ringba", MaxBid: dollars(4)}
		}, nil, ringbid.BidIneligible, "floor", "bids at most 4.00, below the floor of 5.00"},
		"paused bidder": {func(b *ringbid.Buying) { b.Bidder = &ringbid.Bidder{Name: "x", Dialect: "ringba", Paused: true} }, nil,
			ringbid.BidIneligible, "paused", "bidder x is paused"},
		"foreign dialect": {func(b *ringbid.Buying) { b.Bidder = &ringbid.Bidder{Name: "x", Dialect: "klingon"} }, nil,
			ringbid.BidIneligible, "dialect", `we do not speak the dialect "klingon"`},
		"empty required fact": {func(b *ringbid.Buying) {
			b.Bidder = &ringbid.Bidder{Name: "x", Dialect: "ringba", Requires: []string{"zip", "age"}}
		}, ringbid.TagMap{"zip": "", "age": "9"}, ringbid.BidWaiting, "waiting", "needs zip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, static("x", dollars(5), c.edit))
				a := f.open(c.facts, func(ask *ringbid.Ask) { ask.Floor = dollars(5) })
				b := find(t, a.Record(), "x")
				a.Done(0)
				if b.State != c.state || b.Code != c.code || b.Reason != c.reason {
					t.Errorf("got %s, %q, %q", b.State, b.Code, b.Reason)
				}
				if n := len(f.bidder.asked("x")); n != 0 {
					t.Errorf("asked %d times", n)
				}
			})
		})
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("b"))
		f.bidder.scripts["b"] = bids(dollars(1), 0)
		f.ledger.full["b-target"] = "took 10 of 10 calls today"
		a := f.open(nil)
		if b := find(t, a.Record(), "b"); b.Code != "full" || b.Reason != "took 10 of 10 calls today" {
			t.Errorf("got %+v", b)
		}
		delete(f.ledger.full, "b-target") // room again by the time more is known
		a.Offer(ringbid.TagMap{"zip": "90210"})
		award(t, a, "b")
		a.Done(0)
	})
}

// A fact turns away one who was being asked, and another lets in one who was
// turned away.
func TestFactsChangeEligibility(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		young := func(b *ringbid.Buying) { b.Target.Filters = []ringbid.Filter{{Tag: "age", Op: "lt", Value: "65"}} }
		old := func(b *ringbid.Buying) {
			b.Target.Filters = []ringbid.Filter{{Tag: "age", Op: "lt", Value: "65", Not: true}}
		}
		f := setup(t, pinged("old", old), static("young", dollars(3), young))
		f.bidder.scripts["old"] = bids(dollars(9), 50*time.Millisecond)
		a := f.open(nil)
		a.Offer(ringbid.TagMap{"age": "30"})
		if b := find(t, a.Record(), "old"); b.State != ringbid.BidIneligible || b.Code != "filter" {
			t.Errorf("old: %+v", b)
		}
		award(t, a, "young")
		rec := a.Done(0)
		if b := find(t, rec, "old"); b.State != ringbid.BidIneligible || rec.CloseWhy != "all answered" {
			t.Errorf("old: %+v, closed %s", b, rec.CloseWhy)
		}
	})
}

func TestAnonymousCallerAndStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, static("x", dollars(5), func(b *ringbid.Buying) { b.Target.States = []string{"CA"} }))
		a := f.open(nil, func(ask *ringbid.Ask) { ask.Caller = "" })
		if b := find(t, a.Record(), "x"); b.State != ringbid.BidWaiting || b.Reason != "needs state" {
			t.Errorf("got %+v", b)
		}
		a.Offer(ringbid.TagMap{"state": "CA"})
		award(t, a, "x")
		a.Done(0)
	})
}

var _ auction.Ledger = (*ledger)(nil)
