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
}

// sizer counts what a message writes.
type sizer int

func (n *sizer) WriteString(s string) (int, error) {
	*n += sizer(len(s))
	return len(s), nil
}

// note records a message of the leg. It is called by the readers too.
func (l *Leg) note(sent bool, m sipmsg.Message) {
	var n sizer
	m.StringWrite(&n)
	e := TraceEntry{At: time.Now(), CallID: l.callID, Sent: sent, Bytes: int(n)}
	where := m.Source()
	if sent {
		where = m.Destination()
	}
	e.Peer, _ = netip.ParseAddrPort(where)
	e.Network = sipmsg.NetworkToLower(m.Transport())
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
	l.ladder.add(e)
	if l.s.cfg.Trace != nil {
		l.s.cfg.Trace(e)
	}
}
