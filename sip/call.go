package sip

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// Who ends things.
const (
	byCaller = "caller"
	byBuyer  = "buyer"
	byUs     = "ringbid"

	bySupervisor = "supervisor"
)

const (
	byeWait = 2 * time.Second // for the last answers, once a call is over
	tapWait = time.Second     // for the media thread to let go of a tap
)

// Call is one call from a carrier. Its methods may be used from any goroutine;
// one of Answer, Play, Gather, Dial and Bridge runs at a time.
type Call struct {
	s       *Server
	inv     ringbid.Invite
	request *leg.Request
	log     *slog.Logger

	ctx      context.Context // ends with the call; the handler's
	cancel   context.CancelCauseFunc
	commands chan func()
	over     chan struct{} // closed when the owner has left
	quiet    chan struct{} // closed when the call has ended and every leg is through
	lookups  sync.WaitGroup

	// The owner's.
	signals  chan leg.Signal
	sounds   chan media.Event
	timer    *time.Timer
	caller   *side
	sides    []*side       // the caller first, then each buyer that was dialled
	talk     *side         // the buyer who took the call
	dialled  ringbid.Dial  // what the last dial wanted
	departed []ringbid.Leg // legs given away to another call
	boss     *supervisor
	offered  sdp.Agreed
	sink     Sink
	task     task
	ahead    []byte      // keys pressed before they were asked for
	looping  *media.Clip // what plays to the caller over and over
	resting  *media.Clip // what a party hears while the other holds
	talks    bool        // a talk has just begun
	ended    bool
	endedBy  string
	endWhy   ringbid.Reason
	leave    time.Time     // when the owner leaves whatever the legs do; zero while the handler runs
	finished []ringbid.Leg // valid once over is closed
}

