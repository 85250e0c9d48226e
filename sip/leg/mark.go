package leg

import (
	"net/netip"
	"syscall"
)

// signalling is the mark of SIP messages: class selector 3 (RFC 4594 section 4.2).
const signalling = 24

// mark has the network treat what the sockets send as cfg.DSCP says. A
// connection that is accepted inherits the mark of its listener. A kernel that
// refuses it still carries the calls.
func (s *Stack) mark() {
	for _, c := range s.udp {
		if raw, err := c.conn.SyscallConn(); err == nil {
			s.markSocket(raw, c.local.Addr())
		}
	}
	for _, in := range s.inlets {
		c, ok := in.real.(syscall.Conn)
		if !ok {
			continue
		}
		if raw, err := c.SyscallConn(); err == nil {
			s.markSocket(raw, in.local.Addr())
		}
	}
}

// markDialled is mark for a connection of ours, as a net.Dialer calls it.
func (s *Stack) markDialled(_, addr string, c syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(addr); err == nil {
		s.markSocket(c, at.Addr())
	}
	return nil
}

func (s *Stack) markSocket(c syscall.RawConn, at netip.Addr) {
	dscp := s.cfg.DSCP
	if dscp == 0 {
		dscp = signalling
	}
	level, option := syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS
	if at.Unmap().Is4() {
		level, option = syscall.IPPROTO_IP, syscall.IP_TOS
	}
	_ = c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), level, option, max(0, dscp)<<2) })
}
