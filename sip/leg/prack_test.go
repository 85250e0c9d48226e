package leg

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
)

// rel are the headers of a reliable provisional response.
func rel(rseq string) []string { return []string{"Require: 100rel", "RSeq: " + rseq} }

func isPrack(m msg) bool { return m.method() == "PRACK" }

func TestReliableResponsesAreAcknowledgedInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	if inv.get("Supported") != "100rel, timer, replaces, norefersub" || inv.get("Require") != "" {
		t.Errorf("Supported %q, Require %q", inv.get("Supported"), inv.get("Require"))
	}
	p.answer(inv, 180, "b1", "", rel("700")...)
	if ev := c.want(Ringing); ev.Dialog != "b1" {
		t.Errorf("dialog %q", ev.Dialog)
	}
	first := p.request("PRACK")
	if first.get("RAck") != "700 1 INVITE" || first.get("CSeq") != "2 PRACK" || param(first.get("To"), "tag") != "b1" ||
		first.start != "PRACK sip:peer@"+p.at.String()+" SIP/2.0" {
		t.Errorf("PRACK %+v", first)
	}
	p.answer(first, 200, "", "")
	p.answer(inv, 180, "b1", "", rel("700")...)      // again
	p.answer(inv, 183, "b1", testSDP, rel("702")...) // before its turn
	p.silence(3*testT1, isPrack)
	c.quiet(testT1)
	p.answer(inv, 183, "b1", testSDP, rel("701")...)
	if ev := c.want(EarlyMedia); string(ev.SDP) != testSDP {
		t.Errorf("SDP %q", ev.SDP)
	}
	second := p.request("PRACK")
	if second.get("RAck") != "701 1 INVITE" || second.get("CSeq") != "3 PRACK" {
		t.Errorf("PRACK %+v", second)
	}
	p.answer(second, 200, "", "")
	p.answer(inv, 180, "b2", "", rel("9")...) // another fork counts by itself
	if ev := c.want(Ringing); ev.Dialog != "b2" {
		t.Errorf("dialog %q", ev.Dialog)
	}
	if m := p.request("PRACK"); m.get("RAck") != "9 1 INVITE" || param(m.get("To"), "tag") != "b2" {
		t.Errorf("PRACK %+v", m)
	}
	p.answer(inv, 200, "b1", sdpPort("9000")) // the reliable answer counts
	if ev := c.want(Answered); string(ev.SDP) != testSDP || ev.Dialog != "b1" {
		t.Errorf("got %+v", ev)
	}
	if ack := p.request("ACK"); ack.get("CSeq") != "1 ACK" {
		t.Errorf("ACK %s", ack.get("CSeq"))
	}
	c.on(func(l *Leg) { l.End(Cause{}) })
	bye := p.request("BYE")
	if bye.get("CSeq") != "4 BYE" {
		t.Errorf("BYE %s", bye.get("CSeq"))
	}
	p.answer(bye, 200, "", "")
	c.want(Terminated)
}

func TestReliableBySetting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	r.dial(p, func(d *DialConfig) { d.Reliable = ReliableRequired })
	if inv := p.request("INVITE"); inv.get("Require") != "100rel" {
		t.Errorf("Require %q", inv.get("Require"))
	}
	p = newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.Reliable, d.SessionExpires = ReliableOff, NoSessionTimer })
	inv := p.request("INVITE")
	if inv.get("Supported") != "replaces, norefersub" || inv.get("Session-Expires") != "" {
		t.Errorf("Supported %q, Session-Expires %q", inv.get("Supported"), inv.get("Session-Expires"))
	}
	p.answer(inv, 180, "b1", "", rel("1")...)
	c.want(Ringing)
	p.silence(2*testT1, isPrack)
}

