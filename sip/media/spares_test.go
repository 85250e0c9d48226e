package media

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newSpares makes a pool of n pairs on addresses of this test.
func newSpares(t *testing.T, n int, rest time.Duration) (*ports, netip.Addr) {
	t.Helper()
	bind := loopback()
	p, err := newPorts(Config{Bind: bind, PortMin: 20000, PortMax: 20000 + 2*n - 1, Rest: rest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.closeSpares)
	return p, bind
}

// takePair takes a pair as soon as one has rested.
func takePair(t *testing.T, p *ports, bind netip.Addr) (pair portPair) {
	t.Helper()
	eventually(t, "a pair", func() bool {
		var err error
		if pair, err = p.take(bind); err != nil && !errors.Is(err, ErrNoPorts) {
			t.Fatal(err)
		}
		return err == nil
	})
	return pair
}

// A spare pair refuses packets as a closed port does, hears everybody when it is
// taken again, and has forgotten what came before.
func TestSparePairIsDeaf(t *testing.T) {
	t.Parallel()
	for _, bind := range []netip.Addr{loopback(), netip.IPv4Unspecified(), netip.IPv6Loopback()} {
		t.Run(bind.String(), func(t *testing.T) {
			t.Parallel()
			pair := freePair(t, bind)
			defer pair.close()
			to := netip.AddrPortFrom(bind, pair.port)
			if bind.IsUnspecified() {
				to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), pair.port)
			}
			peer, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			send(t, peer, "before")
			if !pair.deafen(bind) {
				t.Fatal("cannot be made deaf")
			}
			send(t, peer, "meanwhile")
			_ = peer.SetReadDeadline(time.Now().Add(patience))
			if _, err := peer.Read(make([]byte, 9)); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("a packet to a deaf port: %v", err)
			}
			if !pair.hear() {
				t.Fatal("cannot be made to hear")
			}
			send(t, peer, "after")
			if got := receive(pair.rtp); got != "after" {
				t.Errorf("hears %q", got)
			}
		})
	}
}

func send(t *testing.T, c net.Conn, what string) {
	t.Helper()
	if _, err := c.Write([]byte(what)); err != nil {
		t.Fatal(err)
	}
}

// receive returns the packet that waits at a socket.
func receive(fd int) string {
	b := make([]byte, 100)
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return err.Error()
	}
	return string(b[:n])
}

// freePair binds a pair of ports that nobody has.
func freePair(t *testing.T, bind netip.Addr) portPair {
	t.Helper()
	for range 100 {
		pair, err := bindPair(bind, uint16(20000+2*rand.IntN(10000)), 0)
		if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
			t.Skip("no such address family here")
		}
		if err == nil {
			return pair
		}
	}
	t.Fatal("no pair of ports is free")
	return portPair{}
}

// The pair that rested longest comes back with the sockets it had.
func TestSparePairComesBack(t *testing.T) {
	t.Parallel()
	p, bind := newSpares(t, 3, 20*time.Millisecond)
	first, second := takePair(t, p, bind), takePair(t, p, bind)
	p.retire(first, bind, true)
	p.retire(second, bind, true)
	if open, _ := p.load(); open != 0 {
		t.Errorf("%d in use, want none", open)
	}
	fresh := takePair(t, p, bind) // the others have hardly rested
	if fresh.port == first.port || fresh.port == second.port {
		t.Skip("the machine stood still")
	}
	defer fresh.close()
	for _, want := range []portPair{first, second} {
		if got := takePair(t, p, bind); got != want {
			t.Errorf("took %+v, want %+v", got, want)
		} else {
			defer got.close()
		}
	}
	if open, _ := p.load(); open != 3 {
		t.Errorf("%d in use, want 3", open)
	}
}

// Spares are bounded, and those that nobody wants for a minute are closed.
func TestSparesAreBounded(t *testing.T) {
	t.Parallel()
	p, bind := newSpares(t, 6, time.Millisecond)
	s := p.spares(bind)
	s.limit = 2
	var pairs []portPair
	for range 4 {
		pairs = append(pairs, takePair(t, p, bind))
	}
	for i, pair := range pairs {
		p.retire(pair, bind, p.room(bind))
		if want := min(i+1, 2); s.n() != want {
			t.Errorf("%d spares after %d, want %d", s.n(), i+1, want)
		}
	}
	for i := range s.queue {
		s.queue[i].until = time.Now().Add(-2 * spareTime)
	}
	p.put(func() uint16 { port, _ := p.pop(); return port }())
	last, _ := p.pop()
	pair, err := bindPair(bind, last, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.retire(pair, bind, false)
	if s.n() != 1 {
		t.Errorf("%d spares that nobody wants, want 1: one ends with each return", s.n())
	}
}

// Where no other port is free, a spare pair of the other family gives its port.
func TestSparePairOfTheOtherFamily(t *testing.T) {
	t.Parallel()
	p, bind := newSpares(t, 1, time.Millisecond)
	p.retire(takePair(t, p, bind), bind, true)
	six, err := p.take(netip.IPv6Loopback())
	for errors.Is(err, ErrNoPorts) && !errors.Is(err, unix.EADDRINUSE) { // until it has rested
		six, err = p.take(netip.IPv6Loopback())
	}
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	defer six.close()
	if n := p.spares(bind).n(); six.port != 20000 || n != 0 {
		t.Errorf("port %d, %d spares left", six.port, n)
	}
}
