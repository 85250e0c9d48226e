package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// agent plays a scenario of an agent who refers; words fills in what stands in
// brackets.
func (r *rig) agent(scenario string, words map[string]string) *siptest.Sipp {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "sipp", scenario))
	if err != nil {
		r.t.Fatal(err)
	}
	filled := string(text)
	for word, value := range words {
		filled = strings.ReplaceAll(filled, "["+word+"]", value)
	}
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, scenario)
	if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return siptest.StartSipp(r.t, file, 900)
}

// transferable makes a target whose agents may send callers to the address of a
// trunk "desk".
func (r *rig) transferable(agent, desk string, rule ringbid.Transfers) *ringbid.Target {
	rule.Trunk = "desk"
	r.trunks.put(&ringbid.Trunk{Name: "desk", Address: desk})
	target := r.target(agent)
	target.Transfers = &rule
	return target
}

// moves checks the transfers of a talk, in the talk and at the legs.
func moves(t *testing.T, x talked, want ...ringbid.Verdict) {
	t.Helper()
	if len(x.Talk.Transfers) != len(want) {
		t.Fatalf("transfers %+v, want %v", x.Talk.Transfers, want)
	}
	kept := 0
	for _, l := range x.Legs {
		kept += len(l.Transfers)
	}
	if kept != len(want) {
		t.Errorf("%d transfers at the legs, want %d", kept, len(want))
	}
	for i, m := range x.Talk.Transfers {
		if m.Verdict != want[i] || m.By == "" || m.To == "" {
			t.Errorf("transfer %+v, want %s", m, want[i])
		}
	}
}

// spotless checks that nothing of a call is left: no leg, no stream.
func (r *rig) spotless() {
	r.t.Helper()
	r.idle()
	siptest.Eventually(r.t, "every leg and stream to be gone", func() bool {
		open, _ := r.cfg.Plane.Load()
		return r.counts("ringbid_sip_legs_live")[""] == 0 && open == 0
	})
}

var anywhere = ringbid.Transfers{Allow: ringbid.TransferTrunk}

