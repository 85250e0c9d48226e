package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

const g711 = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"

// answerAndWait answers and stays until the caller goes.
func answerAndWait(ctx context.Context, c *Call) {
	_ = c.Answer(ctx, false)
	<-ctx.Done()
}

func TestCallerGivesUpBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	type end struct {
		by    string
		why   ringbid.Reason
		cause error
		play  error
	}
	ends := make(chan end, 1)
	r := newRig(t, func(ctx context.Context, c *Call) {
		<-ctx.Done()
		var e end
		e.by, e.why = c.Ended()
		e.cause, e.play = context.Cause(ctx), c.Play(ctx, tone(500, time.Second), false)
		ends <- e
	})
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, g711))
	w.Send(r.addr, w.Request("CANCEL", r.addr, "", 1, ""))
	m := w.Next("SIP/2.0 487")
	w.Send(r.addr, w.Request("ACK", r.addr, siptest.ToTag(m), 1, ""))
	e := siptest.Receive(t, "the end", ends)
	if e.by != "caller" || e.why.Code != "cancelled" || !errors.Is(e.cause, ErrCallerGone) || !errors.Is(e.play, ErrCallerGone) {
		t.Errorf("end %+v", e)
	}
	r.idle()
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(ctx context.Context, c *Call) {
		_ = c.Hangup(ctx, ringbid.Reason{Code: "unknown_number", Text: "no such number", SIP: 404, Fault: ringbid.FaultConfig})
		if legs := c.Legs(); legs[0].Status != 404 || legs[0].EndedBy != "ringbid" {
			t.Errorf("leg %+v", legs[0])
		}
	})
	x := r.call(newPhone(t, nil), "+18005550100")
	if ev := x.Want(leg.Failed); ev.Code != 404 || ev.Q850 != 1 {
		t.Errorf("got %+v", ev)
	}
	r.idle()
	if k := r.events.Kinds(); len(k) != 1 || k[0] != ringbid.EventRejected {
		t.Errorf("events %v", k)
	}
}

func TestHandlerPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(ctx context.Context, c *Call) {
		if c.Invite().Number == "+18005550101" {
			_ = c.Answer(ctx, false)
		}
		if c.Invite().Number != "+18005550102" {
			panic("a defect")
		}
		answerAndWait(ctx, c)
	})
	p := newPhone(t, nil)
	if ev := r.call(p, "+18005550100").Want(leg.Failed); ev.Code != 500 {
		t.Errorf("got %+v", ev)
	}
	r.call(p, "+18005550101").Want(leg.ByeReceived)
	x := r.call(p, "+18005550102").Talk()
	x.HangUp()
	r.idle()
	if n := r.counts("ringbid_sip_call_panics_total")[""]; n != 2 || r.log.Lines("call panicked") != 2 {
		t.Errorf("%v panics counted", n)
	}
}

func TestListenersThatPanicDoNotHurtTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerRecorded, func(c *Config) {
		c.Emit = func(ringbid.Event) { panic("a defect") }
		c.Tap = tapFunc(func(ringbid.Invite) (Sink, error) { panic("another") })
	})
	x := r.call(newPhone(t, nil), "+18005550100").Talk()
	x.Hears(500)
	x.HangUp()
	r.idle()
	if n := r.counts("ringbid_sip_call_panics_total")[""]; n != 2 || r.counts("ringbid_sip_tap_errors_total")[""] != 1 {
		t.Errorf("%v panics counted", n)
	}
}

func TestLimitsAnswer503(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Config)
		trunk  ringbid.Trunk
		act    func(*rig)
		code   string
	}{
		{"server is full", func(c *Config) { c.MaxCalls = 1 }, ringbid.Trunk{}, nil, "over_capacity"},
		{"node is full of new calls", func(c *Config) { c.CallsPerSecond = 1 }, ringbid.Trunk{}, nil, "node_rate"},
		{"trunk is full", nil, ringbid.Trunk{MaxCalls: 1}, nil, "trunk_full"},
		{"too fast", nil, ringbid.Trunk{CallsPerSecond: 1}, nil, "trunk_rate"},
		{"draining", nil, ringbid.Trunk{}, func(r *rig) { r.s.Drain() }, "draining"},
		{"no audio ports", nil, ringbid.Trunk{}, nil, "no_rtp_ports"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refused := make(chan ringbid.Reason, 1)
			r := newRig(t, answerAndWait, func(c *Config) {
				if tt.change != nil {
					tt.change(c)
				}
				c.Refused = func(inv ringbid.Invite, why ringbid.Reason) {
					if inv.Number == "+18005550100" && inv.Trunk == "carrier" {
						refused <- why
					}
				}
				if tt.code == codeNoPorts {
					c.Plane = siptest.OpenPlane(t, 1)
				}
			})
			tt.trunk.Name, tt.trunk.From = "carrier", []string{"127.0.0.1"}
			r.trunks.Put(&tt.trunk)
			p := newPhone(t, nil)
			first := r.call(p, "+18005550100").Talk()
			if tt.act != nil {
				tt.act(r)
			}
			ev := r.call(p, "+18005550100").Want(leg.Failed)
			after := ""
			for _, h := range ev.Headers {
				if h.Name() == "Retry-After" {
					after = h.Value()
				}
			}
			if ev.Code != 503 || len(after) != 1 || after < "2" || after > "9" {
				t.Errorf("got %d, Retry-After %q", ev.Code, after)
			}
			if n := r.counts("ringbid_sip_calls_refused_total"); n[tt.code] != 1 {
				t.Errorf("refused %v", n)
			}
			if got := siptest.Receive(t, "word of the refusal", refused); got.Code != tt.code || got.SIP != 503 {
				t.Errorf("refused for %+v", got)
			}
			first.Hum(800) // the live call is unharmed
			first.HangUp()
			first.Want(leg.Terminated)
			r.idle()
		})
	}
}

func TestDrainAnswersOptions(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("OPTIONS", r.addr, "", 1, ""))
	w.Next("SIP/2.0 200")
	r.s.Drain()
	w.Send(r.addr, w.Request("OPTIONS", r.addr, "", 2, ""))
	w.Next("SIP/2.0 503")
}

func TestServerEndsCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	p := newPhone(t, nil)
	one, two := r.call(p, "+18005550100").Talk(), r.call(p, "+18005550100").Talk()
	ids := r.s.Calls()
	if len(ids) != 2 || r.s.Active() != 2 {
		t.Fatalf("calls %v", ids)
	}
	if r.s.Hangup("nobody", ringbid.Reason{}) || !r.s.Hangup(ids[0], ringbid.Reason{Code: "operator", Text: "ended by operator"}) {
		t.Error("hangup of one call")
	}
	if ev := one.Want(leg.ByeReceived); ev.Reason != "ended by operator" {
		t.Errorf("BYE for %q", ev.Reason)
	}
	r.s.HangupAll(reason(codeShutdown))
	two.Want(leg.ByeReceived)
	r.idle()
}

func TestSecondServerOnTheSamePort(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	_, err := New(Config{Listeners: []leg.Listener{{Network: "udp", Addr: r.addr}}, Trunks: r.trunks, Handler: handlerFunc(answerAndWait), Plane: r.plane, T1: testT1})
	if err == nil || !strings.Contains(err.Error(), r.addr) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}
