package sip

import (
	"time"

	"github.com/ringbid/ringbid"
)

// A caller may be left unanswered while a target is dialled. The network plays
// the ringback then; our own audio is heard only where early media of a target
// has opened the way for it.

// Ring tells a caller who is not answered yet that somebody is called (180). It
// does nothing where the caller knows, or is answered.
func (c *Call) Ring() { c.do(c.alert) }

func (c *Call) alert() {
	s := c.caller
	if c.ended || s.report.Answered != nil || s.report.Ringing != nil {
		return
	}
	now := time.Now()
	s.report.Ringing = &now
	s.leg.Progress(180, "", nil)
}

// open lets a caller who is not answered yet hear audio: a 183 says what the 200
// will say again (RFC 3960 section 3.2). It reports whether the caller can hear,
// which one who made no offer cannot.
func (c *Call) open() bool {
	s := c.caller
	switch {
	case s.report.Answered != nil || c.opened:
		return true
	case s.late:
		return false
	}
	c.opened = true
	if s.report.Ringing == nil {
		now := time.Now()
		s.report.Ringing = &now
	}
	s.apply(c.offered)
	s.leg.Progress(183, "", s.body)
	return true
}

// hears reports whether the caller hears what is played.
func (c *Call) hears() bool { return c.opened || c.caller.report.Answered != nil }

// unanswered is why nobody is bridged with a caller who was not answered.
func unanswered() ringbid.Reason {
	why := reason(codeFault)
	why.Text = "the caller is not answered"
	return why
}
