package leg

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// brisk lets sessions be as short as tests want.
func brisk(c *Config) { c.MinSE = time.Second }

func TestWeRefreshByUpdate(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	r := newRig(t, brisk)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.SessionExpires = 4 * time.Second })
	inv := p.request("INVITE")
	if inv.get("Session-Expires") != "4" || inv.get("Min-SE") != "1" {
		t.Errorf("Session-Expires %q, Min-SE %q", inv.get("Session-Expires"), inv.get("Min-SE"))
	}
	p.answer(inv, 200, "b1", testSDP, "Session-Expires: 4;refresher=uac", "Require: timer", "Allow: INVITE, UPDATE")
	c.want(Answered)
	for range 2 {
		began := time.Now()
		up := p.request("UPDATE")
		if up.get("Session-Expires") != "4;refresher=uac" || up.body != "" || up.get("Contact") == "" {
			t.Errorf("UPDATE %+v", up)
		}
		if d := time.Since(began); d < time.Second || d > 3*time.Second {
			t.Errorf("after %v", d)
		}
		p.answer(up, 200, "", "", "x: 4;refresher=uac")
	}
	up := p.request("UPDATE")
	p.answer(up, 481, "", "")
	if ev := c.want(Ended); !errors.Is(ev.Err, ErrPeerGone) {
		t.Errorf("got %v", ev.Err)
	}
	p.answer(p.request("BYE"), 481, "", "")
	c.want(Terminated)
}

func TestWeRefreshByReInvite(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	r := newRig(t, brisk)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.SessionExpires = 4 * time.Second })
	inv := p.request("INVITE")
	p.answer(inv, 200, "b1", testSDP, "Session-Expires: 4", "Allow: INVITE")
	c.want(Answered)
	re := p.request("INVITE")
	if re.body != testSDP || re.get("Session-Expires") != "4;refresher=uac" {
		t.Errorf("re-INVITE %+v", re)
	}
	p.answer(re, 200, "", testSDP, "Session-Expires: 4;refresher=uac")
	p.request("ACK")
	re = p.request("INVITE")
	c.quiet(0) // nothing new, nothing to tell
	p.answer(re, 200, "", sdpPort("7000"), "Session-Expires: 4;refresher=uac")
	if ev := c.want(OfferDone); string(ev.SDP) != sdpPort("7000") {
		t.Errorf("SDP %q", ev.SDP)
	}
	re = p.request("INVITE")
	p.answer(re, 503, "", "") // once more before it expires
	re = p.request("INVITE")
	p.answer(re, 200, "", sdpPort("7000")) // without: the timer is off
	p.silence(2*time.Second, func(m msg) bool { return m.method() == "INVITE" || m.method() == "BYE" })
	c.quiet(0)
}

func TestPeerWhoTakesNoUpdateAfterAll(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	r := newRig(t, brisk)
	p := newPeer(t, r.udp)
	r.dial(p, func(d *DialConfig) { d.SessionExpires = 4 * time.Second })
	p.answer(p.request("INVITE"), 200, "b1", testSDP, "Session-Expires: 4;refresher=uac", "Allow: UPDATE")
	p.answer(p.request("UPDATE"), 405, "", "")
	if re := p.request("INVITE"); re.body != testSDP {
		t.Errorf("re-INVITE with %q", re.body)
	}
}

func TestSessionNobodyRefreshesEnds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	r := newRig(t, brisk)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.SessionExpires = 3 * time.Second })
	inv := p.request("INVITE")
	p.answer(inv, 200, "b1", testSDP, "Session-Expires: 3;refresher=uas", "Allow: UPDATE")
	c.want(Answered)
	refresh := func(seq int) {
		p.send(p.inDialog(inv, "b1", "UPDATE", seq, "", "Session-Expires: 3;refresher=uac", "Supported: timer"))
		if m := p.response(200, "UPDATE"); m.get("Session-Expires") != "3;refresher=uac" || m.get("Require") != "timer" {
			t.Errorf("got %+v", m)
		}
	}
	p.silence(time.Second, func(m msg) bool { return m.method() == "UPDATE" })
	refresh(1)
	start := time.Now()
	if ev := c.want(Ended); !errors.Is(ev.Err, ErrExpired) {
		t.Errorf("got %v", ev.Err)
	}
	if d := time.Since(start); d < 1900*time.Millisecond || d > 3*time.Second { // 3 s less a third
		t.Errorf("ended after %v", d)
	}
	bye := p.request("BYE")
	if !strings.Contains(strings.Join(bye.all("Reason"), ""), "session expired") {
		t.Errorf("Reason %q", bye.all("Reason"))
	}
	p.answer(bye, 200, "", "")
	c.want(Terminated)
}

func TestSilenceOnARefreshEndsTheSession(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a transaction to time out")
	}
	r := newRig(t, brisk)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.SessionExpires = 60 * time.Second })
	p.answer(p.request("INVITE"), 200, "b1", testSDP, "Session-Expires: 2;refresher=uac", "Allow: UPDATE")
	c.want(Answered)
	if ev := c.want(Ended); !errors.Is(ev.Err, ErrPeerGone) && !errors.Is(ev.Err, ErrExpired) {
		t.Errorf("got %v", ev.Err)
	}
	p.answer(p.request("BYE"), 200, "", "")
	c.want(Terminated)
}

