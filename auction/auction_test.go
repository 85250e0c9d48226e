package auction_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
)

func TestSale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("quick"), pinged("slow"), pinged("proud"), static("desk", dollars(22)))
		f.bidder.scripts["quick"] = bids(dollars(38), 20*time.Millisecond)
		f.bidder.scripts["slow"] = bids(dollars(40), 300*time.Millisecond)
		f.bidder.scripts["proud"] = func(context.Context, auction.Ping, int) (auction.Reply, error) {
			return auction.Reply{Reason: "Caller ID (Code: 1004)", Code: "1004", Status: 200}, nil
		}
		a := f.open(nil)
		began := time.Now()
		first := award(t, a, "slow")
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("closed after %s, want as the slowest answered", took)
		}
		want := ringbid.Award{
			Bid: first.Bid, Name: "slow", Target: "slow-target", Buyer: "slow-target-co", Price: dollars(40),
			User: "line-slow", BidID: "b-slow", Expires: first.Expires, Rank: 1,
		}
		if d := cmp.Diff(want, first); d != "" {
			t.Error(d)
		}
		a.Report(first, ringbid.Attempt{Verdict: ringbid.VerdictBusy, Status: 486, Text: "Busy Here"})
		second := award(t, a, "quick")
		a.Report(second, ringbid.Attempt{Verdict: ringbid.VerdictAnswered})
		rec := a.Done(42 * time.Second)

		if d := cmp.Diff([]line{
			{"slow", ringbid.BidTried, "busy", "40.00", 1},
			{"quick", ringbid.BidWon, "", "38.00", 2},
			{"desk", ringbid.BidStanding, "", "22.00", 3},
			{"proud", ringbid.BidDeclined, "1004", "0.00", 0},
		}, lines(rec)); d != "" {
			t.Error(d)
		}
		if got := find(t, rec, "slow").Reason; got != "busy (486 Busy Here)" {
			t.Errorf("reason %q", got)
		}
		if rec.CloseWhy != "all answered" || rec.Winner != "quick" || rec.Attempts != 2 || rec.Abandoned || rec.Overtime != 0 {
			t.Errorf("record %+v", rec)
		}
		if len(f.ledger.held) != 0 || !slices.Equal(f.ledger.released, []string{"slow-target", "quick-target"}) {
			t.Errorf("held %v, released %v", f.ledger.held, f.ledger.released)
		}
		if d := cmp.Diff(rec, a.Done(0)); d != "" {
			t.Errorf("Done again: %s", d)
		}
		kinds := f.kinds()
		if kinds[0] != ringbid.EventOpened || !slices.Contains(kinds, ringbid.EventPing) || !slices.Contains(kinds, ringbid.EventClosed) {
			t.Errorf("events %v", kinds)
		}
	})
}

func TestAsksWhenFactsAreKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hidden := func(b *ringbid.Buying) { b.Bidder.HideCaller = true }
		f := setup(t, pinged("zip", requires("zip")), pinged("both", requires("zip", "age"), hidden), static("desk", dollars(5)))
		f.bidder.scripts["zip"] = bids(dollars(10), time.Millisecond)
		f.bidder.scripts["both"] = bids(dollars(20), time.Millisecond)
		a := f.open(ringbid.TagMap{"state": "CA"})
		synctest.Wait()
		if got := find(t, a.Record(), "both"); got.State != ringbid.BidWaiting || got.Reason != "needs age, zip" {
			t.Errorf("both: %s, %s", got.State, got.Reason)
		}
		a.Offer(ringbid.TagMap{"zip": "90210"})
		synctest.Wait()
		if p := f.bidder.asked("zip"); len(p) != 1 || p[0].Caller != "+13105550123" || p[0].Fields()["their_zip"] != "90210" {
			t.Errorf("asked zip %+v", p)
		}
		a.Offer(ringbid.TagMap{"zip": "90210"}) // no news
		a.Offer(ringbid.TagMap{"age": "44"})
		a.Offer(ringbid.TagMap{"colour": "red"}) // nobody is told
		award(t, a, "both")
		if p := f.bidder.asked("both"); len(p) != 1 || p[0].Caller != "" {
			t.Errorf("asked both %+v", p)
		}
		if n := len(f.bidder.asked("zip")); n != 1 {
			t.Errorf("zip asked %d times", n)
		}
		a.Done(0)
	})
}

// The auction closes while the flow still runs, once everybody who waits for a
// fact has it.
func TestClosesDuringTheFlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("zip", requires("zip")), static("desk", dollars(5)))
		f.bidder.scripts["zip"] = bids(dollars(10), time.Millisecond)
		a := f.open(nil)
		synctest.Wait()
		if a.Record().Closed != nil {
			t.Fatal("closed before the ZIP was known")
		}
		a.Offer(ringbid.TagMap{"zip": "90210"})
		pass(2 * time.Millisecond)
		synctest.Wait()
		if rec := a.Record(); rec.Closed == nil || rec.CloseWhy != "all answered" {
			t.Fatalf("not closed: %+v", rec)
		}
		// A better answer to the question opens it again.
		a.Offer(ringbid.TagMap{"zip": "10001"})
		if a.Record().Closed != nil {
			t.Fatal("a changed fact did not open it again")
		}
		award(t, a, "zip")
		if n := len(f.bidder.asked("zip")); n != 2 {
			t.Errorf("asked %d times, want 2", n)
		}
		a.Done(0)
	})
}

