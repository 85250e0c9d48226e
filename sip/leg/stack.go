package leg

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid/sip/turn"
)

// Stack owns the sockets and knows every leg.
type Stack struct {
	cfg Config
	log *slog.Logger
	m   *metrics
	t1  time.Duration
	t2  time.Duration

	minSE time.Duration

	seed      maphash.Seed
	udp       []*socket
	inlets    []*inlet // of every network but udp
	addr      []Listener
	at        []netip.AddrPort      // of addr
	names     map[netip.Addr]string // what stands for us there
	serverTLS *tls.Config           // nil without Keys

	quit chan struct{}
	tail Owner     // of legs without one
	raws sync.Pool // of *raw

	workers workers // that calls begin on

	mu       sync.Mutex
	dials    map[dialKey]*dialling   // streams being made
	dialogs  map[string]*Leg         // by our tag
	branches map[string]*Leg         // by Via branch of our requests
	clients  map[clientKey]*clientTx // our requests
	servers  map[txKey]*serverTx     // requests of peers
	soon     []retired               // transactions to be forgotten, the oldest first
	later    []retired
	merges   map[string]txKey // inbound INVITEs by call, for merged requests
	owners   map[Owner][]*Leg // legs of each owner
	live     int              // legs not Terminated
	serving  int              // calls in OnInvite, or detached
	closing  bool             // no new calls
	closed   bool             // no new goroutines
	idle     chan struct{}    // closed when closing and nothing is left
	told     *told            // what Screen refused
	marks    marks            // what Screen said of INVITEs
	slow     slow             // refusals held back
	narrow   narrow           // peers without streams
	wg       sync.WaitGroup
	closer   sync.Once
	closeErr error
}

// Listen binds every listener and starts serving. It returns an error when an
// address is not explicit or its port is taken; then nothing stays bound.
func Listen(c Config) (*Stack, error) {
	if c.T1 == 0 {
		c.T1 = 500 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MinSE == 0 {
		c.MinSE = defaultMinSE
	}
	s := &Stack{
		minSE: c.MinSE,
		cfg:   c, log: c.Logger, m: newMetrics(c.Registerer), t1: c.T1, t2: 8 * c.T1,
		quit: make(chan struct{}), idle: make(chan struct{}),
		dialogs: map[string]*Leg{}, branches: map[string]*Leg{}, clients: map[clientKey]*clientTx{},
		servers: map[txKey]*serverTx{}, merges: map[string]txKey{}, owners: map[Owner][]*Leg{},
		told: newTold(), dials: map[dialKey]*dialling{}, seed: maphash.MakeSeed(), workers: newWorkers(),
	}
	s.tail = turn.New(func(sig Signal) { s.guarded("undertaker", func() { sig.Apply() }) })
	if c.Keys != nil {
		s.serverTLS = c.Keys.server()
	}
	if err := s.bind(); err != nil {
		s.unbind()
		return nil, err
	}
	s.mark()
	s.serve()
	return s, nil
}

// bind opens the sockets.
func (s *Stack) bind() error {
	if len(s.cfg.Listeners) == 0 {
		return errors.New("listen: no listeners")
	}
	for _, l := range s.cfg.Listeners {
		at, err := netip.ParseAddrPort(l.Addr)
		if err != nil || at.Addr().IsUnspecified() {
			return fmt.Errorf("listen %s %q: want an explicit ip:port", l.Network, l.Addr)
		}
		switch {
		case l.Network == "udp":
			u, err := newSocket(at)
			if err != nil {
				return fmt.Errorf("listen udp %s: %w", at, err)
			}
			s.udp = append(s.udp, u)
			s.addr = append(s.addr, Listener{Network: "udp", Addr: u.local.String()})
		case !known(l.Network):
			return fmt.Errorf("listen %q: network must be udp, tcp, tls, ws or wss", l.Network)
		case secured(l.Network) && s.cfg.Keys == nil:
			return fmt.Errorf("listen %s %s: no certificate is given", l.Network, at)
		default:
			real, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
			if err != nil {
				return fmt.Errorf("listen %s %s: %w", l.Network, at, err)
			}
			s.inlets = append(s.inlets, newInlet(l.Network, real, s))
			s.addr = append(s.addr, Listener{Network: l.Network, Addr: addrPort(real.Addr()).String()})
		}
	}
	s.names = map[netip.Addr]string{}
	for _, l := range s.addr {
		at := netip.MustParseAddrPort(l.Addr)
		s.at = append(s.at, at)
		s.names[at.Addr()] = HostFor(s.cfg.Advertise, at.Addr())
	}
	s.addOutlets()
	return nil
}

// addOutlets makes room for connections of networks nobody listens on.
func (s *Stack) addOutlets() {
	for _, network := range []string{"tcp", "tls", "ws", "wss"} {
		if s.inletOf(network, netip.AddrPort{}) == nil {
			s.inlets = append(s.inlets, newInlet(network, nil, s))
		}
	}
}

func (s *Stack) unbind() {
	for _, u := range s.udp {
		u.conn.Close()
	}
	for _, in := range s.inlets {
		in.Close()
	}
}

// serve starts the readers.
func (s *Stack) serve() {
	for _, u := range s.udp {
		s.wg.Go(func() { s.read(u) })
	}
	for _, in := range s.inlets {
		in.serve()
	}
	s.wg.Go(s.sweep)
}

// Addrs returns the listeners with their real ports, in the order of Config.
func (s *Stack) Addrs() []Listener { return append([]Listener(nil), s.addr...) }

// sweep forgets transactions when their time has come.
func (s *Stack) sweep() {
	tick := time.NewTicker(5 * s.t1)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.bury(now)
		case <-s.quit:
			return
		}
	}
}

