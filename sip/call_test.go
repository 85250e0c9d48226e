package sip

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// target is a buyer's line behind a phone.
func (r *rig) target(p *siptest.Phone, change ...func(*ringbid.Target)) *ringbid.Target {
	r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: p.Addr, RTPTimeout: r.rtpTimeout, Diversion: ringbid.DiversionOld})
	t := &ringbid.Target{Name: "acme-line", Buyer: "acme", Trunk: "buyers", User: "+13105550199"}
	for _, f := range change {
		f(t)
	}
	return t
}

// dialOf is a dial to the target with hold music of 700 Hz.
func dialOf(c *Call, t *ringbid.Target) ringbid.Dial {
	return ringbid.Dial{
		Target: t, Hold: holdMusic(), Caller: c.Invite().Caller, CallerName: c.Invite().CallerName,
		Facts: ringbid.TagMap{"zip": "90210", "name": "Zoë & Co"}, Award: ringbid.Award{Name: "acme-bid", Bid: "b1", BidID: "x-1", Price: 1250000},
	}
}

func holdMusic() ringbid.Audio { return tone(700, time.Second) }

func TestCallerIsAskedAndBridged(t *testing.T) {
	t.Parallel()
	type result struct {
		digits  string
		attempt ringbid.Attempt
		talk    ringbid.Talk
		cause   error
		legs    []ringbid.Leg
		by      string
		why     ringbid.Reason
	}
	results := make(chan result, 1)
	buyer := newPhone(t, nil)
	r := bareRig(t)
	target := r.target(buyer, func(t *ringbid.Target) {
		t.Headers = map[string]string{"X-Zip": "{{zip}}", "X-Name": "{{name}};{{ missing }}", "X-Bid": "{{bid_id}}"}
		t.UserToUser = "zip={{zip}}"
	})
	r.start(func(ctx context.Context, c *Call) {
		var res result
		if err := c.Answer(ctx, false); err != nil {
			t.Error(err)
		}
		var err error
		if err := c.Play(ctx, tone(500, 400*time.Millisecond), false); err != nil {
			t.Error(err)
		}
		res.digits, err = c.Gather(ctx, ringbid.Gather{Prompt: tone(500, 400*time.Millisecond), Min: 5, Max: 5})
		if err != nil {
			t.Error(err)
		}
		res.attempt = c.Dial(ctx, dialOf(c, target))
		res.talk = c.Bridge(ctx, time.Minute)
		res.cause = context.Cause(ctx)
		res.legs = c.Legs()
		res.by, res.why = c.Ended()
		results <- res
	})
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	caller.Hears(500)
	caller.Stream.SendDigits("90210") // typed ahead of the question
	b := siptest.Receive(t, "the buyer's call", buyer.Lines)
	b.Ring()
	caller.Hears(700)
	b.Answer()
	caller.Hum(1100)
	b.Hum(900)
	caller.Hears(900)
	b.Hears(1100)
	caller.HangUp()
	b.Want(leg.ByeReceived)
	res := siptest.Receive(t, "the handler", results)

	if res.digits != "90210" {
		t.Errorf("digits %q", res.digits)
	}
	if res.attempt.Verdict != ringbid.VerdictAnswered || res.attempt.Status != 200 || res.attempt.RingMS == 0 || res.attempt.AnswerMS < res.attempt.RingMS {
		t.Errorf("attempt %+v", res.attempt)
	}
	if res.talk.EndedBy != "caller" || res.talk.Reason.Code != "caller_hung_up" || res.talk.MS < 100 {
		t.Errorf("talk %+v", res.talk)
	}
	if !errors.Is(res.cause, ErrCallerGone) || res.by != "caller" {
		t.Errorf("cause %v, ended by %q", res.cause, res.by)
	}
	checkBuyersInvite(t, r, *b.Leg.Invite())
	checkLegs(t, res.legs, res.attempt.Leg)
	want := []ringbid.EventKind{ringbid.EventAnswered, ringbid.EventDigit, ringbid.EventDigit, ringbid.EventDigit, ringbid.EventDigit,
		ringbid.EventDigit, ringbid.EventDial, ringbid.EventRinging, ringbid.EventLegAnswer, ringbid.EventBridged, ringbid.EventLegEnd}
	if diff := cmp.Diff(want, r.events.Kinds()); diff != "" {
		t.Error(diff)
	}
	r.idle()
	r.quiet()
}

