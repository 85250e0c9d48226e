package leg

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
)

// socket is a UDP listener.
type socket struct {
	conn  *net.UDPConn
	local netip.AddrPort
}

func newSocket(at netip.AddrPort) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(4 << 20) // as far as the kernel allows
	return &socket{conn: conn, local: addrPort(conn.LocalAddr())}, nil
}

// read takes datagrams until the socket is closed. Each is dealt with before the
// next is looked at, so that our order is that of the wire.
func (s *Stack) read(u *socket) {
	buf := make([]byte, 64<<10)
	for {
		n, src, err := u.conn.ReadFromUDPAddrPort(buf)
		if err == nil {
			src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port())
			s.guarded("datagram", func() { s.datagram(path{network: "udp", peer: src, udp: u}, buf[:n]) })
			continue
		}
		select {
		case <-s.quit:
			return
		case <-time.After(10 * time.Millisecond): // an error that passes, most likely
			s.log.Error("udp socket not read", slog.String("addr", u.local.String()), slog.Any("error", err))
		}
	}
}

// datagram looks at a datagram, which is only valid until it returns.
func (s *Stack) datagram(p path, data []byte) {
	if !s.admitted("udp", p.peer, data) {
		s.m.dropped("not_admitted")
		return
	}
	if len(data) <= 4 && len(strings.Trim(string(data), "\r\n\x00")) == 0 {
		return // keepalive, RFC 5626 section 3.5.1 has no answer on UDP
	}
	m := s.scratch()
	defer s.raws.Put(m)
	v := inspect(data, m)
	answer := func(b []byte) { _ = p.send(b) } // lost like any datagram
	switch {
	case v.drop != "":
		s.m.dropped(v.drop)
		return
	case v.code != 0:
		if s.stranger(p.peer) {
			s.m.dropped("stranger")
			return
		}
		s.m.refused(v.code)
		answer(refusal(m, p.peer, v))
		return
	case !s.screen("udp", p.peer, m, answer):
		return
	}
	s.parse(p, v.data, m)
}

// scratch returns a place to cut a datagram in: 7 KB, too much for each.
func (s *Stack) scratch() *raw {
	if m, ok := s.raws.Get().(*raw); ok {
		return m
	}
	return new(raw)
}

// parse understands an inspected message and hands it on. m is what it was cut
// into.
func (s *Stack) parse(p path, data []byte, m *raw) {
	a, err := m.understand(data)
	switch at := (arrived{a, p, data, m}); {
	case err != nil:
		s.unparsed(p, m)
	case a.req != nil:
		s.onRequest(at)
	default:
		s.onResponse(at)
	}
}

// unparsed answers a request that the inspection let pass and the parser did not.
func (s *Stack) unparsed(p path, m *raw) {
	start := string(m.start)
	if strings.HasPrefix(start, "ACK ") || strings.HasPrefix(strings.ToUpper(start), "SIP/") || s.stranger(p.peer) {
		s.m.dropped("unparsed")
		return
	}
	s.m.refused(400)
	_ = p.send(refusal(m, p.peer, refused(400, "Malformed Request")))
}

// arrived is a message with where it came from; data is valid while it is handed
// on.
type arrived struct {
	assembly
	path path
	data []byte
	m    *raw // what it was cut into, valid as long
}
