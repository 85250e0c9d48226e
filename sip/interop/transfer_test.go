package interop

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// agent plays a scenario of an agent who refers; words fills in what stands in
// brackets.
func (r *rig) agent(scenario string, words map[string]string, args ...string) *siptest.Sipp {
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
	return siptest.StartSipp(r.t, file, 900, args...)
}

// transferable makes a target whose agents may send callers to the address of a
// trunk "desk".
func (r *rig) transferable(agent, desk string, rule ringbid.Transfers) *ringbid.Target {
	rule.Trunk = "desk"
	r.trunks.Put(&ringbid.Trunk{Name: "desk", Address: desk})
	target := r.target(agent)
	target.Transfers = &rule
	return target
}

// exchange serves calls to each number with a target of its own.
func (r *rig) exchange(targets map[ringbid.Phone]*ringbid.Target) <-chan talked {
	r.t.Helper()
	out := make(chan talked, 16)
	r.serve(func(ctx context.Context, c *sip.Call) {
		var x talked
		_ = c.Answer(ctx, false)
		if x.Attempt = c.Dial(ctx, dialOf(c, targets[c.Invite().Number])); x.Attempt.Verdict == ringbid.VerdictAnswered {
			x.Talk = c.Bridge(ctx, time.Minute)
		}
		x.Legs = c.Legs()
		x.EndedBy, x.Why = c.Ended()
		out <- x
	})
	return out
}

// dialogOf names the dialog of a line.
func dialogOf(x *siptest.Line) (id leg.DialogID) {
	x.On(func(l *leg.Leg) { id = l.Dialog() })
	return id
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
		if ev := r.events.Of(ringbid.EventTransfer); len(ev) != 2 || ev[1].Data["verdict"] != "answered" || ev[0].Data["to"] != "+1415•••••77" {
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
		siptest.Eventually(t, "the end of the transfer", func() bool { return len(r.events.Of(ringbid.EventTransfer)) == 2 })
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
		siptest.Eventually(t, "the agent to leave", func() bool { return len(r.events.Of(ringbid.EventLegEnd)) == 1 })
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
		siptest.Eventually(t, "the agent to leave", func() bool { return len(r.events.Of(ringbid.EventLegEnd)) == 1 })
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

func TestTransferLimits(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3515", "one transfer more than a talk may have is refused", "sipp, sipp", func(t *testing.T, r *rig) {
		desk := r.agent("uas_refer_refused.xml", map[string]string{"refer-to": "<sip:agent@127.0.0.1>", "status": "403"})
		agent := r.agent("uas_refers.xml", map[string]string{"refer-to": "<sip:desk@127.0.0.1>", "final": "200"})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, ringbid.Transfers{Allow: "trunk", Max: 1}))
		r.phone().Call(r.addr, "+18005550100").Talk()
		agent.Passes()
		desk.Passes()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictAnswered, ringbid.VerdictRefused)
		if x.Talk.EndedBy != "buyer" || x.Talk.Transfers[1].By != x.Talk.Transfers[0].Leg {
			t.Errorf("talk %+v", x.Talk)
		}
		r.spotless()
	})
	prove(t, "RFC 3515", "a caller's REFER is refused", "raw", func(t *testing.T, r *rig) {
		desk := r.phone()
		calls := r.bridge(r.transferable(desk.Addr, "127.0.0.1:9", anywhere))
		w := siptest.NewWire(t, "127.0.0.1")
		ask := func(method, to, more string, n int) string {
			return fmt.Sprintf("%s sip:+18005550100@%s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d\nMax-Forwards: 70\nFrom: <sip:+14155550123@127.0.0.1>;tag=a\n"+
				"To: %s\nCall-ID: wire-1\nCSeq: %d %s\nContact: <sip:ann@%s>\n%s\n", method, r.addr, w.Addr(), method, n, to, n, method, w.Addr(), more)
		}
		body := "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"
		w.Send(r.addr, ask("INVITE", "<sip:+18005550100@127.0.0.1>", fmt.Sprintf("Content-Type: application/sdp\nContent-Length: %d\n\n%s", len(strings.ReplaceAll(body, "\n", "\r\n")), body), 1))
		to := siptest.Header(w.Next("SIP/2.0 200"), "To")
		w.Send(r.addr, ask("ACK", to, "Content-Length: 0\n", 1))
		line := siptest.Receive(t, "the agent's line", desk.Lines)
		line.Answer()
		line.Want(leg.Acked)
		w.Send(r.addr, ask("REFER", to, "Refer-To: <sip:desk@127.0.0.1>\nContent-Length: 0\n", 2))
		w.Next("SIP/2.0 403")
		w.Send(r.addr, ask("BYE", to, "Content-Length: 0\n", 3))
		w.Next("SIP/2.0 200")
		if x := siptest.Receive(t, "the call", calls); x.Talk.EndedBy != "caller" {
			t.Errorf("talk %+v", x.Talk)
		}
		line.Over()
		r.spotless()
	})
	prove(t, "RFC 3515", "a softphone transfers by its button", "baresip", func(t *testing.T, r *rig) {
		desk := r.phone()
		agent := siptest.StartSoftphone(t, siptest.SoftphoneConfig{})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, anywhere))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hum(1100)
		caller.Hears(900)
		agent.Say("transfer", "sip:desk@127.0.0.1")
		line := siptest.Receive(t, "the third party's call", desk.Lines)
		line.Ring()
		line.Answer()
		line.Hum(1500)
		caller.Hears(1500)
		line.Hears(1100)
		caller.HangUp()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictAnswered)
		r.spotless()
	})
}

