package sip

import (
	"log/slog"
	"strconv"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// reoffered answers a re-INVITE here: address, direction and codec of one side
// are no business of the other (RFC 3264 section 8). Without an offer in it
// ours goes out and the ACK brings the answer.
func (c *Call) reoffered(s *side, offer []byte) {
	if len(offer) == 0 {
		if offer := s.offer(); s.leg.Respond(200, offer) {
			s.late = true
		}
		return
	}
	body, agreed, err := s.answer(offer)
	if err != nil {
		c.log.Warn("new offer refused", slog.String("leg", s.report.ID), slog.Any("error", err))
		s.leg.Respond(refusalOf(err).SIP, nil) // the session stays as it was, RFC 3261 section 14.2
		return
	}
	if s.leg.Respond(200, body) {
		c.agree(s, agreed)
	}
}

// refreshed takes a new answer to what we said before, which a refresh of the
// session repeats (RFC 4028 section 7.4).
func (c *Call) refreshed(s *side, ev leg.Event) {
	if ev.Code < 200 || ev.Code > 299 || len(ev.SDP) == 0 || s.ended {
		return
	}
	agreed, err := s.accept(ev.SDP)
	if err != nil {
		c.log.Warn("answer to a refresh not understood", slog.String("leg", s.report.ID), slog.Any("error", err))
		return
	}
	c.agree(s, agreed)
}

// agree puts new parameters of a side into effect and tells of a hold.
func (c *Call) agree(s *side, agreed sdp.Agreed) {
	was := s.held
	s.apply(agreed)
	if s.held == was {
		return
	}
	c.emit(ringbid.Event{Kind: ringbid.EventHold, Leg: s.report.ID, Data: map[string]string{"on": strconv.FormatBool(s.held)}})
	if t, ok := c.task.(*bridgeTask); ok {
		t.held(c, s)
	}
}

// rest plays a clip to a side over and over, nil ends it.
func (c *Call) rest(s *side, clip *media.Clip) {
	switch {
	case s == c.caller && clip != nil:
		c.loop(clip)
	case s == c.caller:
		c.hush()
	case clip != nil:
		s.stream.Play(clip, true)
	default:
		s.stream.Stop()
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
