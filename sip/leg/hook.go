package leg

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

func stackTrace() string { return string(debug.Stack()) }

// boundedParsers wraps sipgo's header parsers: datagrams are inspected before,
// this bounds what any other way in could bring. A malformed header of the
// lesser kind stays uninterpreted, else the request would go unanswered.
func boundedParsers() map[string]sipmsg.HeaderParser {
	out := map[string]sipmsg.HeaderParser{}
	for name, parse := range sipmsg.DefaultHeadersParser() {
		var spare bool // a call can be answered without understanding it
		switch name {
		case "contact", "route", "record-route", "refer-to", "referred-by", "content-type":
			spare = true
		}
		out[name] = func(field []byte, value string) (sipmsg.Header, error) {
			if len(value) > maxHeaderLine || strings.Count(value, ";") > maxSeparators {
				return nil, errStream
			}
			h, err := parse(field, value)
			if err != nil && spare && err.Error() != "comma detected" {
				return sipmsg.NewHeader(name, value), nil
			}
			return h, err
		}
	}
	return out
}

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

// filter runs in the reader before sipgo parses a datagram. It must never
// return an error: that would end the listener.
func (s *Stack) filter(p sipmsg.TransportReadProps, data []byte) (out []byte, _ error) {
	if p.Transport != "UDP" {
		return data, nil // the guard has inspected it
	}
	s.guarded("filter", func() { out = s.datagram(p, data) })
	return out, nil
}

func (s *Stack) datagram(p sipmsg.TransportReadProps, data []byte) []byte {
	src := addrPort(p.RemoteAddr)
	if !s.admitted("udp", src, data) {
		s.m.dropped("not_admitted")
		return nil
	}
	if len(data) <= 4 && len(strings.Trim(string(data), "\r\n")) == 0 {
		return nil // keepalive, RFC 5626 section 3.5.1 has no answer on UDP
	}
	m := s.scratch()
	defer s.raws.Put(m)
	v := inspect(data, m)
	switch {
	case v.drop != "":
		s.m.dropped(v.drop)
		return nil
	case v.code != 0:
		if s.stranger(src) {
			s.m.dropped("stranger")
			return nil
		}
		s.m.refused(v.code)
		s.sendRaw(p.LocalAddr, src, refusal(m, src, v))
		return nil
	case !s.screen("udp", src, m, func(answer []byte) { s.sendRaw(p.LocalAddr, src, answer) }):
		return nil
	}
	return v.data
}

// scratch returns a place to cut a datagram in: 7 KB, too much for each.
func (s *Stack) scratch() *raw {
	if m, ok := s.raws.Get().(*raw); ok {
		return m
	}
	return new(raw)
}

func (s *Stack) sendRaw(local net.Addr, to netip.AddrPort, data []byte) {
	at := addrPort(local)
	for _, c := range s.udp {
		if addrPort(c.LocalAddr()) == at {
			_, _ = c.WriteToUDPAddrPort(data, to) // lost like any datagram
		}
	}
}

// onMessage is the hook in the reader's goroutine. It must not block.
func (s *Stack) onMessage(m sipmsg.Message) {
	s.guarded("hook", func() {
		switch m := m.(type) {
		case *sipmsg.Request:
			s.onRequest(m)
		case *sipmsg.Response:
			s.onResponse(m)
		}
	})
}

func (s *Stack) onResponse(res *sipmsg.Response) {
	via := res.Via()
	if via == nil || res.CSeq() == nil {
		return
	}
	branch, _ := via.Params.Get("branch")
	s.mu.Lock()
	l := s.branches[branch]
	s.mu.Unlock()
	if l == nil {
		return
	}
	l.note(false, res)
	if res.CSeq().MethodName == sipmsg.CANCEL {
		return
	}
	l.in.post(message{input: inResponse, res: res, branch: branch})
}

func (s *Stack) onRequest(req *sipmsg.Request) {
	via, to := req.Via(), req.To()
	if via == nil || to == nil || req.From() == nil || req.CallID() == nil || req.CSeq() == nil {
		return
	}
	if host, _, err := net.SplitHostPort(req.Source()); err == nil && host != via.Host {
		via.Params.Add("received", host) // RFC 3261 section 18.2.1
	}
	tag, inDialog := to.Params.Get("tag")
	switch {
	case req.Method == sipmsg.CANCEL:
		s.onCancel(req)
	case inDialog:
		s.onInDialog(req, tag)
	case req.Method == sipmsg.INVITE:
		s.onInvite(req)
	}
}

