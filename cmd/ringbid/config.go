package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/capture"
	"github.com/ringbid/ringbid/sip/leg"
)

// config is what an operator sets on the command line or in RINGBID_ variables.
type config struct {
	Data        string
	SIP         string
	SIPCert     string
	SIPKey      string
	SIPCA       string
	DNS         string
	RTP         string
	HTTP        string
	DatabaseURL string
	Recordings  string
	Advertise   string
	Node        string
	AllowHTTP   string
	PublicURL   string
	SMTP        string
	MailFrom    string
	MailRoots   string
	DKIM        string
	AlertTo     string
	MaxCalls    int
	RTPPoll     bool
	SIPExempt   string
	RTP6        string
	Advertise6  string
	RTPDSCP     int
	SIPDSCP     int

	CallsPerSecond int
	Drain          time.Duration
	LogLevel       string
	TrustProxy     bool
	Capture        string
	CaptureKeep    time.Duration
	Homer          string
	HomerKey       string

	fast bool  // tests: no fsync
	bad  error // in the environment
}

// flags declares the settings, their defaults taken from the environment.
func (c *config) flags(f *pflag.FlagSet) {
	str := func(p *string, name, def, usage string) {
		f.StringVar(p, name, env(name, def), usage+" [RINGBID_"+envName(name)+"]")
	}
	str(&c.Data, "data", "data", "folder for everything kept on this machine")
	str(&c.SIP, "sip", "udp:127.0.0.1:5060", "where calls are taken: udp:IP:PORT[,tcp:IP:PORT…], also tls, ws and wss")
	str(&c.SIPCert, "sip-cert", "", "certificate chain shown over tls and wss, a PEM file; read again when it changes")
	str(&c.SIPKey, "sip-key", "", "the key of --sip-cert, a PEM file")
	str(&c.DNS, "dns", "", "DNS servers for trunks' domains, IP:PORT comma separated (default the system's)")
	str(&c.SIPCA, "sip-client-ca", "", "authorities of callers' certificates, a PEM file; callers without one are taken where their trunk does not ask")
	str(&c.RTP, "rtp", "127.0.0.1:20000-29999", "address and ports for audio: IP:FROM-TO")
	str(&c.RTP6, "rtp6", "", "IPv6 address for audio beside that of --rtp, on the same ports")
	str(&c.Advertise6, "advertise6", "", "IPv6 address for audio that others reach us by, where it differs from --rtp6")
	f.IntVar(&c.RTPDSCP, "rtp-dscp", c.envInt("rtp-dscp", 46), "DSCP of audio packets, 0 to 63 [RINGBID_RTP_DSCP]")
	f.IntVar(&c.SIPDSCP, "sip-dscp", c.envInt("sip-dscp", 24), "DSCP of SIP messages, 0 to 63 [RINGBID_SIP_DSCP]")
	str(&c.HTTP, "http", "127.0.0.1:8080", "where the pages are served: IP:PORT")
	c.storage(f)
	str(&c.Recordings, "recordings", "", "where recordings end up: a folder or s3://bucket/prefix (default DATA/recordings)")
	str(&c.Advertise, "advertise", "", "address that others reach us by, where it differs from the bound one")
	str(&c.Node, "node", "", "name of this node (default kept in the data folder)")
	str(&c.AllowHTTP, "allow-http", "", "private hosts or networks that configured HTTP requests may reach, comma separated")
	str(&c.PublicURL, "public-url", "", "address by which others reach the pages, https://leads.example.com")
	str(&c.SMTP, "smtp", "", "mail server for letters: smtp://user:password@host:587 or smtps://…:465")
	str(&c.MailFrom, "mail-from", defaultMailFrom, "who letters are from")
	str(&c.MailRoots, "smtp-ca", "", "file of certificates by which the mail server is believed, beside the system's")
	str(&c.DKIM, "dkim", "", "signs letters: DOMAIN:SELECTOR:FILE, the file an RSA or Ed25519 key in PEM")
	str(&c.AlertTo, "alert-to", "", "mail addresses that get alerts, comma separated")
	str(&c.Capture, "capture", capture.Headers, "what is kept of each call's wire: off, signaling (SIP), or headers (and those of RTP)")
	f.DurationVar(&c.CaptureKeep, "capture-keep", c.envDuration("capture-keep", capture.DefaultKeep), "how long captures are kept [RINGBID_CAPTURE_KEEP]")
	str(&c.Homer, "homer", "", "Homer server that gets every SIP message as HEPv3: HOST:PORT")
	str(&c.HomerKey, "homer-key", "", "password of the Homer server, if it wants one")
	str(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&c.TrustProxy, "trust-proxy", env("trust-proxy", "") == "true", "believe X-Forwarded-For and -Proto: only behind a proxy that writes them [RINGBID_TRUST_PROXY=true]")
	f.BoolVar(&c.RTPPoll, "rtp-poll", env("rtp-poll", "") == "true", "look for audio once a millisecond instead of waking for each packet: less processor time at many hundred calls, up to 1 ms more delay [RINGBID_RTP_POLL=true]")
	f.IntVar(&c.MaxCalls, "max-calls", c.envInt("max-calls", 1000), "calls at once on this node [RINGBID_MAX_CALLS]")
	f.IntVar(&c.CallsPerSecond, "calls-per-second", c.envInt("calls-per-second", 200), "new calls a second on this node, 0 for no limit [RINGBID_CALLS_PER_SECOND]")
	str(&c.SIPExempt, "sip-exempt", "", "addresses or networks never slowed or muted for the calls they try, comma separated; lets nobody in")
	f.DurationVar(&c.Drain, "drain", c.envDuration("drain", 5*time.Minute), "how long live calls may go on after SIGTERM [RINGBID_DRAIN]")
}

