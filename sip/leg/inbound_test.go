package leg

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInviteIsReadInOurWords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	p.uac().invite("P-Asserted-Identity: \"Ann, Inc\" <sip:+12125550123@carrier;user=phone>, <tel:+12125550124>",
		"Diversion: <sip:+18885550111@x>;reason=unconditional", "Privacy: id", "User-to-User: 00ff;encoding=hex", "k: path", "X-Source: web")
	inv := r.call().leg.Invite()
	got := []string{inv.Method, inv.User, inv.From.Display, inv.From.User, inv.To.User, inv.PAI[0].Display, inv.PAI[1].User,
		inv.Diversion[0].User, inv.Privacy, inv.UserToUser[0], inv.Network, inv.Source.String(), string(inv.SDP)}
	want := []string{"INVITE", "+18005550199", "Ann", "+12125550123", "+18005550199", "Ann, Inc", "+12125550124",
		"+18885550111", "id", "00ff;encoding=hex", "udp", p.at.String(), testSDP}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if v, ok := inv.Header("supported"); !ok || v != "path" {
		t.Errorf("compact Supported: %q", v)
	}
	if v, _ := inv.Header("x-source"); v != "web" {
		t.Errorf("X-Source: %q", v)
	}
}

func TestAnsweredCallEndsByPeer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := r.call()
	p.response(100, "INVITE")
	c.on(func(l *Leg) { l.Progress(180, "", nil); l.Progress(183, "", []byte(testSDP)) })
	ringing, early := p.response(180, "INVITE"), p.response(183, "INVITE")
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	ok := p.response(200, "INVITE")
	for _, m := range []msg{early, ok} {
		if param(m.get("To"), "tag") != param(ringing.get("To"), "tag") || m.body != testSDP {
			t.Errorf("%s: To %s, body %q", m.start, m.get("To"), m.body)
		}
	}
	u.learn(ok)
	u.ack(1)
	c.want(Acked)
	u.do("BYE", "", `Reason: Q.850;cause=16;text="Normal clearing"`)
	p.response(200, "BYE")
	if ev := c.want(ByeReceived); ev.Q850 != 16 || ev.Reason != "Normal clearing" {
		t.Errorf("got %+v", ev)
	}
	if ev := c.want(Terminated); ev.Code != 200 {
		t.Errorf("terminated with %d", ev.Code)
	}
	c.quiet(2 * testT1)
	if n := len(c.leg.Messages()); n < 8 {
		t.Errorf("ladder has %d messages: %+v", n, c.leg.Messages())
	}
}

func TestAnsweredCallEndsByUs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	c.on(func(l *Leg) { l.End(Cause{Code: 200, Text: `say "bye"`, Q850: 16}) })
	bye := p.request("BYE")
	want := []string{`SIP;cause=200;text="say \"bye\""`, `Q.850;cause=16;text="say \"bye\""`}
	if diff := cmp.Diff(want, bye.all("Reason")); diff != "" {
		t.Error(diff)
	}
	if got := param(bye.get("To"), "tag"); got != u.tag {
		t.Errorf("BYE to tag %q", got)
	}
	p.answer(bye, 200, "", "")
	c.want(Terminated)
}

func TestInviteRetransmissionIsOneCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	text := u.text("INVITE", 1, u.branch, testSDP)
	u.seq = 1
	for range 5 {
		p.send(text)
	}
	c := r.call()
	c.on(func(l *Leg) { l.Progress(180, "", nil) })
	p.response(180, "INVITE")
	p.send(text)
	p.response(180, "INVITE") // the last one again
	select {
	case <-r.calls:
		t.Error("a second call")
	case <-time.After(3 * testT1):
	}
}

// Proxies give a call up that says nothing for three minutes (RFC 3261 section
// 16.6, timer C); with T1 of 50 ms the minute is 6 s.
func TestRingingIsSaidAgainEveryMinute(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits 240*T1")
	}
	for _, require := range []string{"", "Require: 100rel"} {
		t.Run(require, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p := newPeer(t, r.udp)
			u := p.uac()
			if require == "" {
				u.invite()
			} else {
				u.invite(require)
			}
			c := r.call()
			began := time.Now()
			c.on(func(l *Leg) { l.Progress(180, "", nil) })
			for minute := range 2 {
				ringing := p.response(180, "INVITE")
				if took := time.Since(began).Round(20 * testT1); took != time.Duration(minute)*120*testT1 {
					t.Errorf("180 number %d after %v", minute, took)
				}
				if require != "" {
					u.learn(ringing)
					u.do("PRACK", "", "RAck: "+ringing.get("RSeq")+" 1 INVITE")
					p.response(200, "PRACK")
				}
			}
			c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
			u.learn(p.response(200, "INVITE"))
			u.ack(1)
			p.silence(130*testT1, func(m msg) bool { return strings.HasPrefix(m.start, "SIP/2.0 18") })
		})
	}
}

