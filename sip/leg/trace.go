package leg

import (
	"bytes"
	"net/netip"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// TraceEntry is one message on the wire, for the call's ladder.
type TraceEntry struct {
	At      time.Time
	CallID  string
	Network string
	Peer    netip.AddrPort // invalid while the target is not resolved
	Sent    bool           // false for received
	Summary string         // "INVITE sip:…" or "180 Ringing"
	CSeq    string         // "1 INVITE"
	Bytes   int            // size on the wire
	// Local is our address and Raw the message as it was on the wire, for
	// Config.Trace only. Raw may be kept and must not be changed.
	Local netip.AddrPort
	Raw   []byte
}

// note records a message of the leg. It is called by the readers too.
func (l *Leg) note(sent bool, cseq *sipmsg.CSeqHeader, data []byte, network string, peer netip.AddrPort) {
	r := rung{at: time.Now(), sent: sent, peer: peer, network: network, summary: summary(data), bytes: int32(len(data))}
	if cseq != nil {
		r.seq, r.method = cseq.SeqNo, string(cseq.MethodName)
	}
	l.ladder.add(r)
	if l.s.cfg.Trace == nil {
		return
	}
	e := r.entry(l.callID)
	e.Local, e.Raw = l.s.near(network, peer.Addr()), data
	if !sent {
		e.Raw = bytes.Clone(data)
	}
	l.s.cfg.Trace(e)
}

// summary is the first line of a message without the version.
func summary(data []byte) string {
	line, _, _ := bytes.Cut(data, []byte("\r\n"))
	if rest, ok := bytes.CutPrefix(line, []byte("SIP/2.0 ")); ok {
		return string(rest)
	}
	return string(bytes.TrimSuffix(line, []byte(" SIP/2.0")))
}

// near is our address towards a peer as a trace tells it. A connection that we
// made over a network nobody listens on is told by another listener's.
func (s *Stack) near(network string, peer netip.Addr) netip.AddrPort {
	for _, n := range []string{network, "tls", "tcp", "udp", "ws", "wss"} {
		if at, ok := s.source(n, peer); ok {
			return at
		}
	}
	return netip.AddrPort{}
}
