package interop

import (
	"log/slog"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
	"github.com/ringbid/ringbid/sip/siptest"
	"github.com/ringbid/ringbid/sip/siptest/certtest"
)

// srtp sets what the carrier's trunk does about encrypted audio. The keys go
// over UDP here.
func (r *rig) srtp(policy string) {
	r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, SRTP: policy, SRTPInsecure: true})
}

// srtpTrunk has the buyers' trunk do so.
func srtpTrunk(policy string) func(*ringbid.Trunk) {
	return func(t *ringbid.Trunk) { t.SRTP, t.SRTPInsecure = policy, true }
}

// softSRTP is a softphone with mediaenc set.
func softSRTP(t *testing.T, user, mediaenc string) *siptest.Softphone {
	t.Helper()
	return siptest.StartSoftphone(t, siptest.SoftphoneConfig{User: user, Account: ";mediaenc=" + mediaenc, Modules: []string{"srtp"}})
}

// encrypted checks which legs were, and that nothing was lost to a wrong key
// but the few packets that baresip sends in the clear before it has its keys:
// one of RTCP to open a NAT, sometimes one more.
func encrypted(t *testing.T, legs []ringbid.Leg, caller, buyer bool) {
	t.Helper()
	if len(legs) < 2 {
		t.Fatalf("%d legs", len(legs))
	}
	for i, l := range []ringbid.Leg{legs[0], legs[len(legs)-1]} {
		if (l.Media.SRTP != "") != []bool{caller, buyer}[i] || l.Media.Forged > 3 || l.Media.PacketsIn == 0 {
			t.Errorf("%s: %+v", l.Side, l.Media)
		}
	}
}