// referrer is an agent on a raw socket who refers at once and answers whatever
// comes.
type referrer struct {
	w      *siptest.Wire
	r      *rig
	invite string
}

func (a *referrer) take() {
	a.invite = a.w.Next("INVITE ")
	a.w.Reply(a.invite, "200 OK", "Contact: <sip:"+a.w.Addr()+">\nContent-Type: application/sdp\n\n"+
		"v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n")
	a.w.Next("ACK ")
}

func (a *referrer) say(method string, seq int, more string) {
	h := func(name string) string { return siptest.Header(a.invite, name) }
	a.w.Send(a.r.addr, fmt.Sprintf("%s %s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d\nMax-Forwards: 70\nFrom: %s;tag=peer\nTo: %s\nCall-ID: %s\nCSeq: %d %s\n"+
		"Contact: <sip:%s>\n%sContent-Length: 0\n\n", method, strings.Trim(h("Contact"), "<>"), a.w.Addr(), method, seq, h("To"), h("From"), h("Call-ID"), seq, method, a.w.Addr(), more))
}

// hear answers one message, if one comes soon, and returns it.
func (a *referrer) hear() string {
	m := a.w.Read(5 * time.Millisecond)
	if strings.HasPrefix(m, "NOTIFY ") || strings.HasPrefix(m, "BYE ") {
		a.w.Reply(m, "200 OK", "")
	}
	return m
}

func TestNothingIsLeftOfTransfers(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3515", "caller hangs up at any moment of a transfer: nothing is left", "raw", func(t *testing.T, r *rig) {
		desk := r.phone()
		go func() {
			for line := range desk.Lines {
				line.Ring()
				time.AfterFunc(60*time.Millisecond, line.Answer)
			}
		}()
		calls := r.bridge(r.transferable("127.0.0.1:9", desk.Addr, anywhere))
		phone := r.phone()
		for i := range 12 {
			a := &referrer{w: siptest.NewWire(t, "127.0.0.1"), r: r}
			r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: a.w.Addr()})
			caller := phone.Call(r.addr, "+18005550100").Talk()
			a.take()
			siptest.Eventually(t, "the talk", func() bool { return r.log.Lines("call bridged") == i+1 })
			a.say("REFER", 1, "Refer-To: <sip:desk@127.0.0.1>\n")
			from, gone := time.Now(), false
			for limit := from.Add(siptest.Patience); r.s.Active() > 0 && time.Now().Before(limit); {
				a.hear()
				if !gone && time.Since(from) > time.Duration(i)*8*time.Millisecond {
					gone = true
					caller.HangUp()
				}
			}
			if x := siptest.Receive(t, "the call", calls); x.EndedBy != "caller" || len(x.Talk.Transfers) > 1 {
				t.Errorf("%d: %+v", i, x)
			}
		}
		r.spotless()
	})
}

