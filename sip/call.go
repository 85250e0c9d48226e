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
	"github.com/ringbid/ringbid/sip/turn"
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
//
// What moves it on, messages, keys, time and the handler's wishes, is done one
// thing at a time, in a turn, by whoever brings it.
type Call struct {
	s       *Server
	inv     ringbid.Invite
	request *leg.Request
	log     *slog.Logger

	ctx    context.Context // ends with the call; the handler's
	cancel context.CancelCauseFunc
	turns  *turn.Queue[step]
	over   chan struct{} // closed when nothing more will come of the call
	quiet  chan struct{} // closed when the call has ended, every leg is through and the sink closed
	aside  sync.WaitGroup
	left   func() // tells the stack that the call is over

	// Only touched in a turn.
	timer    *time.Timer
	armed    time.Time // when the timer fires; zero is never
	served   bool      // the handler has returned
	gone     bool      // over is closed, or about to be
	busy     bool      // something went aside
	caller   *side
	sides    []*side       // the caller first, then each buyer that was dialled
	talk     *side         // the buyer who took the call
	dialled  ringbid.Dial  // what the last dial wanted
	departed []ringbid.Leg // legs given away to another call
	boss     *supervisor
	offered  sdp.Agreed
	sink     Sink
	closing  bool // the sink is being given back
	task     task
	ahead    []byte      // keys pressed before they were asked for
	looping  *media.Clip // what plays to the caller over and over
	resting  *media.Clip // what a party hears while the other holds
	talks    bool        // a talk has just begun
	opened   bool        // the caller hears us before the answer
	ended    bool
	endedBy  string
	endWhy   ringbid.Reason
	leave    time.Time // when the owner leaves whatever the legs do; zero while the handler runs
}

func newCall(s *Server, l *leg.Leg, trunk *ringbid.Trunk, now time.Time) *Call {
	c := &Call{s: s, request: l.Invite(), over: make(chan struct{}), quiet: make(chan struct{})}
	c.turns = turn.New(c.take)
	c.timer = time.AfterFunc(time.Hour, func() { c.turns.Put(step{}) })
	c.timer.Stop() // until arm sets it
	c.inv = inviteOf(c.request, trunk, now)
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
	if s.stream, err = c.stream(c.audioFrom()); err != nil {
		return err
	}
	s.describe(voices(s.trunk)...)
	if err = s.secure(c.request.Network); err != nil {
		c.shut(s.stream)
		return err
	}
	if s.late = c.request.SDP == nil; s.late {
		return nil
	}
	if s.body, c.offered, err = s.answer(c.request.SDP); err != nil {
		c.shut(s.stream)
	}
	return err
}

// serve is the life of a call from the INVITE that l brought until the handler has
// returned.
func (c *Call) serve(l *leg.Leg) {
	c.ask(func() {
		l.Bind(owner{c})
		c.left = l.Detach()
		c.ring()
	})
	c.log.Info("call received", slog.String("trunk", c.inv.Trunk), slog.String("number", c.inv.Number.Mask()),
		slog.String("caller", c.inv.Caller.Mask()), slog.String("sip_call_id", c.inv.SIPCallID))
	if !c.s.guard(c.log, "handler", func() { c.s.cfg.Handler.Serve(c.ctx, c) }) {
		c.do(func() { c.end(byUs, reason(codeFault), false) })
	}
	c.do(func() {
		c.served = true
		if !c.ended {
			c.end(byUs, reason(codeNormal), true)
		}
		c.leave = time.Now().Add(byeWait)
	})
}

// close gives back what the call holds. Legs that are not through are seen off
// by the stack.
func (c *Call) close() {
	c.cancel(goneError{"call is over"})
	c.timer.Stop()
	for _, s := range c.sides {
		if s.expected.IsValid() {
			c.s.filter.release(s.expected)
		}
		c.s.ears.Delete(s.stream)
	}
	if cp := c.s.cfg.Capture; cp != nil {
		c.s.guard(c.log, "capture", func() { cp.End(c.inv.CallID) })
	}
	if !isClosed(c.quiet) {
		close(c.quiet)
	}
}

// do runs f in a turn, now or soon; false when the call is over.
func (c *Call) do(f func()) bool {
	if isClosed(c.over) {
		return false
	}
	c.turns.Put(step{f: f})
	return true
}

// ask runs f in a turn and waits for it; false when the call is over.
func (c *Call) ask(f func()) bool {
	ran := make(chan struct{})
	if !c.do(func() { defer close(ran); f() }) {
		return false
	}
	<-ran
	return true
}

// run does a task and waits for its end.
func (c *Call) run(ctx context.Context, t task) error {
	w := t.base()
	if !c.do(func() { c.start(t) }) {
		w.err = goneError{"call is over"}
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
		<-w.done // every task is ended, at the latest with the call
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

func (c *Call) goneError() error { return goneError{c.endWhy.Text} }

// goneError is ErrCallerGone with the reason, made without the cost of formatting:
// every call ends.
type goneError struct{ why string }

// Error names the reason.
func (e goneError) Error() string { return ErrCallerGone.Error() + ": " + e.why }

// Unwrap returns ErrCallerGone.
func (e goneError) Unwrap() error { return ErrCallerGone }

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
	sink := c.sink
	if sink == nil {
		return
	}
	c.sink, c.closing = nil, true
	done := c.caller.stream.Done()
	c.goAside(func() {
		limit := time.NewTimer(tapWait)
		defer limit.Stop()
		select {
		case <-done:
		case <-limit.C:
			c.log.Error("media thread holds on to a tap")
		}
		c.s.guard(c.log, "sink", sink.Close)
		c.do(func() { c.closing = false })
	})
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
