package media

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr is an address in the kernel's form, built once per peer.
type sockaddr struct {
	raw unix.RawSockaddrInet6 // the larger of the two families
	len uint32
}

func newSockaddr(a netip.AddrPort) *sockaddr {
	s := new(sockaddr)
	s.set(a)
	return s
}

// set changes the address in place.
func (s *sockaddr) set(a netip.AddrPort) {
	port := a.Port()<<8 | a.Port()>>8
	if a.Addr().Is4() {
		raw := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		raw.Family, raw.Port, raw.Addr = unix.AF_INET, port, a.Addr().As4()
		s.len = unix.SizeofSockaddrInet4
		return
	}
	s.raw.Family, s.raw.Port, s.raw.Addr = unix.AF_INET6, port, a.Addr().As16()
	s.len = unix.SizeofSockaddrInet6
}

// addrPort reads an address the kernel wrote; it does not allocate.
func (s *sockaddr) addrPort() netip.AddrPort {
	port := s.raw.Port<<8 | s.raw.Port>>8
	switch s.raw.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw)).Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.raw.Addr).Unmap(), port)
	}
	return netip.AddrPort{}
}

// bindUDP opens a non-blocking UDP socket on addr, whose packets are marked.
func bindUDP(addr netip.AddrPort, dscp int) (int, error) {
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return -1, fmt.Errorf("open udp socket: %w", err)
	}
	var sa unix.Sockaddr = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if addr.Addr().Is4() {
		sa = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	if family == unix.AF_INET6 { // the same port over IPv4 is another socket
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err := unix.Bind(fd, sa); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("bind %v: %w", addr, err)
	}
	// A kernel that refuses the mark still carries the call.
	if family == unix.AF_INET {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, dscp<<2)
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, dscp<<2)
	}
	return fd, nil
}

// connectUDP makes the kernel drop what is not from a; nil opens the socket to
// everybody again. Neither waits for the network.
func connectUDP(fd int, a *sockaddr) bool {
	if a == nil {
		a = &sockaddr{len: unix.SizeofSockaddrInet6}
		a.raw.Family = unix.AF_UNSPEC
	}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.len))
	return errno == 0
}

// drain drops what waits at a socket, up to a bound that nobody should reach.
func drain(fd int) {
	var b [1]byte
	for range 1000 {
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), 1, 0, 0, 0)
		if errno == unix.EAGAIN {
			return
		}
	}
}
