package leg

import (
	"net/netip"
	"runtime/debug"
	"strconv"

	sipmsg "github.com/emiago/sipgo/sip"
)

func stackTrace() string { return string(debug.Stack()) }

func (s *Stack) admitted(network string, src netip.AddrPort, data []byte) (ok bool) {
	if s.cfg.Admit == nil {
		return true
	}
	s.guarded("admit", func() { ok = s.cfg.Admit(network, src, data) })
	return ok
}

// mayConnect asks whether a source may open a stream at all.
func (s *Stack) mayConnect(src netip.AddrPort) (ok bool) {
	if s.cfg.AdmitStream == nil {
		return true
	}
	s.guarded("admit stream", func() { ok = s.cfg.AdmitStream(src) })
	return ok
}

// onResponse hands a response to its transaction and then to its leg, which
// takes those that come after the transaction's end too.
func (s *Stack) onResponse(a arrived) {
	via, seq := a.res.Via(), a.res.CSeq()
	if via == nil || seq == nil || a.res.To() == nil {
		s.m.dropped("unparsed")
		return
	}
	branch, _ := via.Params.Get("branch")
	cancel := seq.MethodName == sipmsg.CANCEL
	s.mu.Lock()
	tx, l := s.clients[clientKey{branch, cancel}], s.branches[branch]
	s.mu.Unlock()
	if l != nil {
		l.note(false, seq, a.data, a.path.network, a.path.peer)
	}
	refused := tx != nil && tx.response(a.assembly)
	if l == nil || cancel {
		return
	}
	l.in.post(message{input: inResponse, res: a.res, hs: a.hs, branch: branch})
	if refused {
		l.in.post(message{input: inRefused, branch: branch})
	}
}

// onRequest hands a request to its transaction or makes one.
func (s *Stack) onRequest(a arrived) {
	req := a.req
	if req.Via() == nil || req.To() == nil || req.From() == nil || req.CallID() == nil || req.CSeq() == nil {
		s.m.dropped("unparsed")
		return
	}
	switch req.Method {
	case sipmsg.ACK:
		s.onAck(a)
		return
	case sipmsg.CANCEL:
		if s.onCancel(a) {
			return
		}
	}
	tx := s.serverTx(a)
	if tx == nil {
		return
	}
	tag, _ := req.To().Params.Get("tag")
	inDialog := tag != ""
	ok := s.guarded("request", func() {
		switch {
		case inDialog && s.onInDialog(a, tag, tx):
		case req.Method == sipmsg.INVITE && !inDialog && s.onInvite(a, tx):
		default:
			s.stray(req, inDialog, tx)
		}
	})
	if !ok {
		s.reply(req, tx, 500, "Server Internal Error")
	}
}

// dialogOf returns the leg of a request, nil where there is none.
func (s *Stack) dialogOf(req *sipmsg.Request, tag string) *Leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.dialogs[tag]; l != nil && l.callID == req.CallID().Value() {
		return l
	}
	return nil
}

// onAck takes an ACK: to a refusal it belongs to the transaction, to a 2xx to the
// leg.
func (s *Stack) onAck(a arrived) {
	key := s.keyOf(a.req, sipmsg.INVITE)
	s.mu.Lock()
	tx := s.servers[key]
	s.mu.Unlock()
	refused := tx != nil && tx.acked()
	tag, _ := a.req.To().Params.Get("tag")
	l := s.dialogOf(a.req, tag)
	if l == nil {
		return
	}
	l.note(false, a.req.CSeq(), a.data, a.path.network, a.path.peer)
	if !refused { // else it has the number of a 2xx that never went out
		l.in.post(message{input: inRequest, req: a.req, hs: a.hs})
	}
}

// onCancel answers the CANCEL of an INVITE we know (RFC 3261 section 9.2), again
// when it comes again; false where there is none.
func (s *Stack) onCancel(a arrived) bool {
	key := s.keyOf(a.req, sipmsg.INVITE)
	s.mu.Lock()
	tx := s.servers[key]
	var l *Leg
	var t *ticket
	if tx != nil {
		if l, t = tx.leg, tx.t; t != nil {
			l = t.leg
		}
	}
	s.mu.Unlock()
	if l == nil {
		return false
	}
	l.note(false, a.req.CSeq(), a.data, a.path.network, a.path.peer)
	p := a.path.back(a.req.Via())
	res := s.respond(a.req, 200, "OK", l.localTag, nil, nil)
	l.note(true, res.cseq, res.data, p.network, p.peer)
	_ = p.send(res.data) // asked for again if it is lost
	if !tx.cancel(l) {
		return true
	}
	if t != nil {
		l.in.post(message{input: inOfferGone, t: t})
	} else {
		l.in.post(message{input: inCancelled, req: a.req, hs: a.hs})
	}
	return true
}

// onInDialog hands a request to the leg it means.
func (s *Stack) onInDialog(a arrived, tag string, tx *serverTx) bool {
	l := s.dialogOf(a.req, tag)
	if l == nil {
		return false
	}
	t := &ticket{leg: l, req: a.req, tx: tx}
	if tx.invite {
		s.mu.Lock()
		tx.t = t
		s.mu.Unlock()
	}
	l.note(false, a.req.CSeq(), a.data, a.path.network, a.path.peer)
	l.in.post(message{input: inRequest, req: a.req, hs: a.hs, t: t})
	return true
}

// onInvite makes the leg of a new call, so that whatever follows on the wire
// finds it. False means that the stack takes no calls.
func (s *Stack) onInvite(a arrived, tx *serverTx) bool {
	if s.cfg.OnInvite == nil {
		return false
	}
	l := s.inbound(a, tx)
	s.mu.Lock()
	_, merged := s.merges[l.mergeKey]
	no := s.closing
	if !merged && !no {
		tx.leg = l
		s.merges[l.mergeKey], s.dialogs[l.localTag] = tx.key, l
		s.live++
		s.serving++
	}
	s.mu.Unlock()
	switch {
	case merged: // RFC 3261 section 8.2.2.2
		s.reply(a.req, tx, 482, "Loop Detected")
		return true
	case no:
		return false
	}
	l.mark = s.marks.take(l.mergeKey)
	s.m.began(true)
	l.note(false, a.req.CSeq(), a.data, a.path.network, a.path.peer)
	if !s.run(func() { s.call(l) }) {
		s.served()
	}
	return true
}

func mergeKeyOf(callID, tag string, seq uint32) string {
	return callID + "|" + tag + "|" + strconv.FormatUint(uint64(seq), 10)
}
