package leg

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustHeader(t *testing.T, name, value string) Header {
	t.Helper()
	h, err := NewHeader(name, value)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestDialCarriesWhatWasAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) {
		d.CallID, d.MaxForwards, d.PAI = "abc@x", 12, "sip:+12125550123@us.example;user=phone"
		d.From = Party{User: "+1212 555", Display: `Ann "x" \`}
		d.Headers = []Header{mustHeader(t, "X-Lead", Escape("a b/ü"))}
	})
	inv := p.request("INVITE")
	got := []string{inv.start, inv.get("Call-ID"), inv.get("Max-Forwards"), inv.get("P-Asserted-Identity"),
		strings.Split(inv.get("From"), ";")[0], inv.get("To"), inv.get("X-Lead"), inv.get("Contact"), inv.get("Allow"),
		inv.get("User-Agent"), inv.body}
	want := []string{"INVITE sip:+14155550100@buyer.example SIP/2.0", "abc@x", "12", "<sip:+12125550123@us.example;user=phone>",
		`"Ann \"x\" \\" <sip:+1212%20555@127.0.0.1>`, "<sip:+14155550100@buyer.example>", "a%20b%2F%C3%BC",
		"<sip:" + r.udp.String() + ">", allowed, "ringbid", testSDP}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(inv.get("Via"), "SIP/2.0/UDP "+r.udp.String()+";") {
		t.Errorf("Via %q does not name the listener %s", inv.get("Via"), r.udp)
	}
	p.answer(inv, 100, "", "")
	c.want(Trying)
	p.answer(inv, 180, "b1", "")
	if ev := c.want(Ringing); ev.Code != 180 {
		t.Errorf("got %+v", ev)
	}
	p.answer(inv, 183, "b1", testSDP)
	if ev := c.want(EarlyMedia); string(ev.SDP) != testSDP {
		t.Errorf("got %+v", ev)
	}
	for range 30 { // the same again, and many different ones: no limit
		p.answer(inv, 183, "b1", testSDP)
	}
	c.quiet(2 * testT1)
	for i := range 15 {
		p.answer(inv, 181+i%2, "b1", "")
		c.want(Ringing)
	}
	p.answer(inv, 200, "b1", testSDP, "Record-Route: <sip:127.0.0.1:"+fmt.Sprint(p.at.Port())+";lr;x=2>", "Record-Route: <sip:127.0.0.1:1;lr;x=1>")
	if ev := c.want(Answered); ev.Code != 200 || string(ev.SDP) != testSDP {
		t.Errorf("got %+v", ev)
	}
}

func TestAckAndByeFollowContactAndRoutes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, far := newPeer(t, r.udp), newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	// The route set is reversed: the last Record-Route is the first hop.
	p.answer(inv, 200, "b1", testSDP, "Record-Route: <sip:192.0.2.1;lr>, <sip:"+far.at.String()+";lr>")
	c.want(Answered)
	ack := far.request("ACK")
	want := []string{"<sip:" + far.at.String() + ";lr>", "<sip:192.0.2.1;lr>"}
	if diff := cmp.Diff(want, ack.all("Route")); diff != "" {
		t.Error(diff)
	}
	if ack.start != "ACK sip:peer@"+p.at.String()+" SIP/2.0" || param(ack.get("To"), "tag") != "b1" {
		t.Errorf("%s, To %s", ack.start, ack.get("To"))
	}
	c.on(func(l *Leg) { l.End(Cause{Q850: 16}) })
	bye := far.request("BYE")
	if n, _ := bye.cseq(); n != 2 {
		t.Errorf("CSeq %d", n)
	}
	far.answer(bye, 200, "", "")
	c.want(Terminated)
}

func TestNamesInContactAreNotLookedUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	text := "SIP/2.0 200 OK\r\nVia: " + inv.get("Via") + "\r\nFrom: " + inv.get("From") + "\r\nTo: " + inv.get("To") +
		";tag=b1\r\nCall-ID: " + inv.get("Call-ID") + "\r\nCSeq: 1 INVITE\r\nContact: <sip:x@fraud.example>\r\nContent-Length: 0\r\n\r\n"
	p.send(text)
	c.want(Answered)
	if ack := p.request("ACK"); ack.start != "ACK sip:x@fraud.example SIP/2.0" {
		t.Errorf("got %s", ack.start)
	}
}

func TestFailureEndsTheLeg(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, code := range []int{302, 486, 503, 603} {
		p := newPeer(t, r.udp)
		c := r.dial(p)
		inv := p.request("INVITE")
		p.answer(inv, code, "b1", "", "Retry-After: 7")
		ev := c.want(Failed)
		if v, _ := lookup(ev.Headers, "Retry-After"); ev.Code != code || v != "7" || ev.Err != nil {
			t.Errorf("got %+v", ev)
		}
		p.request("ACK")
		if ev := c.want(Terminated); ev.Code != code {
			t.Errorf("got %+v", ev)
		}
	}
}

func TestRepeatedAnswerIsAcknowledgedEachTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	for range 4 {
		p.answer(inv, 200, "b1", testSDP)
	}
	c.want(Answered)
	branches := map[string]bool{}
	for range 4 {
		ack := p.next("ACK", func(m msg) bool { return m.method() == "ACK" })
		branches[param(ack.get("Via"), "branch")] = true
	}
	if len(branches) != 1 || branches[param(inv.get("Via"), "branch")] {
		t.Errorf("ACK branches %v", branches)
	}
	c.on(func(l *Leg) { l.End(Cause{}) })
	p.answer(p.request("BYE"), 200, "", "")
	c.want(Terminated)
	p.answer(inv, 200, "b1", testSDP) // also after the end
	p.next("ACK", func(m msg) bool { return m.method() == "ACK" })
}

func TestAnswerCrossesCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	p.answer(inv, 180, "b1", "")
	c.want(Ringing)
	c.on(func(l *Leg) { l.End(Cause{Code: 200, Text: "Call completed elsewhere"}) })
	can := p.request("CANCEL")
	if can.get("Reason") != `SIP;cause=200;text="Call completed elsewhere"` ||
		param(can.get("Via"), "branch") != param(inv.get("Via"), "branch") || param(can.get("To"), "tag") != "" {
		t.Errorf("CANCEL %+v", can)
	}
	p.answer(inv, 200, "b1", testSDP)
	p.answer(can, 200, "b1", "")
	p.request("ACK")
	bye := p.request("BYE")
	p.answer(bye, 200, "", "")
	if ev := c.want(Terminated); ev.Code != 200 {
		t.Errorf("terminated with %+v", ev)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	p.answer(inv, 180, "b1", "")
	c.want(Ringing)
	c.on(func(l *Leg) { l.End(Cause{}); l.End(Cause{}) })
	can := p.request("CANCEL")
	p.answer(can, 200, "b1", "")
	p.answer(inv, 487, "b1", "")
	if ev := c.want(Terminated); ev.Code != 487 {
		t.Errorf("got %+v", ev)
	}
}

func TestCancelWaitsForTheFirstProvisional(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	c.on(func(l *Leg) { l.End(Cause{}) })
	p.silence(2*testT1, func(m msg) bool { return m.method() == "CANCEL" })
	p.answer(inv, 100, "", "")
	p.answer(p.request("CANCEL"), 200, "", "")
	p.answer(inv, 487, "b1", "")
	c.want(Terminated)
}

func TestCancelWithoutFinalResponseEnds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits 64*T1")
	}
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	p.answer(inv, 180, "b1", "")
	c.want(Ringing)
	c.on(func(l *Leg) { l.End(Cause{}) })
	c.want(Terminated)
}

func TestNoProvisionalFailsAtOnceAndLeavesAWatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		reply func(t *testing.T, p *peer, inv msg)
	}{
		{"late ringing is cancelled", func(t *testing.T, p *peer, inv msg) {
			p.answer(inv, 180, "b1", "")
			p.answer(p.request("CANCEL"), 200, "b1", "")
			p.answer(inv, 487, "b1", "")
			p.next("ACK", func(m msg) bool { return m.method() == "ACK" })
		}},
		{"late answer is ended", func(t *testing.T, p *peer, inv msg) {
			p.answer(inv, 200, "b1", testSDP)
			p.request("ACK")
			bye := p.request("BYE")
			if param(bye.get("To"), "tag") != "b1" {
				t.Errorf("BYE To %s", bye.get("To"))
			}
			p.answer(bye, 200, "", "")
			p.answer(inv, 200, "b1", testSDP)
			p.next("ACK", func(m msg) bool { return m.method() == "ACK" })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p := newPeer(t, r.udp)
			start := time.Now()
			c := r.dial(p)
			inv := p.request("INVITE")
			if ev := c.want(Failed); !errors.Is(ev.Err, ErrTimeout) || ev.Code != 0 {
				t.Errorf("got %+v", ev)
			}
			if d := time.Since(start); d < 8*testT1 || d > 8*testT1+time.Second {
				t.Errorf("after %v", d)
			}
			c.want(Terminated)
			c.leave()
			tt.reply(t, p, inv)
		})
	}
}

func TestNoAnswerCancels(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.NoAnswer = 3 * testT1 })
	inv := p.request("INVITE")
	p.answer(inv, 180, "b1", "")
	c.want(Ringing)
	if ev := c.want(Failed); !errors.Is(ev.Err, ErrNoAnswer) {
		t.Errorf("got %+v", ev)
	}
	can := p.request("CANCEL")
	if len(can.all("Reason")) != 2 {
		t.Errorf("Reason %q", can.all("Reason"))
	}
	p.answer(can, 200, "b1", "")
	p.answer(inv, 487, "b1", "")
	c.want(Terminated)
}

func TestByeOnBothSidesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	inv, c := connected(r, p)
	c.on(func(l *Leg) { l.End(Cause{}) })
	bye := p.request("BYE")
	p.send(p.inDialog(inv, "b1", "BYE", 1, ""))
	p.response(200, "BYE")
	p.answer(bye, 200, "", "")
	c.want(Terminated)
	c.quiet(testT1)
}

func TestByeOfPeerEndsOurCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	inv, c := connected(r, p)
	p.send(p.inDialog(inv, "other", "BYE", 1, ""))
	p.response(481, "BYE")
	bye := p.inDialog(inv, "b1", "BYE", 1, "")
	p.send(bye)
	p.send(bye)
	p.response(200, "BYE")
	c.want(ByeReceived)
	c.want(Terminated)
	p.send(p.inDialog(inv, "b1", "INFO", 2, ""))
	p.response(481, "INFO")
}

func TestUnansweredByeEnds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits 64*T1")
	}
	r := newRig(t)
	p := newPeer(t, r.udp)
	_, c := connected(r, p)
	c.on(func(l *Leg) { l.End(Cause{}) })
	c.want(Terminated)
}

func TestDialRefusesBadInput(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	tests := map[string]func(*DialConfig){
		"uri":        func(d *DialConfig) { d.URI = "mailto:x@y" },
		"uri crlf":   func(d *DialConfig) { d.URI = "sip:x@y\r\nX: 1" },
		"uri angle":  func(d *DialConfig) { d.URI = "sip:x@y>;a" },
		"no offer":   func(d *DialConfig) { d.SDP = nil },
		"network":    func(d *DialConfig) { d.Network = "sctp" },
		"call id":    func(d *DialConfig) { d.CallID = "a\r\nb" },
		"from host":  func(d *DialConfig) { d.From.Host = "a b" },
		"to host":    func(d *DialConfig) { d.To = Party{User: "x", Host: "y>\r\n"} },
		"pai":        func(d *DialConfig) { d.PAI = "sip:x@y>, <sip:z@y" },
		"target":     func(d *DialConfig) { d.Target = "a/b:5060" },
		"no port":    func(d *DialConfig) { d.Target = "127.0.0.1:0" },
		"no family":  func(d *DialConfig) { d.Target = "[::1]:5060" },
		"unresolved": func(d *DialConfig) { d.Target = "no-such-host.invalid:5060" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := r.dial(p, change)
			ev := c.want(Failed)
			if ev.Code != 0 || !errors.Is(ev.Err, ErrInput) && !errors.Is(ev.Err, ErrUnreachable) {
				t.Errorf("got %+v", ev)
			}
			c.want(Terminated)
		})
	}
}

func TestDialByName(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p, func(d *DialConfig) { d.Target = fmt.Sprintf("localhost:%d", p.at.Port()) })
	p.answer(p.request("INVITE"), 486, "b1", "")
	c.want(Failed)
	c.want(Terminated)
}

func TestAdoptEndsOutboundLegs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	inv, c := connected(r, p)
	_ = inv
	c.leave()
	r.s.Adopt(c.mailbox)
	p.answer(p.request("BYE"), 200, "", "")
	waitFor(t, "no live leg", func() bool {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		return r.s.live == 0 && len(r.s.owners) == 0
	})
}
