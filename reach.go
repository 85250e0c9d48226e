package ringbid

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Transports a trunk may use.
var transports = []string{"udp", "tcp", "tls", "ws", "wss"}

// TrunkTLS is what holds over tls and wss.
type TrunkTLS struct {
	// Name is the domain that the peer's certificate must be for; default the
	// host of the address (RFC 5922).
	Name string `json:"name,omitempty"`
	// CA is the certificates, PEM, of the authorities that are believed; default
	// the system's.
	CA string `json:"ca,omitempty"`
	// Certificate and Key, PEM, are shown to the peer when it asks; default this
	// machine's.
	Certificate string `json:"certificate,omitempty"`
	Key         Secret `json:"key,omitempty"`
	// Peer is a name that the certificate of a caller must have: calls that come
	// without it, or not over TLS, are refused with 403.
	Peer string `json:"peer,omitempty"`
}

// Registration has the trunk register with a registrar (RFC 3261 section 10).
// The trunk's username and password answer its challenges.
type Registration struct {
	// User is the user part of the address of record.
	User string `json:"user,omitempty"`
	// Registrar is the registrar's domain or "host:port"; default the address.
	Registrar string `json:"registrar,omitempty"`
	// Expires is what is asked for; default 1h, 1m to 24h. The registrar may say
	// otherwise.
	Expires Duration `json:"expires,omitempty"`
}

// DefaultHealth is how often a trunk with an address is asked for its health.
const DefaultHealth = 30 * time.Second

// HealthOff is the Health of a trunk that is not asked.
const HealthOff = "off"

// HealthEvery is how often the trunk is asked whether it is there, 0 for never.
func (t *Trunk) HealthEvery() time.Duration {
	if t.Address == "" || t.Health == HealthOff {
		return 0
	}
	var d Duration
	if err := d.UnmarshalText([]byte(t.Health)); t.Health == "" || err != nil || d == 0 {
		return DefaultHealth
	}
	return d.D()
}

// Network is the transport, "udp" where none is given.
func (t *Trunk) Network() string {
	if t.Transport == "" {
		return "udp"
	}
	return t.Transport
}

// FixedPort reports whether the address names a port, or is an IP address: such
// an address is where calls go, others are looked up as RFC 3263 says.
func FixedPort(address string) bool {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(address, "[]"))
	return err == nil
}

// CertificateName is the domain that the peer's certificate must be for.
func (t *Trunk) CertificateName() string {
	if t.TLS.Name != "" {
		return t.TLS.Name
	}
	host, _, err := t.HostPort()
	if err != nil {
		return ""
	}
	return host
}

// Requires reports whether the trunk takes a caller whose verified certificate
// has these names.
func (t *Trunk) Requires(names []string) bool {
	return t.TLS.Peer == "" || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, t.TLS.Peer) })
}

// defaultPort is where a transport is served when no port is given.
func defaultPort(transport string) string {
	switch transport {
	case "tls":
		return "5061"
	case "ws":
		return "80"
	case "wss":
		return "443"
	}
	return "5060"
}

func (t *Trunk) checkReach(c *checker) {
	c.that(t.Transport == "" || slices.Contains(transports, t.Transport), "transport", "%.20q is not udp, tcp, tls, ws or wss", t.Transport)
	t.TLS.check(c, Encrypted(t.Transport))
	if t.Health != "" && t.Health != HealthOff {
		var d Duration
		err := d.UnmarshalText([]byte(t.Health))
		c.that(err == nil && d.D() >= 5*time.Second && d.D() <= time.Hour, "health", `%.20q is not "off" or a span of 5s to 1h`, t.Health)
		c.that(t.Address != "", "health", "there is no address to ask")
	}
	if t.Proxy != "" {
		_, _, err := hostPort(t.Proxy, t.Transport)
		c.that(err == nil, "proxy", "%.80q is not host:port", t.Proxy)
		c.that(t.Address != "", "proxy", "there is no address to reach by it")
	}
	t.checkRegister(c)
}

func (t *Trunk) checkRegister(c *checker) {
	r := t.Register
	if r == (Registration{}) {
		return
	}
	c.that(SIPUser(r.User), "register.user", "%.60q is not a number or SIP user", r.User)
	c.that(t.Address != "", "register.registrar", "there is no address: calls would come in and none could be checked")
	if r.Registrar != "" {
		_, _, err := hostPort(r.Registrar, t.Transport)
		c.that(err == nil, "register.registrar", "%.80q is not host:port", r.Registrar)
	}
	c.span("register.expires", r.Expires, Duration(time.Minute), Duration(24*time.Hour))
}

func (x TrunkTLS) check(c *checker, encrypted bool) {
	const most = 64 << 10
	c.that(x.Name == "" || hostName(x.Name), "tls.name", "%.80q is not a domain", x.Name)
	c.that(x.Peer == "" || hostName(x.Peer), "tls.peer", "%.80q is not a domain", x.Peer)
	c.that(encrypted || x.Name == "" && x.CA == "" && x.Certificate == "" && x.Key == "", "tls", "is of use over transport tls and wss only")
	c.that(len(x.CA) <= most && len(x.Certificate) <= most && len(x.Key) <= most, "tls", "has a text over 64 KiB")
	if x.CA != "" {
		c.that(x509.NewCertPool().AppendCertsFromPEM([]byte(x.CA)), "tls.ca", "has no certificate in PEM")
	}
	c.that((x.Certificate == "") == (x.Key == ""), "tls.key", "certificate and key go together")
	if x.Certificate != "" && x.Key != "" {
		_, err := tls.X509KeyPair([]byte(x.Certificate), []byte(x.Key.Reveal()))
		c.that(err == nil, "tls.certificate", "does not go with its key: %v", err)
	}
}

func hostName(s string) bool {
	for _, r := range s {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._:", r) {
			continue
		}
		return false
	}
	return len(s) <= 253
}
