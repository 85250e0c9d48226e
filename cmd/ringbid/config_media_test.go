package main

import (
	"strings"
	"testing"
)

func TestIPv6AudioAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rtp6, advertise6, want string }{
		{"", "", ""},
		{"::1", "", ""},
		{"::", "2001:db8::7", ""},
		{"127.0.0.1", "", "--rtp6"},
		{"", "2001:db8::7", "--rtp6"},
		{"::1", "host", "--advertise6"},
	} {
		c := config{RTP6: tt.rtp6, Advertise6: tt.advertise6}
		_, _, err := c.rtp6()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q, %q: %v", tt.rtp6, tt.advertise6, err)
		}
	}
	if dscp(0) != -1 || dscp(46) != 46 {
		t.Error("a mark of 0 is not the default")
	}
}
