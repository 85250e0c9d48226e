package leg

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// Limits of WebSocket connections.
const (
	maxUpgrade = 8 << 10 // bytes of the HTTP request or response
	maxPings   = 60      // of one connection in a minute
)

const subprotocol = "sip" // RFC 7118 section 4

var errUpgrade = errors.New("not a SIP WebSocket")

// meter bounds what is read from a connection until it is lifted.
type meter struct {
	net.Conn
	left int // bytes; below zero for no bound
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left < 0 {
		return m.Conn.Read(p)
	}
	if m.left == 0 {
		return 0, errStream
	}
	n, err := m.Conn.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// upgrade answers the opening handshake of a peer (RFC 6455 section 4.2). The
// subprotocol is required; Origin says nothing here, the address and the
// certificate of the peer do.
func upgrade(conn net.Conn, wait time.Duration) (*websocket.Conn, error) {
	m := &meter{Conn: conn, left: maxUpgrade}
	r := bufio.NewReader(m)
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, err
	}
	w := &hijack{conn: m, r: r}
	if !websocket.IsWebSocketUpgrade(req) || !slices.Contains(websocket.Subprotocols(req), subprotocol) {
		http.Error(w, "a WebSocket with subprotocol sip is served here", http.StatusBadRequest)
		return nil, errUpgrade
	}
	u := websocket.Upgrader{ReadBufferSize: streamBuffer, WriteBufferSize: streamBuffer, Subprotocols: []string{subprotocol},
		CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := u.Upgrade(w, req, nil)
	if err != nil {
		return nil, err
	}
	m.left = -1
	bound(ws, wait)
	return ws, nil
}

// open makes the opening handshake as a client.
func open(ctx context.Context, conn net.Conn, host string, wait time.Duration) (*websocket.Conn, error) {
	m := &meter{Conn: conn, left: maxUpgrade}
	d := websocket.Dialer{
		NetDialContext:  func(context.Context, string, string) (net.Conn, error) { return m, nil },
		Subprotocols:    []string{subprotocol},
		ReadBufferSize:  streamBuffer,
		WriteBufferSize: streamBuffer,
	}
	ws, _, err := d.DialContext(ctx, "ws://"+host+"/", nil)
	if err != nil {
		return nil, fmt.Errorf("open a WebSocket: %w", err)
	}
	if ws.Subprotocol() != subprotocol {
		ws.Close()
		return nil, fmt.Errorf("%w: peer chose subprotocol %.20q", errUpgrade, ws.Subprotocol())
	}
	m.left = -1
	bound(ws, wait)
	return ws, nil
}

// bound limits what a peer may send: the size of a message, and how many pings
// instead of one.
func bound(ws *websocket.Conn, wait time.Duration) {
	ws.SetReadLimit(maxMessage)
	var pings int
	var since time.Time
	ws.SetPingHandler(func(data string) error {
		if now := time.Now(); now.Sub(since) > time.Minute {
			pings, since = 0, now
		}
		if pings++; pings > maxPings {
			return errStream
		}
		return ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(wait))
	})
}

// hijack is the little of an HTTP server that the upgrade needs.
type hijack struct {
	conn   net.Conn
	r      *bufio.Reader
	header http.Header
	status int
}

func (h *hijack) Header() http.Header {
	if h.header == nil {
		h.header = http.Header{}
	}
	return h.header
}

func (h *hijack) WriteHeader(code int) {
	if h.status != 0 {
		return
	}
	h.status = code
	h.Header().Set("Connection", "close")
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", code, http.StatusText(code))
	_ = h.header.Write(&b)
	b.WriteString("\r\n")
	_, _ = h.conn.Write(b.Bytes())
}

func (h *hijack) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.conn.Write(p)
}

func (h *hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(h.r, bufio.NewWriter(h.conn)), nil
}

// frame reads messages off a WebSocket: each one is a whole SIP message
// (RFC 7118 section 5), or nothing but CRLF. It returns
// nil when there is none yet.
func (g *guard) frame() ([]byte, error) {
	limit := idleLimit
	if !g.served || g.s.stranger(g.src) {
		limit = g.s.partialLimit()
	}
	if err := g.SetReadDeadline(g.since.Add(limit)); err != nil {
		return nil, err
	}
	_, r, err := g.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if err := g.SetReadDeadline(time.Now().Add(g.s.partialLimit())); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r) // no more than maxMessage
	if err != nil {
		return nil, err
	}
	if rest := bytes.TrimLeft(data, "\r\n"); len(rest) > 0 {
		g.since = time.Now()
		return g.whole(rest)
	}
	if g.served {
		g.since = time.Now()
	}
	if len(data) == 4 {
		_, err = g.Write([]byte("\r\n"))
	}
	return nil, err
}

// whole takes one message that has its own frame: Content-Length may be
// missing there, and is put in.
func (g *guard) whole(msg []byte) ([]byte, error) {
	end := bytes.Index(msg, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, g.refuse("framing")
	}
	end += 4
	if why := g.m.scan(msg[:end]); why != "" {
		return nil, g.refuse(why)
	}
	switch n, given := length(&g.m); {
	case !given:
		body := msg[end:]
		msg = append(append([]byte{}, msg[:end-2]...), "Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"...)
		msg = append(msg, body...)
	case n != len(msg)-end:
		g.answer(refused(400, "Bad Content-Length"))
		return nil, g.refuse("framing")
	}
	return g.pass(msg)
}

// send writes one message. There is one writer at a time.
func (g *guard) send(p []byte) error {
	wait := time.Now().Add(g.s.writeLimit())
	if g.ws == nil {
		if err := g.SetWriteDeadline(wait); err != nil {
			return err
		}
		_, err := g.Conn.Write(p)
		return err
	}
	kind := websocket.TextMessage
	if !utf8.Valid(p) {
		kind = websocket.BinaryMessage
	}
	if err := g.ws.SetWriteDeadline(wait); err != nil {
		return err
	}
	return g.ws.WriteMessage(kind, p)
}
