package ringbid

import (
	"cmp"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Trunk is a way for calls to come in from a carrier, to go out to a buyer, or
// both.
type Trunk struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// From lists the addresses, as CIDR or single, whose calls are accepted. An
	// address in a network wider than /16 (IPv6: /32) counts as unknown: it is
	// muted for a while when it calls many numbers that are not ours.
	From []string `json:"from,omitempty"`
	// Address is where calls go out to, "host:port". A domain without a port is
	// looked up as RFC 3263 says: NAPTR and SRV, whose hosts are tried in turn,
	// then the host itself at the transport's port, 5060 or 5061.
	Address string `json:"address,omitempty"`
	// Transport is "udp" (default), "tcp", "tls", "ws" or "wss". Over udp a
	// request of more than 1300 bytes goes to the same host and port by TCP where
	// the trunk takes that, and in fragments where it does not (RFC 3261 section
	// 18.1.1).
	Transport string `json:"transport,omitempty"`
	// Fragments keeps such requests on udp, in fragments, for a trunk that takes
	// connections by TCP and refuses calls on them.
	Fragments bool `json:"fragments,omitempty"`
	// TLS says what certificates have to be.
	TLS TrunkTLS `json:"tls,omitzero"`
	// Proxy is "host:port" of a proxy that everything for this trunk is sent
	// through, as a Route ahead of all.
	Proxy string `json:"proxy,omitempty"`
	// Health is how often the address is asked with OPTIONS whether it is there,
	// 5s to 1h, or "off"; default 30s. After three questions without an answer
	// the trunk is down and nobody is called by it until it answers; one that never
	// answered any is called all the same.
	Health string `json:"health,omitempty"`
	// Register has us register with the carrier; calls from the registrar are
	// then calls of this trunk.
	Register Registration `json:"register,omitzero"`
	// Username and Password answer a digest challenge (RFC 7616, MD5 and
	// SHA-256) of this trunk, and of no other.
	Username string `json:"username,omitempty"`
	Password Secret `json:"password,omitempty"`
	// Accept lets calls in by digest instead of by address: an INVITE is
	// challenged, and the username decides the trunk. With From, which is then
	// optional, only those addresses are challenged.
	Accept Account `json:"accept,omitzero"`
	// Trusted says that the peer may know a caller who asked for privacy (RFC 3325
	// section 7): it gets the number in P-Asserted-Identity with Privacy: id. By
	// default such a caller's number does not leave this house. What callers'
	// trunks assert is believed in any case.
	Trusted bool `json:"trusted,omitempty"`
	// Diversion says how calls out tell the tracking number that was dialled and
	// who sent the call on before: "none" (default), "diversion" (RFC 5806),
	// "history-info" (RFC 7044) or "both".
	Diversion string `json:"diversion,omitempty"`
	// RelayIdentity passes the Identity headers (RFC 8224) of a call on, byte for
	// byte, where they still hold: the From number, the Date and the number called
	// are unchanged and the signature is not older than a minute. They are not
	// verified here.
	RelayIdentity bool `json:"relay_identity,omitempty"`
	// FollowRedirects is how many redirects (3xx) of one place are followed: to
	// users on this trunk or at the address of another one, never elsewhere; 0
	// (default) to 5.
	FollowRedirects int `json:"follow_redirects,omitempty"`
	// MaxCalls is how many calls may be up at once, 0 for no limit.
	MaxCalls int `json:"max_calls,omitempty"`
	// CallsPerSecond limits new calls, 0 for no limit.
	CallsPerSecond int `json:"calls_per_second,omitempty"`
	// RTPTimeout ends a call whose peer sends no audio for so long; default
	// 20s, 5s to 10m.
	RTPTimeout Duration `json:"rtp_timeout,omitempty"`
	// Codecs lists what is offered and accepted, of "pcmu", "pcma" and "g722",
	// in order of preference; default pcmu, pcma. A buyer is offered the caller's
	// codec first. Audio is converted only where caller and buyer agreed on
	// different ones.
	Codecs []string `json:"codecs,omitempty"`
	// Ptime is how much audio, in ms, the peer is asked to put into a packet:
	// 10 to 60 in steps of 10, default 20. A peer's own wish counts for what is
	// sent to it.
	Ptime int `json:"ptime,omitempty"`
	// DTMF is how keys travel: "auto" (default) by telephone-event (RFC 4733),
	// and with a peer that has none as tones in the audio, while SIP INFO is
	// understood; "rfc4733" by telephone-event only; "info" by SIP INFO only;
	// "inband" as tones only.
	DTMF string `json:"dtmf,omitempty"`
	// SRTP is what is done about encrypted audio with keys in the signalling
	// (RFC 4568): "refuse" (default) takes and offers plain RTP only; "offer"
	// takes both and offers SRTP first, then plain RTP to a peer that refuses it
	// with 488; "require" takes and offers SRTP only.
	SRTP string `json:"srtp,omitempty"`
	// SRTPInsecure lets SRTP keys cross signalling that is not encrypted itself,
	// where whoever reads it can decrypt the audio.
	SRTPInsecure bool `json:"srtp_insecure,omitempty"`
	// Latch says from where audio is taken: "nat" (default) follows a peer whose
	// packets come from another port or from where its signalling comes from, as
	// RFC 7362 describes; "signalled" hears the address of its SDP only.
	Latch string `json:"latch,omitempty"`
	// Reliable says whether provisional responses are acknowledged (RFC 3262):
	// "supported" (default) where the peer requires it; "required" requires it
	// of who is called, and rings reliably to callers who know it; "off" does
	// without and refuses callers who require it.
	Reliable string `json:"reliable,omitempty"`
	// SessionExpires is how long a call may go on without a sign of life in its
	// signalling (RFC 4028), of which either side gives one at half the time:
	// default 30m, 90s to 24h, or "off". Peers that know no session timers are
	// left without.
	SessionExpires SessionTimer `json:"session_expires,omitempty"`
	// Transfers says where the agents behind the trunk may send a caller, for
	// targets that do not say it themselves; default nowhere.
	Transfers *Transfers `json:"transfers,omitempty"`
}

