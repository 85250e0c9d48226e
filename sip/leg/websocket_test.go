package leg

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/ringbid/ringbid/sip/siptest/certtest"
)

// wsStream makes a stream of a WebSocket's messages.
type wsStream struct {
	net.Conn
	ws   *websocket.Conn
	rest io.Reader
}

func (s *wsStream) Read(p []byte) (int, error) {
	for {
		if s.rest == nil {
			_, r, err := s.ws.NextReader()
			if err != nil {
				return 0, err
			}
			s.rest = r
		}
		n, err := s.rest.Read(p)
		if err == io.EOF {
			s.rest = nil
			if n == 0 {
				continue
			}
			err = nil
		}
		return n, err
	}
}

func (s *wsStream) Write(p []byte) (int, error) {
	return len(p), s.ws.WriteMessage(websocket.TextMessage, p)
}

// wsPeer opens a WebSocket to the stack.
func wsPeer(t *testing.T, r *rig, network string, ca *certtest.Authority) *peer {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"sip"}, TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
	ws, _, err := d.Dial(network+"://"+r.at(network)+"/any/path", http.Header{"Origin": {"https://elsewhere.example"}})
	if err != nil {
		t.Fatal(err)
	}
	p := tcpPeer(t, &wsStream{Conn: ws.NetConn(), ws: ws})
	p.network = network
	return p
}

func TestCallOverWebSocket(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	r := tlsRig(t, ca, ca.Issue("127.0.0.1"))
	for _, network := range []string{"ws", "wss"} {
		p := wsPeer(t, r, network, ca)
		u, c := answered(r, p)
		if c.leg.Network() != network || c.leg.Source() != p.at {
			t.Errorf("%s %s", c.leg.Network(), c.leg.Source())
		}
		u.do("INVITE", testSDP)
		c.want(ReOffer)
		c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
		res := p.response(200, "INVITE")
		if !strings.Contains(res.get("Contact"), "transport="+network) {
			t.Errorf("Contact %s", res.get("Contact"))
		}
		u.ack(u.seq)
		c.on(func(l *Leg) { l.End(Cause{}) })
		bye := p.request("BYE") // over the same connection
		if !strings.HasPrefix(bye.get("Via"), "SIP/2.0/"+strings.ToUpper(network)+" ") {
			t.Errorf("Via %s", bye.get("Via"))
		}
		p.answer(bye, 200, "", "")
		c.want(Terminated)
	}
}

func TestDialOverWebSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan *websocket.Conn, 1)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		u := websocket.Upgrader{Subprotocols: []string{"sip"}}
		if ws, err := u.Upgrade(w, req, nil); err == nil {
			conns <- ws
		}
	})}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { web.Close() })
	at := &peer{network: "ws", at: addrPort(l.Addr())}
	c := r.dial(at)
	ws := <-conns
	p := tcpPeer(t, &wsStream{Conn: ws.NetConn(), ws: ws})
	inv := p.request("INVITE")
	if !strings.HasPrefix(inv.get("Via"), "SIP/2.0/WS ") || !strings.Contains(inv.get("Contact"), "transport=ws") {
		t.Errorf("Via %s Contact %s", inv.get("Via"), inv.get("Contact"))
	}
	p.answer(inv, 200, "b1", testSDP)
	c.want(Answered)
	p.request("ACK")
	c.on(func(l *Leg) { l.End(Cause{}) })
	p.answer(p.request("BYE"), 200, "", "")
	c.want(Terminated)
}

func TestWebSocketUpgradeIsStrict(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	r := tlsRig(t, ca, ca.Issue("127.0.0.1"))
	const key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for name, c := range map[string]struct {
		send string
		want int // 0: closed without a word
	}{
		"fine":              {"GET / HTTP/1.1\r\nHost: a\r\n" + key + "Sec-WebSocket-Protocol: chat, sip\r\n\r\n", 101},
		"no subprotocol":    {"GET / HTTP/1.1\r\nHost: a\r\n" + key + "\r\n", 400},
		"other subprotocol": {"GET / HTTP/1.1\r\nHost: a\r\n" + key + "Sec-WebSocket-Protocol: chat\r\n\r\n", 400},
		"plain request":     {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		"SIP":               {"OPTIONS sip:a SIP/2.0\r\n\r\n", 0},
		"endless headers":   {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 2*maxUpgrade) + "\r\n" + key + "\r\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", r.at("ws"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(conn, c.send) // may be closed before all is sent
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			switch {
			case c.want == 0 && err == nil:
				t.Errorf("answered with %s", res.Status)
			case c.want != 0 && (err != nil || res.StatusCode != c.want):
				t.Errorf("got %v %v, want %d", res, err, c.want)
			}
		})
	}
}

func TestWebSocketFrames(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	r := tlsRig(t, ca, ca.Issue("127.0.0.1"))
	// Each has a branch of its own: the stack knows a repetition by it.
	bare := func() string { return plainRequest("OPTIONS", "Content-Length: 0\r\n", "") }
	options := plainRequest("OPTIONS")
	for name, c := range map[string]struct {
		send  func(*websocket.Conn) error
		reply string
	}{
		"without a length": {func(ws *websocket.Conn) error { return ws.WriteMessage(websocket.TextMessage, []byte(bare())) }, "SIP/2.0 200"},
		"binary": {func(ws *websocket.Conn) error {
			return ws.WriteMessage(websocket.BinaryMessage, []byte(plainRequest("OPTIONS")))
		}, "SIP/2.0 200"},
		"in pieces": {func(ws *websocket.Conn) error {
			w, err := ws.NextWriter(websocket.TextMessage)
			if err != nil {
				return err
			}
			for _, b := range []byte(options) {
				if _, err := w.Write([]byte{b}); err != nil {
					return err
				}
			}
			return w.Close()
		}, "SIP/2.0 200"},
		"keepalive": {func(ws *websocket.Conn) error { return ws.WriteMessage(websocket.TextMessage, []byte("\r\n\r\n")) }, "\r\n"},
		"two in one": {func(ws *websocket.Conn) error {
			return ws.WriteMessage(websocket.TextMessage, []byte(plainRequest("OPTIONS")+options))
		}, "closed"},
		"half a message": {func(ws *websocket.Conn) error { return ws.WriteMessage(websocket.TextMessage, []byte(options[:40])) }, "closed"},
		"too large": {func(ws *websocket.Conn) error {
			return ws.WriteMessage(websocket.TextMessage, []byte(bare()+strings.Repeat("x", maxMessage)))
		}, "closed"},
		"pings without end": {func(ws *websocket.Conn) error {
			for range 2 * maxPings {
				if err := ws.WriteMessage(websocket.PingMessage, nil); err != nil {
					return nil // closed already
				}
			}
			return nil
		}, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := websocket.Dialer{Subprotocols: []string{"sip"}}
			ws, _, err := d.Dial("ws://"+r.at("ws")+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			if err := c.send(ws); err != nil {
				t.Fatal(err)
			}
			_ = ws.SetReadDeadline(time.Now().Add(patience))
			_, got, err := ws.ReadMessage()
			if c.reply == "closed" && strings.HasPrefix(string(got), "SIP/2.0 400") { // what it may say before
				_, got, err = ws.ReadMessage()
			}
			if c.reply == "closed" && err == nil {
				t.Errorf("got %q, %v", got, err)
			}
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Error("the connection stays open")
			}
			if c.reply != "closed" && !strings.HasPrefix(string(got), c.reply) {
				t.Errorf("got %q, %v, want %s", got, err, c.reply)
			}
		})
	}
}
