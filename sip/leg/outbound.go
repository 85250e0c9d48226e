package leg

import (
	sipmsg "github.com/emiago/sipgo/sip"
)

// outbound is the state of an INVITE we sent (RFC 3261 section 13.2, RFC 6026).
type outbound struct {
	cfg        *DialConfig       // nil for an inbound leg, and once the call is answered
	branch     string            // of the latest INVITE; a digest retry makes a new one
	early      map[string]*early // by the peer's tag
	latest     string            // the tag heard last
	heard      string            // the last provisional, to tell repetitions
	acks       map[ackKey]*ack
	cancelling bool // CANCEL was sent, or is to be sent at the first provisional
	cancelSent bool
	told       bool // the owner has Failed
	widened    bool // it went by TCP because it was long
	pracks     int  // reliable responses taken
	final      bool // a final response of 300 or more, or a failure, was taken
}

// ackKey tells the dialogs that forks of one INVITE make.
type ackKey struct {
	seq uint32
	tag string
}

// ack is kept to be sent again when its 2xx is.
type ack struct {
	req   *sipmsg.Request
	dest  destination
	waits bool // for our answer to the offer in the 2xx
}

func (l *Leg) onResponse(m message) (Event, bool) {
	t, ok := l.trial(m.branch)
	if !ok || t.retry != nil {
		return Event{}, false
	}
	code := m.res.StatusCode
	switch t.purpose {
	case forCall:
		switch {
		case code < 200:
			return l.onProvisional(m)
		case code < 300:
			return l.onSuccess(m)
		}
		return l.onFailure(m, t)
	case forOffer:
		return l.onOfferResponse(m, t)
	case forRefresh:
		return l.onRefreshResponse(m, t)
	case forPrack:
		if code >= 200 && !l.authorise(m.res, t) { // what becomes of the call the INVITE says
			l.forgetRequest(m.branch)
		}
	case forBye:
		if code < 200 || l.st != leaving || l.authorise(m.res, t) {
			return Event{}, false
		}
		l.terminate()
	case forNotify:
		l.onNotified(m, t)
	case forInfo:
		l.onInfoResponse(m, t)
	}
	return Event{}, false
}

func (l *Leg) onProvisional(m message) (Event, bool) {
	res := m.res
	if l.out.final || l.st == confirmed || l.st == leaving {
		return Event{}, false
	}
	l.disarm(tFirst)
	if l.st == calling {
		l.st = proceeding
	}
	if l.out.cancelling {
		l.sendCancel()
		return Event{}, false
	}
	l.remember(res)
	body, tag := sdpOf(res), toTag(res)
	e, rseq := l.earlyOf(res), rseqOf(res)
	if e != nil {
		l.out.latest = tag
	}
	if e != nil && rseq > 0 && l.terms.Reliable != ReliableOff {
		if !l.takeReliable(e, rseq) {
			return Event{}, false
		}
		if ev, ok := l.onReliable(e, m, rseq); ok || e.held != nil {
			return ev, ok
		}
	}
	if res.StatusCode == 199 { // RFC 6228: this early dialog is over, the call is not
		delete(l.out.early, tag)
		return Event{}, false
	}
	if heard := string(rune(res.StatusCode)) + tag + string(body); heard == l.out.heard {
		return Event{}, false // repeated every minute by some networks
	} else {
		l.out.heard = heard
	}
	if e != nil && body != nil && !e.agreed {
		e.sdp = body
	}
	kind := Ringing
	switch {
	case res.StatusCode == 100:
		kind = Trying
	case body != nil:
		kind = EarlyMedia
	}
	ev := responseEvent(kind, res, m.hs)
	ev.Dialog = tag
	return ev, true
}

