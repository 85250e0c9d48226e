package media

import (
	"net/netip"
	"time"
)

// Codec is a voice codec, written as its static RTP payload type (RFC 3551 section 6).
type Codec uint8

// The two codecs of the plane, both 8 kHz, one byte per sample (ITU-T G.711).
const (
	PCMU Codec = 0
	PCMA Codec = 8
)

// String returns the encoding name used in SDP.
func (c Codec) String() string {
	if c == PCMA {
		return "PCMA"
	}
	return "PCMU"
}

// silence is the byte of a zero sample.
func (c Codec) silence() byte {
	if c == PCMA {
		return 0xD5
	}
	return 0xFF
}

// Params is what an offer/answer exchange agreed for one stream.
type Params struct {
	// Remote is the signalled RTP address; invalid or port 0 means that there
	// is nobody to send to or to hear yet.
	Remote netip.AddrPort
	// AlsoFrom lists further addresses from which a peer behind NAT may turn
	// out to send, usually the source of its signalling. May be empty.
	AlsoFrom []netip.Addr
	// RTCP is the signalled RTCP address (RFC 3605); invalid = one port above
	// Remote.
	RTCP netip.AddrPort
	// Mux says that RTCP goes both ways over the RTP port (RFC 5761).
	Mux bool
	// Signalled hears Remote only, whatever AlsoFrom says: no source but the
	// signalled one is ever latched.
	Signalled bool
	// Send and Recv are the direction seen from our side (RFC 3264 section 5.1).
	Send, Recv bool
	// Codec is the one voice codec of both directions.
	Codec Codec
	// DTMF is the telephone-event payload type, 96-127, of both directions; 0 = none.
	DTMF uint8
	// Timeout is how long nothing may arrive, while Recv, before Inactive is
	// reported; 0 = never.
	Timeout time.Duration
	// Seal is the key of what we send and Open that of what the peer sends, for
	// SRTP (RFC 3711); nil = plain RTP in that direction. The same key given
	// again goes on where it is.
	Seal, Open *Key
}

// reachable reports whether there is an address to exchange packets with.
func (p Params) reachable() bool { return p.Remote.IsValid() && p.Remote.Port() != 0 }
