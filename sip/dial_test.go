package sip

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
	"github.com/ringbid/ringbid/sip/siptest"
)

// dialled is how one attempt went, with the report of its legs.
type dialled struct {
	attempt ringbid.Attempt
	legs    []ringbid.Leg
	took    time.Duration
}

// dialOnce answers a call, dials the target and hangs up.
func dialOnce(t *testing.T, buyer *siptest.Phone, change func(*ringbid.Target, *ringbid.Dial, *rig)) (*rig, *siptest.Line, <-chan dialled) {
	t.Helper()
	out := make(chan dialled, 1)
	r := bareRig(t)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		target := r.target(buyer)
		d := dialOf(c, target)
		d.RingTimeout = 300 * time.Millisecond
		change(target, &d, r)
		began := time.Now()
		a := c.Dial(ctx, d)
		took := time.Since(began)
		_ = c.Hangup(ctx, ringbid.Reason{})
		out <- dialled{a, c.Legs(), took}
	})
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	return r, caller, out
}

func refusing(code int) func(*siptest.Line) {
	return func(x *siptest.Line) { x.On(func(l *leg.Leg) { l.Reject(code, "") }) }
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	ringing := func(x *siptest.Line) { x.Ring() }
	tests := []struct {
		name    string
		buyer   func(*siptest.Line)
		change  func(*ringbid.Target, *ringbid.Dial, *rig)
		verdict ringbid.Verdict
		status  int
	}{
		{"busy", refusing(486), nil, ringbid.VerdictBusy, 486},
		{"busy everywhere", refusing(600), nil, ringbid.VerdictBusy, 600},
		{"declined", refusing(603), nil, ringbid.VerdictRefused, 603},
		{"unknown there", refusing(404), nil, ringbid.VerdictRefused, 404},
		{"moved is not followed", refusing(302), nil, ringbid.VerdictRefused, 302},
		{"away", refusing(480), nil, ringbid.VerdictNoAnswer, 480},
		{"broken", refusing(500), nil, ringbid.VerdictFailed, 500},
		{"no codec at all", refusing(488), nil, ringbid.VerdictFailed, 488},
		{"rings on", ringing, nil, ringbid.VerdictNoAnswer, 0},
		{"answers", (*siptest.Line).Answer, nil, ringbid.VerdictAnswered, 200},
		{"unknown host", nil, func(_ *ringbid.Target, _ *ringbid.Dial, r *rig) {
			r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: "no-such-host.invalid"})
		}, ringbid.VerdictUnreachable, 0},
		{"refused connection", nil, func(_ *ringbid.Target, _ *ringbid.Dial, r *rig) {
			r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: "127.0.0.1:1", Transport: "tcp"})
		}, ringbid.VerdictUnreachable, 0},
		{"no such trunk", nil, func(t *ringbid.Target, _ *ringbid.Dial, _ *rig) { t.Trunk = "nowhere" }, ringbid.VerdictLocal, 0},
		{"trunk full", nil, func(_ *ringbid.Target, _ *ringbid.Dial, r *rig) {
			full := &ringbid.Trunk{Name: "buyers", Address: "127.0.0.1:9", MaxCalls: 1}
			r.trunks.Put(full)
			r.s.limits.enter(full, false, time.Now())
		}, ringbid.VerdictLocal, 0},
		{"award with a host of its own", nil, func(_ *ringbid.Target, d *ringbid.Dial, _ *rig) { d.Award.User = "1@evil.example" }, ringbid.VerdictLocal, 0},
		{"expired award", nil, func(_ *ringbid.Target, d *ringbid.Dial, _ *rig) {
			d.Award.Expires = time.Now().Add(-time.Second)
		}, ringbid.VerdictLocal, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			change := tt.change
			if change == nil {
				change = func(*ringbid.Target, *ringbid.Dial, *rig) {}
			}
			_, caller, out := dialOnce(t, newPhone(t, tt.buyer), change)
			got := siptest.Receive(t, "the attempt", out)
			if got.attempt.Verdict != tt.verdict || got.attempt.Status != tt.status {
				t.Errorf("attempt %+v", got.attempt)
			}
			for _, l := range got.legs[1:] {
				if l.Verdict == "" || l.Ended == nil {
					t.Errorf("leg %+v", l)
				}
			}
			caller.Want(leg.ByeReceived)
		})
	}
}

