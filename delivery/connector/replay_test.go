package connector

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// TestNoReplay sends a post whose key header net/http takes for a promise over a
// connection that breaks: it must not be made a second time behind our back.
func TestNoReplay(t *testing.T) {
	t.Parallel()
	var taken atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if taken.Add(1) == 1 {
			return // the first one warms the connection
		}
		if got := r.Header.Get("Idempotency-Key"); got != "k" {
			t.Errorf("key %q", got)
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}))
	defer s.Close()
	c, err := New(Config{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	post := func() error {
		h := http.Header{}
		h.Set("Idempotency-Key", "k")
		_, err := c.Do(t.Context(), Request{URL: s.URL, Header: h, Body: []byte("{}")})
		return err
	}
	if err := post(); err != nil {
		t.Fatal(err)
	}
	if err := post(); err == nil {
		t.Error("a reset connection is no error")
	}
	if n := taken.Load(); n != 2 {
		t.Errorf("%d posts arrived for two", n)
	}
}
