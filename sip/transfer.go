package sip

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/sdp"
)

// transfer is one under way: the caller waits, the agent who asked is told how
// it goes, and whether that one stays on the line or hangs up meanwhile, the
// talk goes on with whoever answers. When nobody does, the old bridge is made
// again.
type transfer struct {
	t      *bridgeTask
	from   *side // the agent who asked
	ask    leg.Refer
	record ringbid.Transfer

	within string // name of the trunk where the order says so
	route
	to    *side     // the leg that rings, nil before the INVITE
	at    time.Time // when late is to be called; zero is never
	again bool      // the other law was tried
	plain bool      // SRTP was refused, plain RTP is tried
}

// begin parts the two and looks for the third.
func (x *transfer) begin(c *Call) {
	x.t.check = time.Time{}
	c.caller.stream.Unbridge()
	x.from.stream.Stop()
	clip := c.resting
	if clip == nil {
		clip = c.s.clips.ringback
	}
	c.loop(clip)
	c.tellTransfer(x.record)
	c.log.Info("transfer begins", slog.String("kind", x.record.Kind), slog.String("to", x.record.To), slog.String("leg", x.record.By))
	if x.ask.Replaces != nil {
		if l, o := c.s.stack.Find(*x.ask.Replaces); l != nil {
			x.join(c, l, o)
			return
		}
	}
	x.start(c)
}

// start finds the hosts of the trunk and calls.
func (x *transfer) start(c *Call) {
	if v, text := x.take(c, cmp.Or(x.within, c.transfers().By(), x.from.trunk.Name)); text != "" {
		x.failed(c, v, 503, text)
		return
	}
	x.at = time.Now().Add(lookUpLimit + time.Second)
	x.search(c, func(amiss string) {
		switch {
		case x.t.transfer != x || x.to != nil:
		case amiss != "":
			x.failed(c, ringbid.VerdictUnreachable, 503, amiss)
		default:
			x.call(c, c.codecsFor(x.trunk)...)
		}
	})
}

// call sends the INVITE of the new leg.
func (x *transfer) call(c *Call, codecs ...sdp.Codec) {
	target := ""
	if c.dialled.Target != nil {
		target = c.dialled.Target.Name
	}
	s, why := c.callOut(&outgoing{
		route: x.route, user: x.ask.User, codecs: codecs, plain: x.plain,
		replaces: x.ask.Replaces,
		report:   ringbid.Leg{Side: byBuyer, Name: x.record.To, Target: target, Replaced: x.from.report.ID},
		say:      func(host string) (identity, []leg.Header) { return x.say(c, host) },
	})
	if s == nil {
		x.failed(c, ringbid.VerdictLocal, 503, why)
		return
	}
	x.to, x.record.Leg = s, s.report.ID
	x.at = time.Now().Add(c.ringTimeout())
	// No target in it: the screens of the target's agents have popped already.
	c.emit(ringbid.Event{Kind: ringbid.EventDial, Leg: s.report.ID, Data: map[string]string{"to": x.record.To}})
}

// ringTimeout is how long a further leg of the present target may ring.
func (c *Call) ringTimeout() time.Duration {
	switch d := c.dialled; {
	case d.RingTimeout > 0:
		return d.RingTimeout
	case d.Target != nil:
		return d.Target.RingTimeout.Or(ringbid.DefaultRingTimeout)
	}
	return ringbid.DefaultRingTimeout
}

// say is what the INVITE says: the caller as the buyer knows them, and who sent
// them on (RFC 3892), in our words.
func (x *transfer) say(c *Call, host string) (identity, []leg.Header) {
	who, headers := c.introduce(&c.dialled, &onward{trunk: x.trunk, user: x.ask.User, host: x.host, ours: host})
	by := x.ask.By.User
	if !ringbid.SIPUser(by) && c.dialled.Target != nil {
		by = c.dialled.Target.User
	}
	if h, err := leg.NewHeader("Referred-By", "<sip:"+by+"@"+host+">"); err == nil && ringbid.SIPUser(by) {
		headers = append(headers, h)
	}
	return who, headers
}

// signal takes what the two agents' legs say; false is what is no business of
// the transfer.
func (x *transfer) signal(c *Call, s *side, ev leg.Event) bool {
	switch {
	case s == x.from:
		return true // gone or not: the caller waits for somebody else
	case s != x.to:
		return false
	}
	switch ev.Kind {
	case leg.Ringing, leg.EarlyMedia:
		x.ringing(c, ev)
	case leg.Answered:
		x.answered(c, ev.SDP)
	case leg.Failed:
		x.refused(c, ev)
	}
	return true
}

func (x *transfer) ringing(c *Call, ev leg.Event) {
	x.from.leg.NotifyRefer(ev.Code, "")
	if x.to.report.Ringing != nil {
		return
	}
	now := time.Now()
	x.to.report.Ringing = &now
	x.at = now.Add(c.ringTimeout())
}

