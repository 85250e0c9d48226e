package leg

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func sdpPort(port string) string { return strings.Replace(testSDP, "4000", port, 1) }

func TestPeerReOffers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	for i := range 5 {
		body := testSDP // a session timer refresh is the same body again
		if i%2 == 1 {
			body = sdpPort("6000")
		}
		u.do("INVITE", body)
		if ev := c.want(ReOffer); string(ev.SDP) != body {
			t.Errorf("SDP %q", ev.SDP)
		}
		c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
		if m := p.response(200, "INVITE"); m.body != testSDP || m.get("Contact") == "" {
			t.Errorf("got %+v", m)
		}
		u.ack(u.seq)
	}
	u.do("INVITE", "")
	if ev := c.want(ReOffer); ev.SDP != nil {
		t.Errorf("SDP %q", ev.SDP)
	}
	c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
	p.response(200, "INVITE")
	p.send(u.text("ACK", u.seq, "z9hG4bKlate", sdpPort("7000")))
	if ev := c.want(Acked); string(ev.SDP) != sdpPort("7000") {
		t.Errorf("SDP %q", ev.SDP)
	}
	u.do("INVITE", testSDP)
	c.want(ReOffer)
	c.on(func(l *Leg) { l.Respond(488, nil) })
	p.response(488, "INVITE")
	c.quiet(testT1)
}

func TestReInviteRetransmissionAndLostAck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	u.seq++
	text := u.text("INVITE", u.seq, "z9hG4bKre", testSDP)
	p.send(text)
	p.send(text)
	c.want(ReOffer)
	p.send(text)
	c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
	for range 3 {
		p.response(200, "INVITE") // repeated until the ACK
	}
	u.ack(u.seq)
	p.silence(4*testT1, func(m msg) bool { return false })
	p.silence(6*testT1, func(m msg) bool { return m.code() == 200 })
	c.quiet(testT1)
}

func TestReInviteWhileOneIsOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	u.do("INVITE", testSDP)
	c.want(ReOffer)
	u.do("INVITE", testSDP)
	if m := p.response(500, "INVITE"); m.get("Retry-After") == "" {
		t.Error("500 without Retry-After")
	}
}

func TestPeerCancelsItsReOffer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	for i := range 40 {
		u.seq++
		branch := fmt.Sprintf("z9hG4bKre%d", i)
		p.send(u.text("INVITE", u.seq, branch, testSDP))
		p.send(u.text("CANCEL", u.seq, branch, "")) // may overtake it inside
		p.response(487, "INVITE")
		p.send(u.text("ACK", u.seq, branch, ""))
		c.want(ReOffer)
		waitFor(t, "the re-offer is gone", func() bool {
			var gone bool
			c.on(func(l *Leg) { gone = l.reoffer == nil })
			return gone
		})
	}
	c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
	u.do("INVITE", testSDP)
	c.want(ReOffer)
}

func TestByeDuringReInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	u.do("INVITE", testSDP)
	c.want(ReOffer)
	u.do("BYE", "")
	codes := map[string]bool{}
	p.next("200 and 487", func(m msg) bool {
		if m.code() >= 200 {
			_, method := m.cseq()
			codes[method+" "+strings.Fields(m.start)[1]] = true
		}
		return codes["BYE 200"] && codes["INVITE 487"]
	})
	c.want(ByeReceived)
	c.want(Terminated)
	c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
	p.silence(2*testT1, func(m msg) bool { return m.code() == 200 })
}

func TestEndDuringReInviteRefusesItAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	u.do("INVITE", testSDP)
	c.want(ReOffer)
	c.on(func(l *Leg) { l.End(Cause{}) })
	p.response(487, "INVITE")
	p.answer(p.request("BYE"), 200, "", "")
	c.want(Terminated)
}

