package connector

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestAdmits(t *testing.T) {
	t.Parallel()
	closed, err := newGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	open, err := newGuard([]string{"10.1.2.0/24", " ::1 ", "127.0.0.1", "Bids.Internal"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		addr         string
		closed, open bool
	}{
		{"8.8.8.8", true, true},
		{"2606:4700::1111", true, true},
		{"127.0.0.1", false, true},
		{"127.0.0.2", false, false},
		{"::1", false, true},
		{"::ffff:127.0.0.1", false, true},
		{"::ffff:10.0.0.1", false, false},
		{"::ffff:8.8.8.8", true, true},
		{"10.1.2.3", false, true},
		{"10.1.3.3", false, false},
		{"172.16.0.1", false, false},
		{"192.168.1.1", false, false},
		{"169.254.169.254", false, false},
		{"100.64.0.1", false, false},
		{"0.0.0.0", false, false},
		{"0.1.2.3", false, false},
		{"192.0.2.1", false, false},
		{"198.18.0.1", false, false},
		{"203.0.113.9", false, false},
		{"224.0.0.1", false, false},
		{"255.255.255.255", false, false},
		{"240.0.0.1", false, false},
		{"fe80::1", false, false},
		{"fc00::1", false, false},
		{"fd12::1", false, false},
		{"ff02::1", false, false},
		{"::", false, false},
		{"::7f00:1", false, false},
		{"64:ff9b::7f00:1", false, false},
		{"2002:7f00:1::", false, false},
		{"2001:0:7f00:1::", false, false},
		{"2001:db8::1", false, false},
	} {
		a := netip.MustParseAddr(c.addr)
		if got := closed.admits(a); got != c.closed {
			t.Errorf("nothing allowed: %s admitted %v", c.addr, got)
		}
		if got := open.admits(a); got != c.open {
			t.Errorf("some allowed: %s admitted %v", c.addr, got)
		}
	}
	if !open.trusts("bids.internal.") || open.trusts("internal") || closed.trusts("") {
		t.Error("host names are not matched whole")
	}
}

func TestBadAllowList(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "10.0.0.0/99", "http://x", "a b", strings.Repeat("a", 254)} {
		if _, err := New(Config{Allow: []string{s}}); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

// The address that is dialled is what counts: a name that resolves to loopback,
// literal forms of it, and a redirect to it are all refused.
func TestBlocksWhatItDials(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the server was reached")
	}))
	t.Cleanup(s.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"} {
		_, err := c.Do(t.Context(), Request{URL: "http://" + host + ":" + port})
		if e, ok := err.(*Error); !ok || e.Code != CodeBlocked {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestRedirectToPrivate(t *testing.T) {
	t.Parallel()
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the inner server was reached")
	}))
	t.Cleanup(inner.Close)
	outer := httptest.NewServer(http.RedirectHandler(strings.Replace(inner.URL, "127.0.0.1", "127.0.0.2", 1), http.StatusFound))
	t.Cleanup(outer.Close)
	c, err := New(Config{Allow: []string{"127.0.0.1"}, Redirects: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	_, err = c.Do(t.Context(), Request{URL: outer.URL})
	if e, ok := err.(*Error); !ok || e.Code != CodeBlocked {
		t.Errorf("got %v", err)
	}
}

func TestTrustedName(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	c, err := New(Config{Allow: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	res, err := c.Do(t.Context(), Request{URL: strings.Replace(s.URL, "127.0.0.1", "localhost", 1)})
	if err != nil || res.Status != 404 {
		t.Errorf("by its name: %v, %v", res.Status, err)
	}
	if _, err := c.Do(t.Context(), Request{URL: s.URL}); err == nil {
		t.Error("the address of a trusted name is not itself trusted")
	}
}
