package leg

import (
	"math/rand/v2"
	"strconv"

	sipmsg "github.com/emiago/sipgo/sip"
)

// stray answers requests that belong to no leg.
func (s *Stack) stray(req *sipmsg.Request, inDialog bool, tx *serverTx) {
	switch {
	case inDialog, req.Method == sipmsg.CANCEL, req.Method == sipmsg.BYE, req.Method == sipmsg.PRACK, req.Method == sipmsg.UPDATE:
		s.reply(req, tx, 481, "Call/Transaction Does Not Exist")
	case req.Method == sipmsg.REFER:
		s.reply(req, tx, 403, "Forbidden") // only a party of a call may send it elsewhere
	case req.Method == sipmsg.NOTIFY:
		s.reply(req, tx, 481, "Subscription Does Not Exist")
	case req.Method == sipmsg.INVITE:
		s.reply(req, tx, 503, "Service Unavailable", Header{"Retry-After", strconv.Itoa(2 + rand.IntN(8))})
	case req.Method == sipmsg.OPTIONS:
		code := 200
		if s.cfg.OnOptions != nil {
			code = s.cfg.OnOptions()
		}
		s.reply(req, tx, code, reasonFor(code), Header{"Allow", allowed}, Header{"Accept", "application/sdp"})
	default:
		s.reply(req, tx, 405, "Method Not Allowed", Header{"Allow", allowed})
	}
}

// reply answers a request without a leg.
func (s *Stack) reply(req *sipmsg.Request, tx *serverTx, code int, reason string, hs ...Header) {
	_ = tx.send(s.respond(req, code, reason, randomHex(8), hs, nil), nil) // a lost response is asked for again
}

// call serves an INVITE, on a goroutine that is its own until OnInvite returns.
func (s *Stack) call(l *Leg) {
	defer func() {
		if !l.detached {
			s.served()
		}
	}()
	if !l.taken() {
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

// taken agrees on the terms of the call and reports whether it may be seen.
func (l *Leg) taken() bool {
	if code, hs := l.agreeTerms(); code != 0 {
		l.s.m.refused(code)
		l.ended = true
		l.final(code, "", hs)
		l.abandon(Cause{})
		return false
	}
	if l.invite.badReplaces() { // RFC 3891 section 3
		l.abandon(Cause{Code: 400, Text: "bad Replaces"})
		return false
	}
	return true
}