func TestSilentTargetIsLeftAfterEightT1(t *testing.T) {
	t.Parallel()
	silent := siptest.NewWire(t, "127.0.0.1")
	buyer := newPhone(t, nil)
	r, caller, out := dialOnce(t, buyer, func(_ *ringbid.Target, d *ringbid.Dial, r *rig) {
		d.RingTimeout = 30 * time.Second
		r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: silent.Addr()})
	})
	caller.Hears(700)
	got := siptest.Receive(t, "the attempt", out)
	if got.attempt.Verdict != ringbid.VerdictUnreachable || got.took < 7*testT1 || got.took > 12*testT1 {
		t.Errorf("attempt %+v after %v", got.attempt, got.took)
	}
	// The peer wakes up late: its 200 must be acknowledged and ended.
	invite := silent.Next("INVITE ")
	silent.Reply(invite, "200 OK", "Contact: <sip:"+silent.Addr()+">\r\n")
	silent.Next("ACK ")
	bye := silent.Next("BYE ")
	silent.Reply(bye, "200 OK", "")
	r.idle()
}

func TestRingTimeoutCancelsWithAReason(t *testing.T) {
	t.Parallel()
	peer := siptest.NewWire(t, "127.0.0.1")
	_, _, out := dialOnce(t, newPhone(t, nil), func(_ *ringbid.Target, _ *ringbid.Dial, r *rig) {
		r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: peer.Addr()})
	})
	invite := peer.Next("INVITE ")
	peer.Reply(invite, "180 Ringing", "")
	cancel := peer.Next("CANCEL ")
	if !strings.Contains(cancel, "Q.850;cause=19") {
		t.Errorf("no reason in\n%s", cancel)
	}
	// The answer was on its way when the CANCEL left.
	peer.Reply(invite, "200 OK", "Contact: <sip:"+peer.Addr()+">\r\n")
	peer.Reply(cancel, "200 OK", "")
	peer.Next("ACK ")
	peer.Reply(peer.Next("BYE "), "200 OK", "")
	if got := siptest.Receive(t, "the attempt", out); got.attempt.Verdict != ringbid.VerdictNoAnswer || got.attempt.RingMS == 0 {
		t.Errorf("attempt %+v", got.attempt)
	}
}

func TestRefusedCodecIsTriedInTheOtherLaw(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, func(x *siptest.Line) {
		if strings.Contains(string(x.Offer), "PCMU") {
			x.On(func(l *leg.Leg) { l.Reject(488, "") })
			return
		}
		x.Answer()
	})
	talks := make(chan ringbid.Talk, 1)
	r := bareRig(t)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		if a := c.Dial(ctx, dialOf(c, r.target(buyer))); a.Verdict != ringbid.VerdictAnswered {
			t.Errorf("attempt %+v", a)
		}
		talks <- c.Bridge(ctx, 0)
		if legs := c.Legs(); len(legs) != 3 || legs[0].Codec != "pcmu" || legs[1].Status != 488 || legs[2].Codec != "pcma" {
			t.Errorf("legs %+v", legs)
		}
	})
	caller := r.call(newPhone(t, nil), "+18005550100", func(x *siptest.Line, _ *leg.DialConfig) {
		x.Local.Codecs = x.Local.Codecs[:1] // PCMU, and no keys
	}).Talk()
	siptest.Receive(t, "the first call", buyer.Lines)
	b := siptest.Receive(t, "the second call", buyer.Lines)
	caller.Hum(1100)
	b.Hum(900)
	caller.Hears(900)
	b.Hears(1100)
	b.HangUp()
	siptest.Receive(t, "the talk", talks)
}

