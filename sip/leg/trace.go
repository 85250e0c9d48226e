package leg

import (
	"net/netip"
	"time"
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
