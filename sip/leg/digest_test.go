package leg

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/icholy/digest"
)

// verify checks the credentials of a request against a challenge.
func verify(t *testing.T, m msg, header string, chal *digest.Challenge) {
	t.Helper()
	cred, err := digest.ParseCredentials(m.get(header))
	if err != nil {
		t.Fatalf("%s %q: %v", header, m.get(header), err)
	}
	want, err := digest.Digest(chal, digest.Options{Method: m.method(), URI: strings.Fields(m.start)[1],
		Username: "user", Password: "secret", Cnonce: cred.Cnonce, Count: cred.Nc})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), cred.String()); diff != "" {
		t.Error(diff)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	auth := func(d *DialConfig) { d.Username, d.Password = "user", "secret" }
	md5 := &digest.Challenge{Realm: "r", Nonce: "n1", Algorithm: "MD5", QOP: []string{"auth"}}
	sha := &digest.Challenge{Realm: "r", Nonce: "n2", Algorithm: "SHA-256", QOP: []string{"auth"}}

	t.Run("401 prefers sha-256", func(t *testing.T) {
		t.Parallel()
		p := newPeer(t, r.udp)
		c := r.dial(p, auth)
		inv := p.request("INVITE")
		p.answer(inv, 401, "a", "", "WWW-Authenticate: "+md5.String(), "WWW-Authenticate: "+sha.String())
		again := p.request("INVITE")
		verify(t, again, "Authorization", sha)
		if n, _ := again.cseq(); n != 2 || again.get("Call-ID") != inv.get("Call-ID") || again.get("From") != inv.get("From") ||
			param(again.get("To"), "tag") != "" || again.body != testSDP || len(again.all("Via")) != 1 {
			t.Errorf("retry %+v", again)
		}
		p.answer(again, 200, "b1", testSDP)
		c.want(Answered)
		c.on(func(l *Leg) { l.End(Cause{}) })
		bye := p.request("BYE")
		p.answer(bye, 407, "", "", "Proxy-Authenticate: "+md5.String())
		bye = p.request("BYE")
		verify(t, bye, "Proxy-Authorization", md5)
		p.answer(bye, 200, "", "")
		c.want(Terminated)
	})
	t.Run("407 then 401", func(t *testing.T) {
		t.Parallel()
		p := newPeer(t, r.udp)
		c := r.dial(p, auth)
		p.answer(p.request("INVITE"), 407, "a", "", "Proxy-Authenticate: "+md5.String())
		second := p.request("INVITE")
		p.answer(second, 401, "a", "", "WWW-Authenticate: "+sha.String())
		third := p.request("INVITE")
		verify(t, third, "Proxy-Authorization", md5)
		verify(t, third, "Authorization", sha)
		p.answer(third, 486, "a", "")
		c.want(Failed)
	})
	t.Run("stale once more, wrong password once", func(t *testing.T) {
		t.Parallel()
		p := newPeer(t, r.udp)
		c := r.dial(p, auth)
		p.answer(p.request("INVITE"), 401, "a", "", "WWW-Authenticate: "+md5.String())
		stale := *md5
		stale.Nonce, stale.Stale = "n3", true
		p.answer(p.request("INVITE"), 401, "a", "", "WWW-Authenticate: "+stale.String())
		third := p.request("INVITE")
		verify(t, third, "Authorization", &stale)
		p.answer(third, 401, "a", "", "WWW-Authenticate: "+md5.String())
		if ev := c.want(Failed); ev.Code != 401 {
			t.Errorf("got %+v", ev)
		}
	})
	t.Run("without credentials", func(t *testing.T) {
		t.Parallel()
		p := newPeer(t, r.udp)
		c := r.dial(p)
		p.answer(p.request("INVITE"), 407, "a", "", "Proxy-Authenticate: "+md5.String())
		if ev := c.want(Failed); ev.Code != 407 {
			t.Errorf("got %+v", ev)
		}
	})
	t.Run("foreign host gets none", func(t *testing.T) {
		t.Parallel()
		p, far := newPeer(t, r.udp), newPeer(t, r.udp)
		c := r.dial(p, auth)
		inv := p.request("INVITE")
		p.answer(inv, 200, "b1", testSDP, "Record-Route: <sip:"+far.at.String()+";lr>")
		c.want(Answered)
		c.on(func(l *Leg) { l.End(Cause{}) })
		far.answer(far.request("BYE"), 401, "", "", "WWW-Authenticate: "+md5.String())
		c.want(Terminated)
		far.silence(2*testT1, func(m msg) bool { return m.get("Authorization") != "" })
		p.silence(2*testT1, func(m msg) bool { return m.get("Authorization") != "" })
	})
}
