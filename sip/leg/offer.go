package leg

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// offer is our re-INVITE, or UPDATE before the answer, on its way.
type offer struct {
	branch  string // set while it waits for a final response
	sdp     []byte
	tries   int
	waiting bool // the pause after a 491
	update  bool // it went by UPDATE
	renews  bool // it only refreshes the session
}

// maxGlare is how often a 491 is tried again.
const maxGlare = 5

// Offer sends a re-INVITE with sdp once the dialog is free to, or an UPDATE
// before the answer once offer and answer went reliably (RFC 3311). Glare (491)
// is retried inside; the end is an OfferDone event. A later Offer replaces one
// that still waits.
func (l *Leg) Offer(sdp []byte) {
	if l.gone.Load() || l.ended || l.st == done {
		return
	}
	l.next, l.renews = sdp, false
	l.kick()
}

// kick sends the waiting offer when neither side has one open.
func (l *Leg) kick() {
	if l.next == nil || l.ended || l.offer.branch != "" || l.offer.waiting || l.reoffer != nil || l.answers != nil || l.repeat.active {
		return
	}
	if l.st == confirmed {
		l.sendOffer(sipmsg.INVITE, &l.d)
		return
	}
	if d, ok := l.updatable(); ok {
		l.sendOffer(sipmsg.UPDATE, d)
	}
}

func (l *Leg) sendOffer(method sipmsg.RequestMethod, d *dialog) {
	l.offer.sdp, l.offer.renews, l.offer.update = l.next, l.renews, method == sipmsg.UPDATE
	l.next, l.renews = nil, false
	req, branch, dest := l.compose(method, d)
	req.AppendHeader(l.s.contact(l.peer))
	l.announce(req)
	if l.st == confirmed {
		l.askSession(req)
	}
	setSDP(req, l.offer.sdp)
	l.offer.branch = branch
	l.request(req, branch, dest, trial{purpose: forOffer, d: d})
	l.arm(tOffer, 64*l.s.t1)
}

func (l *Leg) onOfferResponse(m message, t trial) (Event, bool) {
	res, code := m.res, m.res.StatusCode
	if code < 200 {
		return Event{}, false
	}
	if code < 300 && res.CSeq().MethodName == sipmsg.INVITE {
		key := ackKey{res.CSeq().SeqNo, toTag(res)}
		if a := l.out.acks[key]; a != nil {
			l.sendAck(key, a)
			return Event{}, false
		}
		if m.branch == l.offer.branch {
			l.retarget(&l.d, res.Contact()) // RFC 3261 section 12.2.1.2
		}
		l.acknowledge(&l.d, key, t.req)
		l.forgetOld(key)
	}
	if m.branch != l.offer.branch || l.st != confirmed && !l.offer.update {
		return Event{}, false
	}
	l.disarm(tOffer)
	switch {
	case code == 491 && l.offer.tries < maxGlare:
		l.retryLater()
		return Event{}, false
	case l.authorise(res, t), code == 422 && l.lengthen(res, t):
		return Event{}, false
	case l.offer.update && (code == 481 || code == 408):
		// An early dialog may end before the call does.
	case code == 481 || code == 408:
		ev := responseEvent(OfferDone, res, m.hs)
		ev.Err = ErrPeerGone
		return l.lost(ev)
	}
	return l.offerEnded(m, t)
}

// offerEnded takes the outcome of our offer. One that only refreshed the
// session is told of when the answer says something new.
func (l *Leg) offerEnded(m message, t trial) (Event, bool) {
	res, was, ev := m.res, l.offer, responseEvent(OfferDone, m.res, m.hs)
	l.offer = offer{}
	news := !was.renews || ev.SDP != nil && !bytes.Equal(ev.SDP, l.theirs)
	switch {
	case res.StatusCode >= 300:
		l.refreshSoon()
		news = !was.renews
	default:
		l.remember(res)
		if was.update {
			l.retarget(t.d, res.Contact())
		}
		if l.st == confirmed && !was.update {
			l.takeSession(res)
		}
		l.ours = was.sdp
		if ev.SDP != nil {
			l.theirs = ev.SDP
		}
	}
	if l.st == incoming {
		l.moveOn()
	} else {
		l.kick()
	}
	return ev, news
}