// The policies of Trunk.SRTP, Trunk.DTMF and Trunk.Latch; "" is the first.
const (
	SRTPRefuse     = "refuse"
	SRTPOffer      = "offer"
	SRTPRequire    = "require"
	DTMFAuto       = "auto"
	DTMFEvents     = "rfc4733"
	DTMFInfo       = "info"
	DTMFInband     = "inband"
	LatchNAT       = "nat"
	LatchSignalled = "signalled"
)

// The policies of Trunk.Diversion; "" is the first.
const (
	DiversionNone    = "none"
	DiversionOld     = "diversion"
	DiversionHistory = "history-info"
	DiversionBoth    = "both"
)

// Encrypted reports whether signalling over the transport is encrypted.
func Encrypted(transport string) bool { return transport == "tls" || transport == "wss" }

// Account is what a caller proves itself with (RFC 7616, SHA-256 and MD5).
type Account struct {
	// Username is 1 to 64 of letters, digits and -_.+@; no two trunks may have
	// the same one.
	Username string `json:"username,omitempty"`
	// Password is 12 to 128 characters.
	Password Secret `json:"password,omitempty"`
	// Algorithm is "md5" or "sha-256" to take only that; default both. Some
	// callers know MD5 only and give up when they read of another.
	Algorithm string `json:"algorithm,omitempty"`
}

// Takes reports whether an answer by the algorithm, as RFC 7616 names it in
// lower case, counts; "" is MD5.
func (a Account) Takes(algorithm string) bool {
	if algorithm == "" {
		algorithm = "md5"
	}
	return (algorithm == "md5" || algorithm == "sha-256") && (a.Algorithm == "" || a.Algorithm == algorithm)
}

var usernameForm = regexp.MustCompile(`^[A-Za-z0-9._+@-]{1,64}$`)

func (a Account) problems(c *checker) {
	if a == (Account{}) {
		return
	}
	c.that(usernameForm.MatchString(a.Username), "accept.username", "%.70q is not 1 to 64 of letters, digits and -_.+@", a.Username)
	n := len(a.Password.Reveal())
	c.that(n >= 12 && n <= 128, "accept.password", "has %d characters, not 12 to 128", n)
	c.that(a.Algorithm == "" || a.Algorithm == "md5" || a.Algorithm == "sha-256", "accept.algorithm", "%.20q is not md5 or sha-256", a.Algorithm)
	c.that(a.Username == "" || a.Password.Reveal() != a.Username, "accept.password", "is the username")
}

