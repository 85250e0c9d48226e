package sip

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// Trunks says who may call and where calls go out.
type Trunks interface {
	// From returns the trunk whose calls come from the address.
	From(netip.Addr) (*ringbid.Trunk, bool)
	// Named returns the trunk with the name.
	Named(string) (*ringbid.Trunk, bool)
	// At returns the trunk whose calls go out to the host and port.
	At(host string, port int) (*ringbid.Trunk, bool)
}

// Accounts is what Trunks has besides where calls may come in by digest.
type Accounts interface {
	// Accounts returns the trunks with Accept, by its username. Nobody writes
	// to the map.
	Accounts() map[string]*ringbid.Trunk
}

// Handler decides what happens to calls.
type Handler interface {
	// Serve handles one call on a goroutine of its own. ctx is cancelled with a
	// cause that wraps ErrCallerGone when the call ends by other hands than
	// the handler's. When Serve returns, the call is ended.
	Serve(ctx context.Context, c *Call)
}

// Tap opens what listens to a call's audio, such as a recording.
type Tap interface {
	Open(inv ringbid.Invite) (Sink, error)
}

// Sink gets the caller's side of a call: Rx is the caller, Tx what the caller
// hears. Close is called once, after the last Frame. A Sink that also has the
// method Secret(on bool) is told while digits are asked for that must not be
// kept.
type Sink interface {
	media.Tap
	Close()
}

// Capture keeps what goes over the wire in calls. Its methods must not block.
type Capture interface {
	// Trace takes every message of every leg.
	Trace(leg.TraceEntry)
	// Begin says that a call exists, Leg that a dialog and a stream belong to
	// it, End that it is over.
	Begin(inv ringbid.Invite)
	Leg(callID, sipCallID string, s *media.Stream)
	End(callID string)
}

// Config is what a Server needs. Listeners, Plane, Trunks and Handler are
// required.
type Config struct {
	Listeners []leg.Listener
	Advertise string    // host in Via and Contact; empty means the listener's IP
	DSCP      int       // mark of SIP messages, 1 to 63; 0 = 24 (class selector 3), -1 = none
	Keys      *leg.Keys // the certificate shown over tls and wss; needed to listen there
	Plane     *media.Plane
	Trunks    Trunks
	// List returns every trunk, for health checks and registrations; nil makes
	// neither. It is asked once a second and must not block.
	List func() []*ringbid.Trunk
	// DNS is the servers that trunks' domains are looked up with, "ip:port"; none
	// means the system's.
	DNS      []string
	Handler  Handler
	Tap      Tap                 // nil records nothing
	Capture  Capture             // nil keeps no messages
	Emit     func(ringbid.Event) // live events; must not block; nil drops them
	MaxCalls int                 // calls at once, 0 for no limit

	// CallsPerSecond is how many new calls are taken a second, and at once; 0
	// for no limit. What is above gets 503 with Retry-After; calls that are up
	// go on.
	CallsPerSecond int

	// Ours reports whether a number is one we take calls for; "" is asked for
	// what is no number. A source that calls others again and again is answered
	// slowly, and a stranger then not at all. Nil means that all are ours.
	Ours func(ringbid.Phone) bool

	// Exempt lists addresses that are never slowed down or muted for what they
	// send. It lets nobody in.
	Exempt []netip.Prefix

	// Refused is told of each call of a trunk that the handler never sees, such
	// as one over the limits; must not block; nil drops it.
	Refused func(inv ringbid.Invite, why ringbid.Reason)

	// AcceptTimeout is how long an agent has for the accept key once the
	// whisper is over; 0 means 15 s.
	AcceptTimeout time.Duration
	// PerSource is how many messages of live calls one admitted address may
	// send in a second, over datagrams and streams; 0 means 2,000. A quarter of
	// it may be requests that begin something.
	PerSource int
	// Music is what the other party hears while one holds the call, where the
	// call has no hold prompt of its own; empty means a soft tone.
	Music ringbid.Audio

	// MinSessionExpires is the shortest session timer that is granted (RFC 4028
	// section 5); 0 means 90 s, the least the RFC allows.
	MinSessionExpires time.Duration

	// T1 is the round trip estimate of RFC 3261 section 17.1.1.1, of which every
	// SIP timer is a multiple; 0 means 500 ms.
	T1 time.Duration

	UserAgent  string                // User-Agent and Server header; empty means "ringbid"
	Node       string                // this machine, on the log lines of calls; may be empty
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nothing
}

// ErrCallerGone is wrapped by what the methods of a Call return when the call
// ended by other hands than the handler's: the caller hung up or vanished, or
// the server ended the call.
var ErrCallerGone = errors.New("caller gone")

// ErrBusyCall is returned by a method of a Call while another one still runs.
var ErrBusyCall = errors.New("call is doing something else")

func (c *Config) check() error {
	switch {
	case c.Plane == nil:
		return errors.New("sip: no media plane")
	case c.Trunks == nil:
		return errors.New("sip: no trunks")
	case c.Handler == nil:
		return errors.New("sip: no handler")
	case c.DSCP < -1 || c.DSCP > 63:
		return errors.New("sip: dscp is not within 0-63")
	case c.MaxCalls < 0:
		return errors.New("sip: negative call limit")
	case c.CallsPerSecond < 0:
		return errors.New("sip: negative limit of calls a second")
	}
	if c.AcceptTimeout <= 0 {
		c.AcceptTimeout = 15 * time.Second
	}
	if c.PerSource <= 0 {
		c.PerSource = 2000
	}
	if c.UserAgent == "" {
		c.UserAgent = "ringbid"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Emit == nil {
		c.Emit = func(ringbid.Event) {}
	}
	if c.Refused == nil {
		c.Refused = func(ringbid.Invite, ringbid.Reason) {}
	}
	return nil
}