// retryLater waits as RFC 3261 section 14.1 says: 2.1 to 4 s for the side that
// made the Call-ID, 0 to 2 s for the other.
func (l *Leg) retryLater() {
	wait := time.Duration(rand.IntN(201)) * 10 * time.Millisecond
	if !l.inbound {
		wait = 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond
	}
	if l.next == nil {
		l.next, l.renews = l.offer.sdp, l.offer.renews
	}
	l.offer = offer{tries: l.offer.tries + 1, waiting: true}
	l.arm(tGlare, wait)
}

// forgetOld keeps only the latest offers of a long call and their ACKs.
func (l *Leg) forgetOld(latest ackKey) {
	for branch, t := range l.trials {
		if t.purpose == forOffer && t.req.CSeq().SeqNo+8 < latest.seq {
			l.forgetRequest(branch)
		}
	}
	for k := range l.out.acks {
		if k.seq+8 < latest.seq {
			delete(l.out.acks, k)
		}
	}
}

// Respond answers the pending ReOffer: 2xx with sdp, or a refusal without. The
// refusal of an offer that came in a response ends the leg. False means that the
// answer came too late: the session stays as it was.
func (l *Leg) Respond(code int, sdp []byte) bool {
	if l.gone.Load() || l.ended || code < 200 || code > 699 {
		return false
	}
	t := l.reoffer
	if t == nil {
		if l.answers != nil {
			l.respondHeld(code, sdp)
		}
		return true
	}
	l.reoffer = nil
	l.disarm(tUpdate)
	if t.tx.gone() { // its inOfferGone is on the way
		l.kick()
		return false
	}
	var hs []Header
	ours, theirs := l.ours, l.theirs
	if code < 300 {
		hs = l.accept(t, sdp)
	}
	send := func() error { return l.answerTicket(t, code, "", sdp, hs...) }
	if errors.Is(send(), errCancelled) {
		l.ours, l.theirs = ours, theirs
		l.kick()
		return false
	}
	switch {
	case l.st == incoming:
		l.moveOn()
		return true
	case code >= 300, t.req.Method != sipmsg.INVITE:
		l.kick()
		return true
	}
	l.expectAck(repeat{seq: t.req.CSeq().SeqNo, late: len(sdpOf(t.req)) == 0, send: func() { _ = send() }}) // repeated anyway
	return true
}

// accept takes a peer's offer that is answered with sdp: descriptions, target
// and session timer. It returns headers of the answer.
func (l *Leg) accept(t *ticket, sdp []byte) []Header {
	offer := sdpOf(t.req)
	if len(sdp) > 0 {
		l.ours = sdp
	}
	if offer != nil {
		l.theirs = offer
	}
	if t.req.Method == sipmsg.PRACK { // no target refresh
		return nil
	}
	l.remember(t.req)
	if t.early != nil {
		t.early.sdp = offer
		l.retarget(&t.early.d, t.req.Contact())
		return nil
	}
	l.retarget(&l.d, t.req.Contact())
	if l.st == incoming {
		return nil
	}
	return l.grantSession(t.req)
}

// offerLost is an offer that nobody answered: the peer is gone, unless it was
// before the answer, where the INVITE decides.
func (l *Leg) offerLost(err error) (Event, bool) {
	ev := Event{Kind: OfferDone, Code: 408, Reason: "Request Timeout", Err: err}
	if !l.offer.update {
		return l.lost(ev)
	}
	l.disarm(tOffer)
	l.offer = offer{}
	if l.st == incoming {
		l.moveOn()
	}
	return ev, true
}
