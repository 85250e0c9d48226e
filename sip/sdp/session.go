package sdp

import "net/netip"

// Direction says which way audio flows, seen from the side that wrote the
// description (RFC 3264 section 5.1).
type Direction string

// The four directions of RFC 8866 section 6.7.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Codec is one RTP payload format of an audio stream (RFC 3551, a=rtpmap).
type Codec struct {
	PT   uint8  // RTP payload type, 0 to 127
	Name string // encoding name as written, for example PCMU or telephone-event
	Rate int    // clock rate in hertz
	Fmtp string // a=fmtp parameters, empty when none were given
}

// Media is the audio stream of a description.
type Media struct {
	Addr      netip.AddrPort // where it wants RTP; port 0 means the stream is refused
	Host      string         // the c= value when it is a name and not an address
	RTCP      netip.AddrPort // a=rtcp or RTP port + 1; invalid when the stream is refused
	Codecs    []Codec        // in order of preference, resolved to names
	Direction Direction      // sendrecv when the body does not say
	Ptime     int            // packet time in milliseconds, 0 when not given
	MaxPtime  int            // the longest packet in milliseconds, 0 when not given
	Proto     string         // RTP/AVP, RTP/SAVP and so on, as written
	Crypto    []Crypto       // a=crypto lines that are carried, in order
	Mux       bool           // a=rtcp-mux (RFC 5761)
	Refused   error          // why the first of the other a=crypto lines is not carried; nil if there is none
}

// Origin is the o= line (RFC 8866 section 5.2).
type Origin struct {
	Username string
	ID       uint64
	Version  uint64
	Addr     string
}

// Stream is one m= line in its place: the audio we talk about, or another one
// that is refused in the answer.
type Stream struct {
	Kind    string // audio, video, image and so on
	Port    int
	Proto   string
	Formats string // the format list as written
}

// Session is a parsed description.
type Session struct {
	Origin  Origin
	Audio   Media    // the first audio stream that is not refused by its own port 0, else the first
	Streams []Stream // every m= line in order, the audio one included
	Others  int      // how many of Streams are not Audio
	Also    []Media  // further audio streams that are not refused: the same call with and without SRTP, usually
	audio   int      // index of Audio in Streams
	also    []int    // of Also
}

// Local is our side of a description.
type Local struct {
	Addr      netip.AddrPort // where we receive RTP; RTCP is the next port
	Codecs    []Codec        // by preference, telephone-event among them when wanted
	Direction Direction      // empty means sendrecv
	SessID    uint64         // o= session id, kept for the life of the leg
	Version   uint64         // o= version; raise it only when the body changes
	Ptime     int            // milliseconds, 0 means 20
	Security  Security       // Plain, the zero value, carries no SRTP
	Keys      []Crypto       // our key for each suite we take, by preference; tags are set where they are written
	Mux       bool           // offer a=rtcp-mux; an offer of the peer is taken in any case
}

// Agreed is the outcome of an offer and its answer, seen from our side.
type Agreed struct {
	Remote netip.AddrPort // where to send RTP
	RTCP   netip.AddrPort // where to send RTCP
	Codec  Codec          // the voice codec, with the payload type the peer expects from us
	DTMF   *Codec         // telephone-event with the peer's payload type; nil when not agreed
	Local  Codec          // the same voice codec with the payload type we told the peer to send
	Tone   *Codec         // telephone-event with the payload type we told the peer to send
	Send   bool           // we may send audio
	Recv   bool           // we expect audio
	Held   bool           // the peer put us on hold
	Ptime  int            // milliseconds per packet the peer wants, 20 when it did not say
	CN     bool           // both sides take comfort noise (RFC 3389), payload type 13

	NamedPtime bool // the peer said Ptime
	MaxPtime   int  // the longest packet the peer takes in milliseconds, 0 when it did not say

	Theirs *Crypto // the key of what the peer sends; nil for plain RTP
	Ours   *Crypto // the key of what we send; nil for plain RTP
	Mux    bool    // RTCP goes over the RTP port
}
