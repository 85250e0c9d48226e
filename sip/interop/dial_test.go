package interop

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
	"github.com/ringbid/ringbid/sip/siptest"
)

// header makes a header for a phone of our own to send.
func header(t *testing.T, name, value string) leg.Header {
	t.Helper()
	h, err := leg.NewHeader(name, value)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// saying adds headers to a call.
func saying(hs ...leg.Header) func(*siptest.Line, *leg.DialConfig) {
	return func(_ *siptest.Line, d *leg.DialConfig) { d.Headers = append(d.Headers, hs...) }
}

func verdict(t *testing.T, calls <-chan talked, want ringbid.Verdict) talked {
	t.Helper()
	x := siptest.Receive(t, "the call", calls)
	if x.Attempt.Verdict != want {
		t.Errorf("verdict %q, want %q: %+v", x.Attempt.Verdict, want, x.Attempt)
	}
	return x
}

func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3960", "early media passed on, music after the failure", "sipp", func(t *testing.T, r *rig) {
		buyer := r.sipp("uas_early_busy.xml")
		target := r.target(buyer.Addr)
		target.EarlyMedia = ringbid.EarlyPass
		failed := make(chan ringbid.Attempt, 1)
		r.serve(func(ctx context.Context, c *sip.Call) {
			_ = c.Answer(ctx, false)
			failed <- c.Dial(ctx, dialOf(c, target))
			<-ctx.Done()
		})
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hears(900)
		a := siptest.Receive(t, "the attempt", failed)
		caller.Hears(700)
		if a.Verdict != ringbid.VerdictBusy || a.AnswerMS != 0 {
			t.Errorf("early media counts as an answer: %+v", a)
		}
		caller.HangUp()
		buyer.Passes()
	})
	prove(t, "RFC 3960", "early media goes on into the answered call", "sipp", func(t *testing.T, r *rig) {
		buyer := r.sipp("uas_early_answer.xml")
		target := r.target(buyer.Addr)
		target.EarlyMedia = ringbid.EarlyPass
		calls := r.bridge(target)
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hears(900)
		siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
		caller.Hears(900)
		caller.HangUp()
		buyer.Passes()
		verdict(t, calls, ringbid.VerdictAnswered)
	})
	for _, policy := range []string{ringbid.EarlyRingback, ringbid.EarlyIgnore} {
		prove(t, "RFC 3960", "early media kept from the caller: "+policy, "sipp", func(t *testing.T, r *rig) {
			buyer := r.sipp("uas_early_busy.xml")
			target := r.target(buyer.Addr)
			target.EarlyMedia = policy
			calls := r.bridge(target)
			caller := r.phone().Call(r.addr, "+18005550100").Talk()
			if policy == ringbid.EarlyRingback {
				caller.Hears(700)
			}
			verdict(t, calls, ringbid.VerdictBusy)
			if p := caller.Ear.Power(1, 900); p > 0.1 {
				t.Errorf("the buyer is heard: %.2f", p)
			}
			buyer.Passes()
		})
	}
}

// through serves each call by answering it when the target has.
func (r *rig) through(target *ringbid.Target) {
	r.serve(func(ctx context.Context, c *sip.Call) {
		if c.Dial(ctx, dialOf(c, target)).Verdict == ringbid.VerdictAnswered && c.Answer(ctx, false) == nil {
			c.Bridge(ctx, time.Minute)
		}
	})
}

func TestRingThrough(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261 13.3", "the caller is answered when the buyer is", "sipp", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.through(r.target(buyer.Addr))
		caller := r.sipp("uac_rings.xml", "-s", "+18005550100", r.addr)
		line := siptest.Receive(t, "the call", buyer.Lines)
		line.Ring()
		siptest.Eventually(t, "the buyer to ring", func() bool { return len(r.events.Of(ringbid.EventRinging)) == 1 })
		line.Answer()
		siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
		line.HangUp()
		caller.Passes()
		r.idle()
	})
	prove(t, "RFC 3960", "early media reaches a caller who is not answered", "sipp", func(t *testing.T, r *rig) {
		buyer := r.sipp("uas_early_answer.xml")
		target := r.target(buyer.Addr)
		target.EarlyMedia = ringbid.EarlyPass
		r.through(target)
		caller := r.phone().Call(r.addr, "+18005550100")
		caller.Join(caller.Want(leg.EarlyMedia).SDP)
		caller.Hears(900)
		caller.Want(leg.Answered)
		caller.Hears(900)
		caller.HangUp()
		buyer.Passes()
		r.idle()
	})
}

