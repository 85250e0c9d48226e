package sip

import (
	"log/slog"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// signal takes what a leg of the call says.
func (c *Call) signal(l *leg.Leg, ev leg.Event) {
	s := c.sideOf(func(s *side) bool { return s.leg == l })
	if s == nil {
		return
	}
	switch ev.Kind {
	case leg.Terminated:
		s.gone = true
		if s.report.Status == 0 {
			s.report.Status = ev.Code
		}
	case leg.InfoDigit:
		c.key(s, ev.Digit, keysByInfo)
	case leg.ReferReceived:
		c.referred(s, *ev.Refer)
	case leg.ReOffer:
		c.reoffered(s, ev.SDP)
	case leg.OfferDone:
		c.refreshed(s, ev)
	case leg.AnswerSent:
		if s == c.caller {
			c.said()
		}
	case leg.Acked:
		c.acked(s, ev.SDP)
	case leg.Cancelled, leg.ByeReceived, leg.Ended:
		c.parted(s, ev)
	}
	if c.watching(s) {
		c.bossSignal(ev)
		return
	}
	if c.task != nil {
		c.task.signal(c, s, ev)
	}
}

// sound takes what the media plane says.
func (c *Call) sound(ev media.Event) {
	s := c.sideOf(func(s *side) bool { return s.stream == ev.Stream })
	if s == nil || s.ended {
		return
	}
	switch {
	case ev.Kind == media.Digit:
		by := keysByRTP
		if ev.Tone {
			by = keysByTones
		}
		c.key(s, ev.Digit, by)
		return
	case ev.Kind == media.Inactive && s.held:
		return // reported before the hold was known
	case ev.Kind == media.Inactive:
		why := reason(codeRTPTimeout)
		if s == c.caller {
			c.end(byUs, why, false)
			return
		}
		why.Fault = ringbid.FaultBuyer
		c.hangUp(s, byUs, why)
	}
	if c.watching(s) {
		c.bossSound(ev)
		return
	}
	if c.task != nil {
		c.task.sound(c, s, ev)
	}
}

// key takes a key of either party.
func (c *Call) key(s *side, k byte, by keySource) {
	if s.ended || c.watching(s) || !s.takesKey(by, k, time.Now()) {
		return
	}
	if c.task != nil && c.task.key(c, s, k) {
		return
	}
	if s == c.caller {
		c.keep(k)
	}
}

// parted takes the end of a leg by its peer or by the network.
func (c *Call) parted(s *side, ev leg.Event) {
	code, by := codeCallerHungUp, byCaller
	switch {
	case ev.Kind == leg.Cancelled:
		code = codeCancelled
	case ev.Kind == leg.Ended && ev.Err == leg.ErrNoAck:
		code, by = codeNoAck, byUs
	case ev.Kind == leg.Ended && ev.Err == leg.ErrNoPrack:
		code, by = codeNoPrack, byUs
	case ev.Kind == leg.Ended && ev.Err == leg.ErrExpired:
		code, by = codeExpired, byUs
	case ev.Kind == leg.Ended && ev.Err == leg.ErrShutdown:
		code, by = codeShutdown, byUs
	case ev.Kind == leg.Ended:
		code, by = codeLost, byUs
	case s.report.Side == bySupervisor:
		code, by = codeNormal, bySupervisor
	case s != c.caller:
		code, by = codeBuyerHungUp, byBuyer
	}
	why := reason(code)
	if ev.Q850 > 0 {
		why.Q850 = ev.Q850
	}
	if s == c.caller {
		c.end(by, why, false)
		return
	}
	if by == byUs {
		why.Fault = ringbid.FaultBuyer
	}
	c.hangUp(s, by, why)
}

// hangUp ends one side, counts its trunk's place free and tells.
func (c *Call) hangUp(s *side, by string, why ringbid.Reason) {
	if s.ended {
		return
	}
	s.hangUp(by, complete(why), time.Now())
	c.s.ears.Delete(s.stream)
	c.s.limits.leave(s.trunk.Name)
	if s == c.caller {
		return
	}
	if s.report.Side == bySupervisor {
		if c.watching(s) {
			c.unwatched(c.boss)
		}
		return
	}
	data := map[string]string{"verdict": string(s.report.Verdict), "by": by, "target": s.report.Target}
	if s.report.Status > 0 {
		data["status"] = itoa(s.report.Status)
	}
	c.emit(ringbid.Event{Kind: ringbid.EventLegEnd, Leg: s.report.ID, Text: why.Text, Data: data})
}

// acked takes the answer to an offer of ours that went out in a 200.
func (c *Call) acked(s *side, answer []byte) {
	if !s.late {
		return
	}
	agreed, err := s.accept(answer)
	if err != nil {
		c.log.Warn("answer in ACK not understood", slog.Any("error", err))
		if s == c.caller {
			c.end(byUs, refusalOf(err), false)
			return
		}
		c.hangUp(s, byUs, refusalOf(err))
		return
	}
	s.late = false
	c.agree(s, agreed)
	if s == c.caller {
		c.answered()
	}
}

func (c *Call) sideOf(is func(*side) bool) *side {
	for _, s := range c.sides {
		if is(s) {
			return s
		}
	}
	return nil
}