func TestCannotBeBeaten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("quick"), pinged("slow", maxBid(dollars(34))), pinged("slower", maxBid(dollars(50))))
		f.bidder.scripts["quick"] = bids(dollars(60), 10*time.Millisecond)
		f.bidder.scripts["slow"] = bids(dollars(33), 900*time.Millisecond)
		f.bidder.scripts["slower"] = bids(dollars(50), 1900*time.Millisecond)
		a := f.open(nil)
		began := time.Now()
		first := award(t, a, "quick")
		if took := time.Since(began); took != 10*time.Millisecond {
			t.Errorf("closed after %s", took)
		}
		if why := a.Record().CloseWhy; why != "cannot be beaten" {
			t.Errorf("closed: %s", why)
		}
		a.Report(first, ringbid.Attempt{Verdict: ringbid.VerdictNoAnswer})
		// The others are still being asked, and are the next ones.
		second := award(t, a, "slow")
		if took := time.Since(began); took != 900*time.Millisecond {
			t.Errorf("second after %s", took)
		}
		a.Report(second, ringbid.Attempt{Verdict: ringbid.VerdictRefused})
		third := award(t, a, "slower")
		a.Report(third, ringbid.Attempt{Verdict: ringbid.VerdictAnswered})
		rec := a.Done(0)
		if d := cmp.Diff([]line{
			{"quick", ringbid.BidTried, "no_answer", "60.00", 1},
			{"slower", ringbid.BidWon, "", "50.00", 2},
			{"slow", ringbid.BidTried, "refused", "33.00", 3},
		}, lines(rec)); d != "" {
			t.Error(d)
		}
	})
}

// One who could bid as much keeps the auction open only where it would win the
// tie.
func TestCannotBeBeatenOnATie(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		priority int
		why      string
	}{
		"later":  {11, "cannot be beaten"},
		"equal":  {10, "all answered"},
		"before": {1, "all answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, static("desk", dollars(30)), pinged("slow", maxBid(dollars(30)), func(b *ringbid.Buying) { b.Route.Priority = c.priority }))
				f.bidder.scripts["slow"] = bids(dollars(1), 500*time.Millisecond)
				a := f.open(nil)
				award(t, a, "desk")
				if rec := a.Done(0); rec.CloseWhy != c.why {
					t.Errorf("closed: %s, want %s", rec.CloseWhy, c.why)
				}
			})
		})
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		long := func(b *ringbid.Buying) { b.Bidder.Timeout = ringbid.Duration(10 * time.Second) }
		f := setup(t, pinged("quick"), pinged("late", long), pinged("hung", long), pinged("lapsed"))
		f.bidder.scripts["quick"] = bids(dollars(10), 50*time.Millisecond)
		f.bidder.scripts["late"] = stubborn(dollars(90), 2500*time.Millisecond)
		f.bidder.scripts["hung"] = bids(dollars(99), time.Hour)
		f.bidder.scripts["lapsed"] = func(ctx context.Context, _ auction.Ping, _ int) (auction.Reply, error) {
			<-ctx.Done()
			return auction.Reply{}, ctx.Err()
		}
		lapsed := f.roster[3].Bidder
		lapsed.Timeout = ringbid.Duration(100 * time.Millisecond)
		a := f.open(nil)
		began := time.Now()
		w := award(t, a, "quick")
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("closed after %s, want at the deadline", took)
		}
		pass(time.Second)
		synctest.Wait()
		a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictBusy})
		nobody(t, a)
		rec := a.Done(0)
		if d := cmp.Diff([]line{
			{"quick", ringbid.BidTried, "busy", "10.00", 1},
			{"late", ringbid.BidLate, "late", "0.00", 0},
			{"hung", ringbid.BidLate, "late", "0.00", 0},
			{"lapsed", ringbid.BidLate, "timeout", "0.00", 0},
		}, lines(rec)); d != "" {
			t.Error(d)
		}
		if got := find(t, rec, "late").Reason; got != "offered 90.00, 0.500 s after the close" {
			t.Errorf("late: %q", got)
		}
		if got := find(t, rec, "lapsed").Reason; got != "no answer within 100ms" {
			t.Errorf("lapsed: %q", got)
		}
		if rec.CloseWhy != "deadline" || rec.Overtime != 1_950_000 {
			t.Errorf("closed: %s, overtime %d µs", rec.CloseWhy, rec.Overtime)
		}
	})
}

