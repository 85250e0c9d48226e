package leg

import (
	"net/netip"
	"strconv"
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
	// Local is our address and Raw the whole text, for Config.Trace only. Raw
	// may be kept and must not be changed.
	Local netip.AddrPort
	Raw   []byte
}

// sizer counts what a message writes.
type sizer int

func (n *sizer) WriteString(s string) (int, error) {
	*n += sizer(len(s))
	return len(s), nil
}

// note records a message of the leg. It is called by the readers too.
func (l *Leg) note(sent bool, m sipmsg.Message) {
	e := TraceEntry{At: time.Now(), CallID: l.callID, Sent: sent}
	if l.s.cfg.Trace != nil {
		e.Raw = []byte(m.String())
		e.Bytes = len(e.Raw)
	} else {
		var n sizer
		m.StringWrite(&n)
		e.Bytes = int(n)
	}
	where := m.Source()
	if sent {
		where = m.Destination()
	}
	e.Peer, _ = netip.ParseAddrPort(where)
	e.Network = l.s.networkOf(sipmsg.NetworkToLower(m.Transport()), e.Peer)
	switch m := m.(type) {
	case *sipmsg.Request:
		e.Summary = m.Method.String() + " " + m.Recipient.String()
	case *sipmsg.Response:
		e.Summary = strconv.Itoa(m.StatusCode) + " " + m.Reason
	}
	if c := m.CSeq(); c != nil {
		e.CSeq = strconv.FormatUint(uint64(c.SeqNo), 10) + " " + string(c.MethodName)
	}
	l.trace(e)
}

// noteCause records the answers that sipgo writes to a CANCEL by itself.
func (l *Leg) noteCause(cancel *sipmsg.Request) {
	l.note(true, sipmsg.NewResponseFromRequest(cancel, 200, "OK", nil))
}

func (l *Leg) trace(e TraceEntry) {
	if l.s.cfg.Trace != nil {
		e.Local = l.s.near(e.Network, e.Peer.Addr())
		l.s.cfg.Trace(e)
	}
	l.ladder.add(e)
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
