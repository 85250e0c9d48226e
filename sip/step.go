package sip

import (
	"log/slog"
	"time"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// owner is the Call as the owner of its legs.
type owner struct{ c *Call }

// Put takes a signal of a leg.
func (o owner) Put(sig leg.Signal) { o.c.turns.Put(step{signal: sig}) }

// step is one thing that moves a call on: a signal of a leg, an event of the
// audio, a function, or the passing of time where it is none of these.
type step struct {
	signal leg.Signal
	sound  media.Event
	f      func()
}

// take moves the call on by a step. It runs on whoever brought the step, the
// sockets' readers included, and so never waits.
func (c *Call) take(s step) {
	if !c.s.guard(c.log, "owner", func() { c.move(s) }) {
		c.s.guard(c.log, "owner's end", func() { c.end(byUs, reason(codeFault), false) })
		if t := c.task; t != nil { // its own end failed
			c.finish(t, c.goneError())
		}
	}
	c.s.guard(c.log, "owner's rest", c.rested)
}

// rested looks what a step leaves to be done.
func (c *Call) rested() {
	c.settle()
	if !c.gone && c.served && (isClosed(c.quiet) || !time.Now().Before(c.leave)) {
		c.gone = true
		c.depart()
		return
	}
	c.arm()
}

func (c *Call) move(s step) {
	switch {
	case s.signal.Leg != nil:
		if ev, ok := s.signal.Apply(); ok {
			c.signal(s.signal.Leg, ev)
		}
	case s.sound.Stream != nil:
		c.sound(s.sound)
	case s.f != nil:
		s.f()
	default:
		c.armed = time.Time{}
		if t := c.task; t != nil && !t.due().IsZero() && !time.Now().Before(t.due()) {
			t.late(c)
		}
	}
}

// arm sets the timer to what is due first. One that fires too early is set anew.
func (c *Call) arm() {
	if due := c.nextDue(); !c.gone && !due.IsZero() && (c.armed.IsZero() || due.Before(c.armed)) {
		c.armed = due
		c.timer.Reset(time.Until(due))
	}
}

// nextDue is when time has to move the call on; zero is never.
func (c *Call) nextDue() (due time.Time) {
	if c.task != nil {
		due = c.task.due()
	}
	if !c.leave.IsZero() && (due.IsZero() || c.leave.Before(due)) {
		due = c.leave
	}
	return due
}

// depart ends the call for good: its handler has returned and every leg is
// through, or has had its time.
func (c *Call) depart() {
	c.s.guard(c.log, "owner's end", c.close)
	end := func() {
		c.aside.Wait()
		close(c.over)
		c.s.m.ended(c.endedBy)
		c.log.Info("call ended", slog.String("by", c.endedBy), slog.String("code", c.endWhy.Code),
			slog.Int("legs", len(c.sides)), slog.Duration("took", time.Since(c.inv.Received)))
		c.s.remove(c)
		c.turns.Put(step{f: c.left}) // in a turn: legs that are not through get another owner
	}
	if c.busy {
		go end()
		return
	}
	end()
}

// goAside runs f, which may wait, on a goroutine. The call is not over before it
// returns. It is called in a turn.
func (c *Call) goAside(f func()) {
	c.busy = true
	c.aside.Go(func() { c.s.guard(c.log, "aside", f) })
}

// settle tells who waits that nothing more will come.
func (c *Call) settle() {
	if !c.ended || c.closing || isClosed(c.quiet) {
		return
	}
	for _, s := range c.sides {
		if !s.gone {
			return
		}
	}
	close(c.quiet)
}
