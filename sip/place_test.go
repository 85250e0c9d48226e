package sip

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

// ways is a target with one line at each phone, and its dialled legs by user.
func ways(r *rig, phones ...*siptest.Phone) *ringbid.Target {
	t := r.target(phones[0])
	t.User = "p0"
	for i, p := range phones[1:] {
		name := "buyers" + itoa(i+1)
		r.trunks.Put(&ringbid.Trunk{Name: name, Address: p.Addr})
		t.Also = append(t.Also, ringbid.Place{Trunk: name, User: "p" + itoa(i+1)})
	}
	return t
}

func verdicts(legs []ringbid.Leg) map[string]ringbid.Verdict {
	out := map[string]ringbid.Verdict{}
	for _, l := range legs[1:] {
		out[l.Trunk] = l.Verdict
	}
	return out
}

func TestFirstOfSeveralPlacesTakesTheCall(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "1"} {
		t.Run("key "+key, func(t *testing.T) {
			t.Parallel()
			rings := newPhone(t, (*siptest.Line).Ring)
			busy := newPhone(t, refusing(486))
			takes := newPhone(t, nil)
			answersToo := newPhone(t, nil)
			out := make(chan dialled, 1)
			r := bareRig(t)
			target := ways(r, rings, busy, takes, answersToo)
			target.AcceptKey = key
			r.start(func(ctx context.Context, c *Call) {
				_ = c.Answer(ctx, false)
				d := dialOf(c, target)
				d.RingTimeout = 10 * time.Second
				a := c.Dial(ctx, d)
				talk := c.Bridge(ctx, 0)
				out <- dialled{attempt: a, legs: c.Legs(), took: time.Duration(talk.MS) * time.Millisecond}
			})
			caller := r.call(newPhone(t, nil), "+18005550100").Talk()
			first := siptest.Receive(t, "the ringing line", rings.Lines)
			taker := siptest.Receive(t, "the line that takes it", takes.Lines)
			late := siptest.Receive(t, "the late line", answersToo.Lines)
			siptest.Eventually(t, "the busy line", func() bool { return slices.Contains(r.events.Kinds(), ringbid.EventLegEnd) })
			taker.Answer()
			if key != "" {
				late.Answer() // but presses nothing
				late.Want(leg.Acked)
				taker.Want(leg.Acked)
				taker.Stream.SendDigits("1")
			}
			if ev := first.Want(leg.Cancelled); ev.Code != 200 || ev.Reason != "Call completed elsewhere" || ev.Q850 != 26 {
				t.Errorf("cancelled for %d %q %d", ev.Code, ev.Reason, ev.Q850)
			}
			if key != "" {
				if ev := late.Want(leg.ByeReceived); ev.Code != 200 || ev.Reason != "Call completed elsewhere" {
					t.Errorf("ended for %d %q", ev.Code, ev.Reason)
				}
			}
			taker.Hum(900)
			caller.Hears(900)
			caller.HangUp()
			got := siptest.Receive(t, "the attempt", out)
			want := map[string]ringbid.Verdict{"buyers": ringbid.VerdictElsewhere, "buyers1": ringbid.VerdictBusy,
				"buyers2": ringbid.VerdictAnswered, "buyers3": ringbid.VerdictElsewhere}
			if v := verdicts(got.legs); len(v) != 4 || v["buyers"] != want["buyers"] || v["buyers1"] != want["buyers1"] || v["buyers2"] != want["buyers2"] || v["buyers3"] != want["buyers3"] {
				t.Errorf("verdicts %v, want %v", v, want)
			}
			if got.attempt.Verdict != ringbid.VerdictAnswered || got.attempt.Leg != got.legs[3].ID || got.attempt.AnswerMS == 0 {
				t.Errorf("attempt %+v", got.attempt)
			}
			r.idle()
		})
	}
}

func TestVerdictOfSeveralPlacesSaysMost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		codes []int
		want  ringbid.Verdict
	}{
		{[]int{500, 404, 486}, ringbid.VerdictBusy},
		{[]int{404, 480, 503}, ringbid.VerdictNoAnswer},
		{[]int{500, 500}, ringbid.VerdictFailed},
		{[]int{603, 500}, ringbid.VerdictRefused},
	}
	for _, tt := range tests {
		t.Run(string(tt.want), func(t *testing.T) {
			t.Parallel()
			out := make(chan dialled, 1)
			r := bareRig(t)
			var phones []*siptest.Phone
			for _, code := range tt.codes {
				phones = append(phones, newPhone(t, refusing(code)))
			}
			target := ways(r, phones...)
			r.start(func(ctx context.Context, c *Call) {
				_ = c.Answer(ctx, false)
				a := c.Dial(ctx, dialOf(c, target))
				_ = c.Hangup(ctx, ringbid.Reason{})
				out <- dialled{attempt: a, legs: c.Legs()}
			})
			r.call(newPhone(t, nil), "+18005550100").Talk()
			got := siptest.Receive(t, "the attempt", out)
			if got.attempt.Verdict != tt.want || len(got.legs) != 1+len(tt.codes) {
				t.Errorf("attempt %+v of %d legs", got.attempt, len(got.legs))
			}
		})
	}
}