func TestWeReOffer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	inv, c := connected(r, p)
	c.on(func(l *Leg) {
		l.Offer([]byte(sdpPort("6000")))
		l.Offer([]byte(sdpPort("6002")))
		l.Offer([]byte(sdpPort("6004")))
	})
	re := p.request("INVITE")
	if re.body != sdpPort("6000") || param(re.get("To"), "tag") != "b1" || re.get("From") != inv.get("From") {
		t.Errorf("got %+v", re)
	}
	p.answer(re, 200, "", testSDP)
	p.answer(re, 200, "", testSDP)
	if ev := c.want(OfferDone); ev.Code != 200 || string(ev.SDP) != testSDP {
		t.Errorf("got %+v", ev)
	}
	second := p.request("INVITE") // the newest of those that waited
	if second.body != sdpPort("6004") {
		t.Errorf("second %s", second.body)
	}
	p.answer(second, 488, "", "")
	if ev := c.want(OfferDone); ev.Code != 488 {
		t.Errorf("got %+v", ev)
	}
	c.quiet(testT1) // the call goes on
}

func TestGlare(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits up to 2 s for the retry")
	}
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p) // we did not make the Call-ID: 0 to 2 s
	c.on(func(l *Leg) { l.Offer([]byte(sdpPort("6000"))) })
	re := p.request("INVITE")
	u.do("INVITE", testSDP)
	p.response(491, "INVITE")
	p.answer(re, 491, "", "")
	p.request("ACK")
	u.do("INVITE", testSDP) // the peer comes first now
	c.want(ReOffer)
	c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
	p.response(200, "INVITE")
	u.ack(u.seq)
	again := p.request("INVITE")
	if n, _ := again.cseq(); again.body != sdpPort("6000") || n != 2 {
		t.Errorf("retry %+v", again)
	}
	p.answer(again, 200, "", testSDP)
	c.want(OfferDone)
}

func TestReOfferToALostDialogEndsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	_, c := connected(r, p)
	c.on(func(l *Leg) { l.Offer([]byte(testSDP)) })
	p.answer(p.request("INVITE"), 481, "", "")
	c.want(OfferDone)
	if ev := c.want(Ended); !errors.Is(ev.Err, ErrPeerGone) {
		t.Errorf("got %v", ev.Err)
	}
	p.answer(p.request("BYE"), 481, "", "")
	c.want(Terminated)
}

func TestEndDuringOurReOfferStillAcknowledges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	_, c := connected(r, p)
	c.on(func(l *Leg) { l.Offer([]byte(testSDP)) })
	re := p.request("INVITE")
	c.on(func(l *Leg) { l.End(Cause{}) })
	bye := p.request("BYE")
	p.answer(re, 200, "", testSDP)
	p.request("ACK")
	p.answer(bye, 200, "", "")
	c.want(Terminated)
}

func TestRequestsInTheDialog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	tests := []struct {
		method, body, kind string
		code               int
		digit              byte
	}{
		{"OPTIONS", "", "", 200, 0},
		{"UPDATE", "", "", 200, 0},
		{"MESSAGE", "", "", 405, 0},
		{"FOO", "", "", 405, 0},
		{"PRACK", "", "", 400, 0},
		{"REFER", "", "", 400, 0},
		{"NOTIFY", "", "", 489, 0},
		{"SUBSCRIBE", "", "", 489, 0},
		{"INFO", "", "", 200, 0},
		{"INFO", "Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", 200, '5'},
		{"INFO", "Signal= *\r\n", "application/dtmf-relay", 200, '*'},
		{"INFO", "Signal=11\r\n", "application/dtmf-relay", 200, '#'},
		{"INFO", "d", "application/dtmf", 200, 'D'},
		{"INFO", "Signal=x1\r\n", "application/dtmf-relay", 400, 0},
		{"INFO", "<x/>", "application/media_control+xml", 415, 0},
	}
	for _, tt := range tests {
		var extra []string
		if tt.kind != "" {
			extra = []string{"Content-Type: " + tt.kind}
		}
		u.do(tt.method, tt.body, extra...)
		m := p.response(tt.code, tt.method)
		if tt.code == 405 && m.get("Allow") != allowed {
			t.Errorf("%s: Allow %q", tt.method, m.get("Allow"))
		}
		if tt.digit != 0 {
			if ev := c.want(InfoDigit); ev.Digit != tt.digit {
				t.Errorf("%q: digit %c", tt.body, ev.Digit)
			}
		}
	}
	u.seq = 0
	u.do("OPTIONS", "") // CSeq 1 again
	p.response(500, "OPTIONS")
	c.quiet(testT1)
}

