package sip

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/sdp"
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
	siptest.Eventually(t, "both to have rung", func() bool { return len(r.events.Of(ringbid.EventRinging)) == 2 })
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

// A caller who requires 100rel and never acknowledges is not answered, and the
// buyer is not bridged with silence.
func TestNobodyIsBridgedBeforeThePrack(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, (*siptest.Line).Early)
	r := bareRig(t)
	out := through(r, r.target(buyer, func(t *ringbid.Target) { t.EarlyMedia = ringbid.EarlyPass }))
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, g711, "Require: 100rel\r\n"))
	early := w.Next("SIP/2.0 183")
	siptest.Receive(t, "the call", buyer.Lines).Answer()
	siptest.Eventually(t, "the buyer's answer", func() bool { return len(r.events.Of(ringbid.EventLegAnswer)) == 1 })
	select {
	case got := <-out:
		t.Errorf("over before the PRACK: %+v", got)
	case <-time.After(2 * testT1):
	}
	if n := len(r.events.Of(ringbid.EventBridged)) + len(r.events.Of(ringbid.EventAnswered)); n > 0 {
		t.Error("answered and bridged before the PRACK")
	}
	w.Send(r.addr, w.Request("PRACK", r.addr, siptest.ToTag(early), 2, "", "RAck: "+siptest.Header(early, "RSeq")+" 1 INVITE\r\n"))
	ok := w.Next("SIP/2.0 200")
	for !strings.Contains(siptest.Header(ok, "CSeq"), "INVITE") {
		ok = w.Next("SIP/2.0 200")
	}
	if strings.Contains(ok, "m=audio") {
		t.Errorf("described twice:\n%s", ok)
	}
	w.Send(r.addr, w.Request("ACK", r.addr, siptest.ToTag(ok), 1, ""))
	siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
	w.Send(r.addr, w.Request("BYE", r.addr, siptest.ToTag(ok), 3, ""))
	siptest.Receive(t, "the end", out)
	r.idle()
}

// What the caller changed by UPDATE before the answer holds after it.
func TestUpdateBeforeTheAnswerHolds(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, (*siptest.Line).Early)
	r := bareRig(t)
	out := through(r, r.target(buyer, func(t *ringbid.Target) { t.EarlyMedia = ringbid.EarlyPass }))
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, g711, "Require: 100rel\r\n"))
	early := w.Next("SIP/2.0 183")
	tag := siptest.ToTag(early)
	w.Send(r.addr, w.Request("PRACK", r.addr, tag, 2, "", "RAck: "+siptest.Header(early, "RSeq")+" 1 INVITE\r\n"))
	w.Next("SIP/2.0 200")
	moved := strings.Replace(g711, "m=audio 40000", "m=audio 50000", 1)
	if moved == g711 {
		t.Fatal("the offer has another port: ", g711)
	}
	w.Send(r.addr, w.Request("UPDATE", r.addr, tag, 3, moved))
	w.Next("SIP/2.0 200")
	siptest.Receive(t, "the call", buyer.Lines).Answer()
	w.Next("SIP/2.0 200")
	w.Send(r.addr, w.Request("ACK", r.addr, tag, 1, ""))
	siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
	w.Send(r.addr, w.Request("BYE", r.addr, tag, 4, ""))
	if got := siptest.Receive(t, "the end", out); !strings.HasSuffix(got.legs[0].Media.Remote, ":50000") {
		t.Errorf("audio went to %s", got.legs[0].Media.Remote)
	}
	r.idle()
}

// A place that describes its audio and sends none leaves the caller to our
// ringback: the network plays none any more.
func TestSilentEarlyMediaIsFilled(t *testing.T) {
	t.Parallel()
	buyer := siptest.NewWire(t, "127.0.0.1")
	r := bareRig(t)
	target := r.target(newPhone(t, nil), func(t *ringbid.Target) { t.EarlyMedia = ringbid.EarlyPass })
	r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: buyer.Addr()})
	out := through(r, target)
	caller := r.call(newPhone(t, nil), "+18005550100")
	invite := buyer.Next("INVITE ")
	to := "To: " + siptest.Header(invite, "To")
	buyer.Reply(strings.Replace(invite, to, to+";tag=b1", 1), "183 Session Progress",
		"Contact: <sip:"+buyer.Addr()+">\nContent-Type: application/sdp\n\n"+g711)
	caller.Join(caller.Want(leg.EarlyMedia).SDP)
	caller.Hears(700)
	caller.HangUp()
	siptest.Receive(t, "the end", out)
}