func TestCallerHearsMusicUntilTheBridge(t *testing.T) {
	t.Parallel()
	// Two attempts fail and the third agent must accept: the music never stops.
	buyer := newPhone(t, func(x *siptest.Line) {
		switch x.Leg.Invite().User {
		case "busy":
			x.On(func(l *leg.Leg) { l.Reject(486, "") })
		case "silent":
			x.Ring()
		default:
			x.Answer()
		}
	})
	talks := make(chan ringbid.Talk, 1)
	music := holdMusic()
	r := bareRig(t)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		for _, user := range []string{"busy", "silent", "agent"} {
			target := r.target(buyer, func(t *ringbid.Target) { t.User, t.AcceptKey, t.SendDigits = user, "1", "w42" })
			d := dialOf(c, target)
			d.Hold, d.Whisper, d.RingTimeout = music, tone(1300, 300*time.Millisecond), 200*time.Millisecond
			c.Dial(ctx, d)
			// The next award takes its time, and the flow plays music meanwhile.
			wait, stop := context.WithTimeout(ctx, 100*time.Millisecond)
			if user != "agent" {
				_ = c.Play(wait, music, false)
			}
			stop()
		}
		talks <- c.Bridge(ctx, 0)
	})
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	siptest.Receive(t, "the busy one", buyer.Lines)
	siptest.Receive(t, "the silent one", buyer.Lines)
	agent := siptest.Receive(t, "the agent", buyer.Lines)
	agent.Hears(1300)
	caller.Hears(700)
	if quiet, frames := caller.Ear.Silence(media.Rx), caller.Ear.Frames(media.Rx); quiet > 1 || frames < 20 {
		t.Errorf("%d of %d frames were silent", quiet, frames)
	}
	agent.WantKeys("42")
	agent.Stream.SendDigits("31") // the 3 means nothing
	agent.Hum(900)
	caller.Hears(900)
	caller.HangUp()
	if talk := siptest.Receive(t, "the talk", talks); talk.EndedBy != "caller" {
		t.Errorf("talk %+v", talk)
	}
}

func TestAgentWhoDoesNotAccept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		act  func(*siptest.Line)
	}{
		{"waits", func(*siptest.Line) {}},
		{"hangs up", (*siptest.Line).HangUp},
		{"presses another key", func(x *siptest.Line) { x.Stream.SendDigits("5") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			buyer := newPhone(t, (*siptest.Line).Answer)
			out := make(chan ringbid.Attempt, 1)
			r := bareRig(t)
			r.start(func(ctx context.Context, c *Call) {
				_ = c.Answer(ctx, false)
				out <- c.Dial(ctx, dialOf(c, r.target(buyer, func(t *ringbid.Target) { t.AcceptKey = "1" })))
				if talk := c.Bridge(ctx, 0); talk.EndedBy != "ringbid" || talk.MS != 0 {
					t.Errorf("bridged with nobody: %+v", talk)
				}
			}, func(c *Config) { c.AcceptTimeout = 500 * time.Millisecond })
			caller := r.call(newPhone(t, nil), "+18005550100").Talk()
			x := siptest.Receive(t, "the call", buyer.Lines)
			x.Want(leg.Acked)
			tt.act(x)
			if a := siptest.Receive(t, "the attempt", out); a.Verdict != ringbid.VerdictNotAccepted || a.AnswerMS == 0 {
				t.Errorf("attempt %+v", a)
			}
			x.Want(leg.Terminated)
			caller.Want(leg.ByeReceived)
		})
	}
}

func TestCallerLeavesWhileTheBuyerRings(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, (*siptest.Line).Ring)
	out := make(chan dialled, 1)
	r := bareRig(t)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		a := c.Dial(ctx, dialOf(c, r.target(buyer)))
		out <- dialled{attempt: a, legs: c.Legs()}
		if ctx.Err() == nil {
			t.Error("context still alive")
		}
	})
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	b := siptest.Receive(t, "the call", buyer.Lines)
	siptest.Eventually(t, "ringing", func() bool { return len(r.events.Kinds()) == 3 })
	caller.HangUp()
	if ev := b.Want(leg.Cancelled); ev.Reason != "caller hung up" {
		t.Errorf("cancelled for %q", ev.Reason)
	}
	got := siptest.Receive(t, "the attempt", out)
	if got.attempt.Verdict != ringbid.VerdictCancelled || got.legs[1].Verdict != ringbid.VerdictCancelled || got.legs[1].Status != 487 {
		t.Errorf("attempt %+v\nleg %+v", got.attempt, got.legs[1])
	}
}

