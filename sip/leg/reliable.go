package leg

import (
	"math/rand/v2"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxReliable bounds the provisional responses that wait for their turn.
const maxReliable = 16

// reliable is our side of reliable provisional responses (RFC 3262 section 3):
// one is on its way at a time, repeated until its PRACK comes.
type reliable struct {
	use    bool          // provisional responses are sent reliably
	rseq   uint32        // of the first in queue, 0 before any
	queue  []provisional // the first one is on its way
	offers bool          // our offer in one waits for the answer in a PRACK
	told   bool          // a description went out reliably: offer and answer are on their way
	since  time.Time
	wait   time.Duration
	answer func() // an Answer that waits for the PRACK
}

// provisional is a reliable response and what it carries.
type provisional struct {
	rseq uint32
	res  response
	sdp  []byte
}

// progressReliably queues a provisional response.
func (l *Leg) progressReliably(code int, reason string, sdp []byte, hs []Header) {
	r := &l.rel
	if len(r.queue) >= maxReliable {
		return
	}
	if r.told {
		sdp = nil // one description only, RFC 3262 section 5
	}
	if r.rseq == 0 {
		r.rseq = 1 + rand.Uint32N(1<<31-maxReliable)
	} else {
		r.rseq++
	}
	res := l.response(l.req, code, reason, sdp, append([]Header{{"Require", "100rel"}, {"RSeq", strconv.FormatUint(uint64(r.rseq), 10)}}, hs...))
	r.queue = append(r.queue, provisional{r.rseq, res, sdp})
	if len(sdp) > 0 {
		r.told, l.ours = true, sdp
		r.offers = l.invite.SDP == nil
	}
	if len(r.queue) == 1 {
		l.sendReliable()
	}
}

// sendReliable sends the first of the queue for the first time.
func (l *Leg) sendReliable() {
	r := &l.rel
	r.since, r.wait = time.Now(), l.s.t1
	l.repeatReliable()
	l.arm(tReliable, r.wait)
}

func (l *Leg) repeatReliable() {
	_ = l.say(l.rel.queue[0].res, false)
}

// onNoPrack repeats a response without PRACK, twice as long after each; after
// 64*T1 the call is refused.
func (l *Leg) onNoPrack() (Event, bool) {
	r := &l.rel
	if l.st != incoming || len(r.queue) == 0 {
		return Event{}, false
	}
	if left := 64*l.s.t1 - time.Since(r.since); left > 0 {
		l.repeatReliable()
		r.wait *= 2
		l.arm(tReliable, min(r.wait, left))
		return Event{}, false
	}
	silent := l.ended
	l.ended = true
	l.final(504, "Server Time-out", nil)
	if silent {
		return Event{}, false
	}
	return Event{Kind: Ended, Code: 504, Err: ErrNoPrack}, true
}

// onPrack takes a PRACK of the caller.
func (l *Leg) onPrack(m message) (Event, bool) {
	r := &l.rel
	named, ok := rack{}, false
	if list := values(m.req, "RAck", ""); len(list) == 1 {
		named, ok = readRAck(list[0])
	}
	switch {
	case !ok:
		l.answerTicket(m.t, 400, "Bad RAck", nil)
		return Event{}, false
	case len(r.queue) == 0 || !l.inbound || named != (rack{r.queue[0].rseq, l.req.CSeq().SeqNo, string(sipmsg.INVITE)}):
		l.answerTicket(m.t, 481, "Call/Transaction Does Not Exist", nil)
		return Event{}, false
	}
	sdp := sdpOf(m.req)
	if sdp != nil && !r.told {
		l.answerTicket(m.t, 488, "Offer Not Answered Yet", nil)
		return Event{}, false
	}
	if sdp != nil && l.reoffer != nil {
		l.answerTicket(m.t, 491, "Request Pending", nil)
		return Event{}, false
	}
	answers := r.offers && len(r.queue[0].sdp) > 0
	if answers && sdp == nil {
		l.answerTicket(m.t, 400, "Answer Missing", nil)
		return Event{}, false
	}
	r.queue = r.queue[1:]
	l.disarm(tReliable)
	ev := requestEvent(Acked, m.req, m.hs)
	if sdp != nil && !answers {
		l.reoffer = m.t
		l.arm(tUpdate, updateLimit(l.s))
		ev.Kind = ReOffer
		l.moveOn()
		return ev, true
	}
	l.answerTicket(m.t, 200, "OK", nil)
	if answers {
		r.offers = false
		l.theirs = sdp
	}
	l.moveOn()
	return ev, answers
}

// moveOn sends what waited for a PRACK: the next provisional response, or the
// answer.
func (l *Leg) moveOn() {
	r := &l.rel
	switch {
	case l.st != incoming || l.ended:
	case r.answer != nil && l.mayAnswer():
		answer := r.answer
		r.answer = nil
		answer()
	case len(r.queue) > 0:
		l.sendReliable()
	default:
		l.kick()
	}
}

// mayAnswer reports whether a 2xx may go out: not while a description that was
// sent reliably is unacknowledged (RFC 3262 section 3), or an offer is open.
func (l *Leg) mayAnswer() bool {
	for _, p := range l.rel.queue {
		if len(p.sdp) > 0 {
			return false
		}
	}
	return l.reoffer == nil && l.offer.branch == ""
}
