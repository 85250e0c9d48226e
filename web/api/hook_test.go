package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestHooks(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	got := h.send(t, http.MethodPost, "/hooks/acme?x=1", hookToken+"\x00\xff", "X-Signature", "abc", "Content-Encoding", "gzip")
	if got.status != 202 || got.body != `{"applied":1,"parked":1,"repeated":1}`+"\n" {
		t.Errorf("good: %d %s", got.status, got.body)
	}
	r := h.hooks.got.Load()
	if r == nil || string(r.Body) != hookToken+"\x00\xff" || r.Path != "/hooks/acme?x=1" || r.Method != "POST" || r.Header.Get("X-Signature") != "abc" || "http://"+r.Header.Get("Host") != h.url {
		t.Errorf("received %+v", r)
	}
	want := h.send(t, http.MethodPost, "/hooks/acme", "wrong")
	if want.status != 401 || want.kind != "application/problem+json" || strings.Contains(want.body, "acme") {
		t.Errorf("wrong signature: %d %s", want.status, want.body)
	}
	for _, name := range []string{"nobody", "sleeping", "%2e%2e", strings.Repeat("x", 300)} {
		if got := h.send(t, http.MethodPost, "/hooks/"+name, hookToken); got.status != want.status || got.body != want.body {
			t.Errorf("%s is told apart from a wrong signature: %d %s", name, got.status, got.body)
		}
	}
	for _, m := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
		if got := h.send(t, m, "/hooks/acme", ""); got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("%s: %d", m, got.status)
		}
	}
	if got := h.send(t, http.MethodPost, "/hooks/acme", hookToken+strings.Repeat("x", 1<<20)); got.status != 413 {
		t.Errorf("larger than 1 MiB: %d", got.status)
	}
	if got := h.send(t, http.MethodPost, "/hooks/acme", hookToken+strings.Repeat("x", 1<<20-len(hookToken))); got.status != 202 {
		t.Errorf("1 MiB: %d", got.status)
	}
	for kind, c := range map[ringbid.Kind]int{ringbid.Invalid: 400, ringbid.Busy: 429, ringbid.Unavailable: 503, ringbid.Internal: 500, ringbid.Denied: 401} {
		h.hooks.err = ringbid.Errorf(kind, "inside story")
		got := h.send(t, http.MethodPost, "/hooks/acme", hookToken)
		if got.status != c || got.kind != "application/problem+json" || strings.Contains(got.body, "inside") != (c != 500 && c != 401) {
			t.Errorf("%s: %d %s %s", kind, got.status, got.kind, got.body)
		}
	}
}