// DefaultRTPTimeout is how long a peer may be silent on the wire before the
// call is ended.
const DefaultRTPTimeout = 20 * time.Second

// Key identifies the trunk.
func (t *Trunk) Key() Key { return Key{KindTrunk, t.Name} }

func (t *Trunk) refs(need func(string, Key)) { t.Transfers.refs(need) }

// Validate returns what is unsound in the trunk.
func (t *Trunk) Validate() []Problem {
	c := check(t)
	c.name()
	c.that(len(t.From) > 0 || t.Address != "" || t.Accept.Username != "", "from", "neither from nor accept (calls in) nor address (calls out) is given")
	t.Accept.problems(c)
	for i, s := range t.From {
		if _, err := ParsePrefix(s); err != nil {
			c.addf(index("from", i), "%.60q is not an address or CIDR", s)
		}
	}
	if t.Address != "" {
		_, _, err := t.HostPort()
		c.that(err == nil, "address", "%.80q is not host:port", t.Address)
	}
	t.checkReach(c)
	c.that((t.Username == "") == (t.Password == ""), "password", "username and password go together")
	c.that(slices.Contains([]string{"", DiversionNone, DiversionOld, DiversionHistory, DiversionBoth}, t.Diversion), "diversion", "%.20q is not none, diversion, history-info or both", t.Diversion)
	c.between("follow_redirects", t.FollowRedirects, 0, 5)
	c.between("max_calls", t.MaxCalls, 0, 100_000)
	c.between("calls_per_second", t.CallsPerSecond, 0, 10_000)
	c.span("rtp_timeout", t.RTPTimeout, Duration(5*time.Second), Duration(10*time.Minute))
	for i, s := range t.Codecs {
		c.that(s == "pcmu" || s == "pcma" || s == "g722", index("codecs", i), "%.20q is not pcmu, pcma or g722", s)
	}
	t.checkMedia(c)
	t.checkDialog(c)
	t.Transfers.check(c, "transfers")
	return c.problems
}

func (t *Trunk) checkMedia(c *checker) {
	switch t.SRTP {
	case "", SRTPRefuse:
		c.that(!t.SRTPInsecure, "srtp_insecure", "is of no use without srtp")
	case SRTPOffer, SRTPRequire:
		c.that(Encrypted(t.Transport) || t.SRTPInsecure, "srtp", "sends its keys in the clear over transport %q: use tls or wss, or set srtp_insecure", cmp.Or(t.Transport, "udp"))
	default:
		c.addf("srtp", "%.20q is not refuse, offer or require", t.SRTP)
	}
	c.between("ptime", t.Ptime, 0, 60)
	c.that(t.Ptime%10 == 0, "ptime", "%d is not a multiple of 10", t.Ptime)
	switch t.DTMF {
	case "", DTMFAuto, DTMFEvents, DTMFInfo, DTMFInband:
	default:
		c.addf("dtmf", "%.20q is not auto, rfc4733, info or inband", t.DTMF)
	}
	c.that(t.Latch == "" || t.Latch == LatchNAT || t.Latch == LatchSignalled, "latch", "%.20q is not nat or signalled", t.Latch)
}

// HostPort returns the host and port of Address, by default the port of the
// transport.
func (t *Trunk) HostPort() (host string, port int, err error) {
	return hostPort(t.Address, t.Transport)
}

// ProxyHostPort returns the host and port of Proxy.
func (t *Trunk) ProxyHostPort() (host string, port int, err error) {
	return hostPort(t.Proxy, t.Transport)
}

func hostPort(address, transport string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		host, p = strings.Trim(address, "[]"), defaultPort(transport)
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 1 || port > 65535 || host == "" || len(host) > 255 {
		return "", 0, FieldError("address", "%.80q is not host:port", address)
	}
	for _, r := range host {
		if r <= ' ' || r == '<' || r == '>' || r == ';' || r == '@' || r == '"' || r == '/' || r > '~' {
			return "", 0, FieldError("address", "%.80q is not host:port", address)
		}
	}
	return host, port, nil
}

// Admits reports whether calls may come from the address to this trunk. Where
// the trunk has Accept, its caller has to prove itself beside that.
func (t *Trunk) Admits(a netip.Addr) bool {
	for _, s := range t.From {
		if p, err := ParsePrefix(s); err == nil && p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// ParsePrefix reads "10.0.0.0/8" or a single address.
func ParsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
