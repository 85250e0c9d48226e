package sim

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// port is one HTTP server of the world of leads.
type port struct {
	server *http.Server
	addr   string
	scheme string
	served chan struct{}
	quit   chan struct{} // closed when the port closes
	once   sync.Once
}

// portConfig describes a port; who names its owner in errors and the log.
type portConfig struct {
	who     string
	addr    string      // default "127.0.0.1:0"
	tls     *tls.Config // nil = without TLS
	logger  *slog.Logger
	handler http.HandlerFunc
}

// openPort opens a server; it answers when openPort returns.
func openPort(c portConfig) (*port, error) {
	l, err := net.Listen("tcp", cmp.Or(c.addr, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.who, err)
	}
	p := &port{addr: l.Addr().String(), scheme: "http", served: make(chan struct{}), quit: make(chan struct{})}
	if c.tls != nil {
		l, p.scheme = tls.NewListener(l, c.tls), "https"
	}
	p.server = &http.Server{
		Handler: c.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // faults are meant
	}
	go func() {
		defer close(p.served)
		if err := p.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.logger.Error(c.who+" stopped", "error", err)
		}
	}()
	return p, nil
}

// url returns where the port is, without a slash at the end.
func (p *port) url() string { return p.scheme + "://" + p.addr }

// close ends the server, and the answers under way with it.
func (p *port) close(ctx context.Context) error {
	p.once.Do(func() { close(p.quit) })
	polite, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if p.server.Shutdown(polite) == nil {
		<-p.served
		return nil
	}
	err := p.server.Close() // somebody does not read what we send
	<-p.served
	return err
}

// wait reports whether it lasted; the asker or the house may end it.
func (p *port) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-p.quit:
	}
	return false
}

// readBody reads a request, up to a size.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
}

// lose begins an answer and resets the connection. Without that beginning, a
// client may take a kept connection for one that had ended, and ask again by
// itself.
func lose(w http.ResponseWriter) { seize(w, []byte("HTTP/1.1 2"), true) }

// seize takes the connection of an answer, sends text on it as it stands and
// closes it, by reset where it says so.
func seize(w http.ResponseWriter, text []byte, reset bool) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := h.Hijack()
	if err != nil {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = conn.Write(text)
	if !reset {
		_ = conn.Close()
		return
	}
	under := conn
	if secured, ok := conn.(*tls.Conn); ok {
		under = secured.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = under.Close()
}