func TestBlindTransfer(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3515", "blind transfer goes through", "sipp", func(t *testing.T, r *rig) {
		desk := r.phone()
		agent := r.agent("uas_refers.xml", map[string]string{"refer-to": "<sip:+14155550177@127.0.0.1>", "final": "200"})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, ringbid.Transfers{Allow: "numbers", Numbers: []string{"+1415*"}}))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hum(1100)
		caller.Hears(900)
		line := siptest.Receive(t, "the third party's call", desk.Lines)
		inv := line.Leg.Invite()
		if by, _ := inv.Header("Referred-By"); inv.User != "+14155550177" || inv.From.User != "+14155550123" || by != "<sip:agent@127.0.0.1>" {
			t.Errorf("INVITE for %s from %s, by %q", inv.User, inv.From.User, by)
		}
		caller.Hears(700)
		line.Ring()
		line.Answer()
		line.Hum(1500)
		caller.Hears(1500)
		line.Hears(1100)
		agent.Passes()
		line.HangUp()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictAnswered)
		if m := x.Talk.Transfers[0]; m.To != "+1415•••••77" || m.Kind != "blind" || m.Leg != x.Legs[2].ID || x.Legs[2].Replaced != x.Legs[1].ID {
			t.Errorf("transfer %+v of legs %+v", m, x.Legs)
		}
		if x.Talk.EndedBy != "buyer" || x.Talk.Reason.Code != "buyer_hung_up" || x.Talk.MS < 1000 {
			t.Errorf("talk %+v", x.Talk)
		}
		if ev := r.saw(ringbid.EventTransfer); len(ev) != 2 || ev[1].Data["verdict"] != "answered" || ev[0].Data["to"] != "+1415•••••77" {
			t.Errorf("events %+v", ev)
		}
		r.spotless()
	})
	prove(t, "RFC 3515", "blind transfer to a busy line, the old talk goes on", "sipp, sipp", func(t *testing.T, r *rig) {
		desk := r.sipp("uas_busy.xml")
		agent := r.agent("uas_refers_in_vain.xml", map[string]string{"refer-to": "sip:desk@127.0.0.1", "final": "486"})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, anywhere))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hears(900)
		desk.Passes()
		siptest.Eventually(t, "the end of the transfer", func() bool { return len(r.saw(ringbid.EventTransfer)) == 2 })
		caller.Hears(900)
		agent.Passes()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictBusy)
		if x.Talk.EndedBy != "buyer" || x.Talk.Reason.Code != "buyer_hung_up" {
			t.Errorf("talk %+v", x.Talk)
		}
		r.spotless()
	})
	for _, tt := range []struct {
		name, to, status string
		rule             ringbid.Transfers
	}{
		{"transfer refused where nothing is allowed", "<sip:desk@127.0.0.1>", "603", ringbid.Transfers{}},
		{"transfer refused to a number that is not listed", "<sip:+19005550100@127.0.0.1>", "403", ringbid.Transfers{Allow: "numbers", Numbers: []string{"desk"}}},
		{"transfer refused to a host nobody configured", "<sip:desk@evil.example>", "403", anywhere},
	} {
		prove(t, "RFC 3515", tt.name, "sipp", func(t *testing.T, r *rig) {
			agent := r.agent("uas_refer_refused.xml", map[string]string{"refer-to": tt.to, "status": tt.status})
			calls := r.bridge(r.transferable(agent.Addr, "127.0.0.1:9", tt.rule))
			caller := r.phone().Call(r.addr, "+18005550100").Talk()
			caller.Hears(900)
			agent.Passes()
			x := siptest.Receive(t, "the call", calls)
			moves(t, x, ringbid.VerdictRefused)
			if len(x.Legs) != 2 || x.Talk.EndedBy != "buyer" {
				t.Errorf("%+v", x)
			}
			if r.log.Lines("caller transferred") != 1 {
				t.Error("no log line")
			}
			r.spotless()
		})
	}
	prove(t, "RFC 4488", "transfer without news (norefersub)", "sipp", func(t *testing.T, r *rig) {
		desk := r.phone()
		agent := r.agent("uas_refers_silently.xml", map[string]string{"refer-to": "<sip:desk@127.0.0.1>"})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, anywhere))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		line := siptest.Receive(t, "the third party's call", desk.Lines)
		line.Answer()
		line.Hum(1500)
		caller.Hears(1500)
		agent.Passes()
		caller.HangUp()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictAnswered)
		r.spotless()
	})
	prove(t, "RFC 5057", "agent refers, hangs up, and is still told", "sipp", func(t *testing.T, r *rig) {
		desk := r.phone()
		agent := r.agent("uas_refers_and_leaves.xml", map[string]string{"refer-to": "<sip:desk@127.0.0.1>", "final": "200"})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, anywhere))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		line := siptest.Receive(t, "the third party's call", desk.Lines)
		siptest.Eventually(t, "the agent to leave", func() bool { return len(r.saw(ringbid.EventLegEnd)) == 1 })
		caller.Hears(700) // the caller waits for somebody else
		line.Answer()
		line.Hum(1500)
		caller.Hears(1500)
		agent.Passes()
		caller.HangUp()
		moves(t, siptest.Receive(t, "the call", calls), ringbid.VerdictAnswered)
		r.spotless()
	})
	prove(t, "RFC 5057", "agent gone and transfer failed: the talk ends for that reason", "sipp, sipp", func(t *testing.T, r *rig) {
		desk := r.phone()
		agent := r.agent("uas_refers_and_leaves.xml", map[string]string{"refer-to": "<sip:desk@127.0.0.1>", "final": "603"})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, anywhere))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		line := siptest.Receive(t, "the third party's call", desk.Lines)
		siptest.Eventually(t, "the agent to leave", func() bool { return len(r.saw(ringbid.EventLegEnd)) == 1 })
		line.On(func(l *leg.Leg) { l.Reject(603, "") })
		agent.Passes()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictRefused)
		if x.Talk.EndedBy != "buyer" || x.Talk.Reason.Code != "transfer_failed" {
			t.Errorf("talk %+v", x.Talk)
		}
		caller.Want(leg.ByeReceived)
		r.spotless()
	})
	prove(t, "RFC 3515", "caller hangs up during a transfer", "sipp", func(t *testing.T, r *rig) {
		desk := r.phone()
		agent := r.agent("uas_refers.xml", map[string]string{"refer-to": "<sip:desk@127.0.0.1>", "final": "487"})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, anywhere))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		line := siptest.Receive(t, "the third party's call", desk.Lines)
		line.Ring()
		caller.HangUp()
		line.Want(leg.Cancelled)
		agent.Passes()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictCancelled)
		if x.Talk.EndedBy != "caller" {
			t.Errorf("talk %+v", x.Talk)
		}
		r.spotless()
	})
}
