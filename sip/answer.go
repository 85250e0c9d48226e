package sip

import (
	"context"
	"log/slog"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// answerTask answers the caller.
type answerTask struct {
	work
	record bool
}

// ErrBuyerGone is what Answer returns when the buyer that was dialled for a caller
// who is not answered has left: nobody is answered for nobody.
var ErrBuyerGone = ringbid.Errorf(ringbid.Unavailable, "the buyer has left")

// Answer answers the caller and, if record is set, opens the tap. A call that
// is answered already stays so. Answer returns when the 200 is out, which may have to
// wait for a PRACK (RFC 3262 section 3). A caller who made no offer is answered
// with ours, and Answer waits for the ACK that brings the answer (RFC 3261 section
// 13.2.1). It returns ErrBuyerGone where there is nobody to be answered for.
func (c *Call) Answer(ctx context.Context, record bool) error {
	return c.run(ctx, &answerTask{work: newWork(), record: record})
}

func (t *answerTask) begin(c *Call) {
	s := c.caller
	if s.report.Answered != nil {
		t.over(c)
		return
	}
	if c.talk != nil && c.talk.ended {
		c.finish(t, ErrBuyerGone)
		return
	}
	body := s.body
	if s.late {
		body = s.offer()
	}
	if s.leg.Answer(body) {
		c.said()
		t.over(c)
	}
}

// over ends the task once the caller is answered and has said where the audio
// goes.
func (t *answerTask) over(c *Call) {
	if t.record {
		c.openTap()
	}
	if !c.caller.late {
		c.finish(t, nil)
	}
}

func (t *answerTask) signal(c *Call, s *side, ev leg.Event) {
	if s == c.caller && s.report.Answered != nil && (ev.Kind == leg.AnswerSent || ev.Kind == leg.Acked) {
		t.over(c)
	}
}

// said is when the 200 to the caller has gone out.
func (c *Call) said() {
	s, now := c.caller, time.Now()
	s.report.Answered = &now
	s.report.Status = 200
	s.report.Verdict = ringbid.VerdictAnswered
	switch {
	case s.late:
		return // until the ACK
	case c.opened:
		s.apply(s.agreed) // it may have changed since the 183
	default:
		s.apply(c.offered)
	}
	c.answered()
}

func (c *Call) answered() {
	c.emit(ringbid.Event{Kind: ringbid.EventAnswered, Leg: c.caller.report.ID})
	c.log.Info("call answered", slog.String("codec", c.caller.report.Codec))
}

// openTap starts the recording, or whatever listens. A call whose tap cannot
// be opened goes on without.
func (c *Call) openTap() {
	if c.s.cfg.Tap == nil || c.sink != nil {
		return
	}
	var (
		sink Sink
		err  error
	)
	c.s.guard(c.log, "tap", func() { sink, err = c.s.cfg.Tap.Open(c.inv) })
	if err != nil || sink == nil {
		c.s.m.tapFailed()
		c.log.Error("call not tapped", slog.Any("error", err))
		return
	}
	c.sink = sink
	c.caller.stream.Tap(sink)
}

// needAnswer refuses a task that needs the caller's audio before the answer.
func (c *Call) needAnswer(t task) bool {
	if c.caller.report.Answered == nil {
		c.finish(t, ringbid.Errorf(ringbid.Conflict, "call %s is not answered", c.inv.CallID))
		return false
	}
	return true
}
