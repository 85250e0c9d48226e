package sip

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

const (
	firstBackoff    = 30 * time.Second
	lastBackoff     = 30 * time.Minute
	leastPause      = 2 * time.Second // whatever little a registrar grants
	defaultExpires  = time.Hour
	longestExpires  = 24 * time.Hour
	registerLimit   = 8 * time.Second
	unregisterLimit = 2 * time.Second
)

// registration is our binding with a registrar (RFC 3261 section 10.2).
type registration struct {
	w       *watch
	l       *watched
	callID  string
	tag     string
	seq     uint32
	ask     time.Duration // what is asked for; a 423 raises it
	routes  []string      // Service-Route (RFC 3608)
	hop     netip.AddrPort
	failure int // in a row
}

// register keeps the trunk registered until ctx ends, and unregisters then.
func (w *watch) register(ctx context.Context, l *watched) {
	r := &registration{w: w, l: l, callID: ringbid.NewID(), tag: ringbid.NewID(),
		ask: l.trunk.Register.Expires.Or(defaultExpires)}
	for {
		granted, err := r.bind(ctx, r.ask)
		if ctx.Err() != nil {
			break
		}
		r.tell(granted, err)
		if !sleep(ctx, jitter(r.pause(granted, err))) {
			break
		}
	}
	if !r.hop.IsValid() {
		return
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), unregisterLimit)
	defer cancel()
	if _, err := r.send(bye, r.hop, 0); err != nil {
		w.s.log.Warn("not unregistered", slog.String("trunk", l.trunk.Name), slog.Any("error", err))
	}
}

// pause is how long to wait before the next REGISTER: most of what was granted.
func (r *registration) pause(granted time.Duration, err error) time.Duration {
	if err != nil {
		return backoff(r.failure)
	}
	return max(leastPause, granted*8/10)
}

// backoff is 30 s, doubled with each failure up to 30 min.
func backoff(failures int) time.Duration {
	d := firstBackoff
	for range min(failures, 10) - 1 {
		d *= 2
	}
	return min(d, lastBackoff)
}

// bind registers with the first host that answers and returns for how long.
func (r *registration) bind(ctx context.Context, expires time.Duration) (time.Duration, error) {
	hops, err := r.w.s.findRegistrar(ctx, r.l.trunk)
	if err != nil {
		return 0, err
	}
	last := errors.New("no host")
	for _, hop := range hops[:min(len(hops), 4)] {
		granted, err := r.try(ctx, hop, expires)
		if err == nil {
			r.hop = hop
			r.w.registered(r.l, hops)
			return granted, nil
		}
		last = err
		var no refusal
		if errors.As(err, &no) && no.code != 503 && no.code != 408 {
			break // it is there, and another one would say the same
		}
	}
	return 0, last
}

// refusal is a final response that is not a 2xx.
type refusal struct {
	code int
	text string
}

// Error says what the registrar said.
func (r refusal) Error() string { return strconv.Itoa(r.code) + " " + r.text }

// try registers with one host; 423 asks for longer once (section 10.2.8).
func (r *registration) try(ctx context.Context, hop netip.AddrPort, expires time.Duration) (time.Duration, error) {
	for range 2 {
		reply, err := r.send(ctx, hop, expires)
		if err != nil {
			return 0, err
		}
		switch {
		case reply.Code >= 200 && reply.Code < 300:
			return r.accepted(reply, expires), nil
		case reply.Code != 423:
			return 0, refusal{reply.Code, reply.Reason}
		}
		v, _ := reply.Header("Min-Expires")
		least, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
		if d := time.Duration(least) * time.Second; err == nil && d > expires && d <= longestExpires {
			expires, r.ask = d, d
			continue
		}
		return 0, refusal{reply.Code, reply.Reason}
	}
	return 0, errors.New("registrar finds every interval too brief")
}

// send is one REGISTER. Call-ID and tag stay, CSeq rises.
func (r *registration) send(ctx context.Context, hop netip.AddrPort, expires time.Duration) (leg.Reply, error) {
	t := r.l.trunk
	want, err := r.w.s.tls.of(t)
	if err != nil {
		return leg.Reply{}, err
	}
	domain, err := registrarDomain(t)
	if err != nil {
		return leg.Reply{}, err
	}
	lasts, err := leg.NewHeader("Expires", strconv.Itoa(int(expires/time.Second)))
	if err != nil {
		return leg.Reply{}, err
	}
	reply, err := r.w.put(ctx, registerLimit, hop, leg.Question{
		Method: "REGISTER", Network: t.Network(), TLS: want, URI: "sip:" + domain, User: t.Register.User, Domain: domain,
		Routes: routesOf(t), CallID: r.callID, Tag: r.tag, Seq: r.seq, Username: t.Username, Password: t.Password.Reveal(),
		Supported: "path", Headers: []leg.Header{lasts},
	})
	r.seq = reply.Seq
	return reply, err
}

