package leg

import (
	"context"
	"errors"
	"net"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// inbound makes the leg of an INVITE.
func (s *Stack) inbound(a arrived, tx *serverTx) *Leg {
	req, p := a.req, a.path
	l := &Leg{s: s, inbound: true, callID: req.CallID().Value(), localTag: randomHex(8), st: incoming, req: req, tx: tx,
		txKey: tx.key, mergeKey: a.m.mergeKey()}
	l.in.init(l, nil)
	l.peer = destination{network: p.network, to: p.peer, local: s.local(p)}
	invite := requestOf(req, a.hs, p.network, p.peer)
	l.invite = &invite
	if p.g != nil {
		l.invite.Names = p.g.names
	}
	l.d = dialog{
		local: sipmsg.FromHeader{DisplayName: req.To().DisplayName, Address: *req.To().Address.Clone(),
			Params: req.To().Params.Clone()},
		remote: sipmsg.ToHeader{DisplayName: req.From().DisplayName, Address: *req.From().Address.Clone(),
			Params: req.From().Params.Clone()},
		target:    req.From().Address,
		remoteSeq: req.CSeq().SeqNo,
	}
	l.d.local.Params.Add("tag", l.localTag)
	if c := req.Contact(); c != nil && usableTarget(&c.Address) {
		l.d.target = *c.Address.Clone()
	}
	for _, h := range req.Headers() {
		if r, ok := h.(*sipmsg.RecordRouteHeader); ok {
			l.d.routes = append(l.d.routes, *r.Address.Clone())
		}
	}
	l.out.acks = map[ackKey]*ack{}
	return l
}

// response writes a response of the leg.
func (l *Leg) response(req *sipmsg.Request, code int, reason string, sdp []byte, hs []Header) response {
	if reason == "" || !cleanText(reason) {
		reason = reasonFor(code)
	}
	if (req.IsInvite() || req.Method == sipmsg.UPDATE) && code > 100 && code < 300 {
		own := []Header{{"Contact", l.s.contact(l.peer).Value()}, {"Allow", allowed}, {"Supported", l.terms.supported()}}
		hs = append(own, hs...)
	}
	return l.s.respond(req, code, reason, l.localTag, hs, sdp)
}

// reply sends a response of the leg, see serverTx.send.
func (l *Leg) reply(tx *serverTx, res response) error {
	return tx.send(res, func() { l.note(true, res.cseq, res.data, tx.path.network, tx.path.peer) })
}

// say sends a response to the INVITE, by another connection where that which the
// INVITE came by is closed. The leg ends where that cannot be and needed says so.
func (l *Leg) say(res response, needed bool) error {
	err := l.reply(l.tx, res)
	if errors.Is(err, net.ErrClosed) && l.bringHome(l.tx, res, needed) {
		return nil
	}
	return err
}

// bringHome sends a response to the INVITE by a connection of ours (RFC 3261
// section 18.2.2). False where there is no way to make one; that it could not be
// made the leg learns later.
func (l *Leg) bringHome(tx *serverTx, res response, needed bool) bool {
	network := l.peer.network
	local, ok := l.s.source(network, tx.home.Addr())
	if !ok || webSocket(network) { // whoever came by WebSocket cannot be called
		return false
	}
	d := destination{network: network, to: tx.home, local: local, tls: l.wanted(tx.home.Addr())}
	return l.s.track(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
		defer cancel()
		g, err := l.s.connect(ctx, d)
		if err == nil {
			err = tx.move(path{network: network, peer: d.to, g: g}, res)
		}
		if err != nil && needed {
			l.in.post(message{input: inUnsaid})
		}
	})
}

// onUnsaid ends a call whose answer cannot be brought to the caller.
func (l *Leg) onUnsaid() {
	if l.st == accepted {
		l.fail(ErrTransport)
	}
}

// Progress sends a provisional response, 101 to 199, with an optional answer,
// or an offer to a caller who made none. Where the terms of the leg and the
// caller are for it, it is sent reliably (RFC 3262) after those before it; a
// caller who never acknowledges it is refused and Ended reported with
// ErrNoPrack. The answer to an offer comes with Acked. It is said again every
// 120*T1 until a final response.
func (l *Leg) Progress(code int, reason string, sdp []byte, h ...Header) {
	if l.gone.Load() || l.st != incoming || code < 101 || code > 199 {
		return
	}
	if l.arm(tProgress, 120*l.s.t1); l.rel.use {
		l.ringing = response{code: code}
		l.progressReliably(code, reason, sdp, h)
		return
	}
	l.ringing = l.response(l.req, code, reason, sdp, h)
	_ = l.say(l.ringing, false)
}

// stayInProgress says something every 120*T1, which is a minute, so that proxies
// do not give the call up (RFC 3261 section 13.3.1.1).
func (l *Leg) stayInProgress() {
	if l.st != incoming {
		return
	}
	if l.arm(tProgress, 120*l.s.t1); l.rel.use {
		l.progressReliably(l.ringing.code, "", nil, nil) // a 180 would end early media at some phones
		return
	}
	_ = l.say(l.ringing, false)
}

