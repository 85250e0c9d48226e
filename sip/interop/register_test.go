package interop

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/siptest"
)

// registrar is a raw peer that the trunk "buyers" registers with as "ring".
func (r *rig) registrar(change ...func(*ringbid.Trunk)) (*siptest.Wire, *ringbid.Target) {
	r.t.Helper()
	w := siptest.NewWire(r.t, "127.0.0.1")
	r.list()
	target := r.target(w.Addr(), append([]func(*ringbid.Trunk){func(x *ringbid.Trunk) {
		x.Health, x.Register = "off", ringbid.Registration{User: "ring"}
	}}, change...)...)
	return w, target
}

// bound is the 200 to a REGISTER, for that many seconds by the Contact.
func bound(register string, seconds int, more string) string {
	return "Contact: <sip:somebody@192.0.2.9>;expires=1\nContact: " + siptest.Header(register, "Contact") + ";expires=" + strconv.Itoa(seconds) +
		"\nExpires: 7200\n" + more
}

func TestRegistrar(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261 10.2.8", "REGISTER: 423 Interval Too Brief, asked for longer at once", "raw", func(t *testing.T, r *rig) {
		w, target := r.registrar()
		r.bridge(target)
		first := w.Next("REGISTER ")
		w.Reply(first, "423 Interval Too Brief", "Min-Expires: 7200\n")
		second := w.Next("REGISTER ")
		if was, is := siptest.Header(first, "Expires"), siptest.Header(second, "Expires"); was != "3600" || is != "7200" {
			t.Errorf("asked for %s, then for %s", was, is)
		}
		w.Reply(second, "200 OK", bound(second, 7200, ""))
		siptest.Eventually(t, "registered", func() bool { return r.state("buyers").Registered })
		if left := time.Until(r.state("buyers").RegisteredUntil); left < 7100*time.Second || left > 7200*time.Second {
			t.Errorf("registered for %s", left)
		}
	})
	prove(t, "RFC 3261 10.2.4", "REGISTER: sent again before what was granted is over", "raw", func(t *testing.T, r *rig) {
		w, target := r.registrar()
		r.bridge(target)
		first := w.Next("REGISTER ")
		w.Reply(first, "200 OK", bound(first, 3, "")) // another one's Contact has one second left
		began := time.Now()
		second := w.Next("REGISTER ")
		if waited := time.Since(began); waited < 2*time.Second || waited > 3*time.Second {
			t.Errorf("after %s", waited)
		}
		for _, h := range []string{"Call-ID", "From"} {
			if a, b := siptest.Header(first, h), siptest.Header(second, h); a != b {
				t.Errorf("%s was %s, is %s", h, a, b)
			}
		}
		if a, b := siptest.Header(first, "CSeq"), siptest.Header(second, "CSeq"); a != "1 REGISTER" || b != "2 REGISTER" {
			t.Errorf("CSeq %s, then %s", a, b)
		}
		w.Reply(second, "200 OK", bound(second, 3600, ""))
	})
	prove(t, "RFC 3608", "Service-Route: calls go by it, and to it", "raw", func(t *testing.T, r *rig) {
		w, target := r.registrar()
		edge := siptest.NewWire(t, "127.0.0.1")
		calls := r.bridge(target)
		register := w.Next("REGISTER ")
		w.Reply(register, "200 OK", bound(register, 3600, "Service-Route: <sip:"+edge.Addr()+";lr>, <sip:core.carrier.test;lr>\n"))
		siptest.Eventually(t, "registered", func() bool { return r.state("buyers").Registered })
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		invite := edge.Next("INVITE sip:agent@" + w.Addr())
		var routes []string
		for line := range strings.Lines(invite) {
			if v, ok := strings.CutPrefix(line, "Route: "); ok {
				routes = append(routes, strings.TrimSpace(v))
			}
		}
		if got := strings.Join(routes, ", "); got != "<sip:"+edge.Addr()+";lr>, <sip:core.carrier.test;lr>" {
			t.Errorf("Route: %s", got)
		}
		edge.Reply(invite, "486 Busy Here", "")
		verdict(t, calls, ringbid.VerdictBusy)
		caller.Over()
		r.idle()
	})
	prove(t, "RFC 3261 10.2.7", "REGISTER refused: told, and not repeated soon", "raw", func(t *testing.T, r *rig) {
		w, target := r.registrar()
		r.bridge(target)
		w.Reply(w.Next("REGISTER "), "403 Forbidden", "")
		siptest.Eventually(t, "the state", func() bool { return r.state("buyers").Registration == "403 Forbidden" })
		if m := w.Read(2 * time.Second); m != "" {
			t.Errorf("at once again: %.40s", m)
		}
		if r.state("buyers").Registered || r.log.Lines("trunk not registered") != 1 {
			t.Errorf("%+v", r.state("buyers"))
		}
	})
}

