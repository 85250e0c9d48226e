package leg

import (
	"testing"
)

func TestPeerUpdates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	u.do("UPDATE", "")
	if m := p.response(200, "UPDATE"); m.get("Contact") == "" || m.get("Allow") != allowed || m.body != "" {
		t.Errorf("got %+v", m)
	}
	u.do("UPDATE", sdpPort("6000"))
	if ev := c.want(ReOffer); string(ev.SDP) != sdpPort("6000") {
		t.Errorf("SDP %q", ev.SDP)
	}
	u.do("UPDATE", "") // before the one ahead is answered
	if m := p.response(500, "UPDATE"); m.get("Retry-After") == "" {
		t.Error("500 without Retry-After")
	}
	u.do("INVITE", testSDP)
	if m := p.response(500, "INVITE"); m.get("Retry-After") == "" {
		t.Error("500 without Retry-After")
	}
	c.on(func(l *Leg) { l.Respond(200, []byte(sdpPort("6002"))) })
	if m := p.response(200, "UPDATE"); m.body != sdpPort("6002") {
		t.Errorf("got %q", m.body)
	}
	p.silence(4*testT1, func(m msg) bool { return m.code() == 200 }) // nothing to acknowledge
	u.do("UPDATE", testSDP)
	c.want(ReOffer)
	c.on(func(l *Leg) { l.Respond(488, nil) })
	p.response(488, "UPDATE")
	u.do("UPDATE", testSDP)
	c.want(ReOffer)
	p.response(504, "UPDATE") // nobody answered it
	u.do("BYE", "")
	c.want(ByeReceived)
}

func TestUpdateMeetsOurOffer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	c.on(func(l *Leg) { l.Offer([]byte(sdpPort("6000"))) })
	re := p.request("INVITE")
	u.do("UPDATE", testSDP)
	p.response(491, "UPDATE")
	u.do("UPDATE", "") // no offer, no glare
	p.response(200, "UPDATE")
	p.answer(re, 200, "", testSDP)
	c.want(OfferDone)
	u.do("INVITE", testSDP)
	c.want(ReOffer)
	u.do("UPDATE", testSDP)
	p.response(500, "UPDATE")
	u.do("UPDATE", "")
	p.response(200, "UPDATE")
}

func TestUpdateMovesTheTarget(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, far := newPeer(t, r.udp), newPeer(t, r.udp)
	u, c := answered(r, p)
	at := p.at
	u.p.at = far.at // its Contact; the answer comes to where it is sent from
	u.do("UPDATE", "")
	u.p.at = at
	p.response(200, "UPDATE")
	c.on(func(l *Leg) { l.End(Cause{}) })
	far.answer(far.request("BYE"), 200, "", "")
	c.want(Terminated)
}

func TestEarlyUpdateOfTheCaller(t *testing.T) {
	t.Parallel()
	r := newRig(t, reliably)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("Supported: 100rel", "Allow: INVITE, UPDATE")
	c := r.call()
	c.on(func(l *Leg) { l.Progress(180, "", nil) })
	m := p.response(180, "INVITE")
	u.learn(m)
	u.do("PRACK", "", "RAck: "+m.get("RSeq")+" 1 INVITE")
	p.response(200, "PRACK")
	u.do("UPDATE", sdpPort("6000")) // its first offer has no answer yet
	if m := p.response(500, "UPDATE"); m.get("Retry-After") == "" {
		t.Error("500 without Retry-After")
	}
	u.do("UPDATE", "")
	p.response(200, "UPDATE")
	c.on(func(l *Leg) { l.Progress(183, "", []byte(testSDP)) })
	m = p.response(183, "INVITE")
	u.do("PRACK", "", "RAck: "+m.get("RSeq")+" 1 INVITE")
	p.response(200, "PRACK")
	u.do("UPDATE", sdpPort("6000"))
	if ev := c.want(ReOffer); string(ev.SDP) != sdpPort("6000") {
		t.Errorf("SDP %q", ev.SDP)
	}
	c.on(func(l *Leg) { l.Respond(200, []byte(sdpPort("6002"))) })
	p.response(200, "UPDATE")
	c.on(func(l *Leg) { l.Offer([]byte(sdpPort("6004"))) }) // and ours
	up := p.request("UPDATE")
	if up.body != sdpPort("6004") {
		t.Errorf("UPDATE with %q", up.body)
	}
	c.on(func(l *Leg) { l.Answer(nil) }) // waits for it
	p.silence(2*testT1, func(m msg) bool { return m.code() == 200 })
	p.answer(up, 200, "", sdpPort("6006"))
	if ev := c.want(OfferDone); string(ev.SDP) != sdpPort("6006") {
		t.Errorf("SDP %q", ev.SDP)
	}
	p.response(200, "INVITE")
	u.ack(1)
	c.want(AnswerSent)
	c.want(Acked)
}

func TestEarlyUpdateOfTheCallee(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := r.dial(p)
	inv := p.request("INVITE")
	p.answer(inv, 180, "b1", "", append(rel("1"), "Allow: INVITE, PRACK, UPDATE")...)
	c.want(Ringing)
	p.answer(p.request("PRACK"), 200, "", "")
	p.send(p.inDialog(inv, "b1", "UPDATE", 1, sdpPort("6000")))
	p.response(491, "UPDATE") // our offer has no answer yet
	p.send(p.inDialog(inv, "b9", "UPDATE", 1, ""))
	p.response(481, "UPDATE") // no such dialog
	p.answer(inv, 183, "b1", testSDP, rel("2")...)
	c.want(EarlyMedia)
	p.answer(p.request("PRACK"), 200, "", "")
	c.on(func(l *Leg) { l.Offer([]byte(sdpPort("6002"))) })
	up := p.request("UPDATE")
	if up.body != sdpPort("6002") || up.get("CSeq") != "4 UPDATE" {
		t.Errorf("UPDATE %+v", up)
	}
	p.send(p.inDialog(inv, "b1", "UPDATE", 2, sdpPort("6000")))
	p.response(491, "UPDATE")
	p.answer(up, 200, "", sdpPort("6004"))
	c.want(OfferDone)
	p.send(p.inDialog(inv, "b1", "UPDATE", 3, sdpPort("6006")))
	if ev := c.want(ReOffer); ev.Dialog != "b1" || string(ev.SDP) != sdpPort("6006") {
		t.Errorf("got %+v", ev)
	}
	c.on(func(l *Leg) { l.Respond(200, []byte(testSDP)) })
	p.response(200, "UPDATE")
	p.answer(inv, 200, "b1", "")
	if ev := c.want(Answered); string(ev.SDP) != sdpPort("6006") {
		t.Errorf("SDP %q", ev.SDP)
	}
	p.send(p.inDialog(inv, "b1", "BYE", 4, ""))
	c.want(ByeReceived)
	if bye := p.response(200, "BYE"); bye.code() != 200 {
		t.Error(bye)
	}
}
