package ivr

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringbid/ringbid"

	"github.com/google/go-cmp/cmp"
)

func dialing() []ringbid.Node {
	return []ringbid.Node{
		{ID: "connect", Type: ringbid.NodeDial, Prompt: "music", Next: "after", None: "sorry"},
		play("after", "again"),
		{ID: "again", Type: ringbid.NodeDial, None: "sorry"},
		play("sorry", "end"), end("end"),
	}
}

func TestDialOpensTheAuction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		b.book.Campaigns["auto"].Deadline, b.book.Campaigns["auto"].Floor = ringbid.Duration(time.Second), 5
		b.awards = nil
		b.run(t, l, l, 0)
		if len(b.markets) != 1 || b.markets[0].ask.Deadline != time.Second || b.markets[0].ask.Floor != 5 {
			t.Errorf("auctions %+v", b.markets)
		}
	})
}

// TestAfterTheTalk: where the buyer hangs up, the flow goes on; the call is not
// sold twice, and its end was the end of the talk.
func TestAfterTheTalk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		l.verdicts, l.byBuyer = []ringbid.Verdict{ringbid.VerdictAnswered, ringbid.VerdictAnswered}, true
		got := b.run(t, l, l, 0)
		if diff := cmp.Diff([]string{"connect", "after", "again>nobody", "sorry", "end"}, walked(got.Steps)); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if got.Outcome != ringbid.OutcomeBridged || got.Reason.Code != "buyer_hung_up" || len(l.dials) != 1 || got.ConnectedMS != 30000 {
			t.Errorf("%s, %+v, %d dials", got.Outcome, got.Reason, len(l.dials))
		}
	})
}

// TestKnownToBeOver: a call that knows its end before the context does is not
// offered to the next buyer, and not hung up again.
func TestKnownToBeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		l.verdicts = []ringbid.Verdict{ringbid.VerdictCancelled, ringbid.VerdictAnswered}
		reason := ringbid.Reason{Code: "cancelled", Fault: ringbid.FaultNone}
		got := b.run(t, &knowing{l, "caller", reason}, l, 0)
		if got.Outcome != ringbid.OutcomeAbandoned || got.Reason != reason || len(l.dials) != 1 || len(l.ended) != 0 {
			t.Errorf("%s, %+v, %d dials, %d hang-ups", got.Outcome, got.Reason, len(l.dials), len(l.ended))
		}
	})
}

// TestNeverConnected: a bridge that our side could not make is our failure and
// nobody's bill.
func TestNeverConnected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		l.verdicts = []ringbid.Verdict{ringbid.VerdictAnswered}
		got := b.run(t, &unbridged{l}, l, 0)
		if got.Outcome != ringbid.OutcomeFailed || got.Reason.Fault != ringbid.FaultOurs || got.Sale != (ringbid.Sale{Currency: "USD"}) {
			t.Errorf("%s, %+v, %+v", got.Outcome, got.Reason, got.Sale)
		}
	})
}

// unbridged is a line whose bridges end as they begin.
type unbridged struct{ *line }

func (unbridged) Bridge(context.Context, time.Duration) ringbid.Talk {
	return ringbid.Talk{Started: time.Now(), EndedBy: byUs, Reason: ringbid.Reason{Code: "internal_error", Fault: ringbid.FaultOurs}}
}

func TestMaxAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		b.book.Campaigns["auto"].MaxAttempts = 2
		got := b.run(t, l, l, 0)
		if len(l.dials) != 2 || got.Outcome != ringbid.OutcomeNoBuyer || len(b.markets[0].left) != 1 {
			t.Errorf("%d dials, %s, %d left", len(l.dials), got.Outcome, len(b.markets[0].left))
		}
	})
}

// TestNotDialled: awards that ran out or whose target was withdrawn are given
// back and cost no attempt.
func TestNotDialled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		b.book.Campaigns["auto"].MaxAttempts = 1
		b.awards[0].Expires = time.Now().Add(time.Second)
		b.delay = 1500 * time.Millisecond
		delete(b.book.Targets, "south")
		l.verdicts = []ringbid.Verdict{ringbid.VerdictAnswered}
		got := b.run(t, l, l, 0)
		var verdicts []ringbid.Verdict
		for _, at := range b.markets[0].reports {
			verdicts = append(verdicts, at.Verdict)
		}
		if !slices.Equal(verdicts, []ringbid.Verdict{"local", "local", "answered"}) || got.Target != "east" || len(l.dials) != 1 {
			t.Errorf("verdicts %q, target %q, %d dials", verdicts, got.Target, len(l.dials))
		}
	})
}