// onSuccess acknowledges every 2xx; the first one of a wanted call is the
// dialog, every other one is ended with BYE (RFC 3261 section 13.2.2.4).
func (l *Leg) onSuccess(m message) (Event, bool) {
	res := m.res
	key := ackKey{res.CSeq().SeqNo, toTag(res)}
	if a := l.out.acks[key]; a != nil {
		if !a.waits {
			l.sendAck(key, a)
		}
		return Event{}, false
	}
	if len(l.out.acks) >= maxForks {
		return Event{}, false
	}
	d := l.dialogFrom(res)
	l.out.final = true
	first := l.st == calling || l.st == proceeding
	for _, k := range []timer{tFirst, tNoAnswer, tCancel} {
		l.disarm(k)
	}
	e := l.out.early[key.tag]
	if e != nil && first {
		e.settle(l, &d)
	}
	invite := l.trials[m.branch].req
	switch {
	case first && !l.out.cancelling:
		l.remember(res)
		l.d, l.st = d, confirmed
		return l.answered(m, key, e, invite)
	case first:
		l.s.m.ghost()
		l.last = status{res.StatusCode, res.Reason}
		l.d = d
		l.acknowledge(&l.d, key, invite)
		l.bye()
	default:
		l.s.m.ghost()
		l.acknowledge(&d, key, invite)
		l.endGhost(d)
	}
	return Event{}, false
}

// answered acknowledges the 2xx of a wanted call. What came reliably before is
// the answer, and what the 2xx says is not looked at (RFC 3261 section
// 13.2.1). Where we made no offer the 2xx brings it and the ACK waits for ours.
func (l *Leg) answered(m message, key ackKey, e *early, invite *sipmsg.Request) (Event, bool) {
	res, ev := m.res, responseEvent(Answered, m.res, m.hs)
	ev.Dialog = key.tag
	if e != nil && (e.agreed || ev.SDP == nil) {
		ev.SDP = e.sdp // some send it only with the 183
	}
	l.theirs = ev.SDP
	if l.ours == nil {
		l.ours = l.out.cfg.SDP
	}
	l.answers = nil // the peer did not wait for the answer to what it offered before
	waits := l.out.cfg.Late && sdpOf(res) != nil && (e == nil || !e.agreed)
	l.spare()
	if t := l.reoffer; t != nil && t.early != nil {
		if t.early == e {
			t.early = nil
		} else {
			l.reoffer = nil
			l.answerTicket(t, 481, "Call/Transaction Does Not Exist", nil)
		}
	}
	if a := l.acknowledgement(&l.d, key, invite); waits {
		a.waits = true
		l.out.acks[key] = a
		l.answers = &held{ack: a, key: key}
	} else {
		l.sendAck(key, a)
	}
	l.takeSession(res)
	l.kick()
	return ev, true
}

// dialogFrom makes the dialog of a 2xx (RFC 3261 section 12.1.2).
func (l *Leg) dialogFrom(res *sipmsg.Response) dialog {
	d := dialog{local: l.d.local, remote: *res.To(), target: l.d.target, seq: l.d.seq, routes: routesOf(res)}
	l.retarget(&d, res.Contact())
	return d
}

// spare drops what only the beginning of a call needs: it may be a long one. Of
// other forks only the tag matters now, and of the INVITE what it was sent with.
func (l *Leg) spare() {
	l.out.cfg, l.out.early = nil, nil
	for _, t := range l.trials {
		if t.purpose == forCall && t.retry == nil {
			t.req = credentialsOf(t.req)
		}
	}
}

func (l *Leg) acknowledge(d *dialog, key ackKey, invite *sipmsg.Request) {
	l.sendAck(key, l.acknowledgement(d, key, invite))
}

// acknowledgement makes the ACK to a 2xx, with the credentials of its INVITE
// (RFC 3261 section 13.2.2.4).
func (l *Leg) acknowledgement(d *dialog, key ackKey, invite *sipmsg.Request) *ack {
	dest := l.destinationOf(d)
	req, _ := l.build(sipmsg.ACK, d, key.seq, dest)
	if invite != nil && dest.to == l.peer.to {
		for _, name := range []string{"Authorization", "Proxy-Authorization"} {
			sipmsg.CopyHeaders(name, invite, req)
		}
	}
	req.SetBody(nil)
	return &ack{req: req, dest: dest}
}

func (l *Leg) sendAck(key ackKey, a *ack) {
	a.waits = false
	l.out.acks[key] = a
	data := render(a.req)
	l.note(true, a.req.CSeq(), data, a.dest.network, a.dest.to)
	l.s.deliver(data, a.dest)
}

// endGhost says BYE in a dialog that no call wants.
func (l *Leg) endGhost(d dialog) {
	req, branch, dest := l.compose(sipmsg.BYE, &d)
	cause := l.cause
	if cause == (Cause{}) {
		cause = Cause{Code: 200, Text: "Call completed elsewhere"}
	}
	appendHeaders(req, cause.headers())
	req.SetBody(nil)
	l.request(req, branch, dest, trial{purpose: forGhost, d: &d})
}

