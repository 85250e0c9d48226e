package interop

import (
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

// supervised is a bridged call of two parties that hum, and a supervisor's
// softphone that hums as well.
type supervised struct {
	t             *testing.T
	r             *rig
	caller, agent *siptest.Line
	boss          *siptest.Softphone
	tap           *siptest.Ear
	calls         <-chan talked
}

const (
	callerHz = 1100
	agentHz  = 1500
	bossHz   = 500
)

func newSupervised(t *testing.T, r *rig) *supervised {
	t.Helper()
	x := &supervised{t: t, r: r, tap: r.tap(), boss: siptest.StartSoftphone(t, siptest.SoftphoneConfig{User: "boss", Hz: bossHz})}
	buyer := r.phone()
	r.trunks.Put(&ringbid.Trunk{Name: "office", Address: x.boss.Addr})
	x.calls = r.bridge(r.target(buyer.Addr))
	x.caller = r.phone().Call(r.addr, "+18005550100").Talk()
	x.agent = siptest.Receive(t, "the agent's line", buyer.Lines)
	x.agent.Answer()
	x.caller.Hum(callerHz)
	x.agent.Hum(agentHz)
	x.caller.Hears(agentHz)
	x.agent.Hears(callerHz)
	return x
}

// order gives an order of ann and expects no error.
func (x *supervised) order(mode string) {
	x.t.Helper()
	if err := x.try("ann", mode); err != nil {
		x.t.Fatalf("%s: %v", mode, err)
	}
}

func (x *supervised) try(by, mode string) error {
	x.t.Helper()
	ids := x.r.s.Calls()
	if len(ids) != 1 {
		x.t.Fatalf("%d calls", len(ids))
	}
	return x.r.s.Supervise(ids[0], ringbid.Supervision{By: by, Phone: ringbid.Extension{Trunk: "office", User: "boss"}, Mode: mode})
}

// hums waits until each ear has, of the supervisor's tone, what is said.
func (x *supervised) hums(atCaller, atAgent bool) {
	x.t.Helper()
	for _, e := range []struct {
		who  string
		ear  *siptest.Ear
		want bool
		own  float64
	}{{"caller", x.caller.Ear, atCaller, agentHz}, {"agent", x.agent.Ear, atAgent, callerHz}} {
		siptest.Eventually(x.t, "what the "+e.who+" hears", func() bool {
			boss, other := e.ear.Power(media.Rx, bossHz), e.ear.Power(media.Rx, e.own)
			return other > 0.2 && (boss > 0.2) == e.want
		})
	}
}

func (x *supervised) answered() {
	x.t.Helper()
	siptest.Eventually(x.t, "the supervisor to answer", func() bool {
		return x.boss.Output.Lines("Call established") > 0
	})
}

func TestSupervisor(t *testing.T) {
	t.Parallel()
	prove(t, "supervision", "listens unheard, whispers to the agent, barges in, leaves", "baresip", func(t *testing.T, r *rig) {
		x := newSupervised(t, r)
		x.order(ringbid.SuperviseListen)
		x.answered()
		x.hums(false, false)
		x.order(ringbid.SuperviseWhisper)
		x.hums(false, true)
		if p := x.tap.Power(media.Tx, bossHz); p > 0.2 {
			t.Errorf("the whisper is in what the caller's tap hears: %.2f", p)
		}
		x.order(ringbid.SuperviseBarge)
		x.hums(true, true)
		siptest.Eventually(t, "the barge on the tap", func() bool { return x.tap.Power(media.Tx, bossHz) > 0.2 })
		if err := x.try("bob", ringbid.SuperviseListen); ringbid.KindOf(err) != ringbid.Conflict {
			t.Errorf("a second supervisor: %v", err)
		}
		x.order(ringbid.SuperviseOff)
		x.hums(false, false)
		x.caller.HangUp()
		got := siptest.Receive(t, "the call", x.calls)
		if got.EndedBy != "caller" || len(got.Legs) != 3 || got.Legs[2].Side != "supervisor" || got.Legs[2].Name != "ann" {
			t.Errorf("%+v", got)
		}
		if n := len(r.events.Of(ringbid.EventWatched)); n != 4 {
			t.Errorf("%d events", n)
		}
		r.idle()
	})
	prove(t, "supervision", "hangs up, the talk goes on; the talk ends, the supervisor goes", "baresip", func(t *testing.T, r *rig) {
		x := newSupervised(t, r)
		x.order(ringbid.SuperviseBarge)
		x.answered()
		x.hums(true, true)
		x.boss.Say("hangup")
		x.hums(false, false)
		siptest.Eventually(t, "the supervisor to be gone", func() bool { return len(r.events.Of(ringbid.EventWatched)) == 2 })
		x.order(ringbid.SuperviseListen)
		siptest.Eventually(t, "the second answer", func() bool { return x.boss.Output.Lines("Call established") > 1 })
		x.agent.HangUp()
		if got := siptest.Receive(t, "the call", x.calls); got.Talk.EndedBy != "buyer" || len(got.Legs) != 4 {
			t.Errorf("%+v", got)
		}
		r.idle()
	})
	prove(t, "supervision", "a telephone that is busy, a call that is gone", "sipp", func(t *testing.T, r *rig) {
		busy := r.sipp("uas_busy.xml")
		x := newSupervised(t, r)
		r.trunks.Put(&ringbid.Trunk{Name: "office", Address: busy.Addr})
		x.order(ringbid.SuperviseListen)
		busy.Passes()
		siptest.Eventually(t, "the end of the attempt", func() bool { return len(r.events.Of(ringbid.EventWatched)) == 2 })
		x.hums(false, false)
		if err := r.s.Supervise("gone", ringbid.Supervision{Mode: ringbid.SuperviseListen}); ringbid.KindOf(err) != ringbid.NotFound {
			t.Errorf("a call that is gone: %v", err)
		}
		if err := x.try("ann", "shout"); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("a mode nobody knows: %v", err)
		}
		x.caller.HangUp()
		if got := siptest.Receive(t, "the call", x.calls); got.EndedBy != "caller" {
			t.Errorf("%+v", got)
		}
		r.idle()
	})
	prove(t, "supervision", "goes on through a transfer", "sipp, baresip", func(t *testing.T, r *rig) {
		boss := siptest.StartSoftphone(t, siptest.SoftphoneConfig{User: "boss", Hz: bossHz})
		r.trunks.Put(&ringbid.Trunk{Name: "office", Address: boss.Addr})
		desk := r.phone()
		agent := r.agent("uas_refers.xml", map[string]string{"refer-to": "<sip:desk@127.0.0.1>", "final": "200"})
		x := &supervised{t: t, r: r, boss: boss, calls: r.bridge(r.transferable(agent.Addr, desk.Addr, anywhere))}
		x.caller = r.phone().Call(r.addr, "+18005550100").Talk()
		x.caller.Hum(callerHz)
		x.caller.Hears(900)
		x.order(ringbid.SuperviseBarge)
		x.agent = siptest.Receive(t, "the third party's call", desk.Lines)
		x.agent.Answer()
		x.agent.Hum(agentHz)
		x.hums(true, true)
		x.caller.HangUp()
		if got := siptest.Receive(t, "the call", x.calls); got.EndedBy != "caller" || len(got.Legs) != 4 {
			t.Errorf("%+v", got)
		}
		r.spotless()
	})
}

