package leg

import (
	"bytes"
	"net"
	"net/netip"
	"strconv"
	"sync"

	sipmsg "github.com/emiago/sipgo/sip"
)

// path is the way between us and a peer: one of our UDP sockets, or one
// connection.
type path struct {
	network string
	peer    netip.AddrPort
	udp     *socket // nil for a stream
	g       *guard  // nil for udp
}

// send writes a message. A stream queues it; nothing waits for the network.
func (p path) send(data []byte) error {
	switch {
	case p.udp != nil:
		_, err := p.udp.conn.WriteToUDPAddrPort(data, p.peer)
		return err
	case p.g != nil:
		_, err := p.g.Write(data)
		return err
	}
	return net.ErrClosed
}

// local is our address on the path, as peers are told: of a connection they
// made that of the listener, for its own port dies with it.
func (s *Stack) local(p path) netip.AddrPort {
	if p.udp != nil {
		return p.udp.local
	}
	at, _ := s.source(p.network, p.peer.Addr())
	return at
}

// pathTo returns the way to d where there is one: a stream has to be made first.
func (s *Stack) pathTo(d destination) (path, bool) {
	if d.network != "udp" {
		g := s.streamTo(d)
		return path{network: d.network, peer: d.to, g: g}, g != nil
	}
	for _, u := range s.udp {
		if u.local == d.local {
			return path{network: d.network, peer: d.to, udp: u}, true
		}
	}
	return path{network: d.network, peer: d.to}, false
}

// back is where the responses to a request go that came by p: by the same
// connection, or to the address it came from and the port it asks for (RFC 3581
// section 4, RFC 3261 section 18.2.2). The Via says afterwards what is true.
func (p path) back(via *sipmsg.ViaHeader) path {
	from := p.peer.Addr().String()
	rport, asked := via.Params.Get("rport")
	switch {
	case asked && rport == "":
		via.Params.Add("rport", strconv.Itoa(int(p.peer.Port())))
		via.Params.Add("received", from)
	case from != via.Host:
		via.Params.Add("received", from)
	}
	if p.udp != nil && !asked {
		port := via.Port
		if port <= 0 || port > 65535 {
			port = DefaultPort(p.network)
		}
		p.peer = netip.AddrPortFrom(p.peer.Addr(), uint16(port))
	}
	return p
}

// home is where a peer listens for the responses to what came by a connection that
// is closed since (RFC 3261 section 18.2.2).
func (p path) home(via *sipmsg.ViaHeader) netip.AddrPort {
	port := via.Port
	if port <= 0 || port > 65535 {
		port = DefaultPort(p.network)
	}
	return netip.AddrPortFrom(p.peer.Addr(), uint16(port))
}

// render writes a message as it goes out.
func render(m sipmsg.Message) []byte {
	w := getWriter()
	defer putWriter(w)
	m.StringWrite(w)
	return w.bytes()
}

// writer collects what a message writes. It is used again: only the end of a
// message says how long it is.
type writer struct{ buf []byte }

var writers = sync.Pool{New: func() any { return &writer{buf: make([]byte, 0, 4096)} }}

func getWriter() *writer {
	w := writers.Get().(*writer)
	w.buf = w.buf[:0]
	return w
}

func putWriter(w *writer) {
	if cap(w.buf) <= maxMessage {
		writers.Put(w)
	}
}

// WriteString appends s.
func (w *writer) WriteString(s string) (int, error) {
	w.buf = append(w.buf, s...)
	return len(s), nil
}

func (w *writer) text(parts ...string) {
	for _, s := range parts {
		w.buf = append(w.buf, s...)
	}
}

// bytes is a copy of what was written.
func (w *writer) bytes() []byte { return bytes.Clone(w.buf) }