func newCall(s *Server, l *leg.Leg, trunk *ringbid.Trunk, signals chan leg.Signal, now time.Time) *Call {
	c := &Call{
		s: s, request: l.Invite(), signals: signals, sounds: make(chan media.Event, 16),
		commands: make(chan func()), over: make(chan struct{}), quiet: make(chan struct{}),
		timer: time.NewTimer(time.Hour),
	}
	c.inv = inviteOf(*c.request, trunk, now)
	c.log = s.log.With(slog.String("call_id", c.inv.CallID))
	if s.cfg.Node != "" {
		c.log = c.log.With(slog.String("node", s.cfg.Node))
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.caller = &side{leg: l, trunk: trunk, report: ringbid.Leg{
		ID: ringbid.NewID(), Side: byCaller, Name: c.inv.CallerName, Trunk: trunk.Name, Peer: c.inv.Source,
		SIPCallID: c.inv.SIPCallID, Started: now,
	}}
	c.sides = []*side{c.caller}
	return c
}

// audioFrom is where the caller's audio will come from: what its offer says,
// where that matters, else where its signalling comes from.
func (c *Call) audioFrom() netip.Addr {
	if c.s.cfg.Plane.Dual() && c.request.SDP != nil {
		if session, err := sdp.Parse(c.request.SDP); err == nil && session.Audio.Addr.Addr().IsValid() {
			return session.Audio.Addr.Addr()
		}
	}
	return c.request.Source.Addr()
}

// prepare gives the caller's leg its audio and decides our answer to its offer.
func (c *Call) prepare() (err error) {
	s := c.caller
	if s.stream, err = c.s.stream(c.audioFrom(), c.sounds); err != nil {
		return err
	}
	s.describe(voices(s.trunk)...)
	if err = s.secure(c.request.Network); err != nil {
		s.stream.Close()
		return err
	}
	if s.late = c.request.SDP == nil; s.late {
		return nil
	}
	if s.body, c.offered, err = s.answer(c.request.SDP); err != nil {
		s.stream.Close()
	}
	return err
}

// serve begins the life of a call, on the owner's goroutine; l brought it.
func (c *Call) serve(l *leg.Leg) {
	goesOn := false
	defer func() {
		if !goesOn {
			c.s.remove(c)
		}
	}()
	c.ring()
	c.log.Info("call received", slog.String("trunk", c.inv.Trunk), slog.String("number", c.inv.Number.Mask()),
		slog.String("caller", c.inv.Caller.Mask()), slog.String("sip_call_id", c.inv.SIPCallID))
	served := make(chan struct{})
	go func() {
		defer close(served)
		if !c.s.guard(c.log, "handler", func() { c.s.cfg.Handler.Serve(c.ctx, c) }) {
			c.do(func() { c.end(byUs, reason(codeFault), false) })
		}
	}()
	if goesOn = c.live(served); !goesOn {
		return
	}
	left := l.Detach()
	go c.s.guard(c.log, "owner", func() {
		defer left()
		defer c.s.remove(c)
		for c.live(served) { // a later talk finds a small stack already
		}
	})
}

// live is the owner's part in a call: until a talk begins, then it returns true, or
// until the end. A talk is long and needs little, so that it goes on upon a new
// goroutine: the stack that the beginning needed is free for another call.
func (c *Call) live(served <-chan struct{}) bool {
	talks := false
	if !c.s.guard(c.log, "owner", func() { talks = c.own(served) }) {
		c.s.guard(c.log, "owner's end", func() { c.end(byUs, reason(codeFault), false) })
	}
	if talks {
		return true
	}
	c.s.guard(c.log, "owner's end", c.close)
	close(c.over)
	<-served
	c.lookups.Wait()
	c.s.m.ended(c.endedBy)
	c.log.Info("call ended", slog.String("by", c.endedBy), slog.String("code", c.endWhy.Code),
		slog.Int("legs", len(c.sides)), slog.Duration("took", time.Since(c.inv.Received)))
	return false
}

// own is the owner's loop. It returns true when a talk has begun, false when the
// handler has returned and every leg is through, or a while later.
func (c *Call) own(served <-chan struct{}) (talks bool) {
	for {
		if served == nil && (isClosed(c.quiet) || !time.Now().Before(c.leave)) {
			return false
		}
		c.timer.Reset(time.Until(c.nextDue()))
		select {
		case s := <-c.signals:
			if ev, ok := s.Apply(); ok {
				c.signal(s.Leg, ev)
			}
		case ev := <-c.sounds:
			c.sound(ev)
		case f := <-c.commands:
			f()
		case <-c.timer.C:
			if t := c.task; t != nil && !t.due().IsZero() && !time.Now().Before(t.due()) {
				t.late(c)
			}
		case <-served:
			served = nil
			if !c.ended {
				c.end(byUs, reason(codeNormal), true)
			}
			c.leave = time.Now().Add(byeWait)
		}
		c.settle()
		if c.talks {
			c.talks = false
			return true
		}
	}
}

func (c *Call) nextDue() time.Time {
	due := time.Now().Add(time.Hour)
	if c.task != nil && !c.task.due().IsZero() && c.task.due().Before(due) {
		due = c.task.due()
	}
	if !c.leave.IsZero() && c.leave.Before(due) {
		due = c.leave
	}
	return due
}

// settle tells who waits that nothing more will come.
func (c *Call) settle() {
	if !c.ended || isClosed(c.quiet) {
		return
	}
	for _, s := range c.sides {
		if !s.gone {
			return
		}
	}
	close(c.quiet)
}

// close gives back what the call holds. Legs that are not through are seen off
// by the stack.
func (c *Call) close() {
	c.cancel(fmt.Errorf("%w: call is over", ErrCallerGone))
	c.timer.Stop()
	for _, s := range c.sides {
		if s.expected.IsValid() {
			c.s.filter.release(s.expected)
		}
	}
	c.finished = c.legs()
	if cp := c.s.cfg.Capture; cp != nil {
		c.s.guard(c.log, "capture", func() { cp.End(c.inv.CallID) })
	}
	if !isClosed(c.quiet) {
		close(c.quiet)
	}
}

// do has the owner run f; false when the owner has left.
func (c *Call) do(f func()) bool {
	select {
	case c.commands <- f:
		return true
	case <-c.over:
		return false
	}
}

// ask has the owner run f and waits for it; false when the owner has left.
func (c *Call) ask(f func()) bool {
	ran := make(chan struct{})
	if !c.do(func() { defer close(ran); f() }) {
		return false
	}
	<-ran // the owner is running it
	return true
}

// run has the owner do a task and waits for its end.
func (c *Call) run(ctx context.Context, t task) error {
	w := t.base()
	if !c.do(func() { c.start(t) }) {
		w.err = fmt.Errorf("%w: call is over", ErrCallerGone)
		return w.err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		why := context.Cause(ctx)
		c.do(func() {
			if c.task == t {
				t.stop(c, why)
				c.finish(t, why)
			}
		})
		<-w.done // the owner ends every task, at the latest when it ends the call
	}
	return w.err
}

func (c *Call) start(t task) {
	switch {
	case c.ended:
		c.finish(t, c.goneError())
	case c.task != nil:
		c.finish(t, ErrBusyCall)
	default:
		c.task = t
		t.begin(c)
	}
}

// finish ends a task; the handler goes on.
func (c *Call) finish(t task, err error) {
	if c.task == t {
		c.task = nil
	}
	w := t.base()
	if isClosed(w.done) {
		return
	}
	w.err = err
	close(w.done)
}

func (c *Call) goneError() error {
	return fmt.Errorf("%w: %s", ErrCallerGone, c.endWhy.Text)
}

// end ends the call once: every leg, every task, the audio. Unless the handler
// asked for it, the handler's context is cancelled.
func (c *Call) end(by string, r ringbid.Reason, asked bool) {
	if c.ended {
		return
	}
	c.ended, c.endedBy, c.endWhy = true, by, complete(r)
	if t := c.task; t != nil {
		t.stop(c, c.goneError())
		c.finish(t, c.goneError())
	}
	if c.caller.report.Answered == nil && by != byCaller {
		c.caller.report.Status = c.endWhy.SIP
		c.emit(ringbid.Event{Kind: ringbid.EventRejected, Leg: c.caller.report.ID, Text: c.endWhy.Text,
			Data: map[string]string{"code": c.endWhy.Code, "status": fmt.Sprint(c.endWhy.SIP)}})
	}
	for _, s := range c.sides {
		c.hangUp(s, by, c.endWhy)
	}
	c.closeTap()
	if !asked {
		c.cancel(c.goneError())
	}
}

// closeTap gives the sink back once the media thread no longer uses it.
func (c *Call) closeTap() {
	if c.sink == nil {
		return
	}
	limit := time.NewTimer(tapWait)
	defer limit.Stop()
	select {
	case <-c.caller.stream.Done():
	case <-limit.C:
		c.log.Error("media thread holds on to a tap")
	}
	c.s.guard(c.log, "sink", c.sink.Close)
	c.sink = nil
}

// captured has the capture follow a leg that was dialled.
func (c *Call) captured(s *side) {
	if cp := c.s.cfg.Capture; cp != nil {
		c.s.guard(c.log, "capture", func() { cp.Leg(c.inv.CallID, s.leg.CallID(), s.stream) })
	}
}

// emit sends an event of the call.
func (c *Call) emit(ev ringbid.Event) {
	ev.Call, ev.At = c.inv.CallID, time.Now()
	c.s.guard(c.log, "emit", func() { c.s.cfg.Emit(ev) })
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
