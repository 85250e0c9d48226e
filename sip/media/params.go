package media

import (
	"net/netip"
	"time"
)

// Codec is a voice codec, written as its static RTP payload type (RFC 3551 section 6).
type Codec uint8

// The codecs of the plane: the two laws of ITU-T G.711 and G.722 at 64 kbit/s.
// All three count one byte as one tick of an 8 kHz clock (RFC 3551 section 4.5).
const (
	PCMU Codec = 0
	PCMA Codec = 8
	G722 Codec = 9
)

// String returns the encoding name used in SDP.
func (c Codec) String() string {
	switch c {
	case PCMA:
		return "PCMA"
	case G722:
		return "G722"
	}
	return "PCMU"
}

// silence is the byte of a zero sample of a law.
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
	// PT is the payload type of the voice we send and RecvPT of what the peer
	// sends; 0 = the static one of Codec.
	PT, RecvPT uint8
	// DTMF is the telephone-event payload type, 96-127, of what we send; 0 = none.
	DTMF uint8
	// RecvDTMF is the one of what the peer sends; 0 = DTMF, which is understood
	// in any case.
	RecvDTMF uint8
	// CN says that both sides take comfort noise (RFC 3389), which is then
	// relayed to this peer.
	CN bool
	// Ptime is how much audio, in ms, a packet of ours carries: 10 to 60 in
	// steps of 10, 0 = 20. Relayed packets of another length go as they are
	// unless Strict is set and they are longer than MaxPtime (ms; 0 = other
	// than Ptime), in which case they are cut anew.
	Ptime    int
	MaxPtime int
	Strict   bool
	// Detect has the keys found that the peer sends as tones in its audio, for a
	// peer without telephone-event; Tones sends keys that way to such a peer,
	// which gets none otherwise.
	Detect, Tones bool
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
