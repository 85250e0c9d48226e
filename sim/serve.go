package sim

import (
	"time"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// keysAfter is how long after the answer a buyer presses keys.
const keysAfter = time.Second

// taken is a call that a buyer takes. One goroutine owns it.
type taken struct {
	buyers *Buyers
	how    Behaviour
	leg    *leg.Leg
	line   *line
	visit  *Visit

	began    time.Time
	answered time.Time
	late     bool // our 200 holds the offer, the answer comes with the ACK
	holding  bool
	held     bool // the hold is behind us
	pressed  bool
	ended    bool // we or they hung up
	over     bool // the leg is gone
}

// serve takes one call; it is leg.Config.OnInvite.
func (b *Buyers) serve(l *leg.Leg) {
	mailbox := make(leg.Mailbox, 64)
	l.Bind(mailbox)
	t := &taken{buyers: b, leg: l, began: time.Now(), visit: b.begin(newVisit(l))}
	t.how = behaviour(b.cfg.Users, t.visit.User)
	defer t.leave()
	if !t.pickUp() {
		return
	}
	events := t.line.events
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !t.over {
		select {
		case s := <-mailbox:
			if ev, ok := s.Apply(); ok {
				t.on(ev)
			}
		case ev := <-events:
			t.heardOf(ev)
		case now := <-tick.C:
			t.think(now)
		case <-b.quit:
			t.hangup(leg.Cause{Code: 503, Text: "going home"})
			return
		}
	}
}

// pickUp opens the line and lets it ring, or refuses at once.
func (t *taken) pickUp() bool {
	var err error
	if t.line, err = openLine(t.buyers.plane, &ear{tone: t.buyers.cfg.Listen}); err != nil {
		t.how = Behaviour{Reject: 503, Reason: "Service Unavailable"}
		t.final()
		return false
	}
	if t.how.Ring > 0 || t.how.Forever {
		t.leg.Progress(180, "Ringing", nil)
	}
	return true
}

// leave closes the line and notes how it was.
func (t *taken) leave() {
	var stats media.Stats
	ear := &ear{}
	if t.line != nil {
		stats, ear = t.line.close(), t.line.ear
	}
	_, heard := ear.heard()
	t.buyers.note(t.visit, func(v *Visit) {
		v.Heard, v.HeardFor = heard, ear.heardFor()
		v.PacketsSent, v.PacketsReceived, v.Lost = stats.Sent, stats.Received, max(0, stats.Lost)
		if v.Ended.IsZero() {
			v.Ended = time.Now()
		}
		v.Over = true
		t.buyers.live--
	})
}

// on takes what happens to the dialog.
func (t *taken) on(ev leg.Event) {
	switch ev.Kind {
	case leg.Acked:
		if t.late {
			t.late = false
			if err := t.line.accept(ev.SDP, sdp.SendRecv); err != nil {
				t.hangup(leg.Cause{Code: 488, Text: "unusable answer"})
			}
		}
	case leg.ReOffer:
		t.line.reOffer(t.leg, ev.SDP)
	case leg.OfferDone:
		if ev.SDP != nil {
			_ = t.line.accept(ev.SDP, t.direction()) // the call goes on as it was
		}
	case leg.Cancelled, leg.ByeReceived, leg.Ended:
		t.end("platform", ev.Reason)
	case leg.Terminated:
		t.over = true
	}
}

func (t *taken) heardOf(ev media.Event) {
	if ev.Kind == media.Digit {
		t.buyers.note(t.visit, func(v *Visit) { v.Keys += string(ev.Digit) })
	}
}

// think lets the buyer do what it is time for.
func (t *taken) think(now time.Time) {
	switch {
	case t.ended || t.how.Forever:
	case t.answered.IsZero():
		if now.Sub(t.began) >= t.how.Ring {
			t.final()
		}
	default:
		t.talk(now.Sub(t.answered))
	}
	if _, heard := t.line.ear.heard(); heard && !t.visit.Heard {
		t.buyers.note(t.visit, func(v *Visit) { v.Heard = true })
	}
}

// talk is a buyer who has been connected for so long.
func (t *taken) talk(since time.Duration) {
	how := t.how
	switch {
	case how.Talk > 0 && since >= how.Talk:
		t.hangup(leg.Cause{Text: "the buyer has said everything", Q850: 16})
	case how.HoldAt > 0 && since >= how.HoldAt && !t.holding && !t.held:
		t.holding = true
		t.leg.Offer(t.line.offer(t.direction()))
	case t.holding && since >= how.HoldAt+how.HoldFor:
		t.holding, t.held = false, true
		t.leg.Offer(t.line.offer(t.direction()))
	case how.Keys != "" && since >= keysAfter && !t.pressed:
		t.pressed = true
		t.line.stream.SendDigits(how.Keys)
	}
}

func (t *taken) direction() sdp.Direction {
	if t.holding {
		return sdp.SendOnly
	}
	return sdp.SendRecv
}

// final answers or refuses.
func (t *taken) final() {
	if t.how.Reject > 0 {
		t.leg.Reject(t.how.Reject, t.how.Reason)
		t.buyers.note(t.visit, func(v *Visit) { v.Status = t.how.Reject })
		t.end("buyer", t.how.Reason)
		return
	}
	body, err := t.description()
	if err != nil {
		t.how = Behaviour{Reject: 488, Reason: "Not Acceptable Here"}
		t.final()
		return
	}
	t.leg.Answer(body)
	t.answered = time.Now()
	t.buyers.note(t.visit, func(v *Visit) { v.Status, v.Answered = 200, t.answered })
	if !t.how.Mute {
		t.line.stream.Play(t.buyers.voice, true)
	}
}

// description is our answer, or our offer where the INVITE had none.
func (t *taken) description() ([]byte, error) {
	if offer := t.leg.Invite().SDP; offer != nil {
		return t.line.answer(offer)
	}
	t.late = true
	return t.line.offer(sdp.SendRecv), nil
}

// hangup ends the call from our side.
func (t *taken) hangup(c leg.Cause) {
	t.leg.End(c)
	t.end("buyer", c.Text)
}

// end notes who ended the call.
func (t *taken) end(by, why string) {
	if t.ended {
		return
	}
	t.ended = true
	t.buyers.note(t.visit, func(v *Visit) {
		v.Ended, v.EndedBy, v.Reason = time.Now(), by, why
		if v.Status == 0 {
			v.Status = 487
		}
	})
}
