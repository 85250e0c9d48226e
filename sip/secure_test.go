package sip

import (
	"context"
	"slices"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
	"github.com/ringbid/ringbid/sip/siptest"
)

// keyed gives a phone's line keys of its own.
func keyed(x *siptest.Line, s sdp.Security) { x.Secure(s, media.AESCM80, media.AESGCM) }

// secureRig is a server whose two trunks do about SRTP what is said.
func secureRig(t *testing.T, caller, buyer string, phone *siptest.Phone) (*rig, <-chan []ringbid.Leg) {
	t.Helper()
	legs := make(chan []ringbid.Leg, 1)
	r := bareRig(t)
	target := r.target(phone)
	r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, SRTP: caller, SRTPInsecure: true})
	r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: phone.Addr, SRTP: buyer, SRTPInsecure: true})
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		c.Dial(ctx, dialOf(c, target))
		c.Bridge(ctx, 0)
		legs <- c.Legs()
	})
	return r, legs
}

func TestEachLegIsSecureOnItsOwn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		caller, buyer string       // of the trunks
		a, b          sdp.Security // of the phones
		ok            bool
		srtp          [2]bool
		legs          int // tried
	}{
		{"neither", "", "", sdp.Plain, sdp.Plain, true, [2]bool{false, false}, 2},
		{"the caller", "offer", "refuse", sdp.Required, sdp.Plain, true, [2]bool{true, false}, 2},
		{"the caller may", "offer", "refuse", sdp.Opportunistic, sdp.Plain, true, [2]bool{true, false}, 2},
		{"the buyer", "refuse", "offer", sdp.Plain, sdp.Required, true, [2]bool{false, true}, 2},
		{"both", "require", "require", sdp.Required, sdp.Required, true, [2]bool{true, true}, 2},
		{"buyer falls back", "require", "offer", sdp.Required, sdp.Plain, true, [2]bool{true, false}, 3},
		{"caller refused", "require", "", sdp.Plain, sdp.Plain, false, [2]bool{}, 0},
		{"caller's keys refused", "refuse", "", sdp.Required, sdp.Plain, false, [2]bool{}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			buyer := newPhone(t, func(x *siptest.Line) {
				x.On(func(*leg.Leg) { keyed(x, tt.b) })
				if session, err := sdp.Parse(x.Offer); err == nil && tt.b == sdp.Plain && session.Audio.Proto == "RTP/SAVP" {
					x.On(func(l *leg.Leg) { l.Reject(488, "") })
					return
				}
				x.Answer()
				x.Hum(900)
			})
			r, legs := secureRig(t, tt.caller, tt.buyer, buyer)
			caller := r.call(newPhone(t, nil), "+18005550100", func(x *siptest.Line, _ *leg.DialConfig) { keyed(x, tt.a) })
			if !tt.ok {
				if ev := caller.Want(leg.Failed); ev.Code != 488 {
					t.Errorf("refused with %d", ev.Code)
				}
				return
			}
			caller.Talk()
			caller.Hum(1100)
			caller.Hears(900)
			var b *siptest.Line
			for range tt.legs - 1 {
				b = siptest.Receive(t, "the buyer's leg", buyer.Lines)
			}
			b.Hears(1100)
			if got := [2]bool{caller.Encrypted(), b.Encrypted()}; got != tt.srtp {
				t.Errorf("encrypted %v, want %v", got, tt.srtp)
			}
			caller.HangUp()
			got := siptest.Receive(t, "the legs", legs)
			if len(got) != tt.legs {
				t.Fatalf("%d legs", len(got))
			}
			for i, l := range []ringbid.Leg{got[0], got[len(got)-1]} {
				if (l.Media.SRTP != "") != tt.srtp[i] || l.Media.Forged != 0 || l.Media.PacketsIn == 0 {
					t.Errorf("%s: %+v", l.Side, l.Media)
				}
			}
		})
	}
}

// A hold, its end and new keys of either side leave the audio up.
func TestReOffersKeepAudioSecure(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, func(x *siptest.Line) {
		x.On(func(*leg.Leg) { keyed(x, sdp.Required) })
		x.Answer()
		x.Hum(900)
	})
	r, legs := secureRig(t, "require", "require", buyer)
	caller := r.call(newPhone(t, nil), "+18005550100", func(x *siptest.Line, _ *leg.DialConfig) { keyed(x, sdp.Required) }).Talk()
	caller.Hum(1100)
	caller.Hears(900)
	b := siptest.Receive(t, "the buyer's leg", buyer.Lines)
	b.Reoffer(sdp.SendOnly)
	b.Reoffer(sdp.SendRecv)
	b.Hears(1100)
	caller.Reoffer(sdp.SendRecv, func(x *siptest.Line) {
		ours := slices.Clone(x.Local.Keys)
		keyed(x, sdp.Required)
		if slices.EqualFunc(ours, x.Local.Keys, func(a, b sdp.Crypto) bool { return string(a.Key) == string(b.Key) }) {
			t.Error("the same keys")
		}
	})
	b.Hum(950)
	caller.Hears(950)
	caller.Hum(1200)
	b.Hears(1200)
	caller.HangUp()
	for _, l := range siptest.Receive(t, "the legs", legs) {
		if l.Media.Forged > 5 || l.Media.SRTP == "" { // packets on their way while keys change
			t.Errorf("%s: %+v", l.Side, l.Media)
		}
	}
}

// Keys do not cross signalling that anybody can read.
func TestKeysInTheClear(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]sdp.Security{"refuse": sdp.Plain, "offer": sdp.Plain, "require": sdp.Required} {
		s := &side{trunk: &ringbid.Trunk{Name: "x", SRTP: policy}}
		err := s.secure("udp")
		if (err != nil) != (want == sdp.Required) || len(s.local.Keys) != 0 {
			t.Errorf("%s over udp: %v, %d keys", policy, err, len(s.local.Keys))
		}
		s = &side{trunk: &ringbid.Trunk{Name: "x", SRTP: policy}}
		if err := s.secure("tls"); err != nil || (len(s.local.Keys) == 0) != (policy == "refuse") {
			t.Errorf("%s over tls: %v, %d keys", policy, err, len(s.local.Keys))
		}
	}
}

func TestCallersAreConnectedToByTheirName(t *testing.T) {
	t.Parallel()
	var x clients
	for name, c := range map[string]struct {
		trunk *ringbid.Trunk
		none  bool
	}{
		"peer":    {&ringbid.Trunk{Name: "a", TLS: ringbid.TrunkTLS{Peer: "sbc.carrier.test"}}, false},
		"name":    {&ringbid.Trunk{Name: "b", TLS: ringbid.TrunkTLS{Name: "carrier.test"}}, false},
		"address": {&ringbid.Trunk{Name: "c", Address: "carrier.test"}, false},
		"nothing": {&ringbid.Trunk{Name: "d"}, true},
	} {
		first, err := x.back(c.trunk)
		if err != nil || (first == nil) != c.none {
			t.Errorf("%s: %v %v", name, first, err)
		}
		if again, _ := x.back(c.trunk); again != first {
			t.Errorf("%s: made again", name)
		}
	}
}
