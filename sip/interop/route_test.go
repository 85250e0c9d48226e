package interop

import (
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/siptest"
	"github.com/ringbid/ringbid/sip/siptest/dnstest"
)

// twoHosts has the domain served over TCP by a host that is dead and, after it,
// by the phone.
func (r *rig) twoHosts(domain string, phone *siptest.Phone) {
	r.t.Helper()
	zone := dnstest.Serve(r.t)
	zone.A("sbc."+domain, "127.0.0.1")
	zone.SRV("_sip._tcp."+domain, 10, 0, uint16(siptest.FreePort(r.t)), "sbc."+domain)
	zone.SRV("_sip._tcp."+domain, 20, 0, portOf(r.t, phone.TCP), "sbc."+domain)
	r.cfg.DNS = []string{zone.Addr}
}

func TestEveryLegIsRouted(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3263", "a transfer goes on to the trunk's next host", "sipp, own DNS", func(t *testing.T, r *rig) {
		desk := r.phone()
		r.twoHosts("desk.test", desk)
		agent := r.agent("uas_refers.xml", map[string]string{"refer-to": "<sip:clerk@127.0.0.1>", "final": "200"})
		target := r.transferable(agent.Addr, "desk.test", anywhere)
		r.trunks.Put(&ringbid.Trunk{Name: "desk", Address: "desk.test", Transport: "tcp"})
		calls := r.bridge(target)
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		line := siptest.Receive(t, "the third party's call", desk.Lines)
		line.Answer()
		agent.Passes()
		line.HangUp()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictAnswered)
		if len(x.Legs) != 4 || x.Legs[2].Verdict != ringbid.VerdictFailed {
			t.Errorf("legs %+v", x.Legs)
		}
		caller.Over()
		r.spotless()
	})
	prove(t, "RFC 3263", "a supervisor is called at the trunk's next host", "raw, own DNS", func(t *testing.T, r *rig) {
		boss, buyer := r.phone(), r.phone()
		r.twoHosts("office.test", boss)
		r.trunks.Put(&ringbid.Trunk{Name: "office", Address: "office.test", Transport: "tcp"})
		x := &supervised{t: t, r: r, calls: r.bridge(r.target(buyer.Addr))}
		x.caller = r.phone().Call(r.addr, "+18005550100").Talk()
		x.agent = siptest.Receive(t, "the agent's line", buyer.Lines)
		x.agent.Answer()
		x.caller.Hum(callerHz)
		x.agent.Hum(agentHz)
		x.caller.Hears(agentHz)
		x.order(ringbid.SuperviseBarge)
		line := siptest.Receive(t, "the supervisor's line", boss.Lines)
		line.Answer()
		line.Hum(bossHz)
		x.hums(true, true)
		line.HangUp()
		x.hums(false, false)
		x.caller.HangUp()
		if got := siptest.Receive(t, "the call", x.calls); len(got.Legs) != 4 || got.EndedBy != "caller" {
			t.Errorf("%+v", got)
		}
		if n := len(r.events.Of(ringbid.EventWatched)); n != 2 {
			t.Errorf("%d events of one supervision", n)
		}
		r.spotless()
	})
	prove(t, "RFC 3263", "nobody is sent to, or called by, a trunk that is down", "raw", func(t *testing.T, r *rig) {
		dead, buyer := siptest.NewWire(t, "127.0.0.1"), r.phone()
		r.list()
		r.trunks.Put(&ringbid.Trunk{Name: "office", Address: dead.Addr(), Health: "300ms"})
		calls := r.bridge(r.target(buyer.Addr, func(x *ringbid.Trunk) { x.Health = "off" }))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		agent := siptest.Receive(t, "the agent's line", buyer.Lines)
		agent.Answer()
		siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
		dead.Reply(dead.Next("OPTIONS "), "200 OK", "") // from here on it is missed
		siptest.Eventually(t, "the trunk is down", func() bool { s := r.state("office"); return s.Trunk != "" && !s.Up })
		id := r.s.Calls()[0]
		err := r.s.Supervise(id, ringbid.Supervision{By: "ann", Phone: ringbid.Extension{Trunk: "office", User: "boss"}, Mode: ringbid.SuperviseListen})
		if ringbid.KindOf(err) != ringbid.Unavailable {
			t.Errorf("supervise: %v", err)
		}
		if err := r.s.Send(id, &ringbid.Target{Name: "acme-desk", Buyer: "acme", Trunk: "office", User: "desk"}, "ann"); err != nil {
			t.Fatal(err)
		}
		siptest.Eventually(t, "the end of the attempt", func() bool { return r.log.Lines("caller transferred") == 1 })
		agent.HangUp()
		caller.Over()
		x := siptest.Receive(t, "the call", calls)
		moves(t, x, ringbid.VerdictUnreachable)
		if len(x.Legs) != 2 {
			t.Errorf("%d legs", len(x.Legs))
		}
		r.spotless()
	})
}
