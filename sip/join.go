package sip

import (
	"net/netip"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// joinWait bounds how long another call may take to give its party away.
const joinWait = 3 * time.Second

// join ends an attended transfer whose Replaces names a dialog of ours: the
// agent's own second call through us. The party that the agent talks to there is
// given to this call, and that one ends. Owners do not wait for one another, so
// a goroutine carries the party over.
func (x *transfer) join(c *Call, l *leg.Leg, o leg.Owner) {
	other := owning(o)
	if other == nil || other == c {
		x.failed(c, ringbid.VerdictRefused, 481, "no such call to be joined with")
		return
	}
	x.at = time.Now().Add(joinWait)
	id, trunk, addr := *x.ask.Replaces, x.from.trunk.Name, x.from.leg.Source().Addr()
	c.goAside(func() {
		var got *side
		code := 481
		other.ask(func() { got, code = other.yield(l, id, trunk, addr) })
		took := false
		ran := c.ask(func() {
			if took = x.t.transfer == x; took {
				x.joined(c, got, code)
			}
		})
		if got != nil && !(ran && took) {
			c.s.orphan(got)
		}
	})
}

// yield gives the party of the call's talk away, if the dialog is that of the
// caller and whoever asks may speak for it: it came by the same trunk, or from
// the same address. The call ends with that.
func (c *Call) yield(l *leg.Leg, id leg.DialogID, trunk string, addr netip.Addr) (*side, int) {
	t, ok := c.task.(*bridgeTask)
	switch code := l.Replaceable(id); {
	case code != 0:
		return nil, code
	case c.ended || l != c.caller.leg:
		return nil, 481
	case c.caller.trunk.Name != trunk && c.caller.leg.Source().Addr() != addr:
		return nil, 403
	case !ok || c.talk == nil || c.talk.ended || t.transfer != nil:
		return nil, 480
	}
	b := c.talk
	c.caller.stream.Unbridge()
	b.stream.Stop()
	b.stream.Report(nil)
	c.s.ears.Delete(b.stream)
	left := b.reported()
	left.EndedBy, left.Reason = byCaller, reason(codeTransferred).Text
	c.departed = append(c.departed, left)
	c.sides = slices.DeleteFunc(c.sides, func(s *side) bool { return s == b })
	c.talk = nil
	b.leg.Release()
	t.over(c, byCaller, reason(codeTransferred))
	c.end(byCaller, reason(codeTransferred), false)
	return b, 0
}

// joined takes the party of the other call, or reads why there is none.
func (x *transfer) joined(c *Call, got *side, code int) {
	if got == nil {
		x.failed(c, ringbid.VerdictRefused, code, "the other call gives nobody away")
		return
	}
	got.report.Replaced = x.from.report.ID
	got.leg.Bind(owner{c})
	c.s.ears.Store(got.stream, c)
	got.stream.Report(c.s.sounds)
	c.sides = append(c.sides, got)
	c.captured(got)
	x.to, x.record.Leg = got, got.report.ID
	x.done(c)
}

// orphan ends a party that was given away to a call that is over.
func (s *Server) orphan(b *side) {
	s.limits.leave(b.trunk.Name)
	if b.expected.IsValid() {
		s.filter.release(b.expected)
	}
	b.leg.Leave(cause(reason(codeElsewhere), true))
	b.stream.Close()
}

// owning is the call of an owner, nil where that is none.
func owning(o leg.Owner) *Call {
	if own, ok := o.(owner); ok {
		return own.c
	}
	return nil
}