func TestPrackIsRepeatedAndChallenged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.Username, d.Password = "user", "secret" })
	inv := p.request("INVITE")
	p.answer(inv, 183, "b1", testSDP, rel("1")...)
	c.want(EarlyMedia)
	for range 3 { // lost twice
		p.next("PRACK", isPrack)
	}
	chal := &digest.Challenge{Realm: "r", Nonce: "n", Algorithm: "SHA-256", QOP: []string{"auth"}}
	p.seen = map[string]int{}
	first := p.request("PRACK")
	p.answer(first, 407, "", "", "Proxy-Authenticate: "+chal.String())
	second := p.next("PRACK with credentials", func(m msg) bool { return isPrack(m) && m.get("Proxy-Authorization") != "" })
	verify(t, second, "Proxy-Authorization", chal)
	if second.get("RAck") != "1 1 INVITE" || second.get("CSeq") != "3 PRACK" {
		t.Errorf("PRACK %+v", second)
	}
	p.answer(second, 200, "", "")
	p.answer(inv, 200, "b1", "")
	if ev := c.want(Answered); string(ev.SDP) != testSDP {
		t.Errorf("SDP %q", ev.SDP)
	}
}

func TestOfferInProvisionalIsAnsweredByPrack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	late := func(d *DialConfig) { d.SDP, d.Late = nil, true }
	c := r.dial(p, late)
	inv := p.request("INVITE")
	if inv.body != "" {
		t.Errorf("INVITE with %q", inv.body)
	}
	p.answer(inv, 183, "b1", testSDP, rel("1")...)
	if ev := c.want(ReOffer); string(ev.SDP) != testSDP || ev.Dialog != "b1" {
		t.Errorf("got %+v", ev)
	}
	p.silence(2*testT1, isPrack)
	c.on(func(l *Leg) { l.Respond(200, []byte(sdpPort("6000"))) })
	if m := p.request("PRACK"); m.body != sdpPort("6000") {
		t.Errorf("PRACK with %q", m.body)
	}
	p.answer(inv, 200, "b1", "")
	c.want(Answered)
	if m := p.request("ACK"); m.body != "" {
		t.Errorf("ACK with %q", m.body)
	}

	p = newPeer(t, r.udp)
	c = r.dial(p, late)
	inv = p.request("INVITE")
	p.answer(inv, 200, "b1", testSDP) // not reliable before: the 2xx offers
	c.want(Answered)
	p.answer(inv, 200, "b1", testSDP)
	p.silence(2*testT1, func(m msg) bool { return m.method() == "ACK" })
	c.on(func(l *Leg) { l.Respond(200, []byte(sdpPort("6000"))) })
	if m := p.request("ACK"); m.body != sdpPort("6000") {
		t.Errorf("ACK with %q", m.body)
	}
}

func TestEndedForkIsNoFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	p.answer(inv, 183, "b1", sdpPort("5000"), rel("1")...)
	c.want(EarlyMedia)
	p.answer(p.request("PRACK"), 200, "", "")
	p.answer(inv, 199, "b1", "", rel("2")...)
	p.answer(p.request("PRACK"), 200, "", "")
	c.quiet(2 * testT1)
	p.answer(inv, 200, "b2", testSDP)
	if ev := c.want(Answered); string(ev.SDP) != testSDP {
		t.Errorf("SDP %q", ev.SDP)
	}
}

// reliably makes the rig's inbound calls use reliable responses.
func reliably(c *Config) { c.Terms = func(*Leg) Terms { return Terms{Reliable: ReliableRequired} } }