func (l *Leg) onFailure(m message, t trial) (Event, bool) {
	if m.branch != l.out.branch || l.out.final {
		return Event{}, false
	}
	if l.st != done && !l.out.cancelling && (l.authorise(m.res, t) || m.res.StatusCode == 422 && l.lengthen(m.res, t)) {
		return Event{}, false
	}
	l.out.final = true
	l.last = status{m.res.StatusCode, m.res.Reason}
	silent := l.ended || l.out.told
	l.terminate()
	if silent {
		return Event{}, false
	}
	return responseEvent(Failed, m.res, m.hs), true
}

func (l *Leg) onTxFailed(m message) (Event, bool) {
	t, ok := l.trial(m.branch)
	if !ok || l.st == done {
		return Event{}, false
	}
	switch t.purpose {
	case forBye:
		if l.st == leaving {
			l.terminate()
		}
	case forNotify:
		if m.branch == l.ref.branch {
			l.unsubscribe()
		}
	case forInfo:
		if m.branch == l.keying.branch {
			l.keying.branch = ""
			l.sendKey()
		}
	case forRefresh:
		if m.branch == l.session.pending && l.st == confirmed {
			l.session.pending = ""
			return l.vanish()
		}
	case forOffer:
		if m.branch == l.offer.branch {
			return l.offerLost(m.err)
		}
	case forCall:
		if m.branch != l.out.branch || l.out.final {
			return Event{}, false
		}
		l.out.final = true
		if l.out.widened {
			l.s.narrow.add(l.peer.to) // it took the connection and not the call
		}
		silent := l.ended || l.out.told
		l.terminate()
		if !silent {
			return Event{Kind: Failed, Err: m.err}, true
		}
	}
	return Event{}, false
}

// onNoResponse gives up on a peer that did not even say 100. The owner is
// free at once; the stack goes on watching for late answers.
func (l *Leg) onNoResponse() (Event, bool) {
	if l.st != calling || l.out.final {
		return Event{}, false
	}
	if l.out.widened {
		l.s.narrow.add(l.peer.to) // the next call does not wait for it
	}
	silent := l.ended || l.out.told
	l.out.cancelling = true
	l.out.told = true
	l.terminate()
	if silent {
		return Event{}, false
	}
	return Event{Kind: Failed, Err: ErrTimeout}, true
}

func (l *Leg) onNoAnswer() (Event, bool) {
	if l.st != calling && l.st != proceeding || l.out.cancelling {
		return Event{}, false
	}
	l.out.told = true
	if l.cause == (Cause{}) {
		l.cause = Cause{Code: 408, Text: "no answer", Q850: 19}
	}
	l.cancel()
	return Event{Kind: Failed, Err: ErrNoAnswer}, true
}

// cancel gives up an INVITE. Before the first provisional nothing may be sent
// (RFC 3261 section 9.1).
func (l *Leg) cancel() {
	l.out.cancelling = true
	l.disarm(tNoAnswer)
	switch {
	case l.out.branch == "": // the name is still being looked up
		l.out.final = true
		l.terminate()
	case l.st == proceeding:
		l.sendCancel()
	default:
		l.s.giveUp(clientKey{l.out.branch, false})
	}
}

func (l *Leg) sendCancel() {
	if l.out.cancelSent {
		return
	}
	l.out.cancelSent = true
	t := l.trials[l.out.branch]
	invite := t.req
	req := sipmsg.NewRequest(sipmsg.CANCEL, invite.Recipient)
	req.AppendHeader(invite.Via().Clone())
	for _, name := range []string{"Route", "Max-Forwards", "From", "To", "Call-ID"} {
		sipmsg.CopyHeaders(name, invite, req)
	}
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sipmsg.CANCEL})
	if l.s.cfg.UserAgent != "" {
		req.AppendHeader(sipmsg.NewHeader("User-Agent", l.s.cfg.UserAgent))
	}
	appendHeaders(req, l.cause.headers())
	req.SetBody(nil)
	l.transact(req, render(req), t.dest) // its outcome changes nothing: the INVITE's does
	if l.st != done {
		l.arm(tCancel, 64*l.s.t1)
	}
}