// fork is one of the phones that a forking proxy rings.
type fork struct {
	tag    string
	stream *media.Stream
	body   string
}

func newFork(t *testing.T, p *siptest.Phone, tag, invite string, hz float64) fork {
	t.Helper()
	s, err := p.Plane.NewStream(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	_, offer, _ := strings.Cut(invite, "\r\n\r\n")
	session, err := sdp.Parse([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	body, a, err := sdp.Answer(session, sdp.Local{Addr: s.Local(), SessID: 1, Version: 1, Codecs: []sdp.Codec{{PT: 0, Name: "PCMU", Rate: 8000}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(media.Params{Remote: a.Remote, Send: true, Recv: true}); err != nil {
		t.Fatal(err)
	}
	s.Play(media.ClipFromULaw(siptest.Tone(hz, time.Second)), true)
	return fork{tag, s, string(body)}
}

// says answers the INVITE with a status and the fork's description.
func (f fork) says(w *siptest.Wire, invite, status string) {
	to := "To: " + siptest.Header(invite, "To")
	w.Reply(strings.Replace(invite, to, to+";tag="+f.tag, 1), status, "Contact: <sip:"+w.Addr()+">\nContent-Type: application/sdp\n\n"+f.body)
}

func TestForkedEarlyMedia(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261", "of forked early dialogs the latest is heard, then the answered one", "raw", func(t *testing.T, r *rig) {
		proxy, phones := siptest.NewWire(t, "127.0.0.1"), r.phone()
		target := r.target(proxy.Addr())
		target.EarlyMedia = ringbid.EarlyPass
		calls := r.bridge(target)
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		invite := proxy.Next("INVITE ")
		a, b := newFork(t, phones, "a", invite, 900), newFork(t, phones, "b", invite, 1100)
		a.says(proxy, invite, "183 Session Progress")
		caller.Hears(900)
		b.says(proxy, invite, "183 Session Progress")
		caller.Hears(1100)
		a.says(proxy, invite, "200 OK")
		proxy.Next("ACK ")
		caller.Hears(900)
		caller.HangUp()
		proxy.Reply(proxy.Next("BYE "), "200 OK", "")
		verdict(t, calls, ringbid.VerdictAnswered)
	})
}

func TestSeveralPlaces(t *testing.T) {
	t.Parallel()
	for name, scenario := range map[string]string{
		"first answer wins, the other is told": "uas_loses.xml", "a loser's 2xx gets ACK and BYE": "uas_crosses.xml",
	} {
		prove(t, "RFC 3326", name, "sipp, sipp, sipp", func(t *testing.T, r *rig) {
			loser, winner, busy := r.sipp(scenario), r.sipp("uas_speaks.xml"), r.sipp("uas_busy.xml")
			target := r.target(loser.Addr)
			r.trunks.Put(&ringbid.Trunk{Name: "winners", Address: winner.Addr})
			r.trunks.Put(&ringbid.Trunk{Name: "busy", Address: busy.Addr})
			target.Also = []ringbid.Place{{Trunk: "winners", User: "agent"}, {Trunk: "busy", User: "agent"}}
			calls := r.bridge(target)
			caller := r.phone().Call(r.addr, "+18005550100").Talk()
			caller.Hears(900)
			loser.Passes()
			busy.Passes()
			caller.HangUp()
			winner.Passes()
			x := verdict(t, calls, ringbid.VerdictAnswered)
			for _, l := range x.Legs {
				if l.Trunk == "buyers" && (l.Verdict != ringbid.VerdictElsewhere || l.Answered != nil) {
					t.Errorf("the loser's leg %+v", l)
				}
			}
			if len(x.Legs) != 4 {
				t.Errorf("%d legs", len(x.Legs))
			}
		})
	}
}

func TestAcceptKeyAmongPlaces(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3326", "with an accept key the first who presses it wins, not who answers", "baresip, raw", func(t *testing.T, r *rig) {
		answers, presses := siptest.StartSoftphone(t, siptest.SoftphoneConfig{}), r.phone()
		target := r.target(answers.Addr)
		target.AcceptKey = "1"
		r.trunks.Put(&ringbid.Trunk{Name: "keys", Address: presses.Addr})
		target.Also = []ringbid.Place{{Trunk: "keys", User: "agent"}}
		calls := r.bridge(target)
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		siptest.Eventually(t, "the softphone's answer", func() bool { return len(r.events.Of(ringbid.EventLegAnswer)) == 1 })
		line := siptest.Receive(t, "the line", presses.Lines)
		line.Answer()
		line.Want(leg.Acked)
		line.Stream.SendDigits("1")
		line.Hum(1100)
		caller.Hears(1100)
		caller.HangUp()
		x := verdict(t, calls, ringbid.VerdictAnswered)
		if x.Legs[1].Verdict != ringbid.VerdictElsewhere || x.Legs[1].Answered == nil || x.Legs[2].ID != x.Attempt.Leg {
			t.Errorf("legs %+v", x.Legs)
		}
	})
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261", "redirect followed to a known host, Diversion added", "sipp, sipp", func(t *testing.T, r *rig) {
		second := r.sipp("uas_second.xml")
		first := r.sipp("uas_moved.xml", "-key", "to", second.Addr)
		calls := r.bridge(r.target(first.Addr, func(t *ringbid.Trunk) { t.FollowRedirects = 2 }))
		r.trunks.Put(&ringbid.Trunk{Name: "second", Address: second.Addr})
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
		caller.HangUp()
		first.Passes()
		second.Passes()
		verdict(t, calls, ringbid.VerdictAnswered)
	})
	prove(t, "RFC 3261", "redirect not followed by default", "sipp", func(t *testing.T, r *rig) {
		first := r.sipp("uas_moved.xml", "-key", "to", "127.0.0.1:9")
		calls := r.bridge(r.target(first.Addr))
		r.phone().Call(r.addr, "+18005550100").Talk()
		if x := verdict(t, calls, ringbid.VerdictRefused); x.Attempt.Status != 302 || len(x.Legs) != 2 {
			t.Errorf("%+v", x.Attempt)
		}
		first.Passes()
	})
	prove(t, "RFC 3261", "redirect to a host of nobody not followed", "sipp", func(t *testing.T, r *rig) {
		first := r.sipp("uas_moved_away.xml")
		calls := r.bridge(r.target(first.Addr, func(t *ringbid.Trunk) { t.FollowRedirects = 1; t.MaxCalls = 1 }))
		r.phone().Call(r.addr, "+18005550100").Talk()
		x := siptest.Receive(t, "the call", calls)
		for _, l := range x.Legs {
			if strings.Contains(l.Peer, "192.0.2.1") {
				t.Errorf("called %s", l.Peer)
			}
		}
		if x.Attempt.Verdict == ringbid.VerdictAnswered {
			t.Errorf("%+v", x.Attempt)
		}
		first.Passes()
	})
}

