package leg

import (
	"math/rand/v2"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// offer is our re-INVITE on its way.
type offer struct {
	branch  string // set while it waits for a final response
	sdp     []byte
	tries   int
	waiting bool // the pause after a 491
}

// maxGlare is how often a 491 is tried again.
const maxGlare = 5

// Offer sends a re-INVITE with sdp once the dialog is free to. Glare (491) is
// retried inside; the end is an OfferDone event. A later Offer replaces one
// that still waits.
func (l *Leg) Offer(sdp []byte) {
	if l.gone.Load() || l.ended || l.st == done {
		return
	}
	l.next = sdp
	l.kick()
}

// kick sends the waiting offer when neither side has one open.
func (l *Leg) kick() {
	if l.next == nil || l.st != confirmed || l.ended || l.offer.branch != "" || l.offer.waiting ||
		l.reoffer != nil || l.repeat.active {
		return
	}
	l.offer.sdp, l.next = l.next, nil
	l.d.seq++
	dest := l.destinationOf(&l.d)
	req, branch := l.build(sipmsg.INVITE, &l.d, l.d.seq, dest)
	req.AppendHeader(l.s.contact(l.peer))
	req.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	setSDP(req, l.offer.sdp)
	l.offer.branch = branch
	l.request(req, branch, dest, trial{purpose: forOffer})
	l.arm(tOffer, 64*l.s.t1)
}

func (l *Leg) onOfferResponse(m message, t trial) (Event, bool) {
	res, code := m.res, m.res.StatusCode
	if code < 200 {
		return Event{}, false
	}
	if code < 300 {
		key := ackKey{res.CSeq().SeqNo, toTag(res)}
		if a := l.out.acks[key]; a != nil {
			l.note(true, a.req)
			l.s.write(a.req, a.dest)
			return Event{}, false
		}
		if c := res.Contact(); c != nil && usableTarget(&c.Address) && m.branch == l.offer.branch {
			l.d.target = *c.Address.Clone() // RFC 3261 section 12.2.1.2
		}
		l.acknowledge(&l.d, key)
		l.forgetAcks(key)
	}
	if m.branch != l.offer.branch || l.st != confirmed {
		return Event{}, false
	}
	l.disarm(tOffer)
	switch {
	case code == 491 && l.offer.tries < maxGlare:
		l.retryLater()
		return Event{}, false
	case l.authorise(res, t):
		return Event{}, false
	case code == 481 || code == 408:
		ev := responseEvent(OfferDone, res)
		ev.Err = ErrPeerGone
		return l.lost(ev)
	}
	l.offer = offer{}
	ev := responseEvent(OfferDone, res)
	l.kick()
	return ev, true
}

// retryLater waits as RFC 3261 section 14.1 says: 2.1 to 4 s for the side that
// made the Call-ID, 0 to 2 s for the other.
func (l *Leg) retryLater() {
	wait := time.Duration(rand.IntN(201)) * 10 * time.Millisecond
	if !l.inbound {
		wait = 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond
	}
	if l.next == nil {
		l.next = l.offer.sdp
	}
	l.offer = offer{tries: l.offer.tries + 1, waiting: true}
	l.arm(tGlare, wait)
}

// forgetAcks keeps only the latest ACKs of a long call.
func (l *Leg) forgetAcks(latest ackKey) {
	for k := range l.out.acks {
		if k.seq+8 < latest.seq {
			delete(l.out.acks, k)
		}
	}
}

// Respond answers the pending ReOffer: 2xx with sdp, or a refusal without.
func (l *Leg) Respond(code int, sdp []byte) {
	t := l.reoffer
	if l.gone.Load() || t == nil || code < 200 || code > 699 {
		return
	}
	l.reoffer = nil
	send := func() { l.answerTicket(t, code, "", sdp) }
	send()
	if code >= 300 {
		l.kick()
		return
	}
	if c := t.req.Contact(); c != nil && usableTarget(&c.Address) {
		l.d.target = *c.Address.Clone()
	}
	l.expectAck(repeat{seq: t.req.CSeq().SeqNo, late: len(sdpOf(t.req)) == 0, send: send})
}
