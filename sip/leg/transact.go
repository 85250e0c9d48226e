package leg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// dialLimit bounds name resolution and stream connects.
const dialLimit = 3 * time.Second

// destination is where requests of a leg go, and from which socket.
type destination struct {
	network string
	to      netip.AddrPort
	local   netip.AddrPort // the listener's address; port 0 where we have none for the network
	tls     *Client        // what the peer must prove; nil for a peer that connected to us
}

// source picks the listener that requests to addr leave by: one of the same
// family, on loopback for loopback and elsewhere for the rest. Streams need no
// listener of their own: they leave by the address of another one, without a
// port.
func (s *Stack) source(network string, addr netip.Addr) (netip.AddrPort, bool) {
	at, ok := s.listening(network, addr)
	if ok || !streamed(network) {
		return at, ok
	}
	for _, other := range []string{"tcp", "tls", "udp"} {
		if at, ok := s.listening(other, addr); ok {
			return netip.AddrPortFrom(at.Addr(), 0), true
		}
	}
	return at, false
}

func (s *Stack) listening(network string, addr netip.Addr) (netip.AddrPort, bool) {
	var second netip.AddrPort
	for _, l := range s.addr {
		at := netip.MustParseAddrPort(l.Addr)
		if l.Network != network || at.Addr().Is4() != addr.Is4() {
			continue
		}
		if at.Addr().IsLoopback() == addr.IsLoopback() {
			return at, true
		}
		if !second.IsValid() {
			second = at
		}
	}
	return second, second.IsValid()
}

// resolve turns "host:port" into a destination. Names are looked up, IPv4
// first.
func (s *Stack) resolve(ctx context.Context, network, target string, want *Client) (destination, error) {
	host, port, err := splitTarget(target)
	if err != nil {
		return destination{}, err
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil || len(list) == 0 {
			return destination{}, fmt.Errorf("%w: resolve %s", ErrUnreachable, host)
		}
		addr = list[0].Unmap()
		for _, a := range list {
			if a.Unmap().Is4() {
				addr = a.Unmap()
				break
			}
		}
	}
	local, ok := s.source(network, addr)
	if !ok {
		return destination{}, fmt.Errorf("%w: no %s listener for %s", ErrUnreachable, network, addr)
	}
	if secured(network) && want == nil {
		if want, err = NewClient(host, "", "", ""); err != nil {
			return destination{}, err
		}
	}
	if !secured(network) {
		want = nil
	}
	return destination{network: network, to: netip.AddrPortFrom(addr, port), local: local, tls: want}, nil
}

// localOf returns our address of the socket that src talks to.
func (s *Stack) localOf(network string, src netip.AddrPort) netip.AddrPort {
	if streamed(network) {
		at, _ := s.source(network, src.Addr())
		return at // of a connection we made the listener's: its own port dies with it
	}
	c := s.tpl.Pool(network).Get(src.String())
	if c == nil {
		at, _ := s.source(network, src.Addr())
		return at
	}
	defer func() { _, _ = c.TryClose() }()
	return addrPort(c.LocalAddr())
}

// address tells sipgo exactly where the request goes and from which socket.
func address(req *sipmsg.Request, d destination) {
	req.SetDestination(d.to.String())
	if d.network == "udp" {
		req.SetTransport("UDP")
		req.Laddr = sipmsg.Addr{IP: net.IP(d.local.Addr().AsSlice()), Port: int(d.local.Port())}
		return
	}
	req.SetTransport("TCP") // whatever is above it: see inlet
	req.Laddr = sipmsg.Addr{}
}

// pin ties a request to a connection.
func pin(req *sipmsg.Request, g *guard) {
	if !g.dialled {
		return // filed under the peer's address, as no other one is
	}
	at := addrPort(g.LocalAddr())
	req.Laddr = sipmsg.Addr{IP: net.IP(at.Addr().AsSlice()), Port: int(at.Port())}
}

// write sends a request that has no transaction: the ACK to a 2xx.
func (s *Stack) write(req *sipmsg.Request, d destination) {
	if d.network == "udp" {
		_ = s.tpl.WriteMsg(req) // lost: the 2xx comes again
		return
	}
	if g := s.streamTo(d); g != nil {
		pin(req, g)
		_ = s.tpl.WriteMsg(req)
		return
	}
	s.track(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
		defer cancel()
		if g, err := s.connect(ctx, d); err == nil {
			pin(req, g)
			_ = s.tpl.WriteMsg(req)
		}
	})
}

// transact runs a client transaction. Responses reach the leg by the hook in
// the order of the wire; only failures come from here.
func (s *Stack) transact(l *Leg, req *sipmsg.Request, branch string, d destination) {
	failed := func(err error) { l.in.post(message{input: inTxFailed, branch: branch, err: err}) }
	refused := func() { l.in.post(message{input: inRefused, branch: branch}) }
	if d.network == "udp" {
		tx, err := s.txl.Request(context.Background(), req)
		if err != nil {
			failed(fmt.Errorf("%w: %s", ErrTransport, err.Error()))
			return
		}
		if !s.track(func() { s.drain(tx, req, failed, refused) }) {
			tx.Terminate()
		}
		return
	}
	s.track(func() {
		tx, err := s.begin(context.Background(), req, d)
		if err != nil {
			failed(err)
			return
		}
		s.drain(tx, req, failed, refused)
	})
}

// begin sends a request and makes its transaction; over a stream it may have
// to wait for the connection.
func (s *Stack) begin(ctx context.Context, req *sipmsg.Request, d destination) (*sipmsg.ClientTx, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit+time.Second)
	defer cancel()
	if streamed(d.network) {
		g, err := s.connect(ctx, d)
		if err != nil {
			return nil, err
		}
		pin(req, g)
	}
	tx, err := s.txl.Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrTransport, err.Error())
	}
	return tx, nil
}

// drain keeps sipgo's transaction moving: it blocks until somebody takes each
// response. refused is told once the ACK to the refusal of an INVITE is sent.
func (s *Stack) drain(tx *sipmsg.ClientTx, req *sipmsg.Request, failed func(error), refused func()) {
	for {
		select {
		case res := <-tx.Responses():
			if res.IsProvisional() {
				continue
			}
			if !req.IsInvite() {
				tx.Terminate() // else it would stay for Timer D
			} else if res.StatusCode >= 300 {
				refused()
			} else if !streamed(sipmsg.NetworkToLower(req.Transport())) {
				tx.Terminate() // a 2xx that comes again is the leg's, as that of a fork; see Stack.onResponse
			}
			return
		case <-tx.Done():
			if err := tx.Err(); errors.Is(err, sipmsg.ErrTransactionTimeout) {
				failed(ErrTimeout)
			} else {
				failed(ErrTransport)
			}
			return
		case <-s.quit:
			tx.Terminate()
			return
		}
	}
}