func TestRequestsOutsideADialog(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.OnOptions = func() int { return 503 } })
	plain := newRig(t)
	for method, code := range map[string]int{"OPTIONS": 503, "REGISTER": 405, "FOO": 405, "BYE": 481, "CANCEL": 481, "UPDATE": 481, "PRACK": 481, "REFER": 403, "NOTIFY": 481} {
		p := newPeer(t, r.udp)
		p.uac().do(method, "")
		p.response(code, method)
	}
	p := newPeer(t, plain.udp)
	u := p.uac()
	u.do("OPTIONS", "")
	if m := p.response(200, "OPTIONS"); m.get("Allow") != allowed || m.get("Accept") != "application/sdp" {
		t.Errorf("got %+v", m)
	}
	u.to += ";tag=nobody"
	for _, method := range []string{"INVITE", "BYE", "INFO", "OPTIONS"} {
		u.do(method, "")
		p.response(481, method)
	}
	u.ack(1)
	p.silence(2*testT1, func(m msg) bool { return m.code() > 0 && strings.Contains(m.get("CSeq"), "ACK") })
}

func TestMergedInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	r.call()
	p.send(u.text("INVITE", 1, "z9hG4bKother", testSDP))
	p.response(482, "INVITE")
}

func TestFullMailboxLosesNothing(t *testing.T) {
	t.Parallel()
	got := make(chan Event, 64)
	goOn := make(chan struct{})
	r := newRig(t, func(c *Config) {
		c.OnInvite = func(l *Leg) {
			mailbox := make(Mailbox, 1)
			l.Bind(mailbox)
			l.Answer([]byte(testSDP))
			<-goOn
			for s := range mailbox {
				if ev, ok := s.Apply(); ok {
					got <- ev
					if ev.Kind == Terminated {
						return
					}
				}
			}
		}
	})
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	u.learn(p.response(200, "INVITE"))
	u.ack(1)
	for range 20 {
		u.do("INFO", "Signal=1\r\n", "Content-Type: application/dtmf-relay")
	}
	u.do("BYE", "")
	p.silence(2*testT1, func(m msg) bool { return m.method() == "BYE" })
	close(goOn)
	for i := range 23 {
		want := InfoDigit
		switch i {
		case 0:
			want = Acked
		case 21:
			want = ByeReceived
		case 22:
			want = Terminated
		}
		select {
		case ev := <-got:
			if ev.Kind != want {
				t.Fatalf("event %d is %v, want %v", i, ev.Kind, want)
			}
		case <-time.After(patience):
			t.Fatalf("event %d is missing", i)
		}
	}
}

// A long call does not keep every offer it ever made.
func TestLongCallForgetsItsOffers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	for i := range 30 {
		body := sdpPort(fmt.Sprint(5000 + 2*i))
		c.on(func(l *Leg) { l.Offer([]byte(body)) })
		p.answer(p.request("INVITE"), 200, u.tag, body)
		c.want(OfferDone)
		p.request("ACK")
	}
	c.on(func(l *Leg) {
		if len(l.trials) > 10 || len(l.out.acks) > 10 || len(l.branches) > 10 {
			t.Errorf("%d requests, %d ACKs, %d branches are kept", len(l.trials), len(l.out.acks), len(l.branches))
		}
	})
}
