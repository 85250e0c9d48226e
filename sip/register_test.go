package sip

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestRegistrationPauses(t *testing.T) {
	t.Parallel()
	r := &registration{}
	for granted, want := range map[time.Duration]time.Duration{
		time.Hour: 48 * time.Minute, time.Minute: 48 * time.Second, time.Second: leastPause, 0: leastPause,
	} {
		if got := r.pause(granted, nil); got != want {
			t.Errorf("granted %s: %s, want %s", granted, got, want)
		}
	}
	for failures, want := range map[int]time.Duration{
		1: 30 * time.Second, 2: time.Minute, 5: 8 * time.Minute, 7: 30 * time.Minute, 1000: 30 * time.Minute,
	} {
		r.failure = failures
		if got := r.pause(0, errors.New("no")); got != want {
			t.Errorf("%d failures: %s, want %s", failures, got, want)
		}
	}
}

func TestServiceRouteIsAnAddressOfTheRegistrarsWorld(t *testing.T) {
	t.Parallel()
	public, private := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("10.0.0.1")
	for _, c := range []struct {
		uri  string
		by   netip.Addr
		want string
	}{
		{"sip:198.51.100.7;lr", public, "198.51.100.7:5060"},
		{"sip:orig@[2001:db8::1]:5070;lr", public, "[2001:db8::1]:5070"},
		{"sip:10.0.0.9:5080;lr", private, "10.0.0.9:5080"},
		{"sip:10.0.0.9;lr", public, ""},
		{"sip:127.0.0.1:22;lr", public, ""},
		{"sip:0.0.0.0;lr", private, ""},
		{"sip:224.0.0.1;lr", private, ""},
		{"sip:proxy.carrier.test;lr", public, ""},
		{"tel:+1800", public, ""},
		{"sips:198.51.100.7", public, ""},
		{"", public, ""},
	} {
		hop, ok := hopOf(c.uri, c.by, "udp")
		if ok != (c.want != "") || ok && hop.String() != c.want {
			t.Errorf("%s by %s: %s %v, want %q", c.uri, c.by, hop, ok, c.want)
		}
	}
}
