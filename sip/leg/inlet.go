package leg

import (
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// inlet is where connections of a network live: those that were accepted, and
// those we dialled ourselves, all behind a guard.
type inlet struct {
	s       *Stack
	network string
	real    net.Listener // nil where we only dial
	local   netip.AddrPort
	quit    chan struct{}
	once    sync.Once
	wg      sync.WaitGroup

	mu   sync.Mutex
	open map[*guard]struct{}
	to   map[netip.AddrPort]*guard // the latest of each peer
}

func newInlet(network string, l net.Listener, s *Stack) *inlet {
	in := &inlet{s: s, network: network, real: l, quit: make(chan struct{}),
		open: map[*guard]struct{}{}, to: map[netip.AddrPort]*guard{}}
	if l != nil {
		in.local = addrPort(l.Addr())
	}
	return in
}

// serve starts to accept connections.
func (in *inlet) serve() {
	if in.real != nil {
		in.wg.Go(func() { in.accept(in.s) })
	}
}

func (in *inlet) accept(s *Stack) {
	for {
		conn, err := in.real.Accept()
		if err != nil {
			select {
			case <-in.quit:
				return
			case <-time.After(10 * time.Millisecond): // out of descriptors, most likely
				continue
			}
		}
		if src := addrPort(conn.RemoteAddr()); !s.mayConnect(src) {
			s.m.dropped("not_admitted")
			conn.Close()
			continue
		} else if of, odd := in.held(src, s); of >= maxSourceConns || odd {
			s.m.dropped("connections")
			conn.Close()
			continue
		}
		g := in.hold(conn, s, maxStreamConns)
		if g == nil {
			continue
		}
		if in.network == "tcp" {
			in.give(g)
			continue
		}
		// A peer that dawdles over its handshake keeps nobody else waiting.
		in.wg.Go(func() {
			if !s.guarded("handshake", func() { err = g.greet() }) || err != nil {
				s.m.dropped("handshake")
				s.log.Debug("connection not taken", slog.String("network", in.network), slog.String("source", g.src.String()), slog.Any("error", err))
				g.Close()
				return
			}
			in.give(g)
		})
	}
}

// hold puts conn behind a guard if there is room.
func (in *inlet) hold(conn net.Conn, s *Stack, limit int) *guard {
	if c, ok := conn.(interface{ SetWriteBuffer(int) error }); ok {
		_ = c.SetWriteBuffer(kernelQueue) // else the kernel keeps megabytes for who does not read
	}
	g := &guard{Conn: conn, s: s, in: in, src: addrPort(conn.RemoteAddr()), since: time.Now()}
	in.mu.Lock()
	full := len(in.open) >= limit
	if !full {
		in.open[g] = struct{}{}
	}
	in.mu.Unlock()
	if full {
		s.m.dropped("connections")
		conn.Close()
		return nil
	}
	return g
}

// give starts to read a connection; false when the stack is closed.
func (in *inlet) give(g *guard) bool {
	in.mu.Lock()
	in.to[g.src] = g
	g.given = true
	in.mu.Unlock()
	if !in.s.track(g.read) {
		g.Close()
		return false
	}
	return true
}

// held counts the connections of one address; tooOdd says that it is a
// stranger, and that strangers hold enough.
func (in *inlet) held(src netip.AddrPort, s *Stack) (of int, tooOdd bool) {
	of = in.of(src.Addr())
	if !s.stranger(src) {
		return of, false
	}
	odd := 0
	for _, other := range in.all() {
		if s.stranger(other.src) {
			odd++
		}
	}
	return of, of >= maxOddSource || odd >= maxOddConns
}

// all lists the connections.
func (in *inlet) all() []*guard {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Collect(maps.Keys(in.open))
}

// find returns the connection to a peer that shows the identity; any one will
// do for "".
func (in *inlet) find(to netip.AddrPort, identity string) *guard {
	in.mu.Lock()
	defer in.mu.Unlock()
	g := in.to[to]
	if g == nil || identity == "" || g.identity == identity {
		return g
	}
	for g := range in.open {
		if g.src == to && g.identity == identity && g.given && !g.out.ended() {
			return g
		}
	}
	return nil
}

// of counts the connections of one address.
func (in *inlet) of(addr netip.Addr) (n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for g := range in.open {
		if g.src.Addr() == addr {
			n++
		}
	}
	return n
}

// Close stops accepting and closes every connection.
func (in *inlet) Close() error {
	in.once.Do(func() {
		close(in.quit)
		if in.real != nil {
			in.real.Close()
		}
	})
	in.hangUp() // handshakes too
	in.wg.Wait()
	in.hangUp()
	return nil
}

// hangUp closes every connection.
func (in *inlet) hangUp() {
	in.mu.Lock()
	open := in.open
	in.open, in.to = map[*guard]struct{}{}, map[netip.AddrPort]*guard{}
	in.mu.Unlock()
	for g := range open {
		g.socket().Close()
	}
}
