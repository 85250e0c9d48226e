package sip

import (
	"log/slog"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// pickup serves an INVITE with Replaces (RFC 3891): a colleague of the agent, or
// whoever the agent's own exchange sent the caller to, takes the talk over. The
// leg goes to the call that owns the dialog it names, until that is over.
func (s *Server) pickup(l *leg.Leg, id leg.DialogID) {
	old, o := s.stack.Find(id)
	c := owning(o)
	code := 603 // what it names has ended
	if old == nil {
		code = 481
	}
	if c != nil && c.ask(func() { code = c.pickedUp(l, old, id) }) && code == 0 {
		return
	}
	why := ringbid.Reason{Code: codeNoPickup, Text: reason(codeNoPickup).Text, SIP: code}
	s.m.refuse(why.Code)
	s.log.Info("call refused", slog.String("sip_call_id", l.CallID()), slog.String("source", l.Source().String()),
		slog.String("code", why.Code), slog.Int("status", code))
	l.Leave(leg.Cause{Code: code, Text: why.Text})
}

// pickedUp gives the agent's part of the talk to the new leg, or returns the
// status it is refused with.
func (c *Call) pickedUp(l, old *leg.Leg, id leg.DialogID) int {
	s := c.sideOf(func(s *side) bool { return s.leg == old })
	if s == nil {
		return 481
	}
	if code := old.Replaceable(id); code != 0 {
		return code
	}
	t, code := c.mayTransfer(s)
	switch from := l.Source().Addr(); {
	case code == codeNoTalk && s != c.caller && c.task != nil:
		return 480 // it hears the whisper, or has not pressed its key yet
	case code != "":
		return reason(code).SIP
	case !s.trunk.Admits(from) && from != s.leg.Source().Addr():
		return 403
	case c.s.limits.enter(s.trunk, false, time.Now()) != "":
		return 503
	}
	n, code2 := c.accept(l, s)
	if n == nil {
		c.s.limits.leave(s.trunk.Name)
		return code2
	}
	t.moves++
	record := ringbid.Transfer{At: time.Now(), Kind: ringbid.TransferPickup, By: s.report.ID, To: masked(l.Invite().From.User),
		Leg: n.report.ID, Verdict: ringbid.VerdictAnswered, Status: 200}
	t.takeOver(c, n)
	c.transferred(t, s, record)
	return 0
}

// accept answers the new leg with audio of its own; a status when that cannot
// be.
func (c *Call) accept(l *leg.Leg, old *side) (*side, int) {
	stream, err := c.stream(l.Source().Addr())
	if err != nil {
		return nil, refusalOf(err).SIP
	}
	now, inv := time.Now(), l.Invite()
	s := &side{leg: l, stream: stream, trunk: old.trunk, late: inv.SDP == nil, report: ringbid.Leg{
		ID: ringbid.NewID(), Side: byBuyer, Name: old.report.Name, Target: old.report.Target, Trunk: old.trunk.Name,
		Peer: inv.Source.String(), SIPCallID: inv.CallID, Started: now, Answered: &now, Status: 200,
		Verdict: ringbid.VerdictAnswered, Replaced: old.report.ID,
	}}
	s.describe(voices(s.trunk)...)
	if err = s.secure(inv.Network); err == nil && !s.late {
		s.body, s.agreed, err = s.answer(inv.SDP)
	}
	if err != nil {
		c.shut(stream)
		return nil, refusalOf(err).SIP
	}
	c.sides = append(c.sides, s)
	s.expected = l.Source().Addr()
	c.s.filter.expect(s.expected)
	l.Bind(owner{c})
	left, done := c.left, l.Detach()
	c.left = func() { left(); done() }
	if s.late {
		l.Answer(s.offer())
	} else {
		s.apply(s.agreed)
		l.Answer(s.body)
	}
	c.captured(s)
	return s, 0
}