func TestUnacknowledgedAnswerIsRepeatedThenEnded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits 64*T1")
	}
	r := newRig(t)
	p := newPeer(t, r.udp)
	p.uac().invite()
	c := r.call()
	start := time.Now()
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	var at []time.Duration
	bye := p.next("BYE", func(m msg) bool {
		if m.code() == 200 {
			at = append(at, time.Since(start))
		}
		return m.method() == "BYE"
	})
	p.answer(bye, 200, "", "")
	// 0, 1, 3, 7, 15, 23, 31, 39, 47, 55, 63 times T1
	if len(at) < 5 || len(at) > 12 { // 11 on an idle machine
		t.Errorf("%d copies of the 200 at %v", len(at), at)
	}
	if d := time.Since(start); d < 64*testT1 || d > 64*testT1+time.Second {
		t.Errorf("BYE after %v", d)
	}
	for i, want := range []time.Duration{0, 1, 3, 7, 15} {
		if at[i] < want*testT1-2*time.Millisecond {
			t.Errorf("copy %d after %v, not before %v", i, at[i], want*testT1)
		}
	}
	if ev := c.want(Ended); ev.Err != ErrNoAck {
		t.Errorf("got %v", ev.Err)
	}
	c.want(Terminated)
}

func TestByeRightBehindAckKeepsItsOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := 300
	if testing.Short() {
		n = 40
	}
	for range n {
		p := newPeer(t, r.udp)
		u := p.uac()
		u.invite()
		c := r.call()
		c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
		u.learn(p.response(200, "INVITE"))
		u.ack(1)
		u.do("BYE", "")
		c.want(Acked)
		c.want(ByeReceived)
		c.want(Terminated)
		p.response(200, "BYE")
		c.leave()
		p.udp.Close()
	}
}

func TestByeBeforeAck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := r.call()
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	u.learn(p.response(200, "INVITE"))
	u.do("BYE", "")
	u.ack(1)
	c.want(ByeReceived)
	c.want(Terminated)
	p.response(200, "BYE")
}

func TestCancelWhileRinging(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := r.call()
	c.on(func(l *Leg) { l.Progress(180, "", nil) })
	tag := param(p.response(180, "INVITE").get("To"), "tag")
	p.send(u.text("CANCEL", 1, u.branch, "", `Reason: SIP;cause=200;text="elsewhere"`))
	ok := p.response(200, "CANCEL")
	final := p.response(487, "INVITE")
	for _, m := range []msg{ok, final} {
		if got := param(m.get("To"), "tag"); got != tag || tag == "" {
			t.Errorf("%s has To-tag %q, the 180 had %q", m.start, got, tag)
		}
	}
	u.learn(final)
	p.send(u.text("ACK", 1, u.branch, ""))
	if ev := c.want(Cancelled); ev.Code != 200 || ev.Reason != "elsewhere" {
		t.Errorf("got %+v", ev)
	}
	c.want(Terminated)
	c.on(func(l *Leg) { l.Answer(nil); l.End(Cause{}) }) // void
	p.silence(4*testT1, func(m msg) bool { return m.code() == 200 })
}

func TestCancelRightBehindInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 60 {
		p := newPeer(t, r.udp)
		u := p.uac()
		u.invite()
		u.cancel()
		p.response(487, "INVITE")
		c := r.call()
		c.want(Cancelled)
		c.want(Terminated)
		c.leave()
	}
}

func TestCancelCrossesOurAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := r.call()
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	u.learn(p.response(200, "INVITE"))
	u.cancel()
	p.response(200, "CANCEL")
	u.ack(1)
	c.want(Acked)
	u.do("BYE", "")
	c.want(ByeReceived)
	c.want(Terminated)
}

func TestRejectCarriesReason(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := r.call()
	h, err := NewHeader("Reason", "Q.850;cause=21")
	if err != nil {
		t.Fatal(err)
	}
	c.on(func(l *Leg) { l.Reject(603, "No Sale", h) })
	m := p.response(603, "INVITE")
	if m.start != "SIP/2.0 603 No Sale" || m.get("Reason") != "Q.850;cause=21" {
		t.Errorf("got %s, Reason %q", m.start, m.get("Reason"))
	}
	u.learn(m)
	p.send(u.text("ACK", 1, u.branch, ""))
	if ev := c.want(Terminated); ev.Code != 603 {
		t.Errorf("got %+v", ev)
	}
}

func TestEndOfUnansweredCallIsAFinalResponse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	p.uac().invite()
	c := r.call()
	c.on(func(l *Leg) { l.End(Cause{Code: 486, Q850: 17}) })
	if m := p.response(486, "INVITE"); len(m.all("Reason")) != 1 || m.get("Reason") != "Q.850;cause=17" {
		t.Errorf("Reason %q", m.all("Reason"))
	}
	c.want(Terminated)
}

func TestEndBeforeAckWaitsForIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := r.call()
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)); l.End(Cause{}) })
	u.learn(p.response(200, "INVITE"))
	p.silence(2*testT1, func(m msg) bool { return m.method() == "BYE" })
	u.ack(1)
	p.answer(p.request("BYE"), 200, "", "")
	c.want(Terminated)
}

func TestLateOfferIsAnsweredInTheAck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.seq = 1
	p.send(u.text("INVITE", 1, u.branch, ""))
	c := r.call()
	if c.leg.Invite().SDP != nil {
		t.Error("there was no offer")
	}
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	u.learn(p.response(200, "INVITE"))
	p.send(u.text("ACK", 1, "z9hG4bKlate", testSDP))
	if ev := c.want(Acked); string(ev.SDP) != testSDP {
		t.Errorf("SDP %q", ev.SDP)
	}
}

func TestUsualPhrases(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		404: "Not Found", 433: "Anonymity Disallowed", 483: "Too Many Hops", 499: "Request Failure", 599: "Server Failure", 699: "Global Failure",
	} {
		if got := reasonFor(code); got != want {
			t.Errorf("%d %s, want %s", code, got, want)
		}
	}
}
