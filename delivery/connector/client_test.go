package connector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
)

// client makes a client that may reach loopback.
func client(t *testing.T, edit ...func(*connector.Config)) *connector.Client {
	t.Helper()
	cfg := connector.Config{Allow: []string{"127.0.0.0/8"}, Timeout: 5 * time.Second}
	for _, e := range edit {
		e(&cfg)
	}
	c, err := connector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// raw serves bytes that net/http would not write, once a connection.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

func wantCode(t *testing.T, err error, want connector.Code) {
	t.Helper()
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || e.Code != want {
		t.Fatalf("got %v (%T), want code %s", err, err, want)
	}
}

func TestExchange(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.Header.Get("X-Ask")+" "+r.UserAgent()+" ["+r.Header.Get("Accept-Encoding")+"]")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(append([]byte("got "), b...))
	})
	res, err := client(t).Do(t.Context(), connector.Request{
		URL: url, Body: []byte("bid?"), Header: http.Header{"X-Ask": {"why"}}, Idempotent: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Status != 418 || string(res.Body) != "got bid?" || res.Header.Get("X-Seen") != "POST why ringbid []" || res.Took <= 0 {
		t.Errorf("got %+v, body %s", res, res.Body)
	}
}

func TestKeepsConnections(t *testing.T) {
	t.Parallel()
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := client(t)
	for range 5 {
		if _, err := c.Do(t.Context(), connector.Request{URL: s.URL, Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for five exchanges", n)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 10<<20))
	_ = z.Close()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })

	for name, c := range map[string]struct {
		url  func(t *testing.T) string
		code connector.Code
	}{
		"too large by its length": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 65<<10)) })
		}, connector.CodeTooLarge},
		"too large, endless": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for range 100 {
					if _, err := w.Write(make([]byte, 4<<10)); err != nil {
						return
					}
					_ = http.NewResponseController(w).Flush()
				}
			})
		}, connector.CodeTooLarge},
		"too large headers": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 40<<10)) })
		}, connector.CodeTooLarge},
		"compressed bomb": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(bomb.Bytes())
			})
		}, connector.CodeEncoded},
		"length that lies": {func(t *testing.T) string {
			return raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
		}, connector.CodeTruncated},
		"cut off at once": {func(t *testing.T) string { return raw(t, "") }, connector.CodeProtocol},
		"not HTTP":        {func(t *testing.T) string { return raw(t, "SSH-2.0-OpenSSH_9.6\r\n") }, connector.CodeProtocol},
		"TLS on a bare one": {func(t *testing.T) string {
			return strings.Replace(raw(t, "HTTP/1.1 400 no\r\n\r\n"), "http:", "https:", 1)
		}, connector.CodeTLS},
		"unknown certificate": {func(t *testing.T) string {
			s := httptest.NewTLSServer(http.NotFoundHandler())
			t.Cleanup(s.Close)
			return s.URL
		}, connector.CodeTLS},
		"redirect": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
		}, connector.CodeRedirect},
		"hangs": {func(t *testing.T) string {
			return serve(t, func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-release:
				case <-r.Context().Done():
				}
			})
		}, connector.CodeTimeout},
		"hangs in the body": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte("{"))
				_ = http.NewResponseController(w).Flush()
				select {
				case <-release:
				case <-r.Context().Done():
				}
			})
		}, connector.CodeTimeout},
		"nobody listens": {func(t *testing.T) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close() //nolint:errcheck // that is the point
			return "http://" + l.Addr().String()
		}, connector.CodeConnect},
		"no scheme":   {func(*testing.T) string { return "127.0.0.1/x" }, connector.CodeAddress},
		"file scheme": {func(*testing.T) string { return "file:///etc/passwd" }, connector.CodeAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := 5 * time.Second
			if c.code == connector.CodeTimeout {
				timeout = 100 * time.Millisecond
			}
			_, err := client(t).Do(t.Context(), connector.Request{URL: c.url(t), Timeout: timeout})
			wantCode(t, err, c.code)
			if strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("the error holds the address: %v", err)
			}
			if c.code == connector.CodeTimeout && ringbid.KindOf(err) != ringbid.Unavailable {
				t.Errorf("kind %s", ringbid.KindOf(err))
			}
		})
	}
}

// A body that goes on after its Content-Length is read up to there.
func TestBodyBeyondItsLength(t *testing.T) {
	t.Parallel()
	res, err := client(t).Do(t.Context(), connector.Request{URL: raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{\"a\":1}")})
	if err != nil || string(res.Body) != `{"a"` {
		t.Errorf("got %q, %v", res.Body, err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := client(t).Do(ctx, connector.Request{URL: url})
	wantCode(t, err, connector.CodeCancelled)
}

func TestFollowsRedirectsWhereTold(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := 0
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
		if n < 3 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n+1), http.StatusTemporaryRedirect)
			return
		}
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	})
	follow := func(n int) *connector.Client {
		return client(t, func(c *connector.Config) { c.Redirects = n })
	}
	res, err := follow(3).Do(t.Context(), connector.Request{URL: url + "/0", Body: []byte("again")})
	if err != nil || string(res.Body) != "again" {
		t.Errorf("got %q, %v", res.Body, err)
	}
	_, err = follow(2).Do(t.Context(), connector.Request{URL: url + "/0", Body: []byte("again")})
	wantCode(t, err, connector.CodeRedirect)
}
