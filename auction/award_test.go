package auction_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
)

// A bid that runs out while another buyer rings is not used.
func TestExpiredWhileRinging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("first"), pinged("second"), static("desk", dollars(1)))
		f.bidder.scripts["first"] = bids(dollars(30), 0)
		f.bidder.scripts["second"] = bids(dollars(20), 0)
		a := f.open(nil)
		w := award(t, a, "first")
		pass(28*time.Second + time.Millisecond)
		a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictNoAnswer})
		award(t, a, "desk")
		if d := cmp.Diff([]line{
			{"first", ringbid.BidTried, "no_answer", "30.00", 1},
			{"second", ringbid.BidExpired, "expired", "20.00", 2},
			{"desk", ringbid.BidStanding, "", "1.00", 3},
		}, lines(a.Done(0))); d != "" {
			t.Error(d)
		}
	})
}

// Hours are looked at again just before dialling. The bubble's clock starts on
// Saturday 1 January 2000, 00:00 UTC.
func TestClosesBeforeDialling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		early := func(b *ringbid.Buying) { b.Target.Hours = ringbid.Hours{{Days: "sat", From: "00:00", To: "00:01"}} }
		f := setup(t, static("early", dollars(9), early), static("desk", dollars(1)))
		a := f.open(nil)
		pass(time.Minute)
		// Sealing looks at it first; closing it after that is for Award.
		award(t, a, "desk")
		b := find(t, a.Done(0), "early")
		if b.State != ringbid.BidIneligible || b.Code != "closed" || b.Reason != "closed until Sat 8 Jan 00:00 (buyer's time)" {
			t.Errorf("got %+v", b)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		early := func(b *ringbid.Buying) { b.Target.Hours = ringbid.Hours{{Days: "sat", From: "00:00", To: "00:01"}} }
		f := setup(t, static("first", dollars(20)), static("early", dollars(9), early))
		a := f.open(nil)
		w := award(t, a, "first")
		pass(time.Minute) // it rings
		a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictNoAnswer})
		nobody(t, a)
		if b := find(t, a.Done(0), "early"); b.Code != "closed" || b.Rank != 2 {
			t.Errorf("got %+v", b)
		}
	})
}

func TestReservation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, static("full", dollars(30)), static("broken", dollars(20)), static("desk", dollars(10)))
		f.ledger.refuse["full"] = ringbid.Errorf(ringbid.Busy, "takes 3 calls at once and has 3")
		f.ledger.refuse["broken"] = errors.New("no route to host")
		a := f.open(nil)
		w := award(t, a, "desk")
		a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictAnswered})
		rec := a.Done(0)
		if d := cmp.Diff([]line{
			{"full", ringbid.BidIneligible, "full", "30.00", 1},
			{"broken", ringbid.BidFailed, "ledger", "20.00", 2},
			{"desk", ringbid.BidWon, "", "10.00", 3},
		}, lines(rec)); d != "" {
			t.Error(d)
		}
		if got := find(t, rec, "full").Reason; got != "takes 3 calls at once and has 3" {
			t.Errorf("reason %q", got)
		}
		if len(f.ledger.held) != 0 {
			t.Errorf("held %v", f.ledger.held)
		}
	})
}

func TestNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		a := f.open(nil)
		nobody(t, a)
		nobody(t, a)
		rec := a.Done(0)
		if rec.CloseWhy != "all answered" || rec.Abandoned || len(rec.Bids) != 0 {
			t.Errorf("record %+v", rec)
		}
	})
}

// After nobody was found, a further question may find somebody: the next Award
// has its own deadline.
func TestStartsOverAfterNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("zip", requires("zip")), pinged("hung"), static("desk", dollars(1)))
		f.bidder.scripts["zip"] = bids(dollars(3), 1900*time.Millisecond)
		f.bidder.scripts["hung"] = bids(dollars(9), time.Hour)
		a := f.open(nil)
		a.Report(award(t, a, "desk"), ringbid.Attempt{Verdict: ringbid.VerdictBusy})
		nobody(t, a)
		if b := find(t, a.Record(), "zip"); b.State != ringbid.BidWaiting {
			t.Errorf("zip is %s", b.State)
		}
		pass(time.Minute)
		a.Offer(ringbid.TagMap{"zip": "90210"})
		w := award(t, a, "zip")
		a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictAnswered})
		if rec := a.Done(0); rec.Winner != "zip" || rec.CloseWhy != "all answered" || rec.Abandoned {
			t.Errorf("record %+v", rec)
		}
	})
}

func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	hang := bids(dollars(10), time.Hour)
	t.Run("during the flow", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := setup(t, pinged("b"))
			f.bidder.scripts["b"] = hang
			a := f.open(nil)
			began := time.Now()
			rec := a.Done(0)
			if time.Since(began) != 0 {
				t.Errorf("Done took %s", time.Since(began))
			}
			if !rec.Abandoned || rec.CloseWhy != "abandoned" || find(t, rec, "b").State != ringbid.BidLate {
				t.Errorf("record %+v", rec)
			}
			a.Offer(ringbid.TagMap{"zip": "1"}) // too late to matter
			nobody(t, a)
		})
	})
	t.Run("while bids are awaited", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := setup(t, pinged("b"))
			f.bidder.scripts["b"] = hang
			ctx, cancel := context.WithCancel(t.Context())
			a := f.market.Open(ctx, ringbid.Ask{CallID: "call-1", Campaign: "auto"})
			time.AfterFunc(100*time.Millisecond, cancel)
			if _, ok := a.Award(ctx); ok {
				t.Error("awarded to a caller who left")
			}
			if rec := a.Done(0); !rec.Abandoned {
				t.Errorf("record %+v", rec)
			}
		})
	})
	t.Run("while it rings", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := setup(t, static("desk", dollars(1)))
			a := f.open(nil)
			w := award(t, a, "desk")
			a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictCancelled})
			rec := a.Done(0)
			if !rec.Abandoned || len(f.ledger.held) != 0 {
				t.Errorf("abandoned %v, held %v", rec.Abandoned, f.ledger.held)
			}
		})
	})
	t.Run("before a report", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := setup(t, static("desk", dollars(1)))
			a := f.open(nil)
			award(t, a, "desk")
			a.Done(0)
			if len(f.ledger.held) != 0 {
				t.Errorf("held %v", f.ledger.held)
			}
		})
	})
}

// A bidder that ignores its context holds Done up for two seconds, not longer.
func TestDoneIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("b"))
		f.bidder.scripts["b"] = stubborn(dollars(1), time.Minute)
		a := f.open(nil)
		synctest.Wait()
		began := time.Now()
		a.Done(0)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("Done took %s", took)
		}
		pass(time.Minute)
	})
}

func TestAnswerAfterDoneChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("b"))
		f.bidder.scripts["b"] = stubborn(dollars(1), time.Second)
		a := f.open(nil)
		rec := a.Done(0)
		if d := cmp.Diff(rec, a.Record()); d != "" {
			t.Error(d)
		}
	})
}

// A report about something else, or a second one, changes nothing.
func TestStrangeReports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, static("desk", dollars(2)), static("other", dollars(1)))
		a := f.open(nil)
		w := award(t, a, "desk")
		a.Report(ringbid.Award{Bid: "nonsense"}, ringbid.Attempt{Verdict: ringbid.VerdictAnswered})
		a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictAnswered})
		a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictBusy})
		if rec := a.Done(0); rec.Winner != "desk" || rec.Attempts != 1 {
			t.Errorf("record %+v", rec)
		}
	})
}

var _ auction.Bidder = (*fakeBidder)(nil)
