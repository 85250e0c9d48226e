package sip

import (
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// taken reports whether the answer alone decides that this place takes the
// call.
func (p *place) taken() bool { return p.t.d.Target.AcceptKey == "" && !p.doubts() }

// doubts reports whether what answers is listened to, to tell a machine.
func (p *place) doubts() bool { return p.t.d.Target.Voicemail == ringbid.VoicemailDetect }

// straight reports whether caller and buyer talk as soon as it answers.
func (p *place) straight() bool {
	return p.taken() && p.t.d.Target.SendDigits == "" && len(p.t.d.Whisper) == 0
}

// digits keys what the target wants after its answer.
func (p *place) digits(c *Call) {
	send := p.t.d.Target.SendDigits
	if send == "" {
		p.whisper(c)
		return
	}
	p.stage = dialDigits
	p.at = time.Now().Add(keyingTime(send))
	if wayOfKeys(p.s.trunk) != ringbid.DTMFInfo { // its end is reported
		p.at = p.at.Add(slack)
	}
	c.sendKeys(p.s, send)
}

// keyingTime is about how long digits take: 0.2 s each, 0.5 s for a pause.
func keyingTime(digits string) time.Duration {
	pauses := strings.Count(digits, "w")
	return time.Duration(pauses)*500*time.Millisecond + time.Duration(len(digits)-pauses)*200*time.Millisecond
}

// whisper tells the agent about the call; the caller hears nothing of it.
func (p *place) whisper(c *Call) {
	if len(p.t.d.Whisper) == 0 {
		p.waitForKey(c)
		return
	}
	p.stage = dialWhisper
	p.at = time.Now().Add(p.t.d.Whisper.Duration() + slack)
	p.id = p.s.stream.Play(c.s.clips.of(p.t.d.Whisper), false)
}

func (p *place) waitForKey(c *Call) {
	if p.t.d.Target.AcceptKey == "" {
		p.waitForPerson(c)
		return
	}
	p.stage = dialAccept
	p.at = time.Now().Add(c.s.cfg.AcceptTimeout)
}

// waitForPerson listens for the rest of the time that the operator allows.
func (p *place) waitForPerson(c *Call) {
	until := p.s.report.Answered.Add(time.Duration(p.t.d.Target.VoicemailWait))
	if !p.doubts() || p.person || !time.Now().Before(until) {
		p.won(c)
		return
	}
	p.stage, p.at = dialListen, until
}

// found takes what the listening has found out.
func (p *place) found(c *Call, what media.Finding) {
	if p.stage == dialCalling || !p.doubts() {
		return
	}
	if what == media.Person {
		if p.person = true; p.stage == dialListen {
			p.won(c)
		}
		return
	}
	why := reason(codeVoicemail)
	why.Text = what.String()
	p.close(c, ringbid.VerdictVoicemail, byUs, why)
	p.fell(c, ringbid.VerdictVoicemail, 200, why.Text)
}

// won gives the call to this place.
func (p *place) won(c *Call) {
	p.over, p.verdict = true, ringbid.VerdictAnswered
	p.s.report.Verdict = ringbid.VerdictAnswered
	if p.doubts() {
		p.s.stream.Tap(nil)
	}
	p.t.alone(c, p)
	c.talk = p.s
	p.t.over(c, p, ringbid.VerdictAnswered, 200, "")
}

// key takes the agent's accept key, also while the whisper plays. Other keys
// of the agent mean nothing.
func (p *place) key(c *Call, k byte) bool {
	if p.stage != dialWhisper && p.stage != dialAccept {
		return false
	}
	if want := p.t.d.Target.AcceptKey; want != "" && want[0] == k {
		p.s.stream.Stop()
		p.won(c)
	}
	return true
}

func (p *place) sound(c *Call, ev media.Event) {
	switch {
	case ev.Kind == media.Latched && p.stage == dialCalling:
		p.hear(c)
	case ev.Kind == media.Found:
		p.found(c, ev.Found)
	case ev.Kind == media.DigitsSent && p.stage == dialDigits:
		p.whisper(c)
	case ev.Kind == media.PlayDone && p.stage == dialWhisper && ev.ID == p.id:
		p.waitForKey(c)
	case ev.Kind == media.Inactive:
		p.fell(c, ringbid.VerdictFailed, 200, p.s.report.Reason)
	}
}

// late is the end of the wait of a stage.
func (p *place) late(c *Call) {
	switch {
	case p.s == nil:
		p.fell(c, ringbid.VerdictUnreachable, 0, "host "+p.host+" is not known")
	case p.stage == dialCalling:
		p.close(c, ringbid.VerdictNoAnswer, byUs, reason(codeNoAnswer))
		p.fell(c, ringbid.VerdictNoAnswer, 0, reason(codeNoAnswer).Text)
	case p.stage == dialDigits:
		p.whisper(c)
	case p.stage == dialWhisper:
		p.waitForKey(c)
	case p.stage == dialListen:
		p.won(c)
	case p.stage == dialAccept:
		p.close(c, ringbid.VerdictNotAccepted, byUs, reason(codeNotAccepted))
		p.fell(c, ringbid.VerdictNotAccepted, 200, "accept key not pressed")
	}
}
