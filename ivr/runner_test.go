package ivr

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringbid/ringbid"

	"github.com/google/go-cmp/cmp"
)

// questions is the flow of the first campaign: announce, open the auction, ask,
// dial, and be polite where nobody is there.
func questions() []ringbid.Node {
	return []ringbid.Node{
		{ID: "welcome", Type: ringbid.NodeDisclose, Prompt: "recorded", Next: "open"},
		{ID: "open", Type: ringbid.NodeAuction, Next: "zip"},
		{ID: "zip", Type: ringbid.NodeGather, Prompt: "ask", RetryPrompt: "again", Tag: "zip", Validate: "zip", Next: "connect", Failed: "sorry"},
		{ID: "connect", Type: ringbid.NodeDial, Prompt: "music", None: "sorry"},
		{ID: "sorry", Type: ringbid.NodePlay, Prompt: "bye", Next: "end"},
		{ID: "end", Type: ringbid.NodeHangup},
	}
}

func TestSale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(questions()...), newLine()
		l.answers = []string{"9021", "90210"}
		l.verdicts = []ringbid.Verdict{ringbid.VerdictBusy, ringbid.VerdictAnswered}
		l.byBuyer = true
		began := time.Now()
		got := b.run(t, l, l, 0)

		after := func(d time.Duration) time.Time { return began.Add(d) }
		at := func(d time.Duration) *time.Time { return new(after(d)) }
		want := &ringbid.Call{
			ID: "call-1", Node: "n1", State: ringbid.StateEnded, Trunk: "carrier", SIPCallID: "sip-1", Number: tracking,
			Caller: caller, CallerName: "Ann", Campaign: "auto", Publisher: "pub", Flow: "flow", FlowVersion: 7,
			Received: began, Answered: at(0), Connected: at(14 * time.Second), Ended: at(44 * time.Second),
			Outcome: ringbid.OutcomeBridged, EndedBy: "buyer",
			Reason: ringbid.Reason{Code: "buyer_hung_up", Text: "the buyer hung up", Fault: ringbid.FaultNone},
			Tags:   ringbid.TagMap{"source": "radio", "x_campaign": "spring", "area_code": "310", "state": "CA", "zip": "90210"},
			Steps: []ringbid.Step{
				{Node: "welcome", Type: ringbid.NodeDisclose, At: began, MS: 3000},
				{Node: "open", Type: ringbid.NodeAuction, At: after(3 * time.Second)},
				{Node: "zip", Type: ringbid.NodeGather, At: after(3 * time.Second), MS: 5000, Answer: "90210", Tries: 2},
				{Node: "connect", Type: ringbid.NodeDial, At: after(8 * time.Second), MS: 36000, Tries: 2},
			},
			Consent: &ringbid.Consent{Policy: "announce", State: "CA", Prompt: "recorded", At: began, Through: true},
			Auction: &ringbid.Auction{ID: "auction", CallID: "call-1", Attempts: 2},
			Buyer:   "south-buyer", Target: "south", ConnectedMS: 30000,
			Sale: ringbid.Sale{
				Currency: "USD", Price: 20 * ringbid.MoneyScale, Revenue: 20 * ringbid.MoneyScale, Payout: 10 * ringbid.MoneyScale,
				Converted: true, Rule: "paid: connected 30.0 s, needs 10.0 s; publisher earns 50 % of revenue",
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("call (-want +got):\n%s", diff)
		}
		ops := []string{"answer record=true", "play 3.0", "gather 2.0", "gather 1.0", "dial north", "dial south", "bridge"}
		if diff := cmp.Diff(ops, l.did); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]ringbid.Reason{want.Reason}, l.ended); diff != "" {
			t.Errorf("hang-ups (-want +got):\n%s", diff)
		}
		s := b.markets[0]
		ask := ringbid.Ask{
			CallID: "call-1", Campaign: "auto", Caller: caller, Number: tracking, Deadline: ringbid.DefaultDeadline,
			Facts: ringbid.TagMap{
				"source": "radio", "x_campaign": "spring", "area_code": "310", "state": "CA", "caller": string(caller),
				"number": string(tracking), "campaign": "auto", "publisher": "pub", "call_id": "call-1",
			},
		}
		if diff := cmp.Diff(ask, s.ask); diff != "" {
			t.Errorf("ask (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(ringbid.TagMap{"zip": "90210"}, s.offered); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		d := l.dials[1]
		if d.RingTimeout != ringbid.DefaultRingTimeout || len(d.Hold) == 0 || len(d.Whisper) == 0 || d.Facts["zip"] != "90210" ||
			d.Caller != caller || d.CallerName != "Ann" || d.Target != b.book.Targets["south"] {
			t.Errorf("dial %+v", d)
		}
	})
}

func TestEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(questions()...), newLine()
		l.answers = []string{"x", "90210"}
		l.verdicts = []ringbid.Verdict{ringbid.VerdictAnswered}
		b.run(t, l, l, 0)
		var got []string
		for _, e := range b.events {
			line := string(e.Kind)
			for _, k := range []string{"campaign", "type", "tag", "digits", "zip", "outcome", "by"} {
				if v := e.Data[k]; v != "" {
					line += " " + k + "=" + v
				}
			}
			got = append(got, line)
		}
		want := []string{
			"call.received campaign=auto", "flow.tag", "flow.step type=disclose", "flow.step type=auction", "flow.step type=gather",
			"flow.answer digits=x", "flow.answer tag=zip digits=90210", "flow.tag zip=90210", "flow.step type=dial",
			"call.ended outcome=bridged by=caller",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestNobodyTakesTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(questions()...), newLine()
		l.answers = []string{"90210"}
		l.verdicts = []ringbid.Verdict{ringbid.VerdictNoAnswer, ringbid.VerdictUnreachable, ringbid.VerdictNotAccepted}
		got := b.run(t, l, l, 0)
		if got.Outcome != ringbid.OutcomeNoBuyer || got.Reason.Code != "no_buyer" || got.Reason.Fault != ringbid.FaultBuyer || got.EndedBy != "ringbid" {
			t.Errorf("outcome %s, reason %+v by %s", got.Outcome, got.Reason, got.EndedBy)
		}
		if diff := cmp.Diff([]string{"welcome", "open", "zip", "connect>nobody", "sorry", "end"}, walked(got.Steps)); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(ringbid.Sale{Currency: "USD"}, got.Sale); diff != "" {
			t.Errorf("sale (-want +got):\n%s", diff)
		}
	})
}

func TestShortTalkIsNotPaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(questions()...), newLine()
		l.answers, l.verdicts, l.talk = []string{"90210"}, []ringbid.Verdict{ringbid.VerdictAnswered}, 9999*time.Millisecond
		got := b.run(t, l, l, 0)
		want := ringbid.Sale{Currency: "USD", Price: 30 * ringbid.MoneyScale, Rule: "not paid: connected 9.9 s, needs 10.0 s"}
		if diff := cmp.Diff(want, got.Sale); diff != "" {
			t.Errorf("sale (-want +got):\n%s", diff)
		}
		if got.Outcome != ringbid.OutcomeBridged || got.EndedBy != "caller" || len(l.ended) != 0 || got.ConnectedMS != 9999 {
			t.Errorf("outcome %s by %s after %d ms, %d hang-ups", got.Outcome, got.EndedBy, got.ConnectedMS, len(l.ended))
		}
	})
}

