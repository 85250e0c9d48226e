package sip

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// supervisorRings is how long a supervisor's telephone may ring.
const supervisorRings = 30 * time.Second

// supervisor is the third party of a bridged call. A call has one at most.
type supervisor struct {
	by   string
	mode media.Mode
	route
	user string
	s    *side // nil until its host is known
	on   bool  // answered
}

// Supervise carries out a supervisor's order: the first one about a call rings
// the supervisor's telephone, further ones change what is heard, off hangs up.
// It returns when the order is taken, not when the telephone answers.
//
// It returns NotFound for a call that is not up here, Invalid for a telephone
// that cannot be called, and Conflict while nobody talks to the caller or
// somebody else supervises the call.
func (s *Server) Supervise(callID string, v ringbid.Supervision) error {
	s.mu.Lock()
	c := s.calls[callID]
	s.mu.Unlock()
	gone := ringbid.Errorf(ringbid.NotFound, "the call is not up any more")
	if c == nil {
		return gone
	}
	var err error
	if !c.ask(func() { err = c.supervise(v) }) {
		return gone
	}
	return err
}

func modeOf(name string) (media.Mode, bool) {
	for _, m := range []media.Mode{media.Off, media.Listen, media.Whisper, media.Barge} {
		if m.String() == name {
			return m, true
		}
	}
	return media.Off, false
}

// supervise runs on the owner.
func (c *Call) supervise(v ringbid.Supervision) error {
	mode, ok := modeOf(v.Mode)
	boss := c.boss
	switch {
	case !ok:
		return ringbid.FieldError("mode", "%.20q is not listen, whisper, barge or off", v.Mode)
	case c.ended || c.talk == nil || c.talk.ended:
		return ringbid.Errorf(ringbid.Conflict, "nobody talks to the caller now")
	case boss != nil && boss.by != v.By:
		return ringbid.Errorf(ringbid.Conflict, "%s supervises the call already", boss.by)
	case boss == nil && mode == media.Off:
		return nil
	case mode == media.Off:
		c.dismiss(codeNormal)
		return nil
	case boss == nil:
		return c.ringSupervisor(v, mode)
	}
	boss.mode = mode
	c.tellWatched(boss)
	c.rewatch()
	return nil
}

// ringSupervisor calls the supervisor's telephone.
func (c *Call) ringSupervisor(v ringbid.Supervision, mode media.Mode) error {
	boss := &supervisor{by: v.By, mode: mode, user: v.Phone.User}
	switch why, text := boss.take(c, v.Phone.Trunk); {
	case why == ringbid.VerdictUnreachable:
		return ringbid.Errorf(ringbid.Unavailable, "%s", text)
	case text != "":
		return ringbid.FieldError("phone.trunk", "%.120s", text)
	case !ringbid.SIPUser(boss.user):
		return ringbid.FieldError("phone.user", "%.80q is not a number or SIP user", boss.user)
	}
	c.boss = boss
	var err error // of a telephone that is called at once
	asked := true
	boss.search(c, func(amiss string) {
		if c.boss != boss || c.ended {
			return
		}
		if amiss == "" {
			amiss = c.callSupervisor(boss)
		}
		switch {
		case amiss == "":
			c.tellWatched(boss)
		case asked:
			c.boss, err = nil, ringbid.Errorf(ringbid.Busy, "%s", amiss)
		default:
			c.boss = nil
			c.log.Warn("supervisor not called", slog.String("by", boss.by), slog.String("text", amiss))
		}
	})
	asked = false
	time.AfterFunc(supervisorRings, func() {
		c.do(func() {
			if c.boss == boss && !boss.on {
				c.dismiss(codeNoAnswer)
			}
		})
	})
	return err
}

// mixable are the trunk's codecs of 8 kHz, in which supervised calls are mixed.
func mixable(t *ringbid.Trunk) []sdp.Codec {
	out := slices.DeleteFunc(voices(t), func(c sdp.Codec) bool { return c.Name != "PCMU" && c.Name != "PCMA" })
	if len(out) == 0 {
		return voices(nil)
	}
	return out
}

