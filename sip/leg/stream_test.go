package leg

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
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
