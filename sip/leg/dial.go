package leg

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Dial starts an outbound call and returns at once. Everything else, invalid
// parameters included, arrives as a Signal for d.Owner.
func (s *Stack) Dial(d DialConfig) *Leg {
	if d.Network == "" {
		d.Network = "udp"
	}
	if d.CallID == "" {
		d.CallID = randomHex(16)
	}
	l := &Leg{s: s, callID: d.CallID, localTag: randomHex(8), st: calling}
	l.in.init(l, d.Owner)
	l.peer.network = d.Network
	l.out = outbound{cfg: &d, early: map[string]*early{}, acks: map[ackKey]*ack{}}
	l.terms = Terms{Reliable: d.Reliable, SessionExpires: d.SessionExpires, Username: d.Username, Password: d.Password, Fragments: d.Fragments}
	l.session.want = l.terms.interval()
	s.mu.Lock()
	closing := s.closing
	s.dialogs[l.localTag] = l
	s.live++
	s.m.began(false)
	s.mu.Unlock()
	s.own(l, d.Owner)
	if closing {
		l.in.post(message{input: inResolved, err: ErrShutdown})
		return l
	}
	if err := l.prepare(); err != nil {
		l.in.post(message{input: inResolved, err: err})
		return l
	}
	if d.NoAnswer > 0 {
		l.arm(tNoAnswer, d.NoAnswer)
	}
	if host, _, err := splitTarget(d.Target); err == nil && net.ParseIP(host) != nil {
		dest, err := s.resolve(context.Background(), d.Network, d.Target, d.TLS)
		if err != nil || !streamed(d.Network) || dest.local.Port() != 0 {
			l.connectTo(dest, err)
			return l
		}
	}
	s.track(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
		defer cancel()
		dest, err := s.resolve(ctx, d.Network, d.Target, d.TLS)
		if err == nil {
			dest, err = s.ported(ctx, dest)
		}
		l.in.post(message{input: inResolved, dest: &dest, err: err})
	})
	return l
}

// prepare checks the parameters and makes the dialog's addresses.
func (l *Leg) prepare() error {
	c := l.out.cfg
	if !known(c.Network) {
		return fmt.Errorf("%w: network %q", ErrInput, c.Network)
	}
	if !cleanText(c.CallID) || strings.ContainsAny(c.CallID, " <>\"") || len(c.CallID) > 255 {
		return fmt.Errorf("%w: call id", ErrInput)
	}
	if c.Replaces != nil && !c.Replaces.valid() {
		return fmt.Errorf("%w: replaces", ErrInput)
	}
	target, err := parseURI(c.URI)
	if err != nil {
		return err
	}
	if (len(c.SDP) == 0) != c.Late {
		return fmt.Errorf("%w: no offer", ErrInput)
	}
	to := c.To
	if to.User == "" && to.Host == "" {
		to.User, to.Host = userHost(&target)
	}
	remote, err := makeURI(to.User, to.Host)
	if err != nil {
		return err
	}
	if len(c.Routes) > maxRoutes {
		return fmt.Errorf("%w: %d routes", ErrInput, len(c.Routes))
	}
	for _, r := range c.Routes {
		u, err := parseURI(r)
		if err != nil {
			return err
		}
		l.d.routes = append(l.d.routes, u)
	}
	l.d.target = target
	l.d.remote = sipmsg.ToHeader{DisplayName: quote(to.Display), Address: remote}
	l.d.seq = 0
	return nil
}

// onResolved continues where Dial left off when the target was a name.
func (l *Leg) onResolved(m message) (Event, bool) {
	if l.st != calling || l.out.final {
		return Event{}, false
	}
	if m.err == nil && !l.ended && !l.out.told {
		l.connectTo(*m.dest, nil)
		return Event{}, false
	}
	l.out.final = true
	l.last = status{reason: "not sent"}
	l.terminate()
	if l.ended || l.out.told {
		return Event{}, false
	}
	return Event{Kind: Failed, Err: m.err}, true
}

func (l *Leg) connectTo(dest destination, err error) {
	if err == nil {
		err = l.sendInvite(dest)
	}
	if err != nil {
		l.in.post(message{input: inResolved, err: err})
	}
}

// sendInvite sends the first INVITE.
func (l *Leg) sendInvite(dest destination) error {
	c := l.out.cfg
	l.peer = dest
	host := c.From.Host
	if host == "" {
		host = l.s.host(dest)
	}
	local, err := makeURI(c.From.User, host)
	if err != nil {
		return err
	}
	l.d.local = sipmsg.FromHeader{DisplayName: quote(c.From.Display), Address: local}
	l.d.local.Params.Add("tag", l.localTag)
	req, branch, _ := l.compose(sipmsg.INVITE, &l.d)
	if n := c.MaxForwards; n > 0 && n <= 255 {
		forwards := sipmsg.MaxForwardsHeader(n)
		req.ReplaceHeader(&forwards)
	}
	req.AppendHeader(l.s.contact(dest))
	l.announce(req)
	if l.terms.Reliable == ReliableRequired {
		req.AppendHeader(sipmsg.NewHeader("Require", "100rel"))
	}
	l.askSession(req)
	if c.PAI != "" {
		if _, err := parseURI(c.PAI); err != nil {
			return err
		}
		req.AppendHeader(sipmsg.NewHeader("P-Asserted-Identity", "<"+c.PAI+">"))
	}
	if c.Replaces != nil {
		req.AppendHeader(sipmsg.NewHeader("Replaces", c.Replaces.String()))
	}
	appendHeaders(req, c.Headers)
	setSDP(req, c.SDP)
	l.out.branch = branch
	l.request(req, branch, dest, trial{purpose: forCall})
	l.arm(tFirst, 8*l.s.t1)
	return nil
}

// splitTarget parses "host", "host:port", "[v6]:port".
func splitTarget(target string) (host string, port uint16, err error) {
	host, p, err := net.SplitHostPort(target)
	if err != nil {
		host, p = strings.Trim(target, "[]"), "5060" // others are written out
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 || host == "" || !hostOK(host) {
		return "", 0, fmt.Errorf("%w: target %.80q", ErrInput, target)
	}
	return host, uint16(n), nil
}

func hostOK(host string) bool {
	for _, c := range host {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' {
			continue
		}
		_, err := netip.ParseAddr(host) // of IPv6
		return err == nil
	}
	return host != ""
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

// DefaultPort is where a network is served when nothing else is said (RFC 3261
// section 19.1.2, RFC 7118 section 5.2).
func DefaultPort(network string) int {
	switch network {
	case "tls":
		return 5061
	case "ws":
		return 80
	case "wss":
		return 443
	}
	return 5060
}