// onCancel gives the CANCEL our tag before sipgo copies it into its 200, and
// keeps a place for it in case it overtakes the transaction of its INVITE.
func (s *Stack) onCancel(req *sipmsg.Request) {
	key := txKey(req, sipmsg.INVITE)
	s.mu.Lock()
	l, offer := s.calls[key], s.tickets[key]
	switch {
	case l != nil:
		offer = nil
	case offer != nil && offer.leg != nil:
		l = offer.leg
	default:
		s.mu.Unlock()
		return
	}
	s.tickets[txKey(req, sipmsg.CANCEL)] = &ticket{leg: l, req: req, offer: offer, at: time.Now()}
	s.mu.Unlock()
	if offer == nil {
		req.To().Params.Add("tag", l.localTag)
	}
	l.note(false, req)
	l.noteCause(req)
}

func (s *Stack) onInDialog(req *sipmsg.Request, tag string) {
	s.mu.Lock()
	l := s.dialogs[tag]
	if l == nil || l.callID != req.CallID().Value() {
		s.mu.Unlock()
		return
	}
	if req.Method == sipmsg.ACK {
		s.mu.Unlock()
		l.note(false, req)
		l.in.post(message{input: inRequest, req: req})
		return
	}
	key := txKey(req, req.Method)
	if l.repeated(key) {
		s.mu.Unlock() // sipgo repeats the response
		return
	}
	t := &ticket{leg: l, req: req, at: time.Now()}
	s.tickets[key] = t
	s.mu.Unlock()
	l.note(false, req)
	l.in.post(message{input: inRequest, req: req, t: t})
}

// onInvite makes the leg of a new call, so that whatever follows on the wire
// finds it, even before sipgo has made the transaction.
func (s *Stack) onInvite(req *sipmsg.Request) {
	key, merge := txKey(req, sipmsg.INVITE), mergeKey(req)
	if s.notNew(req, key, merge) {
		return
	}
	l := s.inbound(req)
	l.txKey, l.mergeKey, l.mark = key, merge, s.marks.take(merge)
	req.To().Params.Add("tag", l.localTag)
	s.mu.Lock()
	if s.calls[key] != nil { // by another socket meanwhile
		s.mu.Unlock()
		return
	}
	s.calls[key], s.merges[merge], s.dialogs[l.localTag] = l, key, l
	s.tickets[key] = &ticket{leg: l, req: req, invite: true, at: time.Now()}
	s.live++
	s.mu.Unlock()
	s.m.began(true)
	l.note(false, req)
}

// notNew reports whether the INVITE makes no leg: it is a retransmission, came
// by two ways, or the stack takes no calls. What is left is for stray.
func (s *Stack) notNew(req *sipmsg.Request, key, merge string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.calls[key]; l != nil {
		req.To().Params.Add("tag", l.localTag)
		return true
	}
	if other, ok := s.merges[merge]; ok && other != key {
		s.tickets[key] = &ticket{req: req, merged: true, at: time.Now()}
		return true
	}
	return s.closing || s.cfg.OnInvite == nil
}

// txKey identifies a server transaction (RFC 3261 section 17.2.3), also for
// peers without the branch cookie.
func txKey(req *sipmsg.Request, method sipmsg.RequestMethod) string {
	via := req.Via()
	branch, _ := via.Params.Get("branch")
	return branch + "|" + via.Host + ":" + strconv.Itoa(via.Port) + "|" + req.CallID().Value() + "|" +
		strconv.FormatUint(uint64(req.CSeq().SeqNo), 10) + string(method)
}

func mergeKey(req *sipmsg.Request) string {
	tag, _ := req.From().Params.Get("tag")
	return mergeKeyOf(req.CallID().Value(), tag, req.CSeq().SeqNo)
}

func mergeKeyOf(callID, tag string, seq uint32) string {
	return callID + "|" + tag + "|" + strconv.FormatUint(uint64(seq), 10)
}

// onTransaction runs on sipgo's goroutine for each new server transaction.
func (s *Stack) onTransaction(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	if req.IsAck() {
		tx.Terminate() // it has no transaction of its own
		return
	}
	ok := s.guarded("transaction", func() { s.dispatch(req, tx) })
	if !ok {
		_ = tx.Respond(sipmsg.NewResponseFromRequest(req, 500, "Server Internal Error", nil))
	}
}