func TestWeSendReliably(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("Require: 100rel")
	c := r.call()
	c.on(func(l *Leg) {
		l.Progress(180, "", nil)
		l.Progress(183, "", []byte(testSDP))
		l.Answer([]byte(testSDP))
	})
	ringing := p.response(180, "INVITE")
	if ringing.get("Require") != "100rel" || ringing.get("RSeq") == "" {
		t.Errorf("180 %+v", ringing)
	}
	u.learn(ringing)
	for range 2 {
		p.response(180, "INVITE") // repeated, and nothing else before its PRACK
	}
	u.do("PRACK", "", "RAck: 1 1 INVITE")
	p.response(481, "PRACK")
	u.do("PRACK", "", "RAck: x")
	p.response(400, "PRACK")
	u.do("PRACK", "", "RAck: "+ringing.get("RSeq")+" 1 INVITE")
	p.response(200, "PRACK")
	early := p.response(183, "INVITE")
	if early.body != testSDP || early.get("RSeq") == ringing.get("RSeq") {
		t.Errorf("183 %+v", early)
	}
	p.silence(3*testT1, func(m msg) bool { return m.code() == 200 }) // not before its PRACK
	u.do("PRACK", "", "RAck: "+early.get("RSeq")+" 1 INVITE")
	p.response(200, "PRACK")
	ok := p.response(200, "INVITE")
	if ok.body != "" {
		t.Errorf("the answer again: %q", ok.body)
	}
	u.do("PRACK", "", "RAck: "+early.get("RSeq")+" 1 INVITE")
	p.response(481, "PRACK")
	u.ack(1)
	c.want(AnswerSent)
	c.want(Acked)
	u.do("BYE", "")
	p.response(200, "BYE")
}

func TestReliableOnlyForWhoKnowsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, reliably)
	for support, rseq := range map[string]bool{"Supported: 100rel": true, "k: timer,100rel": true, "Supported: timer": false} {
		p := newPeer(t, r.udp)
		p.uac().invite(support)
		r.call().on(func(l *Leg) { l.Progress(180, "", nil) })
		if m := p.response(180, "INVITE"); (m.get("RSeq") != "") != rseq {
			t.Errorf("%s: RSeq %q", support, m.get("RSeq"))
		}
	}
	off := newRig(t, func(c *Config) {
		c.Terms = func(*Leg) Terms { return Terms{Reliable: ReliableOff, SessionExpires: NoSessionTimer} }
	})
	for _, tag := range []string{"100rel", "timer"} {
		p := newPeer(t, off.udp)
		p.uac().invite("Require: " + tag)
		if m := p.response(420, "INVITE"); m.get("Unsupported") != tag {
			t.Errorf("Unsupported %q", m.get("Unsupported"))
		}
	}
	waitFor(t, "no live leg", func() bool {
		off.s.mu.Lock()
		defer off.s.mu.Unlock()
		return off.s.live == 0
	})
}

func TestNoPrackRefusesTheCall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits 64*T1")
	}
	r := newRig(t, reliably)
	p := newPeer(t, r.udp)
	p.uac().invite("Supported: 100rel")
	c := r.call()
	start := time.Now()
	c.on(func(l *Leg) { l.Progress(183, "", []byte(testSDP)); l.Answer([]byte(testSDP)) })
	copies := 0
	p.next("504", func(m msg) bool {
		if m.code() == 183 {
			copies++
		}
		return m.code() == 504
	})
	if d := time.Since(start); d < 64*testT1 || d > 64*testT1+time.Second {
		t.Errorf("refused after %v", d)
	}
	if copies < 5 || copies > 7 { // at 0, 1, 3, 7, 15, 31, 63 times T1
		t.Errorf("%d copies", copies)
	}
	if ev := c.want(Ended); !errors.Is(ev.Err, ErrNoPrack) {
		t.Errorf("got %+v", ev)
	}
	c.want(Terminated)
}

func TestCancelWhileAPrackIsMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, reliably)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("Supported: 100rel")
	c := r.call()
	c.on(func(l *Leg) { l.Progress(180, "", nil) })
	m := p.response(180, "INVITE")
	u.cancel()
	p.response(487, "INVITE")
	c.want(Cancelled)
	c.want(Terminated)
	u.learn(m)
	u.do("PRACK", "", "RAck: "+m.get("RSeq")+" 1 INVITE") // on its way when we refused
	p.response(200, "PRACK")
	p.silence(4*testT1, func(m msg) bool { return m.code() == 180 })
}

