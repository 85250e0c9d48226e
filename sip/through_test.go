package sip

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// through serves calls that are answered when the target is; what became of the
// call comes out at its end.
func through(r *rig, target *ringbid.Target) <-chan dialled {
	out := make(chan dialled, 1)
	r.start(func(ctx context.Context, c *Call) {
		d := dialOf(c, target)
		d.RingTimeout = 5 * time.Second
		a := c.Dial(ctx, d)
		if a.Verdict == ringbid.VerdictBusy {
			a = c.Dial(ctx, d)
		}
		if a.Verdict == ringbid.VerdictAnswered && c.Answer(ctx, false) == nil {
			c.Bridge(ctx, 0)
		}
		_ = c.Hangup(ctx, ringbid.Reason{Code: codeNoAnswer, SIP: 480})
		out <- dialled{attempt: a, legs: c.Legs()}
	})
	return out
}

func TestCallerIsAnsweredWhenTheBuyerIs(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, nil)
	r := bareRig(t)
	out := through(r, r.target(buyer))
	caller := r.call(newPhone(t, nil), "+18005550100")
	first := siptest.Receive(t, "the first call", buyer.Lines)
	first.Ring()
	caller.Want(leg.Ringing)
	first.On(func(l *leg.Leg) { l.Reject(486, "") })
	second := siptest.Receive(t, "the second call", buyer.Lines)
	second.Ring() // of which the caller hears nothing new
	time.Sleep(3 * testT1)
	if st := caller.Leg.Messages(); len(st) != 2 && len(st) != 3 { // INVITE, 180, and 100 where the machine was slow
		t.Errorf("before the answer: %+v", st)
	}
	second.Answer()
	caller.Talk()
	caller.Hum(1100)
	second.Hum(900)
	second.Hears(1100)
	caller.Hears(900)
	caller.HangUp()
	got := siptest.Receive(t, "the end", out)
	if a, b := got.legs[0], got.legs[2]; a.Answered == nil || a.Ringing == nil || a.Answered.Before(*b.Answered) || a.Status != 200 {
		t.Errorf("caller %+v\nbuyer %+v", a, b)
	}
	r.idle()
}

func TestCallerHearsEarlyMediaBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, nil)
	r := bareRig(t)
	out := through(r, r.target(buyer, func(t *ringbid.Target) { t.EarlyMedia = ringbid.EarlyPass }))
	caller := r.call(newPhone(t, nil), "+18005550100")
	first := siptest.Receive(t, "the first call", buyer.Lines)
	first.Early()
	early := caller.Want(leg.EarlyMedia)
	caller.Join(early.SDP)
	caller.Hum(1100)
	first.Hum(900)
	caller.Hears(900)
	first.On(func(l *leg.Leg) { l.Reject(486, "") })
	caller.Hears(700) // the network plays no ringback any more: ours
	second := siptest.Receive(t, "the second call", buyer.Lines)
	second.Early()
	second.Hum(900)
	caller.Hears(900)
	second.Answer()
	if ev := caller.Want(leg.Answered); !bytes.Equal(ev.SDP, early.SDP) {
		t.Errorf("the 200 says\n%s\nthe 183 said\n%s", ev.SDP, early.SDP)
	}
	second.Hears(1100)
	caller.HangUp()
	siptest.Receive(t, "the end", out)
	r.idle()
}

func TestUnansweredCallerIsRefusedOrLeaves(t *testing.T) {
	t.Parallel()
	t.Run("nobody takes the call", func(t *testing.T) {
		t.Parallel()
		r := bareRig(t)
		out := through(r, r.target(newPhone(t, refusing(404))))
		caller := r.call(newPhone(t, nil), "+18005550100")
		if ev := caller.Want(leg.Failed); ev.Code != 480 {
			t.Errorf("refused with %d", ev.Code)
		}
		if got := siptest.Receive(t, "the end", out); got.legs[0].Answered != nil || got.legs[0].Ringing != nil {
			t.Errorf("%+v", got.legs[0])
		}
		r.idle()
	})
	t.Run("the caller gives up", func(t *testing.T) {
		t.Parallel()
		buyer := newPhone(t, (*siptest.Line).Ring)
		r := bareRig(t)
		out := through(r, r.target(buyer))
		caller := r.call(newPhone(t, nil), "+18005550100")
		caller.Want(leg.Ringing)
		caller.HangUp()
		siptest.Receive(t, "the call", buyer.Lines).Want(leg.Cancelled)
		if got := siptest.Receive(t, "the end", out); got.attempt.Verdict != ringbid.VerdictCancelled || got.legs[0].EndedBy != byCaller {
			t.Errorf("%+v", got)
		}
		r.idle()
	})
	t.Run("bridged all the same", func(t *testing.T) {
		t.Parallel()
		buyer := newPhone(t, (*siptest.Line).Answer)
		r := bareRig(t)
		out := make(chan ringbid.Talk, 1)
		target := r.target(buyer)
		r.start(func(ctx context.Context, c *Call) {
			c.Dial(ctx, dialOf(c, target))
			out <- c.Bridge(ctx, 0)
		})
		caller := r.call(newPhone(t, nil), "+18005550100")
		if talk := siptest.Receive(t, "the talk", out); talk.EndedBy != byUs || talk.MS != 0 || talk.Reason.Code != codeFault {
			t.Errorf("%+v", talk)
		}
		siptest.Receive(t, "the call", buyer.Lines).Want(leg.ByeReceived)
		caller.Want(leg.Failed)
		r.idle()
	})
}

// A caller without an offer gets ours with the answer, and hears no early media.
func TestLateOfferIsAnsweredWhenTheBuyerIs(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, (*siptest.Line).Early)
	r := bareRig(t)
	out := through(r, r.target(buyer, func(t *ringbid.Target) { t.EarlyMedia = ringbid.EarlyPass }))
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, ""))
	if ringing := w.Next("SIP/2.0 18"); !strings.HasPrefix(ringing, "SIP/2.0 180 ") || strings.Contains(ringing, "m=audio") {
		t.Errorf("before the answer:\n%s", ringing)
	}
	line := siptest.Receive(t, "the call", buyer.Lines)
	line.Answer()
	ok := w.Next("SIP/2.0 200")
	if !strings.Contains(ok, "m=audio ") {
		t.Errorf("no offer in\n%s", ok)
	}
	w.Send(r.addr, w.Request("ACK", r.addr, siptest.ToTag(ok), 1, g711))
	line.Want(leg.Acked)
	siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
	w.Send(r.addr, w.Request("BYE", r.addr, siptest.ToTag(ok), 2, ""))
	siptest.Receive(t, "the end", out)
	r.idle()
}
