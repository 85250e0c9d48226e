package ringbid_test

import (
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestTransfersPermit(t *testing.T) {
	t.Parallel()
	few := &ringbid.Transfers{Allow: "numbers", Numbers: []string{"+14155550177", "+1212*", "desk", "20*"}}
	any := &ringbid.Transfers{Allow: "trunk"}
	tests := []struct {
		rule *ringbid.Transfers
		user string
		want bool
	}{
		{nil, "desk", false},
		{&ringbid.Transfers{}, "desk", false},
		{&ringbid.Transfers{Allow: "refuse", Numbers: []string{"desk"}}, "desk", false},
		{few, "desk", true},
		{few, "desk2", false},
		{few, "2001", true},
		{few, "4155550177", true}, // as it is dialled
		{few, "14155550177", true},
		{few, "+12125550100", true},
		{few, "2125550100", true},
		{few, "+19005550100", false},
		{few, "+141555501770", false},
		{any, "+19005550100", true},
		{any, "desk@evil.example", false},
		{any, "", false},
	}
	for _, tt := range tests {
		if got := tt.rule.Permits(tt.user); got != tt.want {
			t.Errorf("%+v permits %q: %t", tt.rule, tt.user, got)
		}
	}
	if any.Limit() != 2 || (&ringbid.Transfers{Max: 5}).Limit() != 5 {
		t.Error("limit")
	}
}

func TestTransfersAreChecked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule ringbid.Transfers
		want string // part of the one problem, "" for none
	}{
		{ringbid.Transfers{}, ""},
		{ringbid.Transfers{Allow: "trunk", Max: 5}, ""},
		{ringbid.Transfers{Allow: "numbers", Numbers: []string{"+1415*"}}, ""},
		{ringbid.Transfers{Allow: "everybody"}, "everybody"},
		{ringbid.Transfers{Allow: "numbers"}, "is empty"},
		{ringbid.Transfers{Allow: "numbers", Numbers: []string{"*"}}, "not a number"},
		{ringbid.Transfers{Allow: "numbers", Numbers: []string{"a@b"}}, "not a number"},
		{ringbid.Transfers{Max: 6}, "between"},
	}
	for _, tt := range tests {
		trunk := ringbid.Trunk{Name: "pbx", Address: "192.0.2.1", Transfers: &tt.rule}
		target := ringbid.Target{Name: "desk", Buyer: "acme", Trunk: "pbx", User: "1", Transfers: &tt.rule}
		for _, got := range [][]ringbid.Problem{trunk.Validate(), target.Validate()} {
			if tt.want == "" && len(got) == 0 || len(got) == 1 && tt.want != "" && strings.Contains(got[0].Text, tt.want) {
				continue
			}
			t.Errorf("%+v: %v", tt.rule, got)
		}
	}
}