func checkBuyersInvite(t *testing.T, r *rig, inv leg.Request) {
	t.Helper()
	got := map[string]string{"user": inv.User, "from": inv.From.User, "name": inv.From.Display, "diversion": inv.Diversion[0].User}
	for _, name := range []string{"X-Zip", "X-Name", "X-Bid", "User-to-User"} {
		got[name], _ = inv.Header(name)
	}
	if id, _ := inv.Header("X-Ringbid-Call-Id"); len(id) != 36 {
		t.Errorf("call id %q", id)
	}
	want := map[string]string{"user": "+13105550199", "from": "+14155550123", "name": "Ann Caller", "diversion": "+18005550100",
		"X-Zip": "90210", "X-Name": "Zo%C3%AB%20%26%20Co;", "X-Bid": "x-1", "User-to-User": hex.EncodeToString([]byte("zip=90210")) + ";encoding=hex"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(inv.PAI) != 1 || inv.PAI[0].User != "+14155550123" || inv.MaxForwards != 69 {
		t.Errorf("PAI %+v, Max-Forwards %d", inv.PAI, inv.MaxForwards)
	}
	if s := string(inv.SDP); !strings.Contains(s, " RTP/AVP 0 8 101\r\n") {
		t.Errorf("offer does not begin with the caller's codec:\n%s", s)
	}
}

func checkLegs(t *testing.T, legs []ringbid.Leg, attempt string) {
	t.Helper()
	if len(legs) != 2 {
		t.Fatalf("%d legs", len(legs))
	}
	a, b := legs[0], legs[1]
	if a.Side != "caller" || a.Codec != "pcmu" || a.EndedBy != "caller" || a.Ended == nil || a.Answered == nil || a.Media.PacketsIn < 10 || a.Media.PacketsOut < 10 || a.Media.Digits != 5 {
		t.Errorf("caller's leg %+v", a)
	}
	if b.Side != "buyer" || b.ID != attempt || b.Verdict != ringbid.VerdictAnswered || b.Status != 200 || b.EndedBy != "caller" || b.Ringing == nil || b.Media.PacketsIn < 5 {
		t.Errorf("buyer's leg %+v", b)
	}
	ladder := func(l ringbid.Leg) (out []string) {
		for _, m := range l.Messages {
			arrow := "<"
			if m.Sent {
				arrow = ">"
			}
			out = append(out, arrow+m.Text)
		}
		return out
	}
	if diff := cmp.Diff([]string{"<INVITE", ">200 OK", "<ACK", "<BYE", ">200 OK"}, ladder(a)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{">INVITE", "<180 Ringing", "<200 OK", ">ACK", ">BYE", "<200 OK"}, ladder(b)); diff != "" {
		t.Error(diff)
	}
}

func TestCallerStaysWhenTheBuyerHangsUp(t *testing.T) {
	t.Parallel()
	talks := make(chan ringbid.Talk, 1)
	buyer := newPhone(t, (*siptest.Line).Answer)
	r := bareRig(t)
	target := r.target(buyer)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		c.Dial(ctx, dialOf(c, target))
		talks <- c.Bridge(ctx, 0)
		if err := c.Play(ctx, tone(600, 500*time.Millisecond), false); err != nil {
			t.Errorf("play after the talk: %v", err)
		}
		_ = c.Hangup(ctx, ringbid.Reason{Code: "flow_end", Text: "good bye"})
		if by, why := c.Ended(); by != "ringbid" || why.Code != "flow_end" || ctx.Err() != nil {
			t.Errorf("ended by %q, %+v, %v", by, why, ctx.Err())
		}
	})
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	b := siptest.Receive(t, "the buyer's call", buyer.Lines)
	b.Hum(900)
	caller.Hears(900)
	b.HangUp()
	talk := siptest.Receive(t, "the talk", talks)
	if talk.EndedBy != "buyer" || talk.Reason.Code != "buyer_hung_up" || talk.Reason.Q850 != 16 {
		t.Errorf("talk %+v", talk)
	}
	caller.Hears(600)
	if ev := caller.Want(leg.ByeReceived); ev.Reason != "good bye" {
		t.Errorf("BYE for %q", ev.Reason)
	}
}
