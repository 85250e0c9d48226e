package main

import (
	"net/netip"
	"testing"

	"github.com/spf13/pflag"
)

func TestLimitsOfTheTelephoneEdge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		good bool
	}{
		{nil, true},
		{[]string{"--calls-per-second", "0"}, true},
		{[]string{"--calls-per-second", "-1"}, false},
		{[]string{"--sip-exempt", "192.0.2.1, 2001:db8::/32"}, true},
		{[]string{"--sip-exempt", "carrier.example"}, false},
	}
	for _, tt := range tests {
		var c config
		f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		c.flags(f)
		if err := f.Parse(tt.args); err != nil {
			t.Fatal(err)
		}
		if err := c.check(); (err == nil) != tt.good {
			t.Errorf("%q: %v", tt.args, err)
		}
	}
	c := config{SIPExempt: "192.0.2.1, 2001:db8::/32"}
	if got, err := c.exempt(); err != nil || len(got) != 2 || !got[0].Contains(netip.MustParseAddr("192.0.2.1")) {
		t.Errorf("%v, %v", got, err)
	}
}
