package ringbid_test

import (
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestTrunkMediaPolicies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		trunk ringbid.Trunk
		want  string // part of the one problem, "" for none
	}{
		{"nothing said", ringbid.Trunk{}, ""},
		{"refuse", ringbid.Trunk{SRTP: "refuse", Latch: "nat"}, ""},
		{"keys in the clear", ringbid.Trunk{SRTP: "require"}, `srtp_insecure`},
		{"keys in the clear over tcp", ringbid.Trunk{SRTP: "offer", Transport: "tcp"}, `"tcp"`},
		{"keys in the clear on purpose", ringbid.Trunk{SRTP: "offer", SRTPInsecure: true, Latch: "signalled"}, ""},
		{"over TLS", ringbid.Trunk{SRTP: "require", Transport: "tls"}, ""},
		{"over WebSocket with TLS", ringbid.Trunk{SRTP: "offer", Transport: "wss"}, ""},
		{"insecure without srtp", ringbid.Trunk{SRTPInsecure: true}, "of no use"},
		{"unknown policy", ringbid.Trunk{SRTP: "maybe"}, "maybe"},
		{"unknown latch", ringbid.Trunk{Latch: "anybody"}, "anybody"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.trunk.Name, tt.trunk.Address = "carrier", "192.0.2.1"
			got := tt.trunk.Validate()
			if tt.want == "" && len(got) == 0 || len(got) == 1 && tt.want != "" && strings.Contains(got[0].Text, tt.want) {
				return
			}
			t.Errorf("%v", got)
		})
	}
}
