package sip

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
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
	trunk, ok := c.s.cfg.Trunks.Named(v.Phone.Trunk)
	if !ok || trunk.Address == "" {
		return ringbid.FieldError("phone.trunk", "trunk %.60q has no address to call", v.Phone.Trunk)
	}
	host, port, err := trunk.HostPort()
	if err != nil {
		return err
	}
	if !ringbid.SIPUser(v.Phone.User) {
		return ringbid.FieldError("phone.user", "%.80q is not a number or SIP user", v.Phone.User)
	}
	boss := &supervisor{by: v.By, mode: mode}
	out := outgoing{
		trunk: trunk, user: v.Phone.User, host: host, port: port, codecs: mixable(trunk),
		report: ringbid.Leg{Side: bySupervisor, Name: v.By}, say: supervisorCall,
	}
	if out.addr, err = netip.ParseAddr(host); err == nil {
		return c.callSupervisor(boss, out)
	}
	c.boss = boss
	c.lookups.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, lookUpLimit)
		defer cancel()
		addr, err := lookUp(ctx, host)
		c.do(func() {
			if c.boss != boss || c.ended {
				return
			}
			out.addr = addr
			if err == nil {
				err = c.callSupervisor(boss, out)
			}
			if err != nil {
				c.boss = nil
				c.log.Warn("supervisor not called", slog.String("by", boss.by), slog.Any("error", err))
			}
		})
	})
	return nil
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

func (c *Call) callSupervisor(boss *supervisor, out outgoing) error {
	s, why := c.callOut(out)
	if s == nil {
		return ringbid.Errorf(ringbid.Busy, "%s", why)
	}
	boss.s, c.boss = s, boss
	c.tellWatched(boss)
	time.AfterFunc(supervisorRings, func() {
		c.do(func() {
			if c.boss == boss && !boss.on {
				c.dismiss(codeNoAnswer)
			}
		})
	})
	return nil
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
		boss.s.report.Status = ev.Code
		c.hangUp(boss.s, bySupervisor, ringbid.Reason{Text: ev.Reason, SIP: ev.Code, Q850: ev.Q850})
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