func TestTrunkHealth(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261 11", "OPTIONS: answered, then silent, then answered again", "sipp, sipp", func(t *testing.T, r *rig) {
		carrier := r.sipp("uas_options.xml", "-m", "2")
		r.list()
		r.bridge(r.target(carrier.Addr, func(x *ringbid.Trunk) { x.Health = "250ms" }))
		carrier.Passes() // it is gone then
		if s := r.state("buyers"); !s.Up || s.Status != 200 {
			t.Errorf("%+v", s)
		}
		siptest.Eventually(t, "the trunk is down", func() bool { return !r.state("buyers").Up })
		r.sipp("uas_options.xml", "-m", "100", "-p", strconv.Itoa(int(portOf(t, carrier.Addr))))
		siptest.Eventually(t, "the trunk is up", func() bool { return r.state("buyers").Up })
	})
	prove(t, "RFC 3261 20.33", "503 with Retry-After: the trunk is left alone for that time, the next buyer is called", "sipp", func(t *testing.T, r *rig) {
		full, buyer := r.sipp("uas_retry_after.xml"), r.phone()
		r.list()
		targets := []*ringbid.Target{
			r.target(full.Addr, func(x *ringbid.Trunk) { x.Name, x.Health = "full", "off" }),
			r.target(buyer.Addr, func(x *ringbid.Trunk) { x.Name, x.Health = "free", "off" }),
		}
		targets[0].Trunk, targets[1].Trunk = "full", "free"
		attempts := make(chan ringbid.Attempt, 8)
		r.serve(func(ctx context.Context, c *sip.Call) {
			_ = c.Answer(ctx, false)
			for _, target := range targets {
				x := c.Dial(ctx, dialOf(c, target))
				attempts <- x
				if x.Verdict == ringbid.VerdictAnswered {
					c.Bridge(ctx, time.Minute)
					return
				}
			}
		})
		siptest.Eventually(t, "the trunks to be watched", func() bool { return r.state("full").Up && r.state("free").Up })
		for i, status := range []int{503, 0} { // the second time it is not called
			caller := r.phone().Call(r.addr, "+18005550100").Talk()
			x := siptest.Receive(t, "the first attempt", attempts)
			if x.Status != status || i == 1 && x.Verdict != ringbid.VerdictUnreachable {
				t.Errorf("call %d: %+v", i+1, x)
			}
			line := siptest.Receive(t, "the next buyer's line", buyer.Lines)
			line.Answer()
			if x := siptest.Receive(t, "the second attempt", attempts); x.Verdict != ringbid.VerdictAnswered {
				t.Errorf("call %d: %+v", i+1, x)
			}
			line.HangUp()
			caller.Over()
		}
		full.Passes()
		if until := time.Until(r.state("full").BusyUntil); until > 3*time.Second {
			t.Errorf("busy for another %s", until)
		}
		siptest.Eventually(t, "the pause to be over", func() bool { return r.state("full").BusyUntil.IsZero() })
		r.idle()
	})
}