func TestAnonymousCallerStaysAnonymous(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, nil)
	r := bareRig(t)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		if inv := c.Invite(); inv.Caller != "" || inv.CallerName != "" {
			t.Errorf("withheld caller is %q %q", inv.Caller, inv.CallerName)
		}
		c.Dial(ctx, dialOf(c, r.target(buyer)))
	})
	private, err := leg.NewHeader("Privacy", "id")
	if err != nil {
		t.Fatal(err)
	}
	caller := r.call(newPhone(t, nil), "+18005550100", func(x *siptest.Line, d *leg.DialConfig) {
		d.Headers, d.PAI = []leg.Header{private}, "sip:+14155550123@carrier.example"
		d.SDP = sdp.Offer(x.Local)
	}).Talk()
	inv := siptest.Receive(t, "the buyer's call", buyer.Lines).Leg.Invite()
	if inv.From.User != "anonymous" || inv.From.Host != "anonymous.invalid" || len(inv.PAI) != 0 || inv.Privacy != "id" {
		t.Errorf("from %+v, PAI %v, Privacy %q", inv.From, inv.PAI, inv.Privacy)
	}
	caller.HangUp()
}

func TestOtherWaysToReachABuyer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		trunk func(*siptest.Phone) *ringbid.Trunk
	}{
		{"tcp", func(p *siptest.Phone) *ringbid.Trunk {
			return &ringbid.Trunk{Name: "buyers", Address: p.TCP, Transport: "tcp"}
		}},
		{"a name", func(p *siptest.Phone) *ringbid.Trunk {
			return &ringbid.Trunk{Name: "buyers", Address: strings.Replace(p.Addr, "127.0.0.1", "localhost", 1)}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			buyer := newPhone(t, (*siptest.Line).Answer)
			talks := make(chan ringbid.Talk, 1)
			r := bareRig(t)
			target := r.target(buyer)
			r.trunks.Put(tt.trunk(buyer))
			r.start(func(ctx context.Context, c *Call) {
				_ = c.Answer(ctx, false)
				if a := c.Dial(ctx, dialOf(c, target)); a.Verdict != ringbid.VerdictAnswered {
					t.Errorf("attempt %+v", a)
				}
				talks <- c.Bridge(ctx, 0)
			})
			caller := r.call(newPhone(t, nil), "+18005550100", func(_ *siptest.Line, d *leg.DialConfig) {
				d.Network, d.Target = "tcp", r.s.Addrs()[1].Addr
			}).Talk()
			caller.Hum(1100)
			b := siptest.Receive(t, "the call", buyer.Lines)
			b.Hears(1100)
			b.HangUp()
			if talk := siptest.Receive(t, "the talk", talks); talk.EndedBy != "buyer" {
				t.Errorf("talk %+v", talk)
			}
		})
	}
}

func TestLoopEndsHere(t *testing.T) {
	t.Parallel()
	out := make(chan ringbid.Attempt, 1)
	buyer := newPhone(t, nil)
	r := bareRig(t)
	target := r.target(buyer)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		out <- c.Dial(ctx, dialOf(c, target))
	})
	r.call(newPhone(t, nil), "+18005550100", func(_ *siptest.Line, d *leg.DialConfig) { d.MaxForwards = 1 }).Talk()
	if a := siptest.Receive(t, "the attempt", out); a.Verdict != ringbid.VerdictLocal || a.Text != "too many hops" {
		t.Errorf("attempt %+v", a)
	}
	if len(buyer.Lines) != 0 {
		t.Error("the buyer was called")
	}
}
