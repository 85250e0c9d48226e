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
	local   netip.AddrPort // the listener's address
}

// source picks the listener that requests to addr leave by: one of the same
// family, on loopback for loopback and elsewhere for the rest.
func (s *Stack) source(network string, addr netip.Addr) (netip.AddrPort, bool) {
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
func (s *Stack) resolve(ctx context.Context, network, target string) (destination, error) {
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
	return destination{network: network, to: netip.AddrPortFrom(addr, port), local: local}, nil
}

// connect makes sure a stream to d exists. Connections we dial go through the
// listener's guard like those that come in.
func (s *Stack) connect(d destination) error {
	if d.network != "tcp" || s.connected(d.to) {
		return nil
	}
	var in *inlet
	for _, one := range s.tcp {
		if one.local == d.local {
			in = one
		}
	}
	if in == nil {
		return fmt.Errorf("%w: no tcp listener", ErrUnreachable)
	}
	dialer := net.Dialer{Timeout: dialLimit, LocalAddr: &net.TCPAddr{IP: d.local.Addr().AsSlice()}}
	conn, err := dialer.Dial("tcp", d.to.String())
	if err != nil {
		return fmt.Errorf("%w: %s", ErrUnreachable, err.Error())
	}
	if !in.admit(conn, s, 2*maxStreamConns) {
		return fmt.Errorf("%w: no room for a connection", ErrUnreachable)
	}
	// sipgo files the connection on its own goroutine.
	deadline := time.NewTimer(time.Second)
	defer deadline.Stop()
	for !s.connected(d.to) {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline.C:
			return fmt.Errorf("%w: connection not taken", ErrTransport)
		}
	}
	return nil
}

// connected reports whether sipgo has a stream to that address.
func (s *Stack) connected(to netip.AddrPort) bool {
	c := s.tpl.Pool("tcp").Get(to.String())
	if c == nil {
		return false
	}
	_, _ = c.TryClose() // gives back the reference Get took
	return true
}

// localOf returns our address of the connection that src talks to.
func (s *Stack) localOf(network string, src netip.AddrPort) netip.AddrPort {
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
	req.SetTransport(sipmsg.NetworkToUpper(d.network))
	req.SetDestination(d.to.String())
	if d.network == "udp" {
		req.Laddr = sipmsg.Addr{IP: net.IP(d.local.Addr().AsSlice()), Port: int(d.local.Port())}
	}
}

// write sends a request that has no transaction: the ACK to a 2xx.
func (s *Stack) write(req *sipmsg.Request, d destination) {
	if d.network == "udp" || s.connected(d.to) {
		_ = s.tpl.WriteMsg(req) // lost: the 2xx comes again
		return
	}
	s.track(func() {
		if s.connect(d) == nil {
			_ = s.tpl.WriteMsg(req)
		}
	})
}

// transact runs a client transaction. Responses reach the leg by the hook in
// the order of the wire; only failures come from here.
func (s *Stack) transact(l *Leg, req *sipmsg.Request, branch string, d destination) {
	failed := func(err error) { l.in.post(message{input: inTxFailed, branch: branch, err: err}) }
	if d.network == "udp" {
		tx, err := s.txl.Request(context.Background(), req)
		if err != nil {
			failed(fmt.Errorf("%w: %s", ErrTransport, err.Error()))
			return
		}
		if !s.track(func() { s.drain(tx, req, failed) }) {
			tx.Terminate()
		}
		return
	}
	s.track(func() {
		if err := s.connect(d); err != nil {
			failed(err)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
		defer cancel()
		tx, err := s.txl.Request(ctx, req)
		if err != nil {
			failed(fmt.Errorf("%w: %s", ErrTransport, err.Error()))
			return
		}
		s.drain(tx, req, failed)
	})
}

// drain keeps sipgo's transaction moving: it blocks until somebody takes each
// response.
func (s *Stack) drain(tx *sipmsg.ClientTx, req *sipmsg.Request, failed func(error)) {
	for {
		select {
		case res := <-tx.Responses():
			if res.IsProvisional() {
				continue
			}
			if !req.IsInvite() {
				tx.Terminate() // else it would stay for Timer D
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
