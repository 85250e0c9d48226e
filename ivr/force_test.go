package ivr

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringbid/ringbid"

	"github.com/google/go-cmp/cmp"
)

// atSecond has an operator send the call to a target at a moment.
func (b *bench) atSecond(n int, target string, got *error) {
	b.book.Targets[target].Trunk, b.book.Targets[target].Price = "buyers", 7*ringbid.MoneyScale
	b.meanwhile = func(r *Runner) {
		<-time.After(time.Duration(n)*time.Second + 500*time.Millisecond) // of synctest
		*got = r.Force("call-1", target, "ann")
	}
}

// TestForcedOutOfAQuestion: the caller is asked, an operator decides.
func TestForcedOutOfAQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := append([]ringbid.Node{play("hello", "connect")}, dialing()...)
		b, l := newBench(nodes...), newLine()
		l.verdicts, l.byBuyer = []ringbid.Verdict{ringbid.VerdictAnswered}, false
		var err error
		b.atSecond(0, "south", &err)
		got := b.run(t, l, l, 0)
		if err != nil || got.Outcome != ringbid.OutcomeBridged || got.Target != "south" || got.Sale.Revenue != 7*ringbid.MoneyScale || got.ConnectedMS != 30000 {
			t.Errorf("%v: %s, target %s, %+v, %d ms", err, got.Outcome, got.Target, got.Sale, got.ConnectedMS)
		}
		if len(l.dials) != 1 || l.dials[0].Award.Target != "south" || len(b.markets) != 0 {
			t.Errorf("dials %+v, %d auctions", l.dials, len(b.markets))
		}
	})
}

// TestForcedOutOfADial: the buyer who rings is let go, the auction ends without
// a winner and the call is the target's.
func TestForcedOutOfADial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		l.verdicts = []ringbid.Verdict{ringbid.VerdictAnswered, ringbid.VerdictAnswered}
		var err error
		b.atSecond(1, "east", &err)
		got := b.run(t, l, l, 0)
		if err != nil || got.Target != "east" || got.Buyer != "east-buyer" || got.Sale.Price != 7*ringbid.MoneyScale {
			t.Errorf("%v: target %s, %+v", err, got.Target, got.Sale)
		}
		m := b.markets[0]
		if len(m.reports) != 1 || m.reports[0].Verdict != ringbid.VerdictCancelled || m.talk != 0 || m.done != 1 {
			t.Errorf("auction: %d reports, %v, talk %v, done %d", len(m.reports), m.reports[0].Verdict, m.talk, m.done)
		}
	})
}

// TestForcedInVain: a target that is busy costs nothing; the flow goes on where
// it was.
func TestForcedInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := append([]ringbid.Node{play("hello", "connect")}, dialing()...)
		b, l := newBench(nodes...), newLine()
		l.verdicts = []ringbid.Verdict{ringbid.VerdictBusy, ringbid.VerdictAnswered}
		var err error
		b.atSecond(0, "south", &err)
		got := b.run(t, l, l, 0)
		if diff := cmp.Diff([]string{"hello", "hello", "hello", "connect"}, walked(got.Steps)); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if err != nil || got.Target != "north" || got.Outcome != ringbid.OutcomeBridged {
			t.Errorf("%v: %s to %s", err, got.Outcome, got.Target)
		}
	})
}

// TestNotForced: a call that talks, one that is gone, a target nobody knows.
func TestNotForced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		l.verdicts = []ringbid.Verdict{ringbid.VerdictAnswered}
		var err error
		b.atSecond(10, "south", &err)
		var runner *Runner
		inner := b.meanwhile
		b.meanwhile = func(r *Runner) { runner = r; inner(r) }
		got := b.run(t, l, l, 0)
		if !errors.Is(err, ErrTalking) || got.Target != "north" {
			t.Errorf("%v, target %s", err, got.Target)
		}
		if err := runner.Force("call-1", "south", "ann"); ringbid.KindOf(err) != ringbid.NotFound {
			t.Errorf("after the call: %v", err)
		}
	})
	b, l := newBench(dialing()...), newLine()
	var err error
	b.meanwhile = func(r *Runner) {
		<-time.After(time.Millisecond) // of synctest
		err = r.Force("call-1", "nobody", "ann")
	}
	synctest.Test(t, func(t *testing.T) { b.run(t, l, l, 0) })
	if ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("unknown target: %v", err)
	}
}