// storage declares only where the data is, for the commands that read it.
func (c *config) storage(f *pflag.FlagSet) {
	if f.Lookup("data") == nil {
		f.StringVar(&c.Data, "data", env("data", "data"), "folder for everything kept on this machine [RINGBID_DATA]")
	}
	f.StringVar(&c.DatabaseURL, "database-url", env("database-url", os.Getenv("DATABASE_URL")), "Postgres to use; none: a private one in the data folder [RINGBID_DATABASE_URL, DATABASE_URL]")
}

func envName(flag string) string { return strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }

func env(flag, def string) string {
	if v, ok := os.LookupEnv("RINGBID_" + envName(flag)); ok {
		return v
	}
	return def
}

func (c *config) envInt(flag string, def int) int {
	v := env(flag, "")
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		c.bad = fmt.Errorf("RINGBID_%s=%q is not a number", envName(flag), v)
	}
	return n
}

func (c *config) envDuration(flag string, def time.Duration) time.Duration {
	v := env(flag, "")
	if v == "" {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		c.bad = fmt.Errorf("RINGBID_%s=%q is not a duration such as 90s", envName(flag), v)
	}
	return d
}

// check finds what cannot work before anything is started.
func (c *config) check() error {
	_, errSIP := c.listeners()
	_, _, _, errRTP := c.rtpRange()
	_, errAdvertise := c.advertised()
	_, _, errRTP6 := c.rtp6()
	var errHTTP error
	if _, _, err := net.SplitHostPort(c.HTTP); err != nil {
		errHTTP = fmt.Errorf("--http %q is not IP:PORT", c.HTTP)
	}
	switch {
	case c.bad != nil:
		return c.bad
	case c.MaxCalls < 1:
		return fmt.Errorf("--max-calls %d is less than one", c.MaxCalls)
	case c.CallsPerSecond < 0:
		return fmt.Errorf("--calls-per-second %d is negative", c.CallsPerSecond)
	case c.RTPDSCP < 0 || c.RTPDSCP > 63:
		return fmt.Errorf("--rtp-dscp %d is not within 0-63", c.RTPDSCP)
	case c.SIPDSCP < 0 || c.SIPDSCP > 63:
		return fmt.Errorf("--sip-dscp %d is not within 0-63", c.SIPDSCP)
	case c.Drain < 0:
		return fmt.Errorf("--drain %s is negative", c.Drain)
	}
	_, errExempt := c.exempt()
	return errors.Join(errSIP, errRTP, errRTP6, errHTTP, errAdvertise, errExempt)
}

// listeners reads --sip.
func (c *config) listeners() ([]leg.Listener, error) {
	var out []leg.Listener
	for part := range strings.SplitSeq(c.SIP, ",") {
		network, addr, ok := strings.Cut(strings.TrimSpace(part), ":")
		ap, err := netip.ParseAddrPort(addr)
		if !ok || err != nil || !slices.Contains([]string{"udp", "tcp", "tls", "ws", "wss"}, network) {
			return nil, fmt.Errorf("--sip %q is not udp:IP:PORT, or tcp, tls, ws or wss:IP:PORT", part)
		}
		if ap.Addr().IsUnspecified() {
			return nil, fmt.Errorf("--sip %q: name one address of this machine, not all of them", part)
		}
		if (network == "tls" || network == "wss") && c.SIPCert == "" {
			return nil, fmt.Errorf("--sip %q needs a certificate: --sip-cert and --sip-key", part)
		}
		out = append(out, leg.Listener{Network: network, Addr: addr})
	}
	return out, nil
}

