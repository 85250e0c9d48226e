package sip

import (
	"log/slog"

	"github.com/ringbid/ringbid"
)

// earlyState is what is done with the audio a place sends before its answer.
type earlyState uint8

const (
	earlyNone   earlyState = iota
	earlyWaited            // agreed on, nothing has come yet
	earlyHeard             // the caller hears it
)

// passes reports whether the caller may hear the place before its answer. Of
// several that ring none is heard.
func (p *place) passes() bool {
	return p.t.d.Target.EarlyMedia == ringbid.EarlyPass && len(p.t.places) == 1
}

// listen takes the session description of a provisional response: the caller
// will hear that early dialog, the latest one, once its audio comes (RFC 3960
// section 3.1). Nothing of the caller's goes the other way.
//
// It reports whether the caller may hear it.
func (p *place) listen(c *Call, answer []byte) bool {
	if len(answer) == 0 || p.stage != dialCalling || !p.passes() {
		return false
	}
	agreed, err := p.s.accept(answer)
	if err != nil {
		c.log.Info("early media not understood", slog.String("leg", p.s.report.ID), slog.Any("error", err))
		return false
	}
	if !c.open() {
		return false
	}
	if p.t.music == nil { // the network plays no ringback any more
		p.t.tune(c)
	}
	p.s.apply(agreed)
	if p.early == earlyNone {
		p.early = earlyWaited
		p.s.stream.Play(c.s.clips.silence, true) // opens the way through a NAT, and is all the buyer hears
	}
	return true
}

// hear joins the caller to the early audio that has begun to come.
func (p *place) hear(c *Call) {
	if p.early != earlyWaited {
		return
	}
	p.early = earlyHeard
	c.caller.stream.Bridge(p.s.stream)
	c.hush()
}

// settle ends the early part because the place has answered. The caller goes on
// hearing it where the answer is all that counts, and waits to music where an
// agent is still to be asked.
func (p *place) settle(c *Call) {
	if p.early == earlyNone {
		return
	}
	if p.early == earlyHeard && p.straight() {
		p.early = earlyNone
	}
	p.silence(c)
	p.s.stream.Stop()
}

// silence keeps the place from the caller, who goes back to the music of the
// wait without a gap.
func (p *place) silence(c *Call) {
	if p.early == earlyHeard && !c.ended {
		if p.t.music != nil {
			c.loop(p.t.music)
		}
		c.caller.stream.Unbridge()
	}
	p.early = earlyNone
}