func TestSentByAnOperator(t *testing.T) {
	t.Parallel()
	prove(t, "supervision", "the operator sends the talk to another agent of the buyer", "baresip", func(t *testing.T, r *rig) {
		x := newSupervised(t, r)
		desk := siptest.StartSoftphone(t, siptest.SoftphoneConfig{User: "desk", Hz: 1900})
		r.trunks.Put(&ringbid.Trunk{Name: "desk", Address: desk.Addr})
		id := r.s.Calls()[0]
		other := &ringbid.Target{Name: "other", Buyer: "zenith", Trunk: "desk", User: "desk"}
		if err := r.s.Send(id, other, "ann"); ringbid.KindOf(err) != ringbid.Conflict {
			t.Errorf("to another buyer: %v", err)
		}
		if err := r.s.Send(id, &ringbid.Target{Name: "acme-desk", Buyer: "acme", Trunk: "desk", User: "desk"}, "ann"); err != nil {
			t.Fatal(err)
		}
		x.caller.Hears(1900)
		desk.Say("hangup")
		got := siptest.Receive(t, "the call", x.calls)
		moves(t, got, ringbid.VerdictAnswered)
		if m := got.Talk.Transfers[0]; m.Kind != ringbid.TransferSent || m.To != "acme-desk" || m.Text != "by ann" {
			t.Errorf("%+v", m)
		}
		r.idle()
	})
	prove(t, "supervision", "the target is busy: the old talk goes on", "sipp", func(t *testing.T, r *rig) {
		x := newSupervised(t, r)
		busy := r.sipp("uas_busy.xml")
		r.trunks.Put(&ringbid.Trunk{Name: "desk", Address: busy.Addr})
		if err := r.s.Send(r.s.Calls()[0], &ringbid.Target{Name: "acme-desk", Buyer: "acme", Trunk: "desk", User: "desk"}, "ann"); err != nil {
			t.Fatal(err)
		}
		busy.Passes()
		siptest.Eventually(t, "the end of the attempt", func() bool { return r.log.Lines("caller transferred") == 1 })
		x.caller.Hears(agentHz)
		x.caller.HangUp()
		moves(t, siptest.Receive(t, "the call", x.calls), ringbid.VerdictBusy)
		r.idle()
	})
}
