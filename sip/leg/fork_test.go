package leg

import (
	"strings"
	"testing"
)

func TestForkedEarlyDialogsSwitchOnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	other := strings.Replace(testSDP, "4000", "5000", 1)
	p.answer(inv, 183, "one", testSDP)
	p.answer(inv, 183, "two", other)
	c.want(EarlyMedia)
	c.want(EarlyMedia)
	p.answer(inv, 200, "two", "") // its SDP came with the 183
	if ev := c.want(Answered); string(ev.SDP) != other {
		t.Errorf("SDP %q", ev.SDP)
	}
	if ack := p.request("ACK"); param(ack.get("To"), "tag") != "two" {
		t.Errorf("ACK To %s", ack.get("To"))
	}
}

func TestSecondForkThatAnswersIsEnded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	p.answer(inv, 200, "one", testSDP)
	p.answer(inv, 200, "two", testSDP)
	c.want(Answered)
	acks := map[string]bool{}
	for range 2 {
		acks[param(p.request("ACK").get("To"), "tag")] = true
	}
	if !acks["one"] || !acks["two"] {
		t.Errorf("ACKs %v", acks)
	}
	bye := p.request("BYE")
	if param(bye.get("To"), "tag") != "two" {
		t.Errorf("BYE To %s", bye.get("To"))
	}
	p.answer(bye, 200, "", "")
	p.answer(inv, 200, "two", testSDP)
	p.next("ACK", func(m msg) bool { return m.method() == "ACK" && param(m.get("To"), "tag") == "two" })
	c.quiet(testT1) // the call goes on
	c.on(func(l *Leg) { l.End(Cause{}) })
	last := p.request("BYE")
	if param(last.get("To"), "tag") != "one" {
		t.Errorf("BYE To %s", last.get("To"))
	}
	p.answer(last, 200, "", "")
	c.want(Terminated)
}