// TestMusicWhileWaiting: the caller hears something as soon as bids take more
// than a moment, and nothing plays into the dialling.
func TestMusicWhileWaiting(t *testing.T) {
	t.Parallel()
	for delay, want := range map[time.Duration][]string{
		200 * time.Millisecond: {"answer record=true", "dial north"},
		time.Second:            {"answer record=true", "play 4.0", "dial north"},
		5 * time.Second:        {"answer record=true", "play 4.0", "play 4.0", "dial north"},
	} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(dialing()...), newLine()
				b.delay, b.awards = delay, b.awards[:1]
				b.run(t, l, l, delay+time.Second)
				if diff := cmp.Diff(want, l.did); diff != "" {
					t.Errorf("operations (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestConsent(t *testing.T) {
	t.Parallel()
	flow := []ringbid.Node{{ID: "say", Type: ringbid.NodeDisclose, Prompt: "recorded", BargeIn: true, Next: "end"}, end("end")}
	for name, c := range map[string]struct {
		script func(b *bench, l *line)
		record string
		want   ringbid.Consent
	}{
		"announced": {func(*bench, *line) {}, "answer record=true", ringbid.Consent{Policy: "announce", State: "CA", Prompt: "recorded", Through: true}},
		"cut short": {func(_ *bench, l *line) { l.bargeIn = time.Second }, "answer record=true", ringbid.Consent{Policy: "announce", State: "CA", Prompt: "recorded"}},
		"silent": {func(b *bench, _ *line) { b.book.Campaigns["auto"].Recording = "silent" }, "answer record=true",
			ringbid.Consent{Policy: "silent", State: "CA"}},
		"off": {func(b *bench, _ *line) { b.book.Campaigns["auto"].Recording = "off" }, "answer record=false",
			ringbid.Consent{Policy: "off", State: "CA"}},
		"by state": {func(b *bench, _ *line) { b.book.Campaigns["auto"].NoRecord = []string{"WA", "CA"} }, "answer record=false",
			ringbid.Consent{Policy: "off", State: "CA"}},
		"by the number's tag": {func(b *bench, _ *line) {
			b.book.Campaigns["auto"].NoRecord = []string{"WA"}
			b.book.Numbers[tracking].Tags = ringbid.TagMap{"State": "wa"}
		}, "answer record=false", ringbid.Consent{Policy: "off", State: "WA"}},
		"nothing to announce with": {func(b *bench, _ *line) { delete(b.prompts, "recorded") }, "answer record=false",
			ringbid.Consent{Policy: "off", State: "CA"}},
		"unknown state": {func(b *bench, l *line) {
			l.inv.Caller = "+442079460123"
			b.book.Campaigns["auto"].NoRecord = []string{"CA"}
		}, "answer record=true", ringbid.Consent{Policy: "announce", Prompt: "recorded", Through: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(flow...), newLine()
				c.script(b, l)
				got := b.run(t, l, l, 0)
				if c.want.Prompt != "" {
					c.want.At = got.Received
				}
				if diff := cmp.Diff(&c.want, got.Consent); diff != "" || l.did[0] != c.record {
					t.Errorf("%s, consent (-want +got):\n%s", l.did[0], diff)
				}
			})
		})
	}
}

// TestNothingAfterTheLongestTalk: where the talk was ended by its maximum
// length, the caller is not kept on the line by what would follow.
func TestNothingAfterTheLongestTalk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(dialing()...), newLine()
		b.book.Campaigns["auto"].MaxDuration = ringbid.Duration(time.Minute)
		l.verdicts, l.talk, l.byBuyer = []ringbid.Verdict{ringbid.VerdictAnswered}, time.Hour, true
		got := b.run(t, l, l, 0)
		if len(got.Steps) != 1 || got.Reason.Code != "max_duration" {
			t.Errorf("walked %q, %+v", walked(got.Steps), got.Reason)
		}
	})
}

// parting is a line whose talks end as said, with nobody hanging up on us.
type parting struct {
	*line
	talk ringbid.Talk
}

func (p parting) Bridge(context.Context, time.Duration) ringbid.Talk { return p.talk }

// TestWhoGoesOn: the flow goes on for a caller who lost the buyer, whoever
// noticed it, and not for one who hung up.
func TestWhoGoesOn(t *testing.T) {
	t.Parallel()
	for by, steps := range map[string]int{byBuyer: 5, byUs: 5, byCaller: 1} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(dialing()...), newLine()
				l.verdicts = []ringbid.Verdict{ringbid.VerdictAnswered}
				reason := ringbid.Reason{Code: "rtp_timeout", Fault: ringbid.FaultBuyer}
				got := b.run(t, parting{l, ringbid.Talk{Started: time.Now(), MS: 5000, EndedBy: by, Reason: reason}}, l, 0)
				if len(got.Steps) != steps || got.Reason != reason || got.EndedBy != by || got.Outcome != ringbid.OutcomeBridged {
					t.Errorf("walked %q, %s by %s, %+v", walked(got.Steps), got.Outcome, got.EndedBy, got.Reason)
				}
			})
		})
	}
}