// TestCallerHangsUp cuts the same call at every half second of its life.
func TestCallerHangsUp(t *testing.T) {
	t.Parallel()
	for half := 1; half <= 30; half++ {
		synctest.Test(t, func(t *testing.T) {
			b, l := newBench(questions()...), newLine()
			b.delay = time.Second
			l.answers, l.verdicts = []string{"12", "90210"}, []ringbid.Verdict{ringbid.VerdictBusy, ringbid.VerdictAnswered}
			patience := time.Duration(half)*500*time.Millisecond + time.Millisecond
			got := b.run(t, l, l, patience)
			connected := 16 * time.Second // 3 announce, 3 and 2 ask, 1 + 3 dial, 1 + 3 dial
			want := ringbid.OutcomeAbandoned
			if patience > connected {
				want = ringbid.OutcomeBridged
			}
			if got.Outcome != want || got.EndedBy != "caller" || got.Reason.Code != "caller_hung_up" || len(l.ended) != 0 {
				t.Errorf("after %s: outcome %s, reason %+v by %s, %d hang-ups", patience, got.Outcome, got.Reason, got.EndedBy, len(l.ended))
			}
			if took := got.Ended.Sub(got.Received); took != patience {
				t.Errorf("after %s: ended after %s", patience, took)
			}
		})
	}
}

// TestNoBuyerStands holds that a caller who does not wait for the goodbye was
// not lost by impatience.
func TestNoBuyerStands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(questions()...), newLine()
		b.awards = nil
		l.answers = []string{"90210"}
		got := b.run(t, l, l, 6500*time.Millisecond)
		if got.Outcome != ringbid.OutcomeNoBuyer || got.EndedBy != "caller" || !slices.Equal(walked(got.Steps), []string{"welcome", "open", "zip", "connect>nobody", "sorry"}) {
			t.Errorf("outcome %s by %s over %q", got.Outcome, got.EndedBy, walked(got.Steps))
		}
	})
}

func TestEndedByOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by     string
		reason ringbid.Reason
		want   ringbid.Outcome
	}{
		"caller":      {"caller", ringbid.Reason{Code: "cancelled", Fault: ringbid.FaultCaller}, ringbid.OutcomeAbandoned},
		"silent peer": {"ringbid", ringbid.Reason{Code: "rtp_timeout", Fault: ringbid.FaultTrunk}, ringbid.OutcomeAbandoned},
		"operator":    {"ringbid", ringbid.Reason{Code: "operator", Fault: ringbid.FaultNone}, ringbid.OutcomeEnded},
		"our fault":   {"ringbid", ringbid.Reason{Code: "drained", Fault: ringbid.FaultOurs}, ringbid.OutcomeFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(questions()...), newLine()
				got := b.run(t, &knowing{l, c.by, c.reason}, l, time.Second)
				if got.Outcome != c.want || got.EndedBy != c.by {
					t.Errorf("outcome %s by %s, want %s by %s", got.Outcome, got.EndedBy, c.want, c.by)
				}
				if diff := cmp.Diff(c.reason, got.Reason); diff != "" {
					t.Errorf("reason (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestTelephoneBreaks(t *testing.T) {
	t.Parallel()
	for op, c := range map[string]struct {
		err  error
		want ringbid.Reason
	}{
		"answer": {ringbid.Errorf(ringbid.Busy, "no ports"), ringbid.Reason{Code: "no_capacity", Text: "answer did not work", Fault: ringbid.FaultOurs, SIP: 503}},
		"play":   {errGone, ringbid.Reason{Code: "media_failed", Text: "play did not work", Fault: ringbid.FaultOurs, SIP: 500}},
		"gather": {errGone, ringbid.Reason{Code: "media_failed", Text: "gather did not work", Fault: ringbid.FaultOurs, SIP: 500}},
		"bridge": {errGone, ringbid.Reason{Code: "media_failed", Text: "bridge did not work", Fault: ringbid.FaultOurs, SIP: 500}},
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(questions()...), newLine()
				l.answers, l.verdicts, l.broken, l.err = []string{"90210"}, []ringbid.Verdict{ringbid.VerdictAnswered}, op, c.err
				got := b.run(t, l, l, 0)
				if diff := cmp.Diff([]ringbid.Reason{c.want}, l.ended); got.Outcome != ringbid.OutcomeFailed || diff != "" {
					t.Errorf("outcome %s; hang-ups (-want +got):\n%s", got.Outcome, diff)
				}
			})
		})
	}
}
