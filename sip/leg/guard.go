package leg

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/gorilla/websocket"
)

// Limits of stream connections.
const (
	maxStreamConns = 1024
	maxSourceConns = 256             // of one address, so that nobody takes every place
	maxOddConns    = 64              // of all strangers together
	maxOddSource   = 4               // of one stranger
	idleLimit      = 2 * time.Hour   // between messages; a long call is silent
	handshakeLimit = 5 * time.Second // of TLS and WebSocket together
	streamBuffer   = 4 << 10
)

// partialLimit is the time for the first message, and for each one once begun:
// 60*T1, 30 s.
func (s *Stack) partialLimit() time.Duration { return 60 * s.t1 }

// writeLimit is how long a peer may take nothing of what we send: 10*T1, 5 s.
func (s *Stack) writeLimit() time.Duration { return 10 * s.t1 }

var errStream = errors.New("stream refused")

// guard frames a stream and takes whole inspected messages off it. What must not
// be parsed is answered here or ends the connection.
type guard struct {
	net.Conn
	s        *Stack
	in       *inlet
	src      netip.AddrPort
	raw      net.Conn // below TLS; nil where that is Conn
	ws       *websocket.Conn
	dialled  bool
	identity string   // that the peer has proven, when we dialled
	names    []string // of the peer's verified certificate, when it connected
	given    bool     // it is read; guarded by the inlet's mu
	buf      []byte
	checked  int       // bytes of buf already searched for the end of headers
	since    time.Time // when the current wait began
	served   bool      // at least one message came
	m        raw
	out      outlet
	owed     owed
}

// read hands on the messages of the connection until it ends.
func (g *guard) read() {
	defer g.owed.lose()
	defer g.Close()
	p := path{network: g.network(), peer: g.src, g: g}
	for {
		msg, err := g.receive()
		if err != nil {
			return
		}
		if !g.s.guarded("message", func() { g.s.parse(p, msg, &g.m) }) {
			return
		}
	}
}

// receive waits for the next message.
func (g *guard) receive() ([]byte, error) {
	for {
		msg, err := g.more()
		if msg != nil || err != nil {
			return msg, err
		}
		if g.ws != nil {
			continue
		}
		if err := g.fill(); err != nil {
			return nil, err
		}
	}
}

// socket is the connection below everything.
func (g *guard) socket() net.Conn {
	if g.raw != nil {
		return g.raw
	}
	return g.Conn
}

// more returns what the connection has: a message, or nil for none yet.
func (g *guard) more() ([]byte, error) {
	if g.ws != nil {
		return g.frame()
	}
	return g.next()
}

// on goes on after a message that was dealt with.
func (g *guard) on() ([]byte, error) {
	if g.ws != nil {
		return nil, nil
	}
	return g.next()
}

// fill reads more bytes under the deadline of the current state.
func (g *guard) fill() error {
	limit := idleLimit
	if len(g.buf) > 0 || !g.served || g.s.stranger(g.src) {
		limit = g.s.partialLimit()
	}
	if err := g.SetReadDeadline(g.since.Add(limit)); err != nil {
		return err
	}
	if len(g.buf) == 0 && cap(g.buf) > streamBuffer {
		g.buf = nil
	}
	var chunk [streamBuffer]byte
	n, err := g.Conn.Read(chunk[:])
	if n > 0 {
		if len(g.buf) == 0 && g.served {
			g.since = time.Now()
		}
		g.buf = append(g.buf, chunk[:n]...)
		return nil
	}
	return err
}

// next takes one message off the buffer: nil when it is not whole yet.
func (g *guard) next() ([]byte, error) {
	for len(g.buf) >= 2 && g.buf[0] == '\r' && g.buf[1] == '\n' {
		if len(g.buf) >= 4 && g.buf[2] == '\r' && g.buf[3] == '\n' { // RFC 5626 section 3.5.1
			if _, err := g.Write([]byte("\r\n")); err != nil {
				return nil, err
			}
			g.take(4)
			continue
		}
		if len(g.buf) < 4 {
			return nil, nil
		}
		g.take(2)
	}
	if len(g.buf) == 0 {
		return nil, nil
	}
	end := bytes.Index(g.buf[max(0, g.checked-3):], []byte("\r\n\r\n"))
	if end < 0 {
		g.checked = len(g.buf)
		if len(g.buf) > maxMessage {
			return nil, g.refuse("size")
		}
		return nil, nil
	}
	end += max(0, g.checked-3) + 4
	if why := g.m.scan(g.buf[:end]); why != "" {
		return nil, g.refuse(why)
	}
	n, given := length(&g.m)
	if !given || n < 0 || n > maxMessage-end {
		// Without a length the stream has no message boundary left.
		g.answer(refused(400, "Bad Content-Length"))
		return nil, g.refuse("framing")
	}
	if len(g.buf) < end+n {
		return nil, nil
	}
	msg := append([]byte(nil), g.buf[:end+n]...)
	g.take(end + n)
	return g.pass(msg)
}

// pass runs the checks on a whole message.
func (g *guard) pass(msg []byte) ([]byte, error) {
	if !g.s.admitted(g.network(), g.src, msg) {
		return nil, g.refuse("not_admitted")
	}
	v := inspect(msg, &g.m)
	switch {
	case v.drop != "":
		return nil, g.refuse(v.drop)
	case v.code != 0:
		g.s.m.refused(v.code)
		g.answer(v)
		return g.on()
	case !g.s.screen(g.network(), g.src, &g.m, func(answer []byte) { _, _ = g.Write(answer) }):
		g.served = true
		return g.on()
	}
	g.served = true
	return v.data, nil
}

func (g *guard) network() string {
	if g.in.network == "" {
		return "tcp"
	}
	return g.in.network
}

func (g *guard) take(n int) {
	g.buf = g.buf[n:]
	g.checked = 0
	g.since = time.Now()
}

func (g *guard) answer(v verdict) {
	if bytes.HasPrefix(g.m.start, []byte("ACK ")) || asciiFold(g.m.start[:min(4, len(g.m.start))], "sip/") || g.s.stranger(g.src) {
		return
	}
	_, _ = g.Write(refusal(&g.m, g.src, v))
}

func (g *guard) refuse(why string) error {
	g.s.m.dropped(why)
	return errStream
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	case *net.TCPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
