package leg

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
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
	for i, l := range s.addr {
		at := s.at[i]
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
