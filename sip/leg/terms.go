package leg

import (
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Reliable says whether provisional responses are acknowledged (RFC 3262).
type Reliable int

const (
	// ReliableSupported acknowledges what a callee sends reliably, and sends
	// reliably to a caller who requires it.
	ReliableSupported Reliable = iota
	// ReliableRequired requires it of a callee, and sends reliably to every
	// caller who supports it. A caller who does not is served all the same.
	ReliableRequired
	// ReliableOff does without: a caller who requires it gets 420.
	ReliableOff
)

const (
	// DefaultSessionExpires is the session interval we ask for.
	DefaultSessionExpires = 30 * time.Minute
	// NoSessionTimer as SessionExpires means that none is asked for or granted.
	NoSessionTimer = time.Duration(-1)

	defaultMinSE      = 90 * time.Second // RFC 4028 section 5
	maxSessionExpires = 24 * time.Hour
)

// Terms is what a dialog is held under.
type Terms struct {
	Reliable Reliable
	// SessionExpires is the longest interval between two refreshes of the
	// session (RFC 4028), in whole seconds; zero means DefaultSessionExpires,
	// and NoSessionTimer none. It is raised to what the peer needs at least.
	SessionExpires time.Duration
	// Username and Password answer digest challenges of the peer.
	Username, Password string
	// Fragments keeps requests on UDP that are too long for one datagram.
	Fragments bool
	// Back is what the peer of an inbound call must prove where it is connected
	// to, because the connection it called by is gone. Nil asks for a certificate
	// of the address.
	Back *Client
}

// interval is the session interval to ask for, 0 for none.
func (t Terms) interval() time.Duration {
	switch {
	case t.SessionExpires < 0:
		return 0
	case t.SessionExpires == 0:
		return DefaultSessionExpires
	}
	return min(max(t.SessionExpires.Truncate(time.Second), time.Second), maxSessionExpires)
}

// refuses reports whether the terms exclude an option that the stack knows.
func (t Terms) refuses(tag string) bool {
	return strings.EqualFold(tag, "100rel") && t.Reliable == ReliableOff ||
		strings.EqualFold(tag, "timer") && t.SessionExpires < 0
}

// supported is the Supported header of the terms.
func (t Terms) supported() string {
	const always = "replaces, norefersub"
	rel, timer := t.Reliable != ReliableOff, t.SessionExpires >= 0
	switch {
	case rel && timer:
		return "100rel, timer, " + always
	case rel:
		return "100rel, " + always
	case timer:
		return "timer, " + always
	}
	return always
}

// announce tells the peer what we support.
func (l *Leg) announce(m sipmsg.Message) {
	m.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	m.AppendHeader(sipmsg.NewHeader("Supported", l.terms.supported()))
}

// remember keeps what the peer says it supports.
func (l *Leg) remember(m sipmsg.Message) {
	if allow := values(m, "Allow", ""); len(allow) > 0 {
		l.peerUpdates = hasToken(allow, "UPDATE")
	}
}

// values returns the values of a header by its long and compact name.
func values(m sipmsg.Message, name, compact string) []string {
	var out []string
	list, ok := m.(interface{ Headers() []sipmsg.Header })
	if !ok {
		return nil
	}
	for _, h := range list.Headers() {
		if n := h.Name(); len(n) == len(name) && strings.EqualFold(n, name) || compact != "" && strings.EqualFold(n, compact) {
			out = append(out, h.Value())
		}
	}
	return out
}

// hasToken looks for a token in comma lists, ignoring case.
func hasToken(lists []string, token string) bool {
	for _, list := range lists {
		for one := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
	}
	return false
}

func supports(m sipmsg.Message, tag string) bool { return hasToken(values(m, "Supported", "k"), tag) }

func requires(m sipmsg.Message, tag string) bool { return hasToken(values(m, "Require", ""), tag) }

// agreeTerms settles the terms of an inbound call, or refuses it.
func (l *Leg) agreeTerms() (code int, hs []Header) {
	if l.s.cfg.Terms != nil {
		l.s.guarded("terms", func() { l.terms = l.s.cfg.Terms(l) })
	}
	l.remember(l.req)
	for _, tag := range []string{"100rel", "timer"} {
		if requires(l.req, tag) && l.terms.refuses(tag) {
			return 420, []Header{{"Unsupported", tag}}
		}
	}
	l.rel.use = requires(l.req, "100rel") || l.terms.Reliable == ReliableRequired && supports(l.req, "100rel")
	return l.shortSession(l.req)
}

// seconds writes a duration as delta-seconds.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// deltaSeconds reads a number of seconds below 2^31.
func deltaSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31)
	return time.Duration(n) * time.Second, err == nil
}
