package leg

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// keysCheck is how often the files of a key pair are looked at, at most.
const keysCheck = time.Second

// maxKeyFile bounds the files a certificate is read from.
const maxKeyFile = 1 << 20

// Keys is the certificate this machine shows, read from files and read again
// when they change.
type Keys struct {
	certificate, key, clients string
	log                       *slog.Logger

	mu      sync.Mutex
	checked time.Time
	stamp   string
	pair    *tls.Certificate
	roots   *x509.CertPool
	failed  string // the last complaint, told once
}

// LoadKeys reads a certificate chain and its key, both PEM, and optionally the
// authorities that callers' certificates must come from. Files that change are
// read again at the next connection; while they cannot be read the former ones
// stay in use.
func LoadKeys(certificate, key, clients string, log *slog.Logger) (*Keys, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	k := &Keys{certificate: certificate, key: key, clients: clients, log: log}
	k.stamp = k.stampNow()
	k.checked = time.Now()
	return k, k.read()
}

// read takes the files as they are. The caller holds mu or is alone.
func (k *Keys) read() error {
	certificate, err := readBounded(k.certificate)
	if err != nil {
		return err
	}
	key, err := readBounded(k.key)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", k.certificate, k.key, err)
	}
	var roots *x509.CertPool
	if k.clients != "" {
		pem, err := readBounded(k.clients)
		if err != nil {
			return err
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s has no certificate", k.clients)
		}
	}
	k.pair, k.roots = &pair, roots
	return nil
}

func readBounded(file string) ([]byte, error) {
	if info, err := os.Stat(file); err == nil && info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB", file)
	}
	return os.ReadFile(file)
}

func (k *Keys) stampNow() string {
	var b strings.Builder
	for _, file := range []string{k.certificate, k.key, k.clients} {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintf(&b, "%d %d;", info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String()
}

// current returns the pair and the clients' authorities, read anew when the
// files have changed.
func (k *Keys) current() (*tls.Certificate, *x509.CertPool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.checked) >= keysCheck {
		k.checked = now
		if stamp := k.stampNow(); stamp != k.stamp {
			k.reload(stamp)
		}
	}
	return k.pair, k.roots
}

func (k *Keys) reload(stamp string) {
	if err := k.read(); err != nil { // a pair is two files: the other may follow
		if text := err.Error(); text != k.failed {
			k.failed = text
			k.log.Warn("certificate not taken, the former one stays", slog.Any("error", err))
		}
		return
	}
	k.stamp, k.failed = stamp, ""
	k.log.Info("certificate read again", slog.String("file", k.certificate))
}

// server is how callers are met: TLS 1.2 and up, and a client certificate
// checked when there is one.
func (k *Keys) server() *tls.Config {
	base := &tls.Config{MinVersion: tls.VersionTLS12}
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		pair, roots := k.current()
		c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*pair}}
		if roots != nil {
			c.ClientAuth, c.ClientCAs = tls.RequestClientCert, roots
			c.VerifyConnection = func(cs tls.ConnectionState) error { return verifyClient(cs, roots) }
		}
		return c, nil
	}
	return base
}

// verifyClient lets callers without a certificate in; what a trunk asks for is
// checked when the call comes. Carriers show the certificate they serve with,
// so any extended usage will do.
func verifyClient(cs tls.ConnectionState, roots *x509.CertPool) error {
	if len(cs.PeerCertificates) == 0 {
		return nil
	}
	return verifyChain(cs, roots, x509.ExtKeyUsageAny)
}

func verifyChain(cs tls.ConnectionState, roots *x509.CertPool, use x509.ExtKeyUsage) error {
	between := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use}})
	return err
}

// Client is what a peer we connect to by TLS must prove, and what we show. It
// must not be changed.
type Client struct {
	name string
	pair *tls.Certificate
	root *x509.CertPool
	id   string
}

// NewClient makes a Client. name is the domain that the peer's certificate must
// be for (RFC 5922): the one calls were configured to go to, whatever host it
// was looked up to. authorities is PEM, empty for the system's. certificate and
// key are PEM; both are empty to show the one of Config.Keys, if any.
func NewClient(name, authorities, certificate, key string) (*Client, error) {
	c := &Client{name: strings.ToLower(strings.Trim(name, "[]"))}
	if c.name == "" {
		return nil, fmt.Errorf("%w: no name to check a certificate against", ErrInput)
	}
	if authorities != "" {
		if c.root = x509.NewCertPool(); !c.root.AppendCertsFromPEM([]byte(authorities)) {
			return nil, fmt.Errorf("%w: no certificate of an authority", ErrInput)
		}
	}
	if certificate != "" || key != "" {
		pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
		if err != nil {
			return nil, fmt.Errorf("%w: client certificate: %w", ErrInput, err)
		}
		c.pair = &pair
	}
	sum := sha256.Sum256([]byte(c.name + "\x00" + authorities + "\x00" + certificate))
	c.id = hex.EncodeToString(sum[:])
	return c, nil
}

// identity tells apart what must not share a connection (RFC 5923 section 9).
func (c *Client) identity() string {
	if c == nil {
		return ""
	}
	return c.id
}

// config is how we meet a peer. The check is ours, since crypto/tls knows
// nothing of sip: names in a certificate.
func (c *Client) config(own *Keys) *tls.Config {
	out := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} //nolint:gosec // verified below
	if net.ParseIP(c.name) == nil {
		out.ServerName = c.name
	}
	out.VerifyConnection = func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return errors.New("peer shows no certificate")
		}
		if err := verifyChain(cs, c.root, x509.ExtKeyUsageServerAuth); err != nil {
			return err
		}
		return checkName(cs.PeerCertificates[0], c.name)
	}
	out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		switch {
		case c.pair != nil:
			return c.pair, nil
		case own != nil:
			pair, _ := own.current()
			return pair, nil
		}
		return new(tls.Certificate), nil // none
	}
	return out
}

// checkName compares the names of a certificate with the domain (RFC 5922
// section 7). Its sip: names decide alone when it has any; of DNS names
// wildcards are taken, which section 7.2 forbids and carriers present.
func checkName(cert *x509.Certificate, name string) error {
	names := sipNames(cert)
	if len(names) == 0 {
		return cert.VerifyHostname(name)
	}
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return nil
		}
	}
	return fmt.Errorf("certificate is for sip:%s, not for %s", strings.Join(names, ", sip:"), name)
}

// sipNames lists the domains of a certificate's SIP URIs; one with a user is
// not a domain (RFC 5922 section 7.1).
func sipNames(cert *x509.Certificate) []string {
	var out []string
	for _, u := range cert.URIs {
		if !strings.EqualFold(u.Scheme, "sip") || strings.Contains(u.Opaque+u.Host, "@") || u.User != nil {
			continue
		}
		host, _, _ := strings.Cut(u.Opaque+u.Host, ";")
		out = append(out, strings.ToLower(host))
	}
	return out
}

// namesOf lists the names of a verified client certificate, lower case.
func namesOf(cs tls.ConnectionState) []string {
	if len(cs.PeerCertificates) == 0 {
		return nil
	}
	cert := cs.PeerCertificates[0]
	names := sipNames(cert)
	for _, n := range cert.DNSNames {
		names = append(names, strings.ToLower(n))
	}
	return names
}

// secured reports whether a network is TLS below.
func secured(network string) bool { return network == "tls" || network == "wss" }

// streamed reports whether a network is made of connections.
func streamed(network string) bool { return network != "udp" }

// known reports whether network is one we speak.
func known(network string) bool {
	switch network {
	case "udp", "tcp", "tls", "ws", "wss":
		return true
	}
	return false
}