// TestFactsOfTheMarket: a secret that is known before the auction stays out of
// it, and what is learned after the talk is nobody's to bid on.
func TestFactsOfTheMarket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(
			ringbid.Node{ID: "pin", Type: ringbid.NodeGather, Prompt: "ask", Tag: "PIN", Min: 4, Secret: true, Next: "connect", Failed: "end"},
			ringbid.Node{ID: "connect", Type: ringbid.NodeDial, Next: "mark", None: "end"},
			ringbid.Node{ID: "mark", Type: ringbid.NodeSet, Set: ringbid.TagMap{"talked": "yes"}, Next: "end"},
			end("end"),
		), newLine()
		l.answers, l.verdicts, l.byBuyer = []string{"8817"}, []ringbid.Verdict{ringbid.VerdictAnswered}, true
		got := b.run(t, l, l, 0)
		if s := b.markets[0]; s.ask.Facts.Has("pin") || !s.ask.Facts.Has("state") || len(s.offered) > 0 {
			t.Errorf("asked with %v, offered %v", s.ask.Facts, s.offered)
		}
		if got.Tags["talked"] != "yes" || got.Tags["PIN"] != "••••" {
			t.Errorf("tags %v", got.Tags)
		}
	})
}

// TestRingThrough: a caller nobody answered yet is answered when a buyer is on
// the line, told that it rings where bids take a moment, and refused with the
// status of the end where nobody takes the call.
func TestRingThrough(t *testing.T) {
	t.Parallel()
	flow := func() []ringbid.Node {
		return []ringbid.Node{
			{ID: "connect", Type: ringbid.NodeDial, Prompt: "music", RingThrough: true, None: "end"},
			{ID: "end", Type: ringbid.NodeHangup, Code: 480},
		}
	}
	tests := map[string]struct {
		verdicts []ringbid.Verdict
		delay    time.Duration
		did      []string
		ended    int
	}{
		"the second takes it": {[]ringbid.Verdict{ringbid.VerdictBusy, ringbid.VerdictAnswered}, 0,
			[]string{"dial north", "dial south", "answer record=false", "bridge"}, 0},
		"bids take a moment": {[]ringbid.Verdict{ringbid.VerdictAnswered}, time.Second,
			[]string{"ring", "dial north", "answer record=false", "bridge"}, 0},
		"nobody takes it": {nil, 0, []string{"dial north", "dial south", "dial east"}, 480},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(flow()...), newLine()
				l.verdicts, l.byBuyer, b.delay = tt.verdicts, true, tt.delay
				got := b.run(t, l, l, 0)
				if diff := cmp.Diff(tt.did, l.did); diff != "" {
					t.Errorf("the line (-want +got):\n%s", diff)
				}
				if (got.Answered == nil) != (tt.ended > 0) {
					t.Errorf("answered at %v", got.Answered)
				}
				if tt.ended > 0 && (len(l.ended) != 1 || l.ended[0].SIP != tt.ended || got.Outcome != ringbid.OutcomeNoBuyer) {
					t.Errorf("%s, ended with %+v", got.Outcome, l.ended)
				}
			})
		})
	}
	t.Run("answered before", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, l := newBench(append([]ringbid.Node{play("hello", "connect")}, flow()...)...), newLine()
			l.verdicts = []ringbid.Verdict{ringbid.VerdictAnswered}
			b.delay = time.Second
			b.run(t, l, l, 0)
			if slices.Contains(l.did, "ring") || l.did[0] != "answer record=true" {
				t.Errorf("the line did %q", l.did)
			}
		})
	})
}

// TestRingThroughToNobody: a buyer who leaves before the caller is answered has not
// taken the call, and the next one is called.
func TestRingThroughToNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(ringBid(), end("end")), newLine()
		b.book.Campaigns["auto"].Recording = "silent"
		l.verdicts = []ringbid.Verdict{ringbid.VerdictAnswered, ringbid.VerdictAnswered}
		l.broken, l.err = "answer", ringbid.Errorf(ringbid.Unavailable, "the buyer has left")
		l.heals = true
		got := b.run(t, l, l, 0)
		want := []string{"dial north", "answer record=true", "bridge", "dial south", "answer record=true", "bridge"}
		if diff := cmp.Diff(want, l.did); diff != "" {
			t.Errorf("the line (-want +got):\n%s", diff)
		}
		if r := b.markets[0].reports; len(r) != 2 || r[0].Verdict != ringbid.VerdictNotAccepted || r[1].Verdict != ringbid.VerdictAnswered || got.Outcome != ringbid.OutcomeBridged {
			t.Errorf("%s, reports %+v", got.Outcome, r)
		}
	})
}

// ringBid is a dial that rings through.
func ringBid() ringbid.Node {
	return ringbid.Node{ID: "connect", Type: ringbid.NodeDial, RingThrough: true, None: "end"}
}