// exempt reads --sip-exempt.
func (c *config) exempt() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for part := range strings.SplitSeq(c.SIPExempt, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		p, err := ringbid.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("--sip-exempt %q is not an address or CIDR", part)
		}
		out = append(out, p)
	}
	return out, nil
}

// dnsServers reads --dns.
func (c *config) dnsServers() ([]string, error) {
	var out []string
	for s := range strings.SplitSeq(c.DNS, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if _, err := netip.ParseAddrPort(s); err != nil {
			return nil, fmt.Errorf("--dns %q is not IP:PORT", s)
		}
		out = append(out, s)
	}
	return out, nil
}

// keys reads --sip-cert, --sip-key and --sip-client-ca; nil where none is given.
func (c *config) keys(log *slog.Logger) (*leg.Keys, error) {
	if c.SIPCert == "" && c.SIPKey == "" && c.SIPCA == "" {
		return nil, nil
	}
	if c.SIPCert == "" || c.SIPKey == "" {
		return nil, errors.New("--sip-cert and --sip-key go together")
	}
	return leg.LoadKeys(c.SIPCert, c.SIPKey, c.SIPCA, log)
}

// rtpRange reads --rtp.
func (c *config) rtpRange() (ip netip.Addr, from, to int, err error) {
	host, ports, errSplit := net.SplitHostPort(c.RTP)
	a, b, isRange := strings.Cut(ports, "-")
	ip, errIP := netip.ParseAddr(host)
	from, errFrom := strconv.Atoi(a)
	to, errTo := strconv.Atoi(b)
	if errSplit != nil || !isRange || errIP != nil || errFrom != nil || errTo != nil || from < 1024 || to > 65535 || to-from < 3 {
		return ip, 0, 0, fmt.Errorf("--rtp %q is not IP:FROM-TO with ports of 1024 to 65535", c.RTP)
	}
	return ip, from, to, nil
}

// rtp6 reads --rtp6 and --advertise6; zero addresses where they are not given.
func (c *config) rtp6() (bind, advertise netip.Addr, err error) {
	if c.RTP6 == "" && c.Advertise6 == "" {
		return bind, advertise, nil
	}
	if bind, err = netip.ParseAddr(c.RTP6); err != nil || !bind.Is6() {
		return bind, advertise, fmt.Errorf("--rtp6 %q is not an IPv6 address", c.RTP6)
	}
	if c.Advertise6 == "" {
		return bind, advertise, nil
	}
	if advertise, err = netip.ParseAddr(c.Advertise6); err != nil || !advertise.Is6() {
		return bind, advertise, fmt.Errorf("--advertise6 %q is not an IPv6 address", c.Advertise6)
	}
	return bind, advertise, nil
}

// dscp is a mark as the packages take it, where 0 is the default.
func dscp(v int) int {
	if v == 0 {
		return -1
	}
	return v
}

// advertised reads --advertise; the zero address where it is not given.
func (c *config) advertised() (netip.Addr, error) {
	if c.Advertise == "" {
		return netip.Addr{}, nil
	}
	ip, err := netip.ParseAddr(c.Advertise)
	if err != nil {
		return ip, fmt.Errorf("--advertise %q is not an address", c.Advertise)
	}
	return ip, nil
}

// allowed reads --allow-http.
func (c *config) allowed() []string {
	var out []string
	for s := range strings.SplitSeq(c.AllowHTTP, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (c *config) path(parts ...string) string {
	return filepath.Join(append([]string{c.Data}, parts...)...)
}

// nodeName returns the node's name, made once and kept in the data folder.
func (c *config) nodeName() (string, error) {
	if c.Node != "" {
		return c.Node, nil
	}
	file := c.path("node")
	if b, err := os.ReadFile(file); err == nil {
		if name := strings.TrimSpace(string(b)); name != "" && len(name) <= 64 {
			return name, nil
		}
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "node"
	}
	name := fmt.Sprintf("%.40s-%04x", host, time.Now().UnixNano()&0xffff)
	return name, os.WriteFile(file, []byte(name+"\n"), 0o644)
}
