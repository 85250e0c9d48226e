package leg

import (
	"testing"
	"time"

	"github.com/icholy/digest"
)

// The side that made the Call-ID waits 2.1 to 4 s after a 491 (RFC 3261 section
// 14.1), so that the other comes first.
func TestGlareOfTheCallsOwner(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits up to 4 s for the retry")
	}
	r := newRig(t)
	p := newPeer(t, r.udp)
	inv, c := connected(r, p)
	c.on(func(l *Leg) { l.Offer([]byte(sdpPort("6000"))) })
	re := p.request("INVITE")
	p.send(p.inDialog(inv, "b1", "INVITE", 1, testSDP))
	p.response(491, "INVITE")
	p.answer(re, 491, "", "")
	start := time.Now()
	again := p.request("INVITE")
	if d := time.Since(start); d < 2*time.Second || d > 6*time.Second {
		t.Errorf("again after %v", d)
	}
	p.answer(again, 200, "", testSDP)
	if ev := c.want(OfferDone); ev.Code != 200 {
		t.Errorf("got %+v", ev)
	}
}

func TestGlareOfUpdates(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits up to 2 s for the retry")
	}
	r := newRig(t, reliably)
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("Supported: 100rel", "Allow: INVITE, UPDATE")
	c := r.call()
	c.on(func(l *Leg) { l.Progress(183, "", []byte(testSDP)) })
	m := p.response(183, "INVITE")
	u.learn(m)
	u.do("PRACK", "", "RAck: "+m.get("RSeq")+" 1 INVITE")
	p.response(200, "PRACK")
	c.on(func(l *Leg) { l.Offer([]byte(sdpPort("6000"))) })
	up := p.request("UPDATE")
	u.do("UPDATE", testSDP)
	p.response(491, "UPDATE")
	p.answer(up, 491, "", "")
	again := p.request("UPDATE")
	if again.body != sdpPort("6000") {
		t.Errorf("again with %q", again.body)
	}
	p.answer(again, 200, "", testSDP)
	c.want(OfferDone)
}

func TestProofsOfADialog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	ask := func(realm, nonce string) *digest.Challenge {
		return &digest.Challenge{Realm: realm, Nonce: nonce, Algorithm: "MD5", QOP: []string{"auth"}}
	}
	c := r.dial(p, func(d *DialConfig) { d.Username, d.Password = "user", "secret" })
	inv := p.request("INVITE")
	// A proxy that forked collects the challenges of its branches.
	p.answer(inv, 407, "a", "", "Proxy-Authenticate: "+ask("one", "n1").String(), "Proxy-Authenticate: "+ask("two", "n2").String(),
		"WWW-Authenticate: "+ask("far", "n3").String(), `WWW-Authenticate: Digest realm="odd", nonce="x", algorithm=ROT13`, "WWW-Authenticate: Basic realm=x")
	p.request("ACK") // before anything else
	again := p.request("INVITE")
	if len(again.all("Proxy-Authorization")) != 2 || len(again.all("Authorization")) != 1 {
		t.Fatalf("proofs %q and %q", again.all("Proxy-Authorization"), again.all("Authorization"))
	}
	verify(t, again, "Proxy-Authorization", ask("one", "n1"))
	verify(t, again, "Authorization", ask("far", "n3"))
	p.answer(again, 200, "b1", testSDP)
	c.want(Answered)
	if ack := p.request("ACK"); ack.get("Authorization") != again.get("Authorization") {
		t.Error("the ACK proves otherwise than its INVITE")
	}
	for range 2 { // used ahead, and counted
		c.on(func(l *Leg) { l.Offer([]byte(sdpPort("6000"))) })
		re := p.request("INVITE")
		verify(t, re, "Authorization", ask("far", "n3"))
		p.answer(re, 200, "", testSDP)
		c.want(OfferDone)
	}
	c.on(func(l *Leg) { l.Offer([]byte(sdpPort("6002"))) })
	re := p.request("INVITE")
	cred, err := digest.ParseCredentials(re.get("Authorization"))
	if err != nil || cred.Nc != 4 {
		t.Errorf("%q, %v", re.get("Authorization"), err)
	}
	p.answer(re, 401, "", "", "WWW-Authenticate: "+ask("far", "n4").String()) // a nonce of ours that grew old
	re = p.request("INVITE")
	verify(t, re, "Authorization", ask("far", "n4"))
	p.answer(re, 401, "", "", "WWW-Authenticate: "+ask("far", "n5").String()) // and now it does not take us
	if ev := c.want(OfferDone); ev.Code != 401 {
		t.Errorf("got %+v", ev)
	}
}

func TestGivenUpBetweenChallengeAndAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 20 {
		p := newPeer(t, r.udp)
		c := r.dial(p, func(d *DialConfig) { d.Username, d.Password = "user", "secret" })
		inv := p.request("INVITE")
		p.answer(inv, 401, "a", "", `WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"`)
		c.on(func(l *Leg) { l.End(Cause{}) })
		done := make(chan struct{})
		go func() { // whatever was sent by then is answered
			defer close(done)
			for {
				select {
				case m := <-p.in:
					switch m.method() {
					case "INVITE":
						if m.get("Authorization") != "" {
							p.answer(m, 180, "b", "")
							p.answer(m, 487, "b", "")
						}
					case "CANCEL", "BYE":
						p.answer(m, 200, "b", "")
					}
				case <-c.ended:
					return
				}
			}
		}()
		for ev := range c.events {
			if ev.Kind == Terminated {
				break
			}
		}
		c.leave()
		<-done
	}
}
