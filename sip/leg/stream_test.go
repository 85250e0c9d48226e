package leg

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// tcpPeer is a scripted peer on a stream.
func tcpPeer(t *testing.T, conn net.Conn) *peer {
	t.Helper()
	p := &peer{t: t, network: "tcp", at: addrPort(conn.LocalAddr()), to: addrPort(conn.RemoteAddr()), tcp: conn,
		in: make(chan msg, 256), seen: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(p.in)
		r := bufio.NewReader(conn)
		for {
			var head strings.Builder
			for !strings.HasSuffix(head.String(), "\r\n\r\n") {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == "\r\n" && head.Len() == 0 {
					head.WriteString("\r\n") // a pong
				}
				head.WriteString(line)
			}
			m := parseMsg([]byte(head.String()))
			var n int
			for _, c := range m.get("Content-Length") {
				n = 10*n + int(c-'0')
			}
			body := make([]byte, n)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			m.body = string(body)
			p.in <- m
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return p
}

// closed waits until the stack closes the connection.
func (p *peer) closed() {
	p.t.Helper()
	waitFor(p.t, "the connection is closed", func() bool {
		for {
			select {
			case m, ok := <-p.in:
				if !ok {
					return true
				}
				if m.code() == 200 {
					p.t.Errorf("answered with %s", m.start)
				}
			default:
				return false
			}
		}
	})
}

func TestCallOverTCP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	conn, err := net.Dial("tcp", r.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	p := tcpPeer(t, conn)
	u, c := answered(r, p)
	if c.leg.Network() != "tcp" || c.leg.Source() != p.at {
		t.Errorf("%s %s", c.leg.Network(), c.leg.Source())
	}
	u.do("INVITE", testSDP)
	c.want(ReOffer)
	c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
	p.response(200, "INVITE")
	u.ack(u.seq)
	c.on(func(l *Leg) { l.End(Cause{}) })
	bye := p.request("BYE") // over the same connection
	p.answer(bye, 200, "", "")
	c.want(Terminated)
}

func TestDialOverTCP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	at := &peer{network: "tcp", at: addrPort(l.Addr())}
	for range 2 { // the second call finds the connection
		c := r.dial(at)
		if at.tcp == nil {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			at = tcpPeer(t, conn)
			at.at = addrPort(l.Addr())
		}
		inv := at.request("INVITE")
		if !strings.HasPrefix(inv.get("Via"), "SIP/2.0/TCP "+r.tcp.String()) || !strings.Contains(inv.get("Contact"), "transport=tcp") {
			t.Errorf("Via %s Contact %s", inv.get("Via"), inv.get("Contact"))
		}
		at.answer(inv, 180, "b1", "")
		c.want(Ringing)
		at.answer(inv, 200, "b1", testSDP)
		c.want(Answered)
		at.request("ACK")
		c.on(func(l *Leg) { l.End(Cause{}) })
		at.answer(at.request("BYE"), 200, "", "")
		c.want(Terminated)
	}
}

func TestDialOverTCPToNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := &peer{network: "tcp", at: addrPort(l.Addr())}
	l.Close()
	c := r.dial(at)
	if ev := c.want(Failed); !errors.Is(ev.Err, ErrUnreachable) {
		t.Errorf("got %+v", ev)
	}
	c.want(Terminated)
}

func TestStreamFraming(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.OnInvite = func(l *Leg) { l.Reject(404, "") } })
	open := func(t *testing.T) *peer {
		t.Helper()
		conn, err := net.Dial("tcp", r.tcp.String())
		if err != nil {
			t.Fatal(err)
		}
		return tcpPeer(t, conn)
	}
	options := func() string { return strings.Replace(plainRequest("OPTIONS"), "UDP", "TCP", 1) }
	t.Run("byte by byte", func(t *testing.T) {
		t.Parallel()
		p := open(t)
		for _, c := range []byte("\r\n" + options()) {
			p.send(string(c))
		}
		p.response(200, "OPTIONS")
	})
	t.Run("many at once", func(t *testing.T) {
		t.Parallel()
		p := open(t)
		body := strings.Replace(options(), "Content-Length: 0\r\n\r\n", "Content-Length: 6\r\n\r\nab\r\n\r\n", 1)
		p.send(options() + body + "\r\n\r\n" + options())
		for range 3 {
			p.response(200, "OPTIONS")
		}
	})
	t.Run("ping", func(t *testing.T) {
		t.Parallel()
		p := open(t)
		p.send("\r\n\r\n")
		p.next("pong", func(m msg) bool { return m.start == "" })
		p.send(options())
		p.response(200, "OPTIONS")
	})
	t.Run("refused and goes on", func(t *testing.T) {
		t.Parallel()
		p := open(t)
		p.send(strings.Replace(options(), "SIP/2.0\r\nVia", "SIP/3.0\r\nVia", 1) + options())
		p.response(505, "OPTIONS")
		p.response(200, "OPTIONS")
	})
	for name, text := range map[string]string{
		"no length":    strings.Replace(options(), "Content-Length: 0\r\n", "", 1),
		"huge length":  strings.Replace(options(), "Content-Length: 0", "Content-Length: 2000000000", 1),
		"no end":       strings.Repeat("X: y\r\n", 4000),
		"one line":     strings.Repeat("x", maxMessage+1),
		"bomb":         bomb("tag=f"),
		"bomb in uri":  plainRequest("OPTIONS", "sip:bob@127.0.0.1", "sip:bob@127.0.0.1"+strings.Repeat(";a", 900)),
		"not sip":      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"bare newline": strings.Replace(options(), "\r\nMax", "\nMax", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			_, _ = p.tcp.Write([]byte(text)) // may already be closed
			p.closed()
		})
	}
}