func TestAttendedTransfer(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 5589", "attended transfer: the agent's second call runs through us", "sipp", func(t *testing.T, r *rig) {
		third, office := r.phone(), r.phone()
		r.trunks.Put(&ringbid.Trunk{Name: "third", Address: third.Addr})
		first, second := r.transferable("127.0.0.1:9", "127.0.0.1:9", anywhere), &ringbid.Target{Name: "third", Buyer: "x", Trunk: "third", User: "third"}
		calls := r.exchange(map[ringbid.Phone]*ringbid.Target{"+18005550100": first, "+18005550101": second})
		consult := office.Call(r.addr, "+18005550101").Talk()
		line := siptest.Receive(t, "the third party's call", third.Lines)
		line.Answer()
		consult.Hum(1700)
		line.Hears(1700)
		agent := r.agent("uas_refers.xml", map[string]string{"final": "200",
			"refer-to": "<sip:third@127.0.0.1?Replaces=" + url.QueryEscape(dialogOf(consult).String()) + ">"})
		r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: agent.Addr})
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hum(1100)
		caller.Hears(900)
		line.Hum(1500)
		caller.Hears(1500)
		line.Hears(1100)
		agent.Passes()
		consult.Over()
		ended := siptest.Receive(t, "the agent's second call", calls)
		if ended.Talk.Reason.Code != "transferred" || len(ended.Legs) != 2 || ended.Legs[1].Reason != "transferred" {
			t.Errorf("second call %+v", ended)
		}
		line.HangUp()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictAnswered)
		if m := x.Talk.Transfers[0]; m.Kind != "attended" || m.Leg != x.Legs[2].ID || x.Talk.EndedBy != "buyer" {
			t.Errorf("talk %+v", x.Talk)
		}
		caller.Over()
		r.spotless()
	})
	prove(t, "RFC 5589", "attended transfer: the other dialog is not ours", "sipp", func(t *testing.T, r *rig) {
		desk := r.phone()
		agent := r.agent("uas_refers.xml", map[string]string{"refer-to": "<sip:desk@127.0.0.1?Replaces=abc%40pbx%3Bto-tag%3Dt1%3Bfrom-tag%3Df1>", "final": "200"})
		calls := r.bridge(r.transferable(agent.Addr, desk.Addr, anywhere))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		line := siptest.Receive(t, "the third party's call", desk.Lines)
		if id := line.Leg.Invite().Replaces; id == nil || *id != (leg.DialogID{CallID: "abc@pbx", ToTag: "t1", FromTag: "f1"}) {
			t.Errorf("Replaces %+v", id)
		}
		line.Answer()
		line.Hum(1500)
		caller.Hears(1500)
		agent.Passes()
		caller.HangUp()
		moves(t, siptest.Receive(t, "the call", calls), ringbid.VerdictAnswered)
		r.spotless()
	})
	prove(t, "RFC 5589", "attended transfer with a call that has nobody to give", "sipp", func(t *testing.T, r *rig) {
		third, office := r.phone(), r.phone()
		r.trunks.Put(&ringbid.Trunk{Name: "third", Address: third.Addr})
		first, second := r.transferable("127.0.0.1:9", "127.0.0.1:9", anywhere), &ringbid.Target{Name: "third", Buyer: "x", Trunk: "third", User: "third"}
		calls := r.exchange(map[ringbid.Phone]*ringbid.Target{"+18005550100": first, "+18005550101": second})
		consult := office.Call(r.addr, "+18005550101").Talk()
		line := siptest.Receive(t, "the third party's call", third.Lines)
		line.Ring()
		agent := r.agent("uas_refers_in_vain.xml", map[string]string{"final": "480",
			"refer-to": "<sip:third@127.0.0.1?Replaces=" + url.QueryEscape(dialogOf(consult).String()) + ">"})
		r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: agent.Addr})
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		siptest.Eventually(t, "the end of the transfer", func() bool { return len(r.events.Of(ringbid.EventTransfer)) == 2 })
		caller.Hears(900)
		agent.Passes()
		moves(t, siptest.Receive(t, "the call", calls), ringbid.VerdictRefused)
		consult.HangUp()
		siptest.Receive(t, "the agent's second call", calls)
		r.spotless()
	})
}

