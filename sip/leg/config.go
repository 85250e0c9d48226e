package leg

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Listener is one socket of the stack.
type Listener struct {
	Network string // "udp", "tcp", "tls", "ws" or "wss"
	Addr    string // "ip:port"; the IP must be explicit, port 0 picks a free one
}

// Config is what a Stack needs. Only Listeners is required.
type Config struct {
	Listeners []Listener
	Advertise string // host put into Via and Contact; empty means the listener's IP
	Keys      *Keys  // the certificate shown over tls and wss; needed to listen there
	UserAgent string // User-Agent and Server header; empty sends none
	// DSCP marks what is sent, 1 to 63; 0 = 24 (class selector 3), -1 = no mark.
	DSCP int

	// Admit decides about a datagram or a whole stream message before it is
	// parsed. It runs in the socket's reader and must not block. False drops
	// the datagram in silence and closes the stream. Nil admits everybody.
	Admit func(network string, src netip.AddrPort, data []byte) bool

	// AdmitStream decides about a connection before anything is read from it,
	// so that strangers cannot use up the places of carriers. It runs in the
	// accepting goroutine and must not block. Nil admits everybody.
	AdmitStream func(src netip.AddrPort) bool

	// Screen rules about a message that passed the inspection, before it is
	// parsed. It runs in the socket's reader and must not block. Retransmissions
	// of what it refused do not come to it again. Nil lets everything pass.
	Screen func(*Arrival) Ruling

	// Stranger reports whether nobody we know sends from the address. Strangers
	// get no answer that Screen did not give, and few and short connections. Nil
	// means that nobody is a stranger.
	Stranger func(src netip.AddrPort) bool

	// OnInvite serves a new call on a goroutine of its own. Nil refuses every
	// call with 503.
	OnInvite func(l *Leg)

	// Terms says what an inbound call is held under, before it is served; calls
	// that cannot be are refused (420, 422) and never reach OnInvite. It runs on
	// a goroutine of the call's own. Nil means the zero Terms.
	Terms func(l *Leg) Terms

	// OnOptions gives the status for OPTIONS outside a dialog. Nil means 200.
	OnOptions func() (status int)

	// Trace, when set, gets every message of every leg. It must not block.
	Trace func(TraceEntry)

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nothing

	// T1 is the round trip estimate of RFC 3261 section 17.1.1.1; zero means
	// 500 ms. Every other timer is a multiple of it.
	T1 time.Duration

	// MinSE is the shortest session interval that is granted (RFC 4028 section
	// 5); zero means 90 s, the least the RFC allows.
	MinSE time.Duration
}

// DialConfig describes one outbound call.
type DialConfig struct {
	Owner Owner // runs the leg until Terminated; Dial is called in a turn of it

	Network string // "udp", "tcp", "tls", "ws" or "wss"; empty means udp
	Target  string // "host:port" the INVITE is sent to; the host may be a name
	// TLS is what the peer must prove over tls and wss; nil asks for a certificate
	// of Target's host.
	TLS *Client

	// Routes is a preset Route set of URIs, the nearest first; at most 8.
	Routes []string
	URI    string // Request-URI, for example "sip:+14155550100@10.0.0.9;user=phone"
	From   Party  // empty Host means the advertised host
	To     Party  // empty User and Host mean those of URI
	PAI    string // URI for P-Asserted-Identity, empty for none
	CallID string // generated when empty

	// Username and Password answer a digest challenge from Target, and from
	// nobody else.
	Username, Password string

	// Replaces makes the new call take the place of one that the target has
	// (RFC 3891); nil for none.
	Replaces *DialogID

	Headers []Header
	SDP     []byte // the offer; required unless Late

	// Late sends the INVITE without an offer. The peer's comes as a ReOffer
	// event out of a reliable provisional response, or with Answered, and waits
	// for Respond.
	Late bool

	// Reliable, SessionExpires and Fragments are as in Terms.
	Reliable       Reliable
	SessionExpires time.Duration
	Fragments      bool

	// NoAnswer cancels the call that long after Dial and reports Failed with
	// ErrNoAnswer. Zero leaves the ring timeout to the caller.
	NoAnswer time.Duration

	MaxForwards int // 1 to 255; anything else means 70
}
