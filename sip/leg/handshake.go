package leg

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// greet makes the handshakes of a connection that came in.
func (g *guard) greet() error {
	if err := g.SetDeadline(time.Now().Add(handshakeLimit)); err != nil {
		return err
	}
	if secured(g.in.network) {
		conn := tls.Server(g.Conn, g.s.serverTLS)
		if err := conn.Handshake(); err != nil {
			return err
		}
		if g.s.cfg.Keys.checksClients() {
			g.names = namesOf(conn.ConnectionState())
		}
		g.raw, g.Conn = g.Conn, conn
	}
	if webSocket(g.in.network) {
		ws, err := upgrade(g.Conn, g.s.writeLimit())
		if err != nil {
			return err
		}
		g.ws = ws
	}
	g.since = time.Now()
	return g.SetDeadline(time.Time{})
}

// meet makes the handshakes of a connection that we dialled.
func (g *guard) meet(ctx context.Context, d destination) error {
	limit := time.Now().Add(dialLimit)
	if err := g.SetDeadline(limit); err != nil {
		return err
	}
	host := d.to.String()
	if secured(d.network) {
		if d.tls == nil {
			return fmt.Errorf("%w: no name to check the certificate of %s against", ErrUnreachable, d.to)
		}
		conn := tls.Client(g.Conn, d.tls.config(g.s.cfg.Keys))
		if err := conn.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("%w: tls with %s: %s", ErrUnreachable, d.tls.name, err.Error())
		}
		g.raw, g.Conn = g.Conn, conn
		host = net.JoinHostPort(d.tls.name, fmt.Sprint(d.to.Port()))
	}
	if webSocket(d.network) {
		ws, err := open(ctx, g.Conn, host, g.s.writeLimit())
		if err != nil {
			return fmt.Errorf("%w: %s", ErrUnreachable, err.Error())
		}
		g.ws = ws
	}
	g.since, g.served = time.Now(), true // it may listen for as long as calls last
	g.dialled, g.identity = true, d.tls.identity()
	return g.SetDeadline(time.Time{})
}

func webSocket(network string) bool { return network == "ws" || network == "wss" }

func (k *Keys) checksClients() bool { return k != nil && k.clients != "" }

// dialKey tells connections apart that may be shared.
type dialKey struct {
	network  string
	to       netip.AddrPort
	identity string
}

// dialling is a connection being made; others wait for it.
type dialling struct {
	done chan struct{}
	g    *guard
	err  error
}

// connect returns the stream to d, made when there is none. Connections we dial
// go through a guard like those that come in, and are shared by all who call
// the same peer under the same identity (RFC 5923). One that takes longer than
// the asker waits is kept for the next.
func (s *Stack) connect(ctx context.Context, d destination) (*guard, error) {
	if g := s.streamTo(d); g != nil {
		return g, nil
	}
	key := dialKey{d.network, d.to, d.tls.identity()}
	s.mu.Lock()
	way := s.dials[key]
	mine := way == nil
	if mine {
		way = &dialling{done: make(chan struct{}), err: fmt.Errorf("%w: connection not made", ErrTransport)}
		s.dials[key] = way
	}
	s.mu.Unlock()
	if mine && !s.track(func() { s.dial(key, way, d) }) {
		s.dialled(key, way)
	}
	select {
	case <-way.done: // within dialLimit and a second
		return way.g, way.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: no connection in time", ErrUnreachable)
	}
}

func (s *Stack) dial(key dialKey, way *dialling, d destination) {
	defer s.dialled(key, way)
	way.g, way.err = s.makeStream(d)
}

func (s *Stack) dialled(key dialKey, way *dialling) {
	s.mu.Lock()
	delete(s.dials, key)
	s.mu.Unlock()
	close(way.done)
}

func (s *Stack) makeStream(d destination) (*guard, error) {
	in := s.inletOf(d.network, d.local)
	if in == nil {
		return nil, fmt.Errorf("%w: %s is not spoken here", ErrUnreachable, d.network)
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	s.track(func() {
		select {
		case <-s.quit:
			cancel()
		case <-ctx.Done():
		}
	})
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: d.local.Addr().AsSlice()}, Control: s.markDialled}
	conn, err := dialer.DialContext(ctx, "tcp", d.to.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrUnreachable, err.Error())
	}
	g := in.hold(conn, s, 2*maxStreamConns)
	if g == nil {
		return nil, fmt.Errorf("%w: no room for a connection", ErrUnreachable)
	}
	if err := g.meet(ctx, d); err != nil {
		g.Close()
		return nil, err
	}
	if !in.give(g) {
		return nil, fmt.Errorf("%w: closing", ErrTransport)
	}
	return g, nil
}

// ported gives a destination whose network nobody listens on here the port of
// its connection: the peer reaches us by that and by nothing else.
func (s *Stack) ported(ctx context.Context, d destination) (destination, error) {
	if !streamed(d.network) || d.local.Port() != 0 {
		return d, nil
	}
	g, err := s.connect(ctx, d)
	if err != nil {
		return d, err
	}
	d.local = netip.AddrPortFrom(d.local.Addr(), addrPort(g.LocalAddr()).Port())
	return d, nil
}

// inletOf is where connections of a network live.
func (s *Stack) inletOf(network string, local netip.AddrPort) *inlet {
	var second *inlet
	for _, in := range s.inlets {
		if in.network != network {
			continue
		}
		if in.local == local {
			return in
		}
		second = in
	}
	return second
}

// streamTo returns the connection to a peer, nil when there is none.
func (s *Stack) streamTo(d destination) *guard {
	for _, in := range s.inlets {
		if in.network == d.network {
			if g := in.find(d.to, d.tls.identity()); g != nil && !g.out.ended() {
				return g
			}
		}
	}
	return nil
}