func TestSoftphoneTransfersAttended(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 5589", "a softphone joins two calls (Replaces in its Refer-To)", "baresip", func(t *testing.T, r *rig) {
		third, office := r.phone(), r.phone()
		r.trunks.Put(&ringbid.Trunk{Name: "third", Address: third.Addr})
		agent := siptest.StartSoftphone(t, siptest.SoftphoneConfig{})
		first, second := r.transferable(agent.Addr, "127.0.0.1:9", anywhere), &ringbid.Target{Name: "third", Buyer: "x", Trunk: "third", User: "third"}
		calls := r.exchange(map[ringbid.Phone]*ringbid.Target{"+18005550100": first, "+18005550101": second})
		consult := office.Call(r.addr, "+18005550101").Talk()
		line := siptest.Receive(t, "the third party's call", third.Lines)
		line.Answer()
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hum(1100)
		caller.Hears(900)
		agent.Say("transfer", "sip:third@127.0.0.1?Replaces="+url.QueryEscape(dialogOf(consult).String()))
		line.Hum(1500)
		caller.Hears(1500)
		line.Hears(1100)
		consult.Over()
		siptest.Receive(t, "the agent's second call", calls)
		caller.HangUp()
		moves(t, siptest.Receive(t, "the call", calls), ringbid.VerdictAnswered)
		r.spotless()
	})
}

func TestPickup(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3891", "INVITE with Replaces takes the talk over", "sipp", func(t *testing.T, r *rig) {
		agent := r.phone()
		calls := r.bridge(r.transferable(agent.Addr, "127.0.0.1:9", anywhere))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hum(1100)
		line := siptest.Receive(t, "the agent's line", agent.Lines)
		line.Answer()
		line.Hum(1500)
		caller.Hears(1500)
		line.Want(leg.Acked)
		colleague := r.agent("uac_takes_over.xml", map[string]string{"replaces": dialogOf(line).String()}, "-s", "agent", r.addr)
		line.Want(leg.ByeReceived)
		caller.Hears(900)
		colleague.Passes()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictAnswered)
		if m := x.Talk.Transfers[0]; m.Kind != "pickup" || m.To != "colleague" || m.Leg != x.Legs[2].ID || x.Legs[2].Replaced != x.Legs[1].ID {
			t.Errorf("transfer %+v of legs %+v", m, x.Legs)
		}
		if x.Talk.EndedBy != "buyer" || x.Talk.Reason.Code != "buyer_hung_up" || x.Talk.MS < 900 {
			t.Errorf("talk %+v", x.Talk)
		}
		r.spotless()
	})
	for _, tt := range []struct {
		name, status string
		rule         ringbid.Transfers
		change       func(*leg.DialogID)
	}{
		{"INVITE with Replaces for a dialog that is unknown", "481", anywhere, func(d *leg.DialogID) { d.ToTag = "nobody" }},
		{"INVITE with Replaces for another's dialog", "481", anywhere, func(d *leg.DialogID) { d.FromTag = "nobody" }},
		{"INVITE with Replaces, early-only, after the answer", "486", anywhere, func(d *leg.DialogID) { d.EarlyOnly = true }},
		{"INVITE with Replaces where transfers are refused", "603", ringbid.Transfers{}, func(*leg.DialogID) {}},
	} {
		prove(t, "RFC 3891", tt.name, "sipp", func(t *testing.T, r *rig) {
			agent := r.phone()
			calls := r.bridge(r.transferable(agent.Addr, "127.0.0.1:9", tt.rule))
			caller := r.phone().Call(r.addr, "+18005550100").Talk()
			line := siptest.Receive(t, "the agent's line", agent.Lines)
			line.Answer()
			line.Hum(1500)
			line.Want(leg.Acked)
			id := dialogOf(line)
			tt.change(&id)
			r.agent("uac_takes_over_in_vain.xml", map[string]string{"replaces": id.String(), "status": tt.status}, "-s", "agent", r.addr).Passes()
			caller.Hears(1500)
			caller.HangUp()
			if x := siptest.Receive(t, "the call", calls); x.Talk.EndedBy != "caller" || len(x.Talk.Transfers) != 0 {
				t.Errorf("talk %+v", x.Talk)
			}
			r.spotless()
		})
	}
}