// The buyer is offered the caller's codec first, answered or not.
func TestRungThroughOffersTheCallersCodecFirst(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, (*siptest.Line).Answer)
	r := bareRig(t)
	out := through(r, r.target(buyer))
	caller := r.call(newPhone(t, nil), "+18005550100", func(x *siptest.Line, d *leg.DialConfig) {
		x.Local.Codecs = []sdp.Codec{{PT: 8, Name: "PCMA", Rate: 8000}}
		d.SDP = sdp.Offer(x.Local)
	})
	if offer := string(siptest.Receive(t, "the call", buyer.Lines).Offer); !strings.Contains(offer, " RTP/AVP 8 0 101\r\n") {
		t.Errorf("the buyer is offered\n%s", offer)
	}
	caller.Talk()
	caller.HangUp()
	siptest.Receive(t, "the end", out)
	r.idle()
}

// A buyer who leaves before the caller is answered leaves nobody to answer for.
func TestNobodyIsAnsweredForABuyerWhoLeft(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, (*siptest.Line).Answer)
	r := bareRig(t)
	out := make(chan error, 1)
	target := r.target(buyer)
	r.start(func(ctx context.Context, c *Call) {
		c.Dial(ctx, dialOf(c, target))
		siptest.Receive(t, "the call", buyer.Lines).HangUp()
		siptest.Eventually(t, "the buyer's end", func() bool { return len(r.events.Of(ringbid.EventLegEnd)) == 1 })
		out <- c.Answer(ctx, false)
	})
	caller := r.call(newPhone(t, nil), "+18005550100")
	if err := siptest.Receive(t, "the answer", out); !errors.Is(err, ErrBuyerGone) || ringbid.KindOf(err) != ringbid.Unavailable {
		t.Errorf("answered: %v", err)
	}
	if ev := caller.Want(leg.Failed); ev.Code != 480 {
		t.Errorf("refused with %d", ev.Code)
	}
	r.idle()
}

// An answer that waits for its PRACK goes out even where nobody waits for it any
// more, and is not given twice.
func TestAnswerOutlivesWhoAskedForIt(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, (*siptest.Line).Early)
	r := bareRig(t)
	target := r.target(buyer, func(t *ringbid.Target) { t.EarlyMedia = ringbid.EarlyPass })
	first, again := make(chan error, 1), make(chan error, 1)
	r.start(func(ctx context.Context, c *Call) {
		c.Dial(ctx, dialOf(c, target))
		short, cancel := context.WithTimeout(ctx, testT1)
		defer cancel()
		first <- c.Answer(short, false)
		siptest.Eventually(t, "the answer", func() bool { return len(r.events.Of(ringbid.EventAnswered)) == 1 })
		again <- c.Answer(ctx, false)
		<-ctx.Done()
	})
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, g711, "Require: 100rel\r\n"))
	early := w.Next("SIP/2.0 183")
	siptest.Receive(t, "the call", buyer.Lines).Answer()
	if err := siptest.Receive(t, "the first answer", first); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("answered before the PRACK: %v", err)
	}
	tag := siptest.ToTag(early)
	w.Send(r.addr, w.Request("PRACK", r.addr, tag, 2, "", "RAck: "+siptest.Header(early, "RSeq")+" 1 INVITE\r\n"))
	if err := siptest.Receive(t, "the second answer", again); err != nil {
		t.Errorf("not answered: %v", err)
	}
	w.Send(r.addr, w.Request("ACK", r.addr, tag, 1, ""))
	w.Send(r.addr, w.Request("BYE", r.addr, tag, 3, ""))
	r.idle()
}
