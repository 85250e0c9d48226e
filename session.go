package ringbid

import "time"

// SessionTimer is how long a call may go on without its peers telling each
// other that it lives (RFC 4028): a span as of Duration, or "off".
type SessionTimer Duration

// SessionTimerOff does without.
const SessionTimerOff SessionTimer = -1

// DefaultSessionTimer is asked for where a trunk does not say.
const DefaultSessionTimer = 30 * time.Minute

// String writes the span as Duration does, or "off".
func (s SessionTimer) String() string {
	if s < 0 {
		return "off"
	}
	return Duration(s).String()
}

// MarshalText writes the span as String does.
func (s SessionTimer) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "off" or a span as Duration does.
func (s *SessionTimer) UnmarshalText(b []byte) error {
	if string(b) == "off" {
		*s = SessionTimerOff
		return nil
	}
	return (*Duration)(s).UnmarshalText(b)
}

// The policies of Trunk.Reliable; "" is the first.
const (
	ReliableSupported = "supported"
	ReliableRequired  = "required"
	ReliableOff       = "off"
)

func (t *Trunk) checkDialog(c *checker) {
	switch t.Reliable {
	case "", ReliableSupported, ReliableRequired, ReliableOff:
	default:
		c.addf("reliable", "%.20q is not supported, required or off", t.Reliable)
	}
	if t.SessionExpires != SessionTimerOff {
		c.span("session_expires", Duration(t.SessionExpires), Duration(90*time.Second), Duration(24*time.Hour))
	}
}
