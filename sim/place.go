package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

const (
	look     = 20 * time.Millisecond // how often a party looks at what it hears
	farewell = 2 * time.Second       // how long the end of a dialog is waited for
	machine  = 5 * time.Second       // silence after which the caller takes it that a machine listens
)

// call is one caller on the line. One goroutine owns it.
type call struct {
	Story
	caller  Caller
	carrier *Carrier
	line    *line
	leg     *leg.Leg
	mailbox leg.Mailbox

	groups   []string  // keys not pressed yet
	pressing bool      // keys are on their way
	since    time.Time // the answer, or the end of the last group
	asked    bool      // a sound was heard since then
	talking  bool
	deadline time.Time // of patience
	hangup   time.Time // when the talk is over
	ending   time.Time // when the end is not waited for any more
	over     bool
}

// Place makes the call and returns its story when it is over. What happens to
// the call is in the story; an error means that it could not be made: Invalid
// for an impossible caller, or no port free. When ctx ends, the caller hangs up.
func (c *Carrier) Place(ctx context.Context, caller Caller) (Story, error) {
	caller = caller.withDefaults()
	if err := caller.check(); err != nil {
		return Story{}, err
	}
	dial, err := caller.dial(c.host)
	if err != nil {
		return Story{}, err
	}
	l, err := openLine(c.plane, &ear{tone: caller.Listen, echo: caller.Tone})
	if err != nil {
		return Story{}, fmt.Errorf("place call to %s: %w", caller.To, err)
	}
	p := &call{caller: caller, carrier: c, line: l, mailbox: make(leg.Mailbox, 64), groups: caller.groups()}
	dial.Owner, dial.SDP = p.mailbox, l.offer(sdp.SendRecv)
	p.leg = c.stack.Dial(dial)
	p.Story = newStory(caller, p.leg.CallID())
	p.deadline = p.Started.Add(caller.Patience)
	p.tell("INVITE %s", caller.To)
	p.run(ctx)
	p.HeardForMS = l.ear.heardFor().Milliseconds()
	p.count(l.close())
	c.log.Debug("call over", "sip_call_id", p.CallID, "status", p.Status, "heard", p.Heard, "by", p.EndedBy)
	return p.Story, nil
}

// run serves the call until its leg is gone.
func (p *call) run(ctx context.Context) {
	t := time.NewTicker(look)
	defer t.Stop()
	done := ctx.Done()
	for !p.over {
		select {
		case s := <-p.mailbox:
			if ev, ok := s.Apply(); ok {
				p.on(ev)
			}
		case ev := <-p.line.events:
			p.heardOf(ev)
		case now := <-t.C:
			p.think(now)
		case <-done:
			done = nil
			p.end("the caller is called away")
		}
	}
}

// on takes what happens to the dialog.
func (p *call) on(ev leg.Event) {
	switch ev.Kind {
	case leg.Ringing, leg.EarlyMedia:
		ms := p.tell("%d %s", ev.Code, ev.Reason)
		if p.RingMS < 0 {
			p.RingMS = ms
		}
		if ev.SDP != nil {
			_ = p.line.accept(ev.SDP, sdp.SendRecv) // early audio is a courtesy
		}
	case leg.Answered:
		p.answered(ev)
	case leg.Failed:
		p.Status, p.Reason = ev.Code, ev.Reason
		if ev.Err != nil && p.Reason == "" {
			p.Reason = ev.Err.Error()
		}
		p.EndMS = p.tell("%d %s", ev.Code, p.Reason)
	case leg.ReOffer:
		p.line.reOffer(p.leg, ev.SDP)
		p.tell("re-INVITE, audio %s", direction(p.line))
	case leg.ByeReceived, leg.Ended:
		if p.EndedBy == "" {
			p.EndedBy, p.EndText = "platform", ev.Reason
			p.EndMS = p.tell("BYE from the platform %s", ev.Reason)
		}
	case leg.Terminated:
		p.over = true
		if p.Status == 0 && !p.Answered {
			p.Status = ev.Code // what came of our CANCEL
		}
	}
}

func (p *call) answered(ev leg.Event) {
	p.Status, p.Reason = ev.Code, ev.Reason
	if err := p.line.accept(ev.SDP, sdp.SendRecv); err != nil {
		p.end("the answer is unusable: " + err.Error())
		return
	}
	p.Answered = true
	p.AnswerMS = p.tell("%d %s", ev.Code, ev.Reason)
	p.since = time.Now()
	p.deadline = p.since.Add(p.caller.Patience)
	p.line.stream.Play(p.carrier.room, true)
}

// talk has the caller begin to speak.
func (p *call) talk() {
	if !p.talking {
		p.talking = true
		p.line.stream.Play(p.carrier.voice(p.caller.Tone), true)
	}
}

// heardOf takes what happens to the audio.
func (p *call) heardOf(ev media.Event) {
	switch {
	case ev.Kind == media.DigitsSent && p.pressing:
		p.pressing = false
		p.since, p.asked = time.Now(), false
		p.DigitsMS = p.tell("keys sent")
	case ev.Kind == media.Digit:
		p.tell("key %c heard", ev.Digit)
	}
}

// think lets the caller do what it is time for.
func (p *call) think(now time.Time) {
	switch {
	case !p.ending.IsZero():
		if now.After(p.ending) {
			p.carrier.stack.Adopt(p.mailbox)
			p.over = true
		}
		return
	case p.EndMS >= 0:
		p.ending = now.Add(farewell)
		return
	}
	if p.Answered && !p.Heard {
		p.listen(now)
	}
	switch {
	case p.Heard && now.After(p.hangup):
		p.end("the caller has said everything")
	case !p.Heard && now.After(p.deadline):
		p.end("the caller has waited long enough")
	}
}

// listen presses keys when asked, and hears whether the buyer is there. The
// caller talks with the buyer, or to a machine, not to prompts and music.
func (p *call) listen(now time.Time) {
	if at, ok := p.line.ear.heard(); ok {
		p.Heard = true
		p.HeardMS = at.Sub(p.Started).Milliseconds()
		p.tell("the buyer is heard")
		p.hangup = now.Add(p.caller.Hold)
		p.talk()
		return
	}
	if quiet, any := p.line.ear.quietFor(now); any && quiet >= machine && len(p.groups) == 0 {
		p.talk()
	}
	if p.pressing || len(p.groups) == 0 || !p.turn(now) {
		return
	}
	keys := p.groups[0]
	p.groups, p.pressing = p.groups[1:], true
	p.Sent += keys
	p.tell("pressing %s", keys)
	p.line.stream.SendDigits(keys)
}

// turn reports whether it is time to press keys.
func (p *call) turn(now time.Time) bool {
	if p.caller.DigitsAfter > 0 {
		return now.Sub(p.since) >= p.caller.DigitsAfter
	}
	quiet, any := p.line.ear.quietFor(now)
	if any && now.Add(-quiet).After(p.since) {
		p.asked = true
	}
	return p.asked && quiet >= promptGap
}

// end hangs up.
func (p *call) end(why string) {
	if p.EndMS >= 0 {
		return
	}
	p.EndedBy, p.EndText = "caller", why
	p.EndMS = p.tell("hanging up: %s", why)
	p.leg.End(leg.Cause{Text: "caller hung up", Q850: 16})
}

// direction says which way the audio of a line goes.
func direction(l *line) string {
	switch {
	case l.agreed.Send && l.agreed.Recv:
		return "both ways"
	case l.agreed.Send:
		return "from us"
	case l.agreed.Recv:
		return "to us"
	}
	return "on hold"
}