// Answer sends 200 and repeats it until the ACK comes; without one in 64*T1
// the leg says BYE and reports Ended. It waits for the PRACK of a description
// that Progress sent reliably, which it does not repeat. It reports whether the
// 200 is out: an Answer that waits is told by AnswerSent, and one that crosses a
// CANCEL or finds no way to the caller by what ends the leg.
func (l *Leg) Answer(sdp []byte, h ...Header) (sent bool) {
	if l.gone.Load() || l.st != incoming || l.rel.answer != nil {
		return false
	}
	if !l.mayAnswer() {
		l.rel.answer = func() {
			if l.Answer(sdp, h...) {
				l.in.post(message{input: inSaid})
			}
		}
		return false
	}
	l.rel.queue = l.rel.queue[:min(1, len(l.rel.queue))] // its PRACK may be on the way
	l.disarm(tReliable)
	l.disarm(tProgress)
	l.ringing = response{}
	if l.rel.told {
		sdp = nil // offer and answer are exchanged, RFC 6337 section 2.2
	} else {
		l.ours, l.theirs = sdp, l.invite.SDP
	}
	granted := l.grantSession(l.req)
	l.disarm(tRefresh) // the ACK starts it
	res := l.response(l.req, 200, "OK", sdp, append(granted, h...))
	err := l.say(res, true)
	if errors.Is(err, errCancelled) {
		return false // CANCEL came first; the Cancelled event is on its way
	}
	if err != nil {
		l.fail(ErrTransport)
		return false
	}
	l.st = accepted
	l.last = status{200, "OK"}
	l.expectAck(repeat{seq: l.req.CSeq().SeqNo, late: l.invite.SDP == nil && len(sdp) > 0, send: func() {
		_ = l.say(res, false) // repeated anyway
	}})
	return true
}

// fail reports that a dialog is lost and ends the leg without a message.
func (l *Leg) fail(err error) {
	l.in.post(message{input: inLost, err: err})
	l.terminate()
}

// Reject sends a final response, 300 to 699, and ends the leg.
func (l *Leg) Reject(code int, reason string, h ...Header) {
	if l.gone.Load() || l.st != incoming || code < 300 || code > 699 {
		return
	}
	l.ended = true
	l.final(code, reason, h)
}

func (l *Leg) final(code int, reason string, hs []Header) {
	l.last = status{code, reason}
	if l.tx != nil {
		_ = l.say(l.response(l.req, code, reason, nil, hs), false) // repeated until the ACK
	}
	l.terminate()
}

// onCancel ends an unanswered call: 487 has been sent already.
func (l *Leg) onCancel(m message) (Event, bool) {
	if l.st != incoming {
		return Event{}, false
	}
	l.last = status{487, "Request Terminated"}
	if data := l.tx.unsaid(); data != nil {
		l.bringHome(l.tx, response{code: 487, data: data}, false)
	}
	l.terminate()
	if l.ended {
		return Event{}, false
	}
	return requestEvent(Cancelled, m.req, m.hs), true
}

// repeat is a 2xx of ours that is sent again until its ACK comes (RFC 3261
// section 13.3.1.4).
type repeat struct {
	active bool
	seq    uint32 // CSeq of the INVITE
	late   bool   // the ACK must carry the answer
	since  time.Time
	wait   time.Duration
	send   func()
}

func (l *Leg) expectAck(r repeat) {
	r.active, r.since, r.wait = true, time.Now(), l.s.t1
	l.repeat = r
	l.arm(tAck, r.wait)
}

func (l *Leg) onNoAck() (Event, bool) {
	r := &l.repeat
	if !r.active {
		return Event{}, false
	}
	if left := 64*l.s.t1 - time.Since(r.since); left > 0 {
		r.send()
		r.wait = min(2*r.wait, l.s.t2)
		l.arm(tAck, min(r.wait, left))
		return Event{}, false
	}
	r.active = false
	silent := l.ended
	if !l.ended {
		l.ended, l.cause = true, Cause{Code: 408, Text: "no ACK", Q850: 102}
	}
	l.bye()
	if silent {
		return Event{}, false
	}
	return Event{Kind: Ended, Err: ErrNoAck}, true
}

func (l *Leg) onAck(req *sipmsg.Request, hs []Header) (Event, bool) {
	r := &l.repeat
	if !r.active || req.CSeq().SeqNo != r.seq || l.st != accepted && l.st != confirmed {
		return Event{}, false
	}
	r.active, r.send = false, nil
	l.disarm(tAck)
	first := l.st == accepted
	if len(l.rel.queue) == 0 { // else a PRACK is compared with it
		l.req, l.tx = nil, nil // the call may be long
	}
	l.st = confirmed
	if l.ended {
		l.bye()
		return Event{}, false
	}
	if first {
		l.setSession(l.session.interval, l.session.ours)
	}
	if r.late {
		l.theirs = sdpOf(req)
	}
	l.kick()
	if !first && !r.late {
		return Event{}, false
	}
	return requestEvent(Acked, req, hs), true
}
