package sip

import (
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// digits keys what the target wants after its answer.
func (t *dialTask) digits(c *Call) {
	send := t.d.Target.SendDigits
	if send == "" {
		t.whisper(c)
		return
	}
	t.stage = dialDigits
	t.at = time.Now().Add(keyingTime(send) + slack)
	t.s.stream.SendDigits(send)
}

// keyingTime is about how long digits take: 0.2 s each, 0.5 s for a pause.
func keyingTime(digits string) time.Duration {
	pauses := strings.Count(digits, "w")
	return time.Duration(pauses)*500*time.Millisecond + time.Duration(len(digits)-pauses)*200*time.Millisecond
}

// whisper tells the agent about the call; the caller hears nothing of it.
func (t *dialTask) whisper(c *Call) {
	if len(t.d.Whisper) == 0 {
		t.waitForKey(c)
		return
	}
	t.stage = dialWhisper
	t.at = time.Now().Add(t.d.Whisper.Duration() + slack)
	t.id = t.s.stream.Play(c.s.clips.of(t.d.Whisper), false)
}

func (t *dialTask) waitForKey(c *Call) {
	if t.d.Target.AcceptKey == "" {
		t.accepted(c)
		return
	}
	t.stage = dialAccept
	t.at = time.Now().Add(c.s.cfg.AcceptTimeout)
}

func (t *dialTask) accepted(c *Call) {
	c.talk = t.s
	t.over(c, ringbid.VerdictAnswered, 200, "")
}

// key takes the agent's accept key, also while the whisper plays. Other keys
// of the agent mean nothing; the caller's are kept for later.
func (t *dialTask) key(c *Call, s *side, k byte) bool {
	if s != t.s || t.stage != dialWhisper && t.stage != dialAccept {
		return false
	}
	if want := t.d.Target.AcceptKey; want != "" && want[0] == k {
		t.s.stream.Stop()
		t.accepted(c)
	}
	return true
}

func (t *dialTask) sound(c *Call, s *side, ev media.Event) {
	if s != t.s {
		return
	}
	switch {
	case ev.Kind == media.DigitsSent && t.stage == dialDigits:
		t.whisper(c)
	case ev.Kind == media.PlayDone && t.stage == dialWhisper && ev.ID == t.id:
		t.waitForKey(c)
	case ev.Kind == media.Inactive:
		t.over(c, ringbid.VerdictFailed, 200, s.report.Reason)
	}
}

// late is the end of the wait of a stage.
func (t *dialTask) late(c *Call) {
	switch {
	case t.s == nil:
		t.over(c, ringbid.VerdictUnreachable, 0, "host "+t.host+" is not known")
	case t.stage == dialCalling:
		t.mark(ringbid.VerdictNoAnswer)
		t.drop(c, byUs, reason(codeNoAnswer))
		t.over(c, ringbid.VerdictNoAnswer, 0, reason(codeNoAnswer).Text)
	case t.stage == dialDigits:
		t.whisper(c)
	case t.stage == dialWhisper:
		t.waitForKey(c)
	case t.stage == dialAccept:
		t.mark(ringbid.VerdictNotAccepted)
		t.drop(c, byUs, reason(codeNotAccepted))
		t.over(c, ringbid.VerdictNotAccepted, 200, "accept key not pressed")
	}
}

// stop gives the attempt up: the caller left, or the handler wants to.
func (t *dialTask) stop(c *Call, _ error) {
	by, why := c.endedBy, c.endWhy
	if !c.ended {
		by, why = byUs, reason(codeElsewhere)
	}
	if t.s != nil {
		t.mark(ringbid.VerdictCancelled)
	}
	t.drop(c, by, why)
	t.over(c, ringbid.VerdictCancelled, 0, why.Text)
}
