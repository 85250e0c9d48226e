package sip

import (
	"context"
	"log/slog"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

const (
	longestBridge = 12 * time.Hour // where the handler sets no limit
	holdCheck     = time.Second    // how long a holding party has to send music of its own
	holdPackets   = 10             // that many in holdCheck are music
)

// bridgeTask is the talk of caller and buyer.
type bridgeTask struct {
	work
	max  time.Duration
	talk ringbid.Talk

	until time.Time
	check time.Time // when to look whether the holder sends music; zero is never
	mark  uint64    // its packets at the last look
	fresh bool      // the first look is to come
	by    *side     // who holds and may send
	music bool      // ours plays meanwhile

	transfer *transfer // under way, or nil
	moves    int       // transfers and pickups so far
}

// Bridge joins the caller with the buyer of the last Dial that was answered,
// until one of them hangs up, sends nothing for the RTP timeout of its trunk,
// or max has passed (0 means 12 hours). After the buyer's end the caller stays
// on the line. A caller who is not answered is bridged with nobody.
func (c *Call) Bridge(ctx context.Context, max time.Duration) ringbid.Talk {
	t := &bridgeTask{work: newWork(), max: max}
	if err := c.run(ctx, t); err != nil && t.talk.EndedBy == "" {
		t.talk.EndedBy, t.talk.Reason = c.Ended()
		if t.talk.EndedBy == "" {
			t.talk.EndedBy, t.talk.Reason = byUs, reason(codeFault)
			t.talk.Reason.Text = err.Error()
		}
	}
	return t.talk
}

func (t *bridgeTask) begin(c *Call) {
	now := time.Now()
	t.talk.Started = now
	b := c.talk
	switch {
	case b == nil:
		why := reason(codeFault)
		why.Text = "nobody to be bridged with"
		t.over(c, byUs, why)
		return
	case c.caller.report.Answered == nil:
		t.over(c, byUs, unanswered())
		return
	case b.ended:
		why := reason(codeBuyerHungUp)
		why.Text = b.report.Reason
		t.over(c, b.report.EndedBy, why)
		return
	}
	if t.max <= 0 {
		t.max = longestBridge
	}
	t.until = now.Add(t.max)
	c.ahead = nil // keys typed while waiting were not meant for a later question
	c.hush()
	c.talks = true
	c.caller.stream.Bridge(b.stream)
	c.emit(ringbid.Event{Kind: ringbid.EventBridged, Leg: b.report.ID, Data: map[string]string{"target": b.report.Target}})
	c.log.Info("call bridged", slog.String("target", b.report.Target), slog.String("leg", b.report.ID))
	for _, s := range []*side{c.caller, b} {
		if s.held {
			t.held(c, s)
		}
	}
}

func (t *bridgeTask) due() time.Time {
	due := t.until
	if !t.check.IsZero() && t.check.Before(due) {
		due = t.check
	}
	if x := t.transfer; x != nil && !x.at.IsZero() && x.at.Before(due) {
		due = x.at
	}
	return due
}

func (t *bridgeTask) late(c *Call) {
	now := time.Now()
	if !t.check.IsZero() && !now.Before(t.check) {
		t.look(c, now)
	}
	if !now.Before(t.until) {
		t.over(c, byUs, reason(codeMaxDuration))
		return
	}
	if x := t.transfer; x != nil && !x.at.IsZero() && !now.Before(x.at) {
		x.late(c)
	}
}

// look lets a holder be heard that sends music of its own, and plays ours to
// the other party whenever it sends none.
func (t *bridgeTask) look(c *Call, now time.Time) {
	got := t.by.stream.Stats().Received
	if t.fresh { // counted from now on
		t.fresh, t.mark, t.check = false, got, now.Add(holdCheck)
		return
	}
	if got-t.mark >= holdPackets {
		c.rest(t.other(c, t.by), nil)
	} else if !t.music {
		c.rest(t.other(c, t.by), c.restingClip())
	}
	t.music = got-t.mark < holdPackets
	t.mark, t.check = got, now.Add(holdCheck)
}

// held starts or ends the music of a hold. The other party hears ours at once;
// a holder that may send and does is heard instead.
func (t *bridgeTask) held(c *Call, s *side) {
	t.check = time.Time{}
	if t.transfer != nil {
		return // they hear what belongs to the transfer; resume looks at it again
	}
	other := t.other(c, s)
	switch {
	case s.held && s.agreed.Recv:
		t.by, t.fresh, t.check = s, true, time.Now() // by the timer: who brings the hold does not wait for counters
		t.music = true
		c.rest(other, c.restingClip())
	case s.held:
		c.rest(other, c.restingClip())
	default:
		c.rest(other, nil)
	}
}

func (t *bridgeTask) other(c *Call, s *side) *side {
	if s == c.caller {
		return c.talk
	}
	return c.caller
}

// restingClip is what is played while a party holds: the music of the dial, if
// it had one.
func (c *Call) restingClip() *media.Clip {
	if c.resting != nil {
		return c.resting
	}
	return c.s.clips.music
}

// key passes on keys that came by INFO or go on by it: the relay carries the
// others.
func (t *bridgeTask) key(c *Call, s *side, k byte) bool {
	if s != c.caller && s != c.talk {
		return false
	}
	if other := t.other(c, s); t.transfer == nil && (s.keysBy == keysByInfo || wayOfKeys(other.trunk) == ringbid.DTMFInfo) {
		c.sendKeys(other, string(rune(k)))
	}
	return true
}

func (t *bridgeTask) signal(c *Call, s *side, ev leg.Event) {
	if x := t.transfer; x != nil && x.signal(c, s, ev) {
		return
	}
	if s != c.talk || !s.ended {
		return
	}
	why := reason(codeBuyerHungUp)
	if ev.Kind == leg.Ended {
		why = reason(codeLost)
		if ev.Err == leg.ErrExpired {
			why = reason(codeExpired)
		}
		why.Fault = ringbid.FaultBuyer
	}
	t.over(c, s.report.EndedBy, why)
}

func (t *bridgeTask) sound(c *Call, s *side, ev media.Event) {
	if s == c.talk && ev.Kind == media.Inactive && t.transfer == nil {
		why := reason(codeRTPTimeout)
		why.Fault = ringbid.FaultBuyer
		t.over(c, byUs, why)
	}
}

func (t *bridgeTask) stop(c *Call, _ error) {
	by, why := c.endedBy, c.endWhy
	if !c.ended {
		by, why = byUs, reason(codeNormal)
	}
	t.over(c, by, why)
}

// over ends the talk; the buyer goes, the caller stays.
func (t *bridgeTask) over(c *Call, by string, why ringbid.Reason) {
	if x := t.transfer; x != nil {
		x.abandon(c, by, why)
	}
	t.talk.EndedBy, t.talk.Reason = by, complete(why)
	if !t.until.IsZero() {
		took := time.Since(t.talk.Started)
		t.talk.MS = took.Milliseconds()
		c.s.m.bridged(took)
		c.caller.stream.Unbridge()
		if c.looping != nil {
			c.hush()
		}
	}
	if b := c.talk; b != nil {
		left := b.ended // maybe while a transfer was under way, and with it who was to tell a supervisor
		c.hangUp(b, by, why)
		c.talk = nil
		if left {
			c.dismiss(codeNormal)
		}
	}
	c.finish(t, nil)
}