// accepted reads for how long the binding holds: of our Contact, of the Expires
// header, or as asked (section 10.2.4).
func (r *registration) accepted(reply leg.Reply, asked time.Duration) time.Duration {
	r.routes = nil
	for _, v := range leg.SplitValues(reply.Headers, "Service-Route") {
		if uri, _, err := leg.ReadAddress(v); err == nil {
			r.routes = append(r.routes, uri)
		}
	}
	granted := asked
	if v, ok := reply.Header("Expires"); ok {
		granted = seconds(v, granted)
	}
	for _, v := range leg.SplitValues(reply.Headers, "Contact") {
		if uri, params, err := leg.ReadAddress(v); err == nil && sameAddress(uri, reply.Contact) {
			granted = seconds(params["expires"], granted)
		}
	}
	return max(time.Second, min(granted, longestExpires))
}

// sameAddress compares two URIs by what stands before their parameters, to which
// registrars add.
func sameAddress(a, b string) bool {
	a, _, _ = strings.Cut(a, ";")
	b, _, _ = strings.Cut(b, ";")
	return strings.EqualFold(a, b)
}

func seconds(v string, otherwise time.Duration) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
	if err != nil || n == 0 {
		return otherwise
	}
	return time.Duration(n) * time.Second
}

// tell keeps the state and logs changes.
func (r *registration) tell(granted time.Duration, err error) {
	state, name := "registered", r.l.trunk.Name
	if err != nil {
		r.failure++
		state = err.Error()
	} else {
		r.failure = 0
	}
	w := r.w
	w.mu.Lock()
	changed := r.l.state.Registration != state
	r.l.state.Registration, r.l.state.Registered = state, err == nil
	if err == nil {
		r.l.state.RegisteredUntil = time.Now().Add(granted)
	}
	r.l.routes = slices.Clone(r.routes)
	if err != nil && time.Now().After(r.l.state.RegisteredUntil) {
		r.l.hosts = nil
	}
	w.mu.Unlock()
	w.s.m.trunkRegistered(name, err == nil)
	switch {
	case !changed:
	case err != nil:
		w.s.log.Warn("trunk not registered", slog.String("trunk", name), slog.Any("error", err))
	default:
		w.s.log.Info("trunk registered", slog.String("trunk", name), slog.Duration("for", granted))
	}
}

// registered lets calls of the registrar in as calls of the trunk.
func (w *watch) registered(l *watched, hops []netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l.hosts = nil
	for _, h := range hops {
		l.hosts = append(l.hosts, h.Addr().Unmap())
	}
}

// serviceHop is where the registrar wants our calls to go first, if that is an
// address that it may send us to: not ours or of a private network, where the
// registrar itself is out in the open.
func (w *watch) serviceHop(t *ringbid.Trunk) (netip.AddrPort, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lines[t.Name]
	if l == nil || len(l.routes) == 0 || len(l.hosts) == 0 || t.Proxy != "" {
		return netip.AddrPort{}, false
	}
	return hopOf(l.routes[0], l.hosts[0], t.Network())
}

func hopOf(uri string, by netip.Addr, network string) (hop netip.AddrPort, ok bool) {
	host, port, ok := leg.HostPort(uri)
	if !ok {
		return hop, false
	}
	addr, err := netip.ParseAddr(host)
	inside := addr.IsPrivate() || addr.IsLoopback()
	if err != nil || addr.IsUnspecified() || addr.IsMulticast() || inside && !by.IsPrivate() && !by.IsLoopback() {
		return hop, false
	}
	if port == 0 {
		port = leg.DefaultPort(network)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), true
}

// serviceRoutes is what the registrar wants our calls to go through.
func (w *watch) serviceRoutes(name string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.lines[name]; l != nil {
		return l.routes
	}
	return nil
}

func registrarOf(t *ringbid.Trunk) string {
	if t.Register.Registrar != "" {
		return t.Register.Registrar
	}
	return t.Address
}

// registrarDomain is the Request-URI's host and that of the address of record.
func registrarDomain(t *ringbid.Trunk) (string, error) {
	at := *t
	at.Address = registrarOf(t)
	host, port, err := at.HostPort()
	if err != nil {
		return "", err
	}
	return domainOf(&at, host, port), nil
}

func (s *Server) findRegistrar(ctx context.Context, t *ringbid.Trunk) ([]netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, lookUpLimit)
	defer cancel()
	at := *t
	at.Address = registrarOf(t)
	return s.find(ctx, &at)
}
