package sip

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	value := func(name string) string { return map[string]string{"zip": "90210", "open": "{{zip}}"}[name] }
	for text, want := range map[string]string{
		"": "", "plain": "plain", "{{zip}}": "90210", "a{{ zip }}b{{zip}}": "a90210b90210", "{{gone}}": "",
		"{{zip": "{{zip", "}}{{": "}}{{", "{{open}}": "{{zip}}", "{zip}": "{zip}",
	} {
		if got := expand(text, value); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestHeadersThatCannotBeSentAreLeftOut(t *testing.T) {
	t.Parallel()
	d := ringbid.Dial{Caller: "+14155550123", Facts: ringbid.TagMap{"evil": "a\r\nX-Evil: 1", "long": strings.Repeat("x", 900)},
		Target: &ringbid.Target{Name: "t", Headers: map[string]string{"X-Ok": "{{evil}}", "X-Long": "{{long}}{{long}}", "X-Bad": "a\nb",
			"Route": "<sip:evil>", "X-Ringbid-Call-Id": "forged"}, UserToUser: strings.Repeat("y", 129)}}
	headers, err := headersFor(&onward{request: &leg.Request{}, inv: &ringbid.Invite{CallID: "id", Number: "+18005550100"}, d: &d,
		trunk: &ringbid.Trunk{Diversion: ringbid.DiversionOld}, ours: "h"})
	got := map[string]string{}
	for _, h := range headers {
		got[h.Name()] = h.Value()
	}
	want := map[string]string{"X-Ringbid-Call-Id": "id", "X-Ok": "a%0D%0AX-Evil%3A%201",
		"Diversion": "<sip:+18005550100@h>;reason=unconditional;counter=1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"X-Long", "X-Bad", "Route", "user-to-user"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("no word of %s in %v", name, err)
		}
	}
}