func TestFullTrunkLeavesTheOtherPlacesRinging(t *testing.T) {
	t.Parallel()
	a, b := newPhone(t, nil), newPhone(t, (*siptest.Line).Answer)
	out := make(chan ringbid.Attempt, 1)
	r := bareRig(t)
	target := ways(r, a, b)
	full := &ringbid.Trunk{Name: "buyers", Address: a.Addr, MaxCalls: 1}
	r.trunks.Put(full)
	r.start(func(ctx context.Context, c *Call) {
		r.s.limits.enter(full, false, time.Now())
		_ = c.Answer(ctx, false)
		out <- c.Dial(ctx, dialOf(c, target))
		c.Bridge(ctx, 0)
		if n := r.s.limits.calls("buyers1"); n != 0 {
			t.Errorf("%d places taken on the trunk after the talk", n)
		}
	})
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	if got := siptest.Receive(t, "the attempt", out); got.Verdict != ringbid.VerdictAnswered {
		t.Errorf("attempt %+v", got)
	}
	if len(a.Lines) != 0 {
		t.Error("the full trunk was called")
	}
	siptest.Receive(t, "the line", b.Lines).HangUp()
	caller.Want(leg.ByeReceived)
}

func TestPassedEarlyMediaAndMusicAgain(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, nil)
	r := bareRig(t)
	attempts := make(chan ringbid.Attempt, 2)
	target := r.target(buyer, func(t *ringbid.Target) { t.EarlyMedia = ringbid.EarlyPass })
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		attempts <- c.Dial(ctx, dialOf(c, target))
		attempts <- c.Dial(ctx, dialOf(c, target))
		c.Bridge(ctx, 0)
	})
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	caller.Hum(1100)
	first := siptest.Receive(t, "the first call", buyer.Lines)
	caller.Hears(700)
	first.Early()
	caller.Hears(700) // ours, until theirs comes
	first.Hum(900)
	caller.Hears(900)
	quiet := caller.Ear.Silence(media.Rx)
	first.On(func(l *leg.Leg) { l.Reject(486, "") })
	if a := siptest.Receive(t, "the first attempt", attempts); a.Verdict != ringbid.VerdictBusy || a.AnswerMS != 0 {
		t.Errorf("attempt %+v", a)
	}
	caller.Hears(700)
	if now := caller.Ear.Silence(media.Rx); now > quiet+1 {
		t.Errorf("%d frames of silence before the music", now-quiet)
	}
	second := siptest.Receive(t, "the second call", buyer.Lines)
	second.Early()
	second.Hum(900)
	caller.Hears(900)
	if p := second.Ear.Power(media.Rx, 1100); p > 0.1 {
		t.Errorf("the buyer hears the caller before the answer: %.2f", p)
	}
	second.Answer()
	second.Hears(1100)
	caller.Hears(900)
	if a := siptest.Receive(t, "the second attempt", attempts); a.Verdict != ringbid.VerdictAnswered {
		t.Errorf("attempt %+v", a)
	}
	caller.HangUp()
	r.idle()
}

func TestIgnoredEarlyMediaChangesNothing(t *testing.T) {
	t.Parallel()
	buyer := newPhone(t, nil)
	r := bareRig(t)
	target := r.target(buyer, func(t *ringbid.Target) { t.EarlyMedia = ringbid.EarlyIgnore })
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		c.Dial(ctx, dialOf(c, target))
		c.Bridge(ctx, 0)
	})
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	b := siptest.Receive(t, "the call", buyer.Lines)
	b.Early()
	b.Hum(900)
	siptest.Eventually(t, "half a second of silence", func() bool { return caller.Ear.Silence(media.Rx) >= 25 })
	if p := max(caller.Ear.Power(media.Rx, 900), caller.Ear.Power(media.Rx, 700)); p > 0 {
		t.Errorf("the caller hears something: %.2f", p)
	}
	b.Answer()
	caller.Hears(900)
	caller.HangUp()
}