func (s *Stack) dispatch(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	if req.Via() == nil || req.CallID() == nil || req.CSeq() == nil || req.To() == nil || req.From() == nil {
		return
	}
	key := txKey(req, req.Method)
	s.mu.Lock()
	t := s.tickets[key]
	delete(s.tickets, key)
	s.mu.Unlock()
	switch {
	case t == nil:
		s.stray(req, tx)
	case t.merged:
		s.reply(req, tx, 482, "Loop Detected")
	case t.invite:
		s.call(t.leg, req, tx)
	case req.Method == sipmsg.CANCEL:
		s.reply(req, tx, 200, "OK")
		t.leg.in.post(message{input: inCancel, req: req, t: t.offer})
	default:
		if req.Method == sipmsg.INVITE {
			gone := func(*sipmsg.Request) { t.leg.in.post(message{input: inOfferGone, t: t}) }
			if !tx.OnCancel(gone) {
				gone(req)
			}
		}
		t.attach(tx)
	}
}

// stray answers requests that belong to no leg.
func (s *Stack) stray(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	tag, inDialog := req.To().Params.Get("tag")
	known := false
	if inDialog {
		s.mu.Lock()
		known = s.dialogs[tag] != nil && s.dialogs[tag].callID == req.CallID().Value()
		s.mu.Unlock()
	}
	switch {
	case known && req.Method == sipmsg.INVITE:
		s.reply(req, tx, 500, "Server Internal Error")
	case inDialog, req.Method == sipmsg.CANCEL, req.Method == sipmsg.BYE, req.Method == sipmsg.PRACK, req.Method == sipmsg.UPDATE:
		s.reply(req, tx, 481, "Call/Transaction Does Not Exist")
	case req.Method == sipmsg.REFER:
		s.reply(req, tx, 403, "Forbidden") // only a party of a call may send it elsewhere
	case req.Method == sipmsg.NOTIFY:
		s.reply(req, tx, 481, "Subscription Does Not Exist")
	case req.Method == sipmsg.INVITE:
		s.reply(req, tx, 503, "Service Unavailable", sipmsg.NewHeader("Retry-After", strconv.Itoa(2+rand.IntN(8))))
	case req.Method == sipmsg.OPTIONS:
		code := 200
		if s.cfg.OnOptions != nil {
			code = s.cfg.OnOptions()
		}
		s.reply(req, tx, code, reasonFor(code), sipmsg.NewHeader("Allow", allowed), sipmsg.NewHeader("Accept", "application/sdp"))
	default:
		s.reply(req, tx, 405, "Method Not Allowed", sipmsg.NewHeader("Allow", allowed))
	}
}

func (s *Stack) reply(req *sipmsg.Request, tx *sipmsg.ServerTx, code int, reason string, h ...sipmsg.Header) {
	res := sipmsg.NewResponseFromRequest(req, code, reason, nil)
	s.brand(res)
	for _, one := range h {
		res.AppendHeader(one)
	}
	_ = tx.Respond(res) // a lost response is asked for again
}

func (s *Stack) brand(res *sipmsg.Response) {
	if s.cfg.UserAgent != "" {
		res.AppendHeader(sipmsg.NewHeader("Server", s.cfg.UserAgent))
	}
}

// call serves an INVITE: this goroutine is the call.
func (s *Stack) call(l *Leg, req *sipmsg.Request, tx *sipmsg.ServerTx) {
	s.mu.Lock()
	closed := s.closed
	s.serving++
	s.mu.Unlock()
	defer func() {
		if !l.detached {
			s.served()
		}
	}()
	if !l.taken(req, tx, closed) {
		return
	}
	s.guarded("call", func() { s.cfg.OnInvite(l) })
	switch {
	case l.detached:
		return
	case l.bound == nil:
		l.abandon(Cause{Code: 500, Text: "call ended"})
		return
	}
	s.Adopt(l.bound)
}

// served counts a call out whose owner has left.
func (s *Stack) served() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving--
	s.settle()
}

// taken gives the leg its transaction and reports whether the call may see it.
func (l *Leg) taken(req *sipmsg.Request, tx *sipmsg.ServerTx, closed bool) bool {
	l.tx, l.req = tx, req
	if !tx.OnCancel(func(r *sipmsg.Request) { l.in.post(message{input: inCancelled, req: r}) }) {
		l.in.post(message{input: inCancelled, req: req})
	}
	if closed {
		return false
	}
	if code, hs := l.agreeTerms(); code != 0 {
		l.s.m.refused(code)
		l.ended = true
		l.final(code, "", hs)
		l.abandon(Cause{})
		return false
	}
	l.send100()
	if l.invite.badReplaces() { // RFC 3891 section 3
		l.abandon(Cause{Code: 400, Text: "bad Replaces"})
		return false
	}
	return true
}