func TestMachines(t *testing.T) {
	t.Parallel()
	prove(t, "-", "a beep after the answer is voicemail, not a sale", "sipp", func(t *testing.T, r *rig) {
		buyer := r.sipp("uas_speaks.xml") // a steady 900 Hz
		target := r.target(buyer.Addr)
		target.Voicemail, target.VoicemailWait = ringbid.VoicemailDetect, ringbid.Duration(3*time.Second)
		calls := r.bridge(target)
		r.phone().Call(r.addr, "+18005550100").Talk()
		if x := verdict(t, calls, ringbid.VerdictVoicemail); x.Talk.MS != 0 || len(r.events.Of(ringbid.EventBridged)) != 0 {
			t.Errorf("bridged: %+v", x.Talk)
		}
		buyer.Passes()
	})
}

// told has a buyer check what it is told of a call.
func told(t *testing.T, r *rig, buyer *siptest.Sipp, trunk func(*ringbid.Trunk), change func(*ringbid.Target), said ...func(*siptest.Line, *leg.DialConfig)) {
	t.Helper()
	target := r.target(buyer.Addr, trunk)
	change(target)
	calls := r.bridge(target)
	caller := r.phone().Call(r.addr, "+18005550100", said...).Talk()
	siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
	caller.HangUp()
	buyer.Passes()
	verdict(t, calls, ringbid.VerdictAnswered)
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	same := func(*ringbid.Target) {}
	private := func(t *testing.T) func(*siptest.Line, *leg.DialConfig) {
		return saying(header(t, "Privacy", "id"), header(t, "Remote-Party-ID", "<sip:+14155550123@c.example>;party=calling;privacy=full"))
	}
	signed := func(t *testing.T) func(*siptest.Line, *leg.DialConfig) {
		return saying(header(t, "Date", "Thu, 26 Nov 2026 01:00:00 GMT"),
			header(t, "Identity", "eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJBIn0.c2lnbmF0dXJl;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken;pad="+strings.Repeat("x", 3000)+"y"))
	}
	prove(t, "RFC 7044", "PAI, Diversion, History-Info, User-to-User with purpose", "sipp", func(t *testing.T, r *rig) {
		told(t, r, r.sipp("uas_told.xml"), func(t *ringbid.Trunk) { t.Diversion = ringbid.DiversionBoth }, func(t *ringbid.Target) {
			t.UserToUser, t.UserToUserPurpose = "zip={{zip}}", "calls"
		}, signed(t))
	})
	prove(t, "RFC 3325", "privacy: From anonymous, no PAI, nothing of the number", "sipp", func(t *testing.T, r *rig) {
		told(t, r, r.sipp("uas_untold.xml"), func(*ringbid.Trunk) {}, same, private(t))
	})
	prove(t, "RFC 3325", "privacy towards a trusted trunk: PAI with Privacy: id", "sipp", func(t *testing.T, r *rig) {
		told(t, r, r.sipp("uas_trusted.xml"), func(t *ringbid.Trunk) { t.Trusted = true }, same, private(t))
	})
	prove(t, "RFC 8224", "Identity of 3 KB relayed byte for byte with its Date", "sipp", func(t *testing.T, r *rig) {
		told(t, r, r.sipp("uas_signed.xml"), func(t *ringbid.Trunk) { t.RelayIdentity = true },
			func(t *ringbid.Target) { t.User = "+18005550100" }, signed(t))
	})
	prove(t, "RFC 8224", "Identity dropped when another number is called", "sipp", func(t *testing.T, r *rig) {
		told(t, r, r.sipp("uas_unsigned.xml"), func(t *ringbid.Trunk) { t.RelayIdentity = true }, same, signed(t))
		if r.log.Lines("identity not passed on") != 1 {
			t.Error("nothing in the log")
		}
	})
	prove(t, "RFC 8588", "attestation, claims, tel: number, several User-to-User as facts", "sipp", func(t *testing.T, r *rig) {
		invites := make(chan ringbid.Invite, 1)
		r.serve(func(ctx context.Context, c *sip.Call) {
			invites <- c.Invite()
			_ = c.Answer(ctx, false)
			<-ctx.Done()
		})
		caller := r.sipp("uac_attested.xml", "-s", "+18005550100", r.addr)
		inv := siptest.Receive(t, "the call", invites)
		want := ringbid.TagMap{"attestation": "A", "verstat": "passed", "origid": "5c6bd2b0-2c3e-4a2f-9d0b-8f6f3e1c2d4a", "attestation_claimed": "C",
			"user_to_user": "zip=90210", "user_to_user_purpose": "calls", "user_to_user_2": "00ff", "user_to_user_3": "two words",
			"diversion": "+12125550101", "x_plivo_stir_verification": "Not Verified"}
		if diff := cmp.Diff(want, inv.Tags); diff != "" || inv.Number != "+18005550100" {
			t.Errorf("number %s, tags %s", inv.Number, diff)
		}
		caller.Passes()
	})
	prove(t, "RFC 3326", "the caller's Q.850 cause reaches the buyer's BYE", "sipp, sipp", func(t *testing.T, r *rig) {
		buyer := r.sipp("uas_reason.xml")
		calls := r.bridge(r.target(buyer.Addr))
		caller := r.sipp("uac_reason.xml", "-s", "+18005550100", r.addr)
		caller.Passes()
		buyer.Passes()
		x := verdict(t, calls, ringbid.VerdictAnswered)
		if x.Why.Q850 != 31 || !slices.ContainsFunc(x.Legs, func(l ringbid.Leg) bool { return l.EndedBy == "caller" }) {
			t.Errorf("%+v", x.Why)
		}
	})
}