func TestStreamLimits(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	s := &Stack{t1: testT1}
	in := &inlet{open: map[*guard]struct{}{}}
	g := &guard{Conn: a, s: s, in: in, since: time.Now().Add(-s.partialLimit())}
	if _, err := g.receive(); err == nil {
		t.Error("a silent connection lives longer than its limit")
	}
	g = &guard{Conn: a, s: s, in: in, served: true, buf: []byte("INV"), since: time.Now().Add(-s.partialLimit())}
	if _, err := g.receive(); err == nil {
		t.Error("half a message lives longer than its limit")
	}
}

func TestOneSourceDoesNotTakeEveryPlace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range maxSourceConns {
		conn, err := net.Dial("tcp", r.tcp.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	waitFor(t, "all are accepted", func() bool { return r.s.inlets[0].of(r.tcp.Addr()) == maxSourceConns })
	conn, err := net.Dial("tcp", r.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	tcpPeer(t, conn).closed()
	other := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	if conn, err = other.Dial("tcp", r.tcp.String()); err != nil {
		t.Fatal(err)
	}
	_, c := answered(r, tcpPeer(t, conn))
	c.on(func(l *Leg) { l.End(Cause{}) })
}

// TestSlowReaderIsCut: a peer that does not read what it is sent is cut off, and
// nobody waits for it meanwhile.
func TestSlowReaderIsCut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	conn, err := net.Dial("tcp", r.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var g *guard
	waitFor(t, "the connection", func() bool {
		g = r.s.inlets[0].find(addrPort(conn.LocalAddr()), "")
		return g != nil
	})
	if _, err := conn.Write([]byte(strings.Replace(plainRequest("OPTIONS"), "UDP", "TCP", 1))); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); err != nil { // once served, it may be idle for long
		t.Fatal(err)
	}
	taken := 0
	for message := bytes.Repeat([]byte("x"), 1<<10); ; taken += len(message) { // it never waits
		if _, err := g.Write(message); err != nil {
			break
		}
		if taken > 64<<20 {
			t.Fatal("64 MB wait for a peer that does not read")
		}
	}
	if taken < maxQueued {
		t.Errorf("cut after %d bytes, a busy carrier may leave %d", taken, maxQueued)
	}
	other, err := net.Dial("tcp", r.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	_, c := answered(r, tcpPeer(t, other))
	c.on(func(l *Leg) { l.End(Cause{}) })
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the peer is still connected")
	}
	waitFor(t, "its place is given back", func() bool { return r.s.inlets[0].of(r.tcp.Addr()) == 1 })
}

func TestStrangersHoldFewConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.Stranger = func(src netip.AddrPort) bool { return src.Addr() != netip.MustParseAddr("127.0.0.1") }
	})
	dial := func(ip byte) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, ip)}}
		conn, err := d.Dial("tcp", r.tcp.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	open := func() int { r.s.inlets[0].mu.Lock(); defer r.s.inlets[0].mu.Unlock(); return len(r.s.inlets[0].open) }
	for range maxOddSource {
		dial(2)
	}
	waitFor(t, "a stranger's connections", func() bool { return open() == maxOddSource })
	tcpPeer(t, dial(2)).closed()
	for i := byte(0); open() < maxOddConns; i++ {
		n := open()
		dial(3 + i)
		waitFor(t, "one more", func() bool { return open() == n+1 })
	}
	tcpPeer(t, dial(200)).closed()
	_, c := answered(r, tcpPeer(t, dial(1)))
	c.on(func(l *Leg) { l.End(Cause{}) })
}