func TestTooShortForThePeer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.SessionExpires = 90 * time.Second })
	inv := p.request("INVITE")
	if inv.get("Session-Expires") != "90" || inv.get("Min-SE") != "" {
		t.Errorf("Session-Expires %q, Min-SE %q", inv.get("Session-Expires"), inv.get("Min-SE"))
	}
	p.answer(inv, 422, "a", "", "Min-SE: 300")
	again := p.request("INVITE")
	if again.get("Session-Expires") != "300" || again.get("Min-SE") != "300" || again.get("CSeq") != "2 INVITE" ||
		param(again.get("To"), "tag") != "" || again.get("Call-ID") != inv.get("Call-ID") {
		t.Errorf("again %+v", again)
	}
	p.answer(again, 422, "a", "", "Min-SE: 600") // once is enough
	if ev := c.want(Failed); ev.Code != 422 {
		t.Errorf("got %+v", ev)
	}

	p = newPeer(t, r.udp)
	c = r.dial(p)
	inv = p.request("INVITE")
	if inv.get("Session-Expires") != "1800" {
		t.Errorf("Session-Expires %q", inv.get("Session-Expires"))
	}
	p.answer(inv, 422, "a", "", "Min-SE: 99999999")
	c.want(Failed)
}

func TestRefreshTooShortForThePeer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	r := newRig(t, brisk)
	p := newPeer(t, r.udp)
	r.dial(p, func(d *DialConfig) { d.SessionExpires = 4 * time.Second })
	p.answer(p.request("INVITE"), 200, "b1", testSDP, "Session-Expires: 4;refresher=uac", "Allow: UPDATE")
	p.answer(p.request("UPDATE"), 422, "", "", "Min-SE: 5")
	if m := p.request("UPDATE"); m.get("Session-Expires") != "5;refresher=uac" || m.get("Min-SE") != "5" {
		t.Errorf("got %+v", m)
	}
}

func TestSessionOfCallers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tests := []struct {
		name  string
		extra []string
		code  int
		want  string // Session-Expires or Min-SE of the answer
		timer bool   // Require: timer
	}{
		{"nothing", nil, 200, "", false},
		{"supported only", []string{"Supported: timer"}, 200, "1800;refresher=uas", true},
		{"shorter", []string{"k: timer", "x: 600"}, 200, "600;refresher=uas", true},
		{"longer", []string{"Supported: timer", "Session-Expires: 7200;refresher=uac"}, 200, "1800;refresher=uac", true},
		{"longer at least", []string{"Supported: timer", "Session-Expires: 7200;refresher=uas", "Min-SE: 3600"}, 200, "3600;refresher=uas", true},
		{"required", []string{"Supported: timer", "Require: timer", "Session-Expires: 90"}, 200, "90;refresher=uas", true},
		{"too short", []string{"Supported: timer", "Session-Expires: 89"}, 422, "90", false},
		{"too short, by a proxy", []string{"Session-Expires: 60"}, 200, "90;refresher=uas", false},
		{"not understood", []string{"Supported: timer", "Session-Expires: soon"}, 400, "", false},
		{"twice", []string{"Supported: timer", "Session-Expires: 600", "x: 700"}, 400, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, r.udp)
			p.uac().invite(tt.extra...)
			if tt.code == 200 {
				r.call().on(func(l *Leg) { l.Answer([]byte(testSDP)) })
			}
			m := p.response(tt.code, "INVITE")
			got := m.get("Session-Expires") + m.get("Min-SE")
			if got != tt.want || (m.get("Require") == "timer") != tt.timer {
				t.Errorf("got %q, Require %q", got, m.get("Require"))
			}
		})
	}
}

func TestCallersSessionIsRefreshedAndRefused(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	r := newRig(t, brisk)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("Supported: timer", "Session-Expires: 4;refresher=uas", "Allow: INVITE, UPDATE")
	c := r.call()
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	u.learn(p.response(200, "INVITE"))
	u.ack(1)
	c.want(Acked)
	up := p.request("UPDATE") // we refresh
	if up.get("Session-Expires") != "4;refresher=uac" {
		t.Errorf("got %+v", up)
	}
	p.answer(up, 200, "", "", "Session-Expires: 4;refresher=uac")
	u.do("INVITE", testSDP, "Supported: timer", "Session-Expires: 0;refresher=uac")
	p.response(400, "INVITE")
	// The peer takes it over by re-INVITE.
	u.do("INVITE", testSDP, "Supported: timer", "Session-Expires: 5;refresher=uac")
	c.want(ReOffer)
	c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
	m := p.next("2xx to the re-INVITE", func(m msg) bool { return m.code() == 200 && strings.HasSuffix(m.get("CSeq"), "3 INVITE") })
	if m.get("Session-Expires") != "4;refresher=uac" {
		t.Errorf("got %q", m.get("Session-Expires"))
	}
	u.ack(u.seq)
	p.silence(2200*time.Millisecond, func(m msg) bool { return m.method() == "UPDATE" })
	if ev := c.want(Ended); !errors.Is(ev.Err, ErrExpired) {
		t.Errorf("got %v", ev.Err)
	}
}

func FuzzSessionExpires(f *testing.F) {
	f.Add("1800;refresher=uac")
	f.Add("90 ; x=y; Refresher = UAS")
	f.Add("99999999999")
	f.Fuzz(func(t *testing.T, v string) {
		if se, ok := readSessionExpires(v); ok && (se.interval < time.Second || se.refresher != "" && se.refresher != "uac" && se.refresher != "uas") {
			t.Fatalf("%q reads as %+v", v, se)
		}
		if d, ok := readMinSE(v); ok && d < 0 {
			t.Fatalf("Min-SE %v out of %q", d, v)
		}
	})
}
