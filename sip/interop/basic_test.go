package interop

import (
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

func TestBasicCalls(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261", "call bridged, buyer hangs up", "sipp, sipp", func(t *testing.T, r *rig) {
		buyer := r.sipp("uas_speaks.xml")
		ear := r.tap()
		calls := r.bridge(r.target(buyer.Addr))
		caller := r.sipp("uac_listens.xml", "-s", "+18005550100", r.addr)
		ear.Hears(t, media.Tx, 900)
		caller.Passes()
		buyer.Passes()
		x := siptest.Receive(t, "the call", calls)
		if x.Attempt.Verdict != ringbid.VerdictAnswered || x.EndedBy != "caller" {
			t.Errorf("%+v", x)
		}
		r.idle()
	})
	prove(t, "RFC 3261", "busy buyer is a verdict", "sipp", func(t *testing.T, r *rig) {
		buyer := r.sipp("uas_busy.xml")
		calls := r.bridge(r.target(buyer.Addr))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		if x := siptest.Receive(t, "the call", calls); x.Attempt.Verdict != ringbid.VerdictBusy {
			t.Errorf("%+v", x.Attempt)
		}
		buyer.Passes()
		caller.Over()
	})
	prove(t, "RFC 3264", "hold and resume by a softphone", "baresip", func(t *testing.T, r *rig) {
		agent := siptest.StartSoftphone(t, siptest.SoftphoneConfig{})
		calls := r.bridge(r.target(agent.Addr))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hum(1100)
		caller.Hears(900)
		agent.Say("hold")
		caller.Hears(700)
		agent.Say("resume")
		caller.Hears(900)
		agent.Say("hangup")
		if x := siptest.Receive(t, "the call", calls); x.Talk.EndedBy != "buyer" {
			t.Errorf("%+v", x.Talk)
		}
	})
	prove(t, "RFC 3261", "softphone calls in", "baresip", func(t *testing.T, r *rig) {
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr))
		caller := siptest.StartSoftphone(t, siptest.SoftphoneConfig{User: "+14155550123"})
		caller.Say("dial", "sip:+18005550100@"+r.addr)
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Answer()
		line.Hum(1100)
		line.Hears(900)
		caller.Say("hangup")
		if x := siptest.Receive(t, "the call", calls); x.EndedBy != "caller" {
			t.Errorf("%+v", x)
		}
	})
}