func TestSRTP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rfc, name, mediaenc string
	}{
		{"RFC 4568", "SRTP on the caller's leg only (AES_CM_128_HMAC_SHA1_80)", "srtp-mand"},
		{"RFC 8643", "caller offers keys under RTP/AVP", "srtp"},
		{"RFC 4568", "caller offers RTP/SAVPF", "srtp-mandf"},
	} {
		prove(t, c.rfc, c.name, "baresip", func(t *testing.T, r *rig) {
			r.srtp("offer")
			buyer := r.phone()
			calls := r.bridge(r.target(buyer.Addr))
			caller := softSRTP(t, "+14155550123", c.mediaenc)
			caller.Say("dial", "sip:+18005550100@"+r.addr)
			line := siptest.Receive(t, "the buyer's line", buyer.Lines)
			line.Answer()
			line.Hum(1100)
			line.Hears(900)
			caller.Say("hangup")
			encrypted(t, r.ended(t, calls).Legs, true, false)
		})
	}
	prove(t, "RFC 4568", "SRTP on the buyer's leg only (AEAD_AES_128_GCM), hold and resume", "baresip", func(t *testing.T, r *rig) {
		agent := softSRTP(t, "agent", "srtp-mand")
		calls := r.bridge(r.target(agent.Addr, srtpTrunk("require")))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hum(1100)
		caller.Hears(900)
		agent.Say("hold")
		caller.Hears(700)
		agent.Say("resume")
		caller.Hears(900)
		agent.Say("hangup")
		x := r.ended(t, calls)
		encrypted(t, x.Legs, false, true)
		if got := x.Legs[1].Media.SRTP; got != string(media.AESGCM) {
			t.Errorf("suite %s", got)
		}
	})
	prove(t, "RFC 4568", "SRTP on both legs", "baresip, baresip", func(t *testing.T, r *rig) {
		r.srtp("require")
		ear := r.tap()
		agent := softSRTP(t, "agent", "srtp-mand")
		calls := r.bridge(r.target(agent.Addr, srtpTrunk("offer")))
		caller := softSRTP(t, "+14155550123", "srtp-mand")
		caller.Say("dial", "sip:+18005550100@"+r.addr)
		ear.Hears(t, media.Rx, 900)
		ear.Hears(t, media.Tx, 900)
		caller.Say("hangup")
		encrypted(t, r.ended(t, calls).Legs, true, true)
	})
	prove(t, "RFC 4568", "SRTP offered, refused with 488, plain RTP taken", "baresip", func(t *testing.T, r *rig) {
		agent := siptest.StartSoftphone(t, siptest.SoftphoneConfig{})
		calls := r.bridge(r.target(agent.Addr, srtpTrunk("offer")))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hears(900)
		agent.Say("hangup")
		x := r.ended(t, calls)
		encrypted(t, x.Legs, false, false)
		if len(x.Legs) != 3 || x.Legs[1].Status != 488 {
			t.Errorf("legs %+v", x.Legs)
		}
	})
	prove(t, "RFC 4568", "SRTP required, plain RTP refused with 488", "sipp", func(t *testing.T, r *rig) {
		r.srtp("require")
		r.bridge(r.target("127.0.0.1:9"))
		caller := r.sipp("uac_488.xml", "-s", "+18005550100", r.addr)
		caller.Passes()
	})
	prove(t, "RFC 4568", "SRTP required, buyer refuses: no plain RTP", "baresip", func(t *testing.T, r *rig) {
		agent := siptest.StartSoftphone(t, siptest.SoftphoneConfig{})
		calls := r.bridge(r.target(agent.Addr, srtpTrunk("require")))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		if x := r.ended(t, calls); x.Attempt.Verdict != ringbid.VerdictFailed || x.Attempt.Status != 488 {
			t.Errorf("%+v", x.Attempt)
		}
		caller.Want(leg.ByeReceived)
	})
	for _, suite := range []media.Suite{media.AESCM80, media.AESCM32, media.AESGCM} {
		rfc := "RFC 3711"
		if suite == media.AESGCM {
			rfc = "RFC 7714"
		}
		prove(t, rfc, "new keys by re-INVITE, "+string(suite), "raw", func(t *testing.T, r *rig) {
			r.srtp("require")
			agent := r.phone()
			calls := r.bridge(r.target(agent.Addr))
			secure := func(x *siptest.Line, _ *leg.DialConfig) { x.Secure(sdp.Required, suite) }
			caller := r.phone().Call(r.addr, "+18005550100", secure)
			line := siptest.Receive(t, "the buyer's line", agent.Lines)
			line.Answer()
			caller.Talk()
			caller.Hum(1100)
			line.Hum(900)
			caller.Hears(900)
			line.Hears(1100)
			caller.Reoffer(sdp.SendRecv, func(x *siptest.Line) { x.Secure(sdp.Required, suite) })
			line.Hum(950)
			caller.Hears(950)
			caller.Hum(1250)
			line.Hears(1250)
			caller.HangUp()
			x := r.ended(t, calls)
			if got := x.Legs[0].Media; got.SRTP != string(suite) || got.Forged > 5 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestSRTPOverTLS(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 4568", "SRTP required, signalled over TLS", "baresip", func(t *testing.T, r *rig) {
		authority := certtest.New(t)
		pair := authority.Issue("127.0.0.1")
		keys, err := leg.LoadKeys(pair.CertFile, pair.KeyFile, "", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		r.cfg.Keys = keys
		r.cfg.Listeners = append(r.cfg.Listeners, leg.Listener{Network: "tls", Addr: "127.0.0.1:0"})
		trunk := &ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, Transport: "tls", SRTP: "require"}
		if p := trunk.Validate(); len(p) != 0 {
			t.Fatal(p)
		}
		r.trunks.Put(trunk)
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr))
		addrs := r.s.Addrs()
		caller := siptest.StartSoftphone(t, siptest.SoftphoneConfig{User: "+14155550123", Account: ";mediaenc=srtp-mand;transport=tls",
			Modules: []string{"srtp"}, Config: []string{"sip_cafile " + authority.File}})
		caller.Say("dial", "sip:+18005550100@"+addrs[len(addrs)-1].Addr+";transport=tls")
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Answer()
		line.Hum(1100)
		line.Hears(900)
		caller.Say("hangup")
		encrypted(t, r.ended(t, calls).Legs, true, false)
	})
	prove(t, "RFC 4568", "keys in the clear are refused with 488", "baresip", func(t *testing.T, r *rig) {
		r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, Transport: "tls", SRTP: "offer"})
		r.bridge(r.target("127.0.0.1:9"))
		caller := softSRTP(t, "+14155550123", "srtp-mand")
		caller.Say("dial", "sip:+18005550100@"+r.addr)
		siptest.Eventually(t, "the refusal", func() bool { return caller.Output.Lines("488") > 0 })
	})
}