func TestOffersByPrack(t *testing.T) {
	t.Parallel()
	r := newRig(t, reliably)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("Supported: 100rel")
	c := r.call()
	c.on(func(l *Leg) { l.Progress(183, "", []byte(testSDP)) })
	m := p.response(183, "INVITE")
	u.learn(m)
	u.do("PRACK", sdpPort("6000"), "RAck: "+m.get("RSeq")+" 1 INVITE")
	if ev := c.want(ReOffer); string(ev.SDP) != sdpPort("6000") {
		t.Errorf("SDP %q", ev.SDP)
	}
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	p.silence(2*testT1, func(m msg) bool { return m.code() == 200 })
	c.on(func(l *Leg) { l.Respond(200, []byte(sdpPort("6002"))) })
	if m := p.response(200, "PRACK"); m.body != sdpPort("6002") {
		t.Errorf("PRACK answered with %q", m.body)
	}
	p.response(200, "INVITE")
	u.ack(1)
	c.want(AnswerSent)
	c.want(Acked)

	// A caller without an offer gets ours, and answers it in the PRACK.
	p = newPeer(t, r.udp)
	u = p.uac()
	u.seq = 1
	p.send(u.text("INVITE", 1, u.branch, "", "Supported: 100rel"))
	c = r.call()
	c.on(func(l *Leg) { l.Progress(183, "", []byte(testSDP)) })
	m = p.response(183, "INVITE")
	u.learn(m)
	u.do("PRACK", "", "RAck: "+m.get("RSeq")+" 1 INVITE")
	p.response(400, "PRACK")
	u.do("PRACK", sdpPort("6000"), "RAck: "+m.get("RSeq")+" 1 INVITE")
	p.response(200, "PRACK")
	if ev := c.want(Acked); string(ev.SDP) != sdpPort("6000") {
		t.Errorf("SDP %q", ev.SDP)
	}
}

func TestPrackOfAStrangerIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, reliably)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("Supported: 100rel")
	c := r.call()
	c.on(func(l *Leg) { l.Progress(180, "", nil) })
	m := p.response(180, "INVITE")
	u.learn(m)
	for _, rack := range []string{m.get("RSeq") + " 2 INVITE", m.get("RSeq") + " 1 UPDATE", "0 1 INVITE", strings.Repeat("9", 40) + " 1 INVITE"} {
		u.do("PRACK", "", "RAck: "+rack)
		p.next("a refusal", func(m msg) bool {
			return m.get("CSeq") != "" && m.code() >= 400 && strings.Contains(m.get("CSeq"), "PRACK")
		})
	}
}

func FuzzReliable(f *testing.F) {
	f.Add("1 1 INVITE")
	f.Add(" 4294967295\t2147483647  INVITE ")
	f.Fuzz(func(t *testing.T, v string) {
		if r, ok := readRAck(v); ok {
			again, ok := readRAck(r.String())
			if !ok || again != r {
				t.Fatalf("%q reads as %+v, then %+v", v, r, again)
			}
		}
		if n, ok := readRSeq(v); ok && n == 0 {
			t.Fatalf("RSeq 0 out of %q", v)
		}
	})
}

// An Answer that waits for a PRACK is told when it goes out.
func TestAnswerThatWaitsIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, reliably)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("Require: 100rel")
	c := r.call()
	sent := make(chan bool, 1)
	c.on(func(l *Leg) {
		l.Progress(183, "", []byte(testSDP))
		sent <- l.Answer([]byte(testSDP))
	})
	early := p.response(183, "INVITE")
	if <-sent {
		t.Error("the answer is said to be out before the PRACK")
	}
	u.learn(early)
	u.do("PRACK", "", "RAck: "+early.get("RSeq")+" 1 INVITE")
	p.response(200, "INVITE")
	c.want(AnswerSent)
}