func TestMachineThatAnswersIsPassedOver(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		key  string
		act  func(*siptest.Line)
		want ringbid.Verdict
	}{
		{"beep", "", func(x *siptest.Line) { x.Hum(900) }, ringbid.VerdictVoicemail},
		{"beep instead of a key", "1", func(x *siptest.Line) { x.Hum(900) }, ringbid.VerdictVoicemail},
		{"fax", "", func(x *siptest.Line) { x.Hum(2100) }, ringbid.VerdictVoicemail},
		{"silence", "", func(*siptest.Line) {}, ringbid.VerdictAnswered},
		{"a key", "1", func(x *siptest.Line) { x.Stream.SendDigits("1") }, ringbid.VerdictAnswered},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			buyer := newPhone(t, (*siptest.Line).Answer)
			out := make(chan dialled, 1)
			r := bareRig(t)
			target := r.target(buyer, func(t *ringbid.Target) {
				t.Voicemail, t.VoicemailWait, t.AcceptKey = ringbid.VoicemailDetect, ringbid.Duration(1500*time.Millisecond), tt.key
			})
			r.start(func(ctx context.Context, c *Call) {
				_ = c.Answer(ctx, false)
				a := c.Dial(ctx, dialOf(c, target))
				_ = c.Hangup(ctx, ringbid.Reason{})
				out <- dialled{attempt: a, legs: c.Legs()}
			})
			caller := r.call(newPhone(t, nil), "+18005550100").Talk()
			b := siptest.Receive(t, "the call", buyer.Lines)
			b.Want(leg.Acked)
			tt.act(b)
			got := siptest.Receive(t, "the attempt", out)
			if got.attempt.Verdict != tt.want || got.legs[1].Verdict != tt.want {
				t.Errorf("attempt %+v, leg %+v", got.attempt, got.legs[1])
			}
			caller.Want(leg.ByeReceived)
		})
	}
}

func TestRedirectsAreFollowedWithinBounds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		follow  int
		contact string // with HERE for the buyer's address, OTHER for that of another trunk
		again   string // of the second redirect; "" answers
		want    ringbid.Verdict
		users   []string
	}{
		{"not allowed", 0, "<sip:second@HERE>", "", ringbid.VerdictRefused, []string{"+13105550199"}},
		{"same trunk", 1, "<sip:second@HERE>", "", ringbid.VerdictAnswered, []string{"+13105550199", "second"}},
		{"best first", 1, "<sip:worse@HERE>;q=0.1, <sip:better@HERE>;q=0.8", "", ringbid.VerdictAnswered, []string{"+13105550199", "better"}},
		{"another trunk", 1, "<sip:second@OTHER>", "", ringbid.VerdictAnswered, []string{"+13105550199", "second"}},
		{"a host nobody configured", 5, "<sip:second@evil.example>", "", ringbid.VerdictRefused, []string{"+13105550199"}},
		{"strange and known", 5, "<sip:x@evil.example>, <sip:second@HERE>;q=0.2", "", ringbid.VerdictAnswered, []string{"+13105550199", "second"}},
		{"a circle", 5, "<sip:+13105550199@HERE>", "", ringbid.VerdictRefused, []string{"+13105550199"}},
		{"a longer circle", 5, "<sip:second@HERE>", "<sip:+13105550199@HERE>", ringbid.VerdictRefused, []string{"+13105550199", "second"}},
		{"once is enough", 1, "<sip:second@HERE>", "<sip:third@HERE>", ringbid.VerdictRefused, []string{"+13105550199", "second"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			other := newPhone(t, (*siptest.Line).Answer)
			users := make(chan string, 8)
			var buyer *siptest.Phone
			buyer = newPhone(t, func(x *siptest.Line) {
				inv := x.Leg.Invite()
				users <- inv.User
				to := tt.again
				if inv.User == "+13105550199" {
					to = tt.contact
				} else if len(inv.Diversion) == 0 || inv.Diversion[0].User != "+13105550199" {
					t.Errorf("diversion %v", inv.Diversion)
				}
				if to == "" {
					x.Answer()
					return
				}
				to = strings.NewReplacer("HERE", buyer.Addr, "OTHER", other.Addr).Replace(to)
				x.On(func(l *leg.Leg) { l.Reject(302, "", leg.ReceivedHeader("Contact", to)) })
			})
			out := make(chan dialled, 1)
			r := bareRig(t)
			target := r.target(buyer)
			r.trunks.Put(&ringbid.Trunk{Name: "buyers", Address: buyer.Addr, FollowRedirects: tt.follow})
			r.trunks.Put(&ringbid.Trunk{Name: "others", Address: other.Addr})
			r.start(func(ctx context.Context, c *Call) {
				_ = c.Answer(ctx, false)
				a := c.Dial(ctx, dialOf(c, target))
				_ = c.Hangup(ctx, ringbid.Reason{})
				out <- dialled{attempt: a, legs: c.Legs()}
			})
			caller := r.call(newPhone(t, nil), "+18005550100").Talk()
			got := siptest.Receive(t, "the attempt", out)
			if got.attempt.Verdict != tt.want || len(got.legs) != 1+len(tt.users) {
				t.Errorf("attempt %+v of %d legs", got.attempt, len(got.legs))
			}
			for i, want := range tt.users {
				if tt.name == "another trunk" && i == 1 {
					want = ""
					if x := siptest.Receive(t, "the other line", other.Lines); x.Leg.Invite().User != "second" {
						t.Errorf("called %q", x.Leg.Invite().User)
					}
					continue
				}
				if u := siptest.Receive(t, "a call", users); u != want {
					t.Errorf("called %q, want %q", u, want)
				}
			}
			caller.Want(leg.ByeReceived)
			r.idle()
		})
	}
}
