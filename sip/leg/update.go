package leg

import (
	"math/rand/v2"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// updateLimit is how long an offer in an UPDATE or PRACK may wait for its
// owner, who must not ask people about it (RFC 3311 section 5.2).
func updateLimit(s *Stack) time.Duration { return 16 * s.t1 }

// onUpdate takes an UPDATE (RFC 3311 section 5.2), of an early dialog e or of
// the dialog.
func (l *Leg) onUpdate(m message, d *dialog, e *early) (Event, bool) {
	offer := sdpOf(m.req)
	code, hs := l.shortSession(m.req)
	switch {
	case l.st == leaving || l.ended:
		l.answerTicket(m.t, 481, "Call/Transaction Does Not Exist", nil)
	case code != 0:
		l.answerTicket(m.t, code, "", nil, hs...)
	case l.reoffer != nil && (offer != nil || l.reoffer.req.Method == sipmsg.UPDATE):
		l.retryAfter(m.t)
	case offer == nil:
		l.remember(m.req)
		l.retarget(d, m.req.Contact())
		l.answerTicket(m.t, 200, "OK", nil, l.grantUpdate(m.req)...)
	case l.weOffer(e):
		l.answerTicket(m.t, 491, "Request Pending", nil)
	case l.st == incoming && (!l.rel.told || l.rel.answer != nil): // its INVITE has no answer yet, or our 2xx is near
		l.retryAfter(m.t)
	default:
		m.t.early = e
		l.reoffer = m.t
		l.arm(tUpdate, updateLimit(l.s))
		ev := requestEvent(ReOffer, m.req, m.hs)
		if e != nil {
			ev.Dialog = e.d.remoteTag()
		}
		return ev, true
	}
	return Event{}, false
}

// grantUpdate is the session timer of an UPDATE; before the answer there is no
// session to time.
func (l *Leg) grantUpdate(req *sipmsg.Request) []Header {
	if l.st != confirmed {
		return nil
	}
	return l.grantSession(req)
}

// retryAfter refuses a request that comes before the one ahead of it is
// answered.
func (l *Leg) retryAfter(t *ticket) {
	l.answerTicket(t, 500, "Server Internal Error", nil, Header{"Retry-After", strconv.Itoa(rand.IntN(11))})
}

// weOffer reports whether an offer of ours has no answer yet.
func (l *Leg) weOffer(e *early) bool {
	switch {
	case e != nil:
		return !e.agreed || l.offer.branch != ""
	case l.st == incoming:
		return l.rel.offers || l.offer.branch != ""
	}
	return l.offer.branch != "" || l.repeat.active && l.repeat.late
}

// onNoAnswerToOffer refuses an UPDATE or PRACK that the owner left unanswered.
func (l *Leg) onNoAnswerToOffer() (Event, bool) {
	if t := l.reoffer; t != nil && t.req.Method != sipmsg.INVITE {
		l.Respond(504, nil)
	}
	return Event{}, false
}

// updatable returns the early dialog in which an offer of ours may go out
// before the answer: one that has its first offer and answer, with a peer who
// takes UPDATE (RFC 3311 section 5.1). ok is false when there is none.
func (l *Leg) updatable() (d *dialog, ok bool) {
	if !l.peerUpdates || l.ended || l.reoffer != nil {
		return nil, false
	}
	switch l.st {
	case incoming:
		r := &l.rel
		return &l.d, r.told && !r.offers && len(r.queue) == 0 && r.answer == nil
	case proceeding:
		if e := l.out.early[l.out.latest]; e != nil && e.agreed && !l.out.cancelling {
			return &e.d, true
		}
	}
	return nil, false
}