// guarded keeps a panic from ending the process and reports whether f
// returned in the normal way.
func (s *Stack) guarded(where string, f func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			s.m.panicked()
			s.log.Error("handler panicked", slog.String("where", where), slog.Any("panic", v), slog.String("stack", stackTrace()))
		}
	}()
	f()
	return true
}

// track runs f on a goroutine that Close waits for.
func (s *Stack) track(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Go(func() { s.guarded("goroutine", f) })
	return true
}

// Adopt takes over every leg of the owner that is not Terminated: the stack ends
// it and sees it off. It happens by itself when OnInvite returns.
func (s *Stack) Adopt(o Owner) {
	s.mu.Lock()
	legs := s.owners[o]
	delete(s.owners, o)
	s.mu.Unlock()
	for _, l := range legs {
		l.abandon(Cause{Code: 500, Text: "call ended"})
	}
}

// own files a leg under its owner.
func (s *Stack) own(l *Leg, o Owner) {
	s.disown(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners[o] = append(s.owners[o], l)
}

// Close refuses new calls with 503, ends what is left, waits for the legs
// until ctx is done and closes the sockets. It may be called twice.
func (s *Stack) Close(ctx context.Context) error {
	s.closer.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Stack) close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	legs := slices.Collect(maps.Values(s.dialogs))
	s.settle()
	s.mu.Unlock()
	for _, l := range legs {
		l.in.post(message{input: inShutdown})
	}
	var err error
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = fmt.Errorf("close sip stack: %w", context.Cause(ctx))
	}
	s.flush()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	close(s.quit)
	s.slow.stop()
	s.unbind()
	s.mu.Lock()
	clients, servers := slices.Collect(maps.Values(s.clients)), slices.Collect(maps.Values(s.servers))
	s.mu.Unlock()
	for _, tx := range clients {
		tx.end()
	}
	for _, tx := range servers {
		tx.stop()
	}
	s.mu.Lock()
	for _, l := range s.dialogs {
		if l.linger != nil {
			l.linger.Stop()
		}
	}
	waiting := s.serving
	s.mu.Unlock()
	if waiting == 0 {
		s.wg.Wait()
	}
	return err
}

// settle closes idle when nothing is left to wait for. The caller holds mu.
func (s *Stack) settle() {
	if !s.closing || s.live > 0 || s.serving > 0 {
		return
	}
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}