// supervisorCall is who rings at the supervisor's telephone.
func supervisorCall(string) (identity, []leg.Header) {
	return identity{from: leg.Party{Display: "Supervision", User: "supervision"}}, nil
}

// callSupervisor sends the INVITE, or says in words why there is none.
func (c *Call) callSupervisor(boss *supervisor) string {
	s, why := c.callOut(&outgoing{
		route: boss.route, user: boss.user, codecs: mixable(boss.trunk),
		report: ringbid.Leg{Side: bySupervisor, Name: boss.by}, say: supervisorCall,
	})
	boss.s = s
	return why
}

func (c *Call) tellWatched(boss *supervisor) {
	c.log.Info("call supervised", slog.String("by", boss.by), slog.String("mode", boss.mode.String()))
	id := ""
	if boss.s != nil {
		id = boss.s.report.ID
	}
	c.emit(ringbid.Event{Kind: ringbid.EventWatched, Leg: id, Text: watchedText(boss),
		Data: map[string]string{"by": boss.by, "mode": boss.mode.String()}})
}

func watchedText(boss *supervisor) string {
	switch boss.mode {
	case media.Listen:
		return fmt.Sprintf("%s listens", boss.by)
	case media.Whisper:
		return fmt.Sprintf("%s is heard by the agent", boss.by)
	case media.Barge:
		return fmt.Sprintf("%s is heard by both", boss.by)
	}
	return fmt.Sprintf("%s left", boss.by)
}

// dismiss ends the supervision; the talk goes on.
func (c *Call) dismiss(code string) {
	boss := c.boss
	if boss == nil {
		return
	}
	if boss.s == nil || boss.s.ended {
		c.unwatched(boss)
		return
	}
	c.hangUp(boss.s, byUs, reason(code)) // tells unwatched
}

// unwatched notes that the supervisor is gone.
func (c *Call) unwatched(boss *supervisor) {
	c.boss = nil
	boss.mode = media.Off
	c.tellWatched(boss)
}

// watching reports whether the side is the supervisor's.
func (c *Call) watching(s *side) bool { return c.boss != nil && c.boss.s == s }

// bossSignal takes what the supervisor's leg says. Its end is taken by parted.
func (c *Call) bossSignal(ev leg.Event) {
	boss := c.boss
	switch ev.Kind {
	case leg.Answered:
		now := time.Now()
		boss.s.report.Answered, boss.s.report.Status = &now, 200
		agreed, err := boss.s.accept(ev.SDP)
		if err != nil || c.talk == nil {
			c.dismiss(codeNormal)
			return
		}
		boss.s.apply(agreed)
		boss.on = true
		boss.s.stream.Supervise(c.talk.stream, boss.mode)
	case leg.Failed:
		c.supervisorLost(boss, ev)
	}
}

// supervisorLost tries the telephone at another host, or gives it up.
func (c *Call) supervisorLost(boss *supervisor, ev leg.Event) {
	s, why := boss.s, ringbid.Reason{Text: ev.Reason, SIP: ev.Code, Q850: ev.Q850}
	s.report.Status = ev.Code
	if !boss.further(c, ev) {
		c.hangUp(s, bySupervisor, why)
		return
	}
	boss.s = nil
	c.hangUp(s, bySupervisor, why)
	if text := c.callSupervisor(boss); text != "" {
		c.log.Warn("supervisor not called", slog.String("by", boss.by), slog.String("text", text))
		c.unwatched(boss)
	}
}

// bossSound follows a call that got another agent, and leaves one that has none.
func (c *Call) bossSound(ev media.Event) {
	if ev.Kind != media.Unsupervised || !c.boss.on {
		return
	}
	if t, ok := c.task.(*bridgeTask); ok && t.transfer != nil {
		return // the talk goes on after it, and rewatch with it
	}
	if c.ended || c.talk == nil || c.talk.ended {
		c.dismiss(codeNormal)
		return
	}
	c.rewatch()
}

// rewatch lets the supervisor hear the present talk.
func (c *Call) rewatch() {
	if c.boss != nil && c.boss.on && c.talk != nil {
		c.boss.s.stream.Supervise(c.talk.stream, c.boss.mode)
	}
}
