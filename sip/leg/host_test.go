package leg

import (
	"net/netip"
	"testing"
)

func TestHostFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ advertise, local, want string }{
		{"", "192.0.2.1", "192.0.2.1"},
		{"", "2001:db8::1", "[2001:db8::1]"},
		{"", "::ffff:192.0.2.1", "192.0.2.1"},
		{"sip.example.com", "2001:db8::1", "sip.example.com"},
		{"203.0.113.7", "192.0.2.1", "203.0.113.7"},
		{"203.0.113.7", "2001:db8::1", "[2001:db8::1]"},
		{"2001:db8::7", "2001:db8::1", "[2001:db8::7]"},
		{"[2001:db8::7]", "2001:db8::1", "[2001:db8::7]"},
		{"2001:db8::7", "192.0.2.1", "192.0.2.1"},
	} {
		if got := HostFor(tt.advertise, netip.MustParseAddr(tt.local)); got != tt.want {
			t.Errorf("%q at %s: %q, want %q", tt.advertise, tt.local, got, tt.want)
		}
	}
}