func TestInviteOf(t *testing.T) {
	t.Parallel()
	trunk := &ringbid.Trunk{Name: "carrier"}
	header := func(name, value string) leg.Header {
		h, err := leg.NewHeader(name, value)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	tests := []struct {
		name string
		req  leg.Request
		want ringbid.Invite
	}{
		{"plain", leg.Request{User: "18005550100", From: leg.Party{User: "4155550123", Display: "ANN\x01 CALLER"}, CallID: "c"},
			ringbid.Invite{Number: "+18005550100", Caller: "+14155550123", CallerName: "ANN CALLER", SIPCallID: "c"}},
		{"asserted", leg.Request{User: "+18005550100", From: leg.Party{User: "unknown"}, PAI: []leg.Party{{User: "bob"}, {User: "+14155550123"}}},
			ringbid.Invite{Number: "+18005550100", Caller: "+14155550123"}},
		{"remote party id", leg.Request{User: "+18005550100", RPID: []leg.Party{{User: "+14155550123"}}},
			ringbid.Invite{Number: "+18005550100", Caller: "+14155550123"}},
		{"withheld", leg.Request{User: "+18005550100", Privacy: "critical; ID", From: leg.Party{User: "+14155550123", Display: "Ann"}},
			ringbid.Invite{Number: "+18005550100"}},
		{"withheld the old way", leg.Request{User: "+18005550100", RPID: []leg.Party{{User: "+14155550123", Params: "party=calling;privacy=full"}}},
			ringbid.Invite{Number: "+18005550100"}},
		{"number in To", leg.Request{User: "trunk-7", To: leg.Party{User: "+18005550100"}},
			ringbid.Invite{Number: "+18005550100"}},
		{"not a number", leg.Request{User: "sales"}, ringbid.Invite{Tags: ringbid.TagMap{"dialed": "sales"}}},
		{"facts", leg.Request{User: "+18005550100", From: leg.Party{URI: "sip:+14155550123;verstat=TN-Validation-Passed-B@x"},
			UserToUser: []string{"7a69703d3930323130;encoding=hex"}, Diversion: []leg.Party{{User: "+12125550100"}},
			Headers: []leg.Header{header("X-Zip", "90%3210"), header("X-Zip", "second"), header("X-9", "n"), header("X-Sub.Id", "dots"), header("Subject", "s")}},
			ringbid.Invite{Number: "+18005550100", Tags: ringbid.TagMap{"user_to_user": "zip=90210", "diversion": "+12125550100",
				"attestation": "B", "verstat": "passed", "x_zip": "90210", "x_9": "n"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := inviteOf(&tt.req, trunk, tt.want.Received)
			if len(got.CallID) != 36 || got.Trunk != "carrier" {
				t.Errorf("call id %q, trunk %q", got.CallID, got.Trunk)
			}
			got.CallID, got.Trunk, got.Source = "", "", ""
			if tt.want.Tags == nil {
				tt.want.Tags = ringbid.TagMap{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want ringbid.Reason }{
		{ringbid.Reason{}, ringbid.Reason{Code: "normal", Text: "call ended", Fault: ringbid.FaultNone, SIP: 480, Q850: 16}},
		{ringbid.Reason{Code: "unknown_number", SIP: 404}, ringbid.Reason{Code: "unknown_number", SIP: 404, Q850: 1}},
		{ringbid.Reason{Code: "spam", SIP: 200}, ringbid.Reason{Code: "spam", SIP: 480, Q850: 20}},
		{ringbid.Reason{Code: "rtp_timeout", Fault: ringbid.FaultBuyer}, ringbid.Reason{Code: "rtp_timeout", Text: "RTP timeout", Fault: ringbid.FaultBuyer, SIP: 480, Q850: 41}},
		{ringbid.Reason{SIP: 433}, ringbid.Reason{SIP: 433, Q850: 24}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, complete(tt.in)); diff != "" {
			t.Errorf("%+v: %s", tt.in, diff)
		}
	}
	for code := 300; code < 700; code++ {
		if v := verdictOf(code); v == "" || v == ringbid.VerdictAnswered {
			t.Errorf("verdict of %d is %q", code, v)
		}
		if q := q850(code); q < 1 || q > 127 {
			t.Errorf("cause of %d is %d", code, q)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("{{zip}}", "90210", "Zoë")
	f.Add("{{{{zip}}}}\x00", "a\r\nVia: x", "\"><sip:evil@x>;a=\xff")
	f.Fuzz(func(t *testing.T, template, fact, name string) {
		d := ringbid.Dial{Caller: "+14155550123", CallerName: name, Facts: ringbid.TagMap{"zip": fact},
			Target: &ringbid.Target{Headers: map[string]string{"X-A": template}, UserToUser: template}}
		headers, _ := headersFor(&onward{request: &leg.Request{}, inv: &ringbid.Invite{CallID: "id", Number: "+18005550100"}, d: &d,
			trunk: &ringbid.Trunk{Diversion: ringbid.DiversionBoth}, user: "agent", host: "b", ours: "h"})
		for _, h := range headers {
			if strings.ContainsAny(h.Value(), "\r\n\x00") || len(h.Value()) > 1024 || !utf8.ValidString(h.Value()) {
				t.Errorf("%s: %q", h.Name(), h.Value())
			}
		}
		if s := identityOf(&d, "", &ringbid.Trunk{}, "h").from.Display; strings.ContainsAny(s, "\r\n\x00") || !utf8.ValidString(s) || utf8.RuneCountInString(s) > 64 {
			t.Errorf("display name %q", s)
		}
	})
}

func FuzzInvite(f *testing.F) {
	f.Add("+18005550100", "id", "7a69703d39;encoding=hex", "sip:a;verstat=TN-Validation-Passed-A@b", "90%32")
	f.Add("", ";;,", "\"zz", "verstat=tn-validation-passed-", "%zz\x00")
	f.Fuzz(func(t *testing.T, user, privacy, uui, uri, x string) {
		r := leg.Request{User: user, Privacy: privacy, UserToUser: []string{uui}, From: leg.Party{User: user, Display: x, URI: uri}}
		if h, err := leg.NewHeader("X-Fuzz", x); err == nil {
			r.Headers = append(r.Headers, h)
		}
		inv := inviteOf(&r, &ringbid.Trunk{Name: "t"}, time.Time{})
		if len(inv.Tags) > ringbid.MaxTags {
			t.Error("too many tags")
		}
		for k, v := range inv.Tags {
			if !tagForm.MatchString(k) || !readable(v) || len(v) > ringbid.MaxTagValue {
				t.Errorf("tag %q=%q", k, v)
			}
		}
	})
}