func (x *transfer) answered(c *Call, answer []byte) {
	now := time.Now()
	x.to.report.Answered, x.to.report.Status = &now, 200
	agreed, err := x.to.accept(answer)
	if err != nil {
		why := refusalOf(err)
		x.drop(c, ringbid.VerdictFailed, byUs, why)
		x.failed(c, ringbid.VerdictFailed, 488, why.Text)
		return
	}
	x.to.apply(agreed)
	c.emit(ringbid.Event{Kind: ringbid.EventLegAnswer, Leg: x.to.report.ID, Data: map[string]string{"target": x.to.report.Target}})
	x.done(c)
}

// done gives the talk to the new leg and sees the old agent off.
func (x *transfer) done(c *Call) {
	t, from := x.t, x.from
	x.to.report.Verdict = ringbid.VerdictAnswered
	t.transfer = nil
	x.record.Verdict, x.record.Status = ringbid.VerdictAnswered, 200
	from.leg.NotifyRefer(200, "OK")
	c.hush()
	t.takeOver(c, x.to)
	c.transferred(t, from, x.record)
}

// takeOver bridges the caller with another leg in place of the present one,
// which is hung up.
func (t *bridgeTask) takeOver(c *Call, s *side) {
	old := c.talk
	c.talk = s
	c.caller.stream.Bridge(s.stream)
	c.hangUp(old, byBuyer, reason(codeTransferred))
	c.emit(ringbid.Event{Kind: ringbid.EventBridged, Leg: s.report.ID, Data: map[string]string{"target": s.report.Target}})
	t.resume(c)
}

// resume plays what a hold of either party asks for.
func (t *bridgeTask) resume(c *Call) {
	t.check = time.Time{}
	c.rewatch()
	for _, s := range []*side{c.caller, c.talk} {
		if s.held {
			t.held(c, s)
		}
	}
}

// refused reads the end of a leg as a dial does: plain RTP and the other law are
// tried where that was the trouble.
func (x *transfer) refused(c *Call, ev leg.Event) {
	x.to.report.Status = ev.Code
	if ev.Code == 488 || ev.Code == 606 || ev.Code == 415 {
		codecs := x.to.local.Codecs[:1]
		switch other := otherLaw(x.trunk, x.to); {
		case x.to.local.Security == sdp.Optional:
			x.plain = true
		case other != nil && !x.again:
			x.again = true
			codecs = []sdp.Codec{*other}
		default:
			codecs = nil
		}
		if codecs != nil {
			x.drop(c, ringbid.VerdictFailed, byBuyer, ringbid.Reason{Text: ev.Reason, SIP: ev.Code})
			x.call(c, codecs...)
			return
		}
	}
	if x.further(c, ev) {
		codecs := x.to.local.Codecs
		x.drop(c, ringbid.VerdictFailed, byBuyer, ringbid.Reason{Text: ev.Reason, SIP: ev.Code})
		x.call(c, codecs...)
		return
	}
	verdict, status, text := verdictOf(ev.Code), ev.Code, ev.Reason
	if ev.Code == 0 {
		verdict, status = verdictOfError(ev.Err), 408
		if text == "" && ev.Err != nil {
			text = ev.Err.Error()
		}
	}
	x.drop(c, verdict, byBuyer, ringbid.Reason{Text: text, SIP: ev.Code, Q850: ev.Q850})
	x.failed(c, verdict, status, text)
}

// otherLaw is a codec of the trunk that the side was not offered first.
func otherLaw(trunk *ringbid.Trunk, s *side) *sdp.Codec {
	for _, v := range voices(trunk) {
		if v.Name != s.local.Codecs[0].Name {
			return &v
		}
	}
	return nil
}

func (x *transfer) late(c *Call) {
	x.at = time.Time{}
	why := reason(codeNoAnswer)
	x.drop(c, ringbid.VerdictNoAnswer, byUs, why)
	x.failed(c, ringbid.VerdictNoAnswer, 408, why.Text)
}

// drop ends the leg that rings.
func (x *transfer) drop(c *Call, v ringbid.Verdict, by string, why ringbid.Reason) {
	if x.to != nil {
		x.to.report.Verdict = v
		c.hangUp(x.to, by, why)
		x.to = nil
	}
}

// failed makes the old bridge again, with nothing lost; without the old agent
// the talk is over.
func (x *transfer) failed(c *Call, v ringbid.Verdict, status int, text string) {
	t, from := x.t, x.from
	t.transfer = nil
	from.leg.NotifyRefer(status, "")
	x.record.Verdict, x.record.Status, x.record.Text = v, status, text
	c.transferred(t, from, x.record)
	if from.ended {
		why := reason(codeTransferFailed)
		why.Text += ": " + text
		t.over(c, byBuyer, why)
		return
	}
	c.hush()
	c.caller.stream.Bridge(from.stream)
	t.resume(c)
}

// abandon gives the transfer up because the talk ends.
func (x *transfer) abandon(c *Call, by string, why ringbid.Reason) {
	x.t.transfer = nil
	x.from.leg.NotifyRefer(487, "")
	x.drop(c, ringbid.VerdictCancelled, by, why)
	x.record.Verdict, x.record.Status, x.record.Text = ringbid.VerdictCancelled, 487, why.Text
	c.transferred(x.t, x.from, x.record)
}
