package leg

import (
	"fmt"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxPracks bounds how many reliable responses to one INVITE are taken.
const maxPracks = 200

// rack is what a RAck header names: a reliable response by its RSeq and the
// request it answered (RFC 3262 section 7.2).
type rack struct {
	rseq, cseq uint32
	method     string
}

// readRSeq parses an RSeq value, 1 to 2^32-1 (RFC 3262 section 7.1).
func readRSeq(v string) (uint32, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 32)
	return uint32(n), err == nil && n > 0
}

// readRAck parses a RAck value.
func readRAck(v string) (rack, bool) {
	f := strings.Fields(v)
	if len(f) != 3 || !isToken(f[2]) {
		return rack{}, false
	}
	rseq, ok := readRSeq(f[0])
	cseq, err := strconv.ParseUint(f[1], 10, 31)
	return rack{rseq, uint32(cseq), f[2]}, ok && err == nil
}

func (r rack) String() string { return fmt.Sprintf("%d %d %s", r.rseq, r.cseq, r.method) }

// rseqOf returns the RSeq of a response that is sent reliably, or 0.
func rseqOf(res *sipmsg.Response) uint32 {
	list := values(res, "RSeq", "")
	if len(list) != 1 || !requires(res, "100rel") {
		return 0
	}
	n, ok := readRSeq(list[0])
	if !ok {
		return 0
	}
	return n
}

// held is a reliable response or a 2xx with an offer: its PRACK or ACK waits
// for our answer.
type held struct {
	e    *early
	rack rack
	ack  *ack // of a 2xx
	key  ackKey
}

// takeReliable looks at a reliable provisional response and reports whether it
// is news: neither a repetition nor one before its turn, which the peer sends
// again (RFC 3262 section 4).
func (l *Leg) takeReliable(e *early, rseq uint32) bool {
	if e.rseq != 0 && rseq != e.rseq+1 || l.out.pracks == maxPracks {
		return false
	}
	e.rseq = rseq
	l.out.pracks++
	return true
}

// onReliable acknowledges a reliable provisional response that is news. The
// first description is the answer to our offer; where we made none it is an
// offer, which the PRACK answers (RFC 3262 section 5).
func (l *Leg) onReliable(e *early, m message, rseq uint32) (Event, bool) {
	res := m.res
	r := rack{rseq, res.CSeq().SeqNo, string(sipmsg.INVITE)}
	body := sdpOf(res)
	if body != nil && len(l.out.cfg.SDP) == 0 && !e.agreed {
		if e.held != nil {
			return Event{}, false
		}
		e.sdp, e.held = body, &held{e: e, rack: r}
		l.answers = e.held
		ev := responseEvent(ReOffer, res, m.hs)
		ev.Dialog = toTag(res)
		return ev, true
	}
	if body != nil && !e.agreed {
		e.sdp, e.agreed = body, true
	}
	l.prack(e, r, nil)
	return Event{}, false
}

// prack acknowledges a reliable provisional response.
func (l *Leg) prack(e *early, r rack, answer []byte) {
	req, branch, dest := l.compose(sipmsg.PRACK, &e.d)
	req.AppendHeader(sipmsg.NewHeader("RAck", r.String()))
	setSDP(req, answer)
	l.request(req, branch, dest, trial{purpose: forPrack, d: &e.d})
}

// respondHeld answers an offer of the peer that came in a response.
func (l *Leg) respondHeld(code int, sdp []byte) {
	h := l.answers
	l.answers = nil
	if code >= 300 || len(sdp) == 0 { // there is no way to refuse but to leave
		if h.ack != nil {
			l.sendAck(h.key, h.ack)
		}
		l.End(Cause{Code: 488, Text: "offer refused", Q850: 88})
		return
	}
	l.ours = sdp
	if h.ack != nil {
		setSDP(h.ack.req, sdp)
		l.sendAck(h.key, h.ack)
		return
	}
	h.e.held, h.e.agreed = nil, true
	l.prack(h.e, h.rack, sdp)
}
