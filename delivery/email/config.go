package email

import (
	"crypto/x509"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Config says by which server letters go, and whose they are.
type Config struct {
	// URL is the server: "smtp://user:password@host:587" goes over TLS where the
	// server offers STARTTLS, and with credentials only then;
	// "smtps://user:password@host:465" begins with TLS. Ports default to 587 with
	// credentials, 25 without, and 465.
	URL string
	// From is who writes, "Leads <leads@example.com>".
	From string
	// Bounce is the domain to which bounces go, each to an address of its own;
	// without it they go to From's address.
	Bounce string
	// BounceKey keys the code in those addresses; 16 bytes at least with Bounce.
	BounceKey []byte
	DKIM      *DKIM // nil for unsigned letters
	// Timeout bounds the whole conversation, 60 s by default; reaching the server
	// takes 10 s of it at the most.
	Timeout time.Duration
	// Roots are the authorities whose certificates are believed; nil for the
	// system's.
	Roots *x509.CertPool
	Now   func() time.Time // time.Now unless given
}

const (
	defaultTimeout = time.Minute
	dialTimeout    = 10 * time.Second
	minBounceKey   = 16 // bytes
)

// Mailer sends letters by one server. Its methods may be called from any
// goroutine.
type Mailer struct {
	cfg    Config
	server server
	from   *mail.Address
	domain string // From's
}

// New makes a mailer. The error is Invalid, names the field, and never repeats
// the URL.
func New(cfg Config) (*Mailer, error) {
	m := &Mailer{cfg: cfg}
	var err error
	if m.server, err = parseServer(cfg.URL); err != nil {
		return nil, err
	}
	if m.from, err = parseAddress(cfg.From); err != nil {
		return nil, ringbid.FieldError("from", "%s", err)
	}
	_, m.domain, _ = strings.Cut(m.from.Address, "@")
	if cfg.Bounce != "" {
		if !domainName(cfg.Bounce) {
			return nil, ringbid.FieldError("bounce", "%.80q is not a domain", cfg.Bounce)
		}
		if len(cfg.BounceKey) < minBounceKey {
			return nil, ringbid.FieldError("bounce_key", "needs %d bytes at least", minBounceKey)
		}
	}
	if cfg.DKIM != nil {
		if err := cfg.DKIM.check(); err != nil {
			return nil, ringbid.FieldError("dkim", "%s", err)
		}
	}
	if m.cfg.Timeout <= 0 {
		m.cfg.Timeout = defaultTimeout
	}
	if m.cfg.Now == nil {
		m.cfg.Now = time.Now
	}
	return m, nil
}

// server is where letters go and who we are there.
type server struct {
	host, port     string
	implicit       bool // TLS from the first byte
	user, password string
}

func (s server) address() string { return net.JoinHostPort(s.host, s.port) }

func (s server) known() bool { return s.user != "" }

func parseServer(raw string) (server, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return server{}, ringbid.FieldError("url", "is not a URL")
	}
	s := server{host: u.Hostname(), port: u.Port(), implicit: u.Scheme == "smtps", user: u.User.Username()}
	s.password, _ = u.User.Password()
	switch {
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return s, ringbid.FieldError("url", "begins with neither smtp:// nor smtps://")
	case !domainName(s.host) && net.ParseIP(s.host) == nil:
		return s, ringbid.FieldError("url", "names no host")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return s, ringbid.FieldError("url", "holds more than a user, a host and a port")
	case u.User != nil && (s.user == "" || s.password == ""):
		return s, ringbid.FieldError("url", "needs both user and password, or neither")
	case hasControl(s.user) || hasControl(s.password):
		return s, ringbid.FieldError("url", "has control characters in its user or password")
	}
	if n, err := strconv.Atoi(s.port); s.port != "" && (err != nil || n < 1 || n > 65535) {
		return s, ringbid.FieldError("url", "has a port that is none")
	}
	if s.port == "" {
		s.port = s.defaultPort()
	}
	return s, nil
}

func (s server) defaultPort() string {
	switch {
	case s.implicit:
		return "465"
	case s.known():
		return "587"
	}
	return "25"
}
