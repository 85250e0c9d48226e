package leg

import (
	"bytes"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// onRequest handles a request inside the dialog, in the order of the wire.
func (l *Leg) onRequest(m message) (Event, bool) {
	req := m.req
	if req.IsAck() {
		return l.onAck(req, m.hs)
	}
	tag, _ := req.From().Params.Get("tag")
	dialling := l.st == calling || l.st == proceeding
	d, e := &l.d, (*early)(nil)
	if dialling {
		if e = l.out.early[tag]; e != nil {
			d = &e.d
		}
	}
	late := l.st == done && req.Method == sipmsg.PRACK // of what went out before our refusal
	switch {
	case l.st == done && !late, l.st == subscribed && req.Method != sipmsg.SUBSCRIBE,
		dialling && e == nil && req.Method != sipmsg.OPTIONS, !dialling && tag != l.d.remoteTag():
		l.answerTicket(m.t, 481, "Call/Transaction Does Not Exist", nil)
		return Event{}, false
	case d.remoteSeq > 0 && req.CSeq().SeqNo <= d.remoteSeq: // RFC 3261 section 12.2.2
		l.answerTicket(m.t, 500, "CSeq Out Of Order", nil)
		return Event{}, false
	}
	if !dialling || e != nil {
		d.remoteSeq = req.CSeq().SeqNo
	}
	if dialling && (req.Method == sipmsg.BYE || req.Method == sipmsg.INVITE) { // not in an early dialog, sections 14 and 15
		l.answerTicket(m.t, 481, "Call/Transaction Does Not Exist", nil)
		return Event{}, false
	}
	switch req.Method {
	case sipmsg.BYE:
		return l.onBye(m)
	case sipmsg.INVITE:
		return l.onReInvite(m)
	case sipmsg.OPTIONS:
		l.answerTicket(m.t, 200, "OK", nil, Header{"Allow", allowed}, Header{"Accept", "application/sdp"},
			Header{"Supported", l.terms.supported()})
	case sipmsg.INFO:
		return l.onInfo(m)
	case sipmsg.REFER:
		return l.onRefer(m)
	case sipmsg.NOTIFY:
		l.onNotify(m)
	case sipmsg.SUBSCRIBE:
		l.onSubscribe(m)
	case sipmsg.PRACK:
		return l.onPrack(m)
	case sipmsg.UPDATE:
		return l.onUpdate(m, d, e)
	default:
		l.answerTicket(m.t, 405, "Method Not Allowed", nil, Header{"Allow", allowed})
	}
	return Event{}, false
}

// answerTicket responds to a request in the dialog.
func (l *Leg) answerTicket(t *ticket, code int, reason string, sdp []byte, hs ...Header) error {
	return l.reply(t.tx, l.response(t.req, code, reason, sdp, hs)) // asked for again if it is lost
}

func (l *Leg) onBye(m message) (Event, bool) {
	l.answerTicket(m.t, 200, "OK", nil)
	switch l.st {
	case incoming: // RFC 3261 section 15.1.2: the early dialog ends
		l.final(487, "Request Terminated", nil)
		return requestEvent(Cancelled, m.req, m.hs), true
	case leaving: // both hung up; our own BYE is answered in its time
		return Event{}, false
	}
	silent := l.ended
	l.ended = true
	l.parted()
	if silent {
		return Event{}, false
	}
	return requestEvent(ByeReceived, m.req, m.hs), true
}

func (l *Leg) onReInvite(m message) (Event, bool) {
	code, hs := l.shortSession(m.req)
	switch {
	case l.st == leaving || l.ended:
		l.answerTicket(m.t, 481, "Call/Transaction Does Not Exist", nil)
	case code != 0:
		l.answerTicket(m.t, code, "", nil, hs...)
	case l.reoffer != nil || l.st == incoming: // RFC 3261 section 14.2
		l.retryAfter(m.t)
	case l.offer.branch != "" || l.repeat.active:
		l.answerTicket(m.t, 491, "Request Pending", nil)
	default:
		l.reoffer = m.t
		return requestEvent(ReOffer, m.req, m.hs), true
	}
	return Event{}, false
}

// onInfo takes digits of the two common bodies and lets empty INFO pass
// (RFC 6086 section 4.2.2).
func (l *Leg) onInfo(m message) (Event, bool) {
	kind := contentType(m.req)
	if kind == "" && len(m.req.Body()) == 0 {
		l.answerTicket(m.t, 200, "OK", nil)
		return Event{}, false
	}
	digit, ok := digitOf(kind, m.req.Body())
	switch {
	case kind != "application/dtmf-relay" && kind != "application/dtmf":
		l.answerTicket(m.t, 415, "Unsupported Media Type", nil, Header{"Accept", "application/dtmf-relay"})
		return Event{}, false
	case !ok:
		l.answerTicket(m.t, 400, "Bad Signal", nil)
		return Event{}, false
	}
	l.answerTicket(m.t, 200, "OK", nil)
	ev := requestEvent(InfoDigit, m.req, m.hs)
	ev.Digit = digit
	return ev, true
}

// digitOf reads "Signal=5" or a bare digit.
func digitOf(kind string, body []byte) (byte, bool) {
	value := string(bytes.TrimSpace(body))
	if kind == "application/dtmf-relay" {
		value = ""
		for line := range strings.Lines(string(body)) {
			name, v, ok := strings.Cut(line, "=")
			if ok && strings.EqualFold(strings.TrimSpace(name), "signal") {
				value = strings.TrimSpace(v)
			}
		}
	}
	switch value {
	case "10":
		return '*', true
	case "11":
		return '#', true
	}
	if len(value) != 1 {
		return 0, false
	}
	c := value[0]
	if c >= 'a' && c <= 'd' {
		c -= 'a' - 'A'
	}
	if c >= '0' && c <= '9' || c >= 'A' && c <= 'D' || c == '*' || c == '#' {
		return c, true
	}
	return 0, false
}