func TestBadBids(t *testing.T) {
	t.Parallel()
	reply := func(r auction.Reply, err error) script {
		return func(context.Context, auction.Ping, int) (auction.Reply, error) { return r, err }
	}
	soon := func(d time.Duration) auction.Reply {
		return auction.Reply{Accepted: true, Amount: dollars(10), Expires: time.Now().Add(d)}
	}
	for name, c := range map[string]struct {
		script func() script
		state  ringbid.BidState
		code   string
		reason string
	}{
		"negative": {func() script { return reply(auction.Reply{Accepted: true, Amount: -1}, nil) },
			ringbid.BidFailed, "negative", "bid of -0.0001 is negative"},
		"huge": {func() script { return reply(auction.Reply{Accepted: true, Amount: dollars(10_001)}, nil) },
			ringbid.BidFailed, "above_max", "bid of 10001.00 is above the most of 10000.00"},
		"below floor": {func() script { return reply(auction.Reply{Accepted: true, Amount: dollars(4)}, nil) },
			ringbid.BidDeclined, "floor", "bid of 4.00 is below the floor of 5.00"},
		"about to expire": {func() script { return reply(soon(1999*time.Millisecond), nil) },
			ringbid.BidExpired, "expired", "bid stands for less than 2s"},
		"enough time": {func() script { return reply(soon(2*time.Second), nil) }, ringbid.BidStanding, "", ""},
		"bad destination": {func() script { return reply(auction.Reply{Accepted: true, Amount: dollars(9), User: "a b@c"}, nil) },
			ringbid.BidFailed, "bad_destination", `destination "a b@c" cannot be dialled`},
		"not understood": {func() script { return reply(auction.Reply{Code: "not_understood"}, errors.New("answer is not JSON")) },
			ringbid.BidFailed, "not_understood", "answer is not JSON"},
		"nameless failure": {func() script { return reply(auction.Reply{}, errors.New("x")) }, ringbid.BidFailed, "failed", "x"},
		"timeout by code": {func() script { return reply(auction.Reply{Code: "timeout"}, errors.New("x")) },
			ringbid.BidLate, "timeout", "no answer within 2s"},
		"endless reason": {func() script {
			return reply(auction.Reply{Reason: strings.Repeat("é\x00", 1000), Code: strings.Repeat("c", 65)}, nil)
		}, ringbid.BidDeclined, strings.Repeat("c", 64), strings.Repeat("é", 100)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, pinged("b"))
				f.bidder.scripts["b"] = c.script()
				a := f.open(nil, func(ask *ringbid.Ask) { ask.Floor = dollars(5) })
				synctest.Wait()
				b := find(t, a.Done(0), "b")
				if b.State != c.state || b.Code != c.code || b.Reason != c.reason {
					t.Errorf("got %s, %q, %q", b.State, b.Code, b.Reason)
				}
			})
		})
	}
}

func TestAboveOwnMaximum(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("b", maxBid(dollars(30))))
		f.bidder.scripts["b"] = bids(dollars(31), 0)
		a := f.open(nil)
		nobody(t, a)
		if b := find(t, a.Done(0), "b"); b.Code != "above_max" || b.Rank != 0 {
			t.Errorf("got %+v", b)
		}
	})
}

func TestAsksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		short := func(ctx context.Context, p auction.Ping, nth int) (auction.Reply, error) {
			r, err := bids(dollars(10+int64(nth)), time.Millisecond)(ctx, p, nth)
			r.Expires = time.Now().Add(20 * time.Second)
			return r, err
		}
		failing := func(ctx context.Context, p auction.Ping, nth int) (auction.Reply, error) {
			if nth > 0 {
				return auction.Reply{Code: "http_503"}, errors.New("answered with status 503")
			}
			return bids(dollars(50), 0)(ctx, p, nth)
		}
		f := setup(t, pinged("short"), pinged("failing", requires("zip")))
		f.bidder.scripts["short"], f.bidder.scripts["failing"] = short, failing
		a := f.open(ringbid.TagMap{"zip": "90210"})
		pass(19 * time.Second) // the flow takes its time: one bid is about to run out
		a.Offer(ringbid.TagMap{"zip": "10001"})
		synctest.Wait()
		if got := find(t, a.Record(), "failing"); got.State != ringbid.BidStanding || got.Amount != dollars(50) ||
			got.Reason != "stands from before; asking again: answered with status 503" {
			t.Errorf("failing: %+v", got)
		}
		w := award(t, a, "failing")
		a.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictBusy})
		w = award(t, a, "short")
		if w.Price != dollars(11) || len(f.bidder.asked("short")) != 2 {
			t.Errorf("short sold at %s after %d pings", w.Price, len(f.bidder.asked("short")))
		}
		a.Done(0)
	})
}

// The first Award asks again for bids that ran out while the flow went on.
func TestSealRenewsBids(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, pinged("b"))
		f.bidder.scripts["b"] = bids(dollars(10), time.Millisecond)
		a := f.open(nil)
		pass(29 * time.Second)
		w := award(t, a, "b")
		if left := time.Until(w.Expires); left < 29*time.Second || len(f.bidder.asked("b")) != 2 {
			t.Errorf("%s left after %d pings", left, len(f.bidder.asked("b")))
		}
		a.Done(0)
	})
}
