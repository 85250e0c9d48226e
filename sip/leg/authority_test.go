package leg

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
)

// reply answers one challenge of the headers like a caller would.
func reply(t *testing.T, ask Header, method, user, password string, nc int) string {
	t.Helper()
	c, err := digest.ParseChallenge(ask.Value())
	if err != nil {
		t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: method, URI: "sip:1@h", Count: nc, Username: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return cred.String()
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	src := netip.MustParseAddr("192.0.2.1")
	passwords := func(user, _ string) (string, bool) { return "s3cret", user == "pbx" }
	good := func(t *testing.T, a *Authority) string {
		return reply(t, a.Challenge(src, false, "SHA-256", "MD5")[0], "INVITE", "pbx", "s3cret", 1)
	}
	tests := []struct {
		name string
		say  func(t *testing.T, a *Authority) string
		want Standing
	}{
		{"nothing", func(*testing.T, *Authority) string { return "" }, Unproven},
		{"another scheme", func(*testing.T, *Authority) string { return "Basic cGJ4OnMzY3JldA==" }, Unproven},
		{"right", good, Proven},
		{"right, MD5", func(t *testing.T, a *Authority) string {
			return reply(t, a.Challenge(src, false, "SHA-256", "MD5")[1], "INVITE", "pbx", "s3cret", 1)
		}, Proven},
		{"names in capitals", func(t *testing.T, a *Authority) string {
			return strings.NewReplacer("username=", "Username=", "nc=", "NC=", "Digest ", "DIGEST ").Replace(good(t, a))
		}, Proven},
		{"wrong password", func(t *testing.T, a *Authority) string {
			return reply(t, a.Challenge(src, false, "SHA-256", "MD5")[0], "INVITE", "pbx", "guess", 1)
		}, Wrong},
		{"unknown user", func(t *testing.T, a *Authority) string {
			return reply(t, a.Challenge(src, false, "SHA-256", "MD5")[0], "INVITE", "nobody", "s3cret", 1)
		}, Wrong},
		{"another method", func(t *testing.T, a *Authority) string {
			return reply(t, a.Challenge(src, false, "SHA-256", "MD5")[0], "BYE", "pbx", "s3cret", 1)
		}, Wrong},
		{"another realm", func(t *testing.T, a *Authority) string {
			return strings.Replace(good(t, a), `realm="ringbid"`, `realm="other"`, 1)
		}, Unproven},
		{"without qop", func(t *testing.T, a *Authority) string {
			return strings.Replace(good(t, a), "qop=auth", "x=auth", 1)
		}, Unproven},
		{"unknown algorithm", func(t *testing.T, a *Authority) string {
			return strings.Replace(good(t, a), "SHA-256", "ROT13", 1)
		}, Unproven},
		{"challenge of another address", func(t *testing.T, a *Authority) string {
			return reply(t, a.Challenge(netip.MustParseAddr("192.0.2.2"), false, "MD5")[0], "INVITE", "pbx", "s3cret", 1)
		}, Stale},
		{"challenge of another node", func(t *testing.T, _ *Authority) string { return good(t, NewAuthority("ringbid")) }, Stale},
		{"wrong, to a challenge of another address", func(t *testing.T, a *Authority) string {
			return reply(t, a.Challenge(netip.MustParseAddr("192.0.2.2"), false, "MD5")[0], "INVITE", "pbx", "guess", 1)
		}, Unproven},
		{"made-up challenge", func(t *testing.T, a *Authority) string {
			return strings.Replace(good(t, a), "nonce=\"", "nonce=\"x", 1)
		}, Unproven},
		{"old challenge", func(t *testing.T, a *Authority) string {
			a.now = func() time.Time { return time.Now().Add(-nonceLife - time.Minute) }
			defer func() { a.now = time.Now }()
			return good(t, a)
		}, Stale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := NewAuthority("ringbid")
			if _, got := a.Check("INVITE", src, []string{tt.say(t, a)}, passwords); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestNoAnswerCountsTwice(t *testing.T) {
	t.Parallel()
	src := netip.MustParseAddr("192.0.2.1")
	a := NewAuthority("ringbid")
	ask := a.Challenge(src, false, "SHA-256", "MD5")[0]
	check := func(nc int) Standing {
		_, s := a.Check("INVITE", src, []string{reply(t, ask, "INVITE", "pbx", "x", nc)}, func(string, string) (string, bool) { return "x", true })
		return s
	}
	for i, step := range []struct {
		nc   int
		want Standing
	}{{1, Proven}, {1, Stale}, {3, Proven}, {2, Proven}, {2, Stale}, {3, Stale}, {100, Proven}, {37, Proven}, {36, Stale}, {99, Proven}, {1 << 30, Proven}, {100, Stale}} {
		if got := check(step.nc); got != step.want {
			t.Errorf("step %d, count %d: got %d, want %d", i, step.nc, got, step.want)
		}
	}
}

func TestAuthorityIsBounded(t *testing.T) {
	t.Parallel()
	a := NewAuthority("ringbid")
	now := time.Now()
	a.now = func() time.Time { return now }
	src := netip.MustParseAddr("192.0.2.1")
	prove := func() Standing {
		_, s := a.Check("INVITE", src, []string{reply(t, a.Challenge(src, false, "SHA-256", "MD5")[1], "INVITE", "pbx", "x", 1)}, func(string, string) (string, bool) { return "x", true })
		return s
	}
	for range maxNonces {
		if prove() != Proven {
			t.Fatal("not proven")
		}
	}
	if s := prove(); s != Stale || len(a.used) != maxNonces {
		t.Errorf("standing %d with %d nonces kept", s, len(a.used))
	}
	now = now.Add(nonceLife + time.Second)
	if s := prove(); s != Proven || len(a.used) != 1 {
		t.Errorf("later: standing %d with %d nonces kept", s, len(a.used))
	}
}

func TestChallengeText(t *testing.T) {
	t.Parallel()
	a := NewAuthority("ringbid")
	for i, h := range a.Challenge(netip.MustParseAddr("2001:db8::1"), true, "SHA-256", "MD5") {
		if _, err := NewHeader(h.Name(), h.Value()); err != nil {
			t.Error(err)
		}
		c, err := digest.ParseChallenge(h.Value())
		if err != nil || !c.Stale || c.Realm != "ringbid" || !c.SupportsQOP("auth") || c.Algorithm != []string{"SHA-256", "MD5"}[i] {
			t.Errorf("%s: %+v, %v", h.Value(), c, err)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	a := NewAuthority("ringbid")
	src := netip.MustParseAddr("192.0.2.1")
	c, err := digest.ParseChallenge(a.Challenge(src, false, "SHA-256", "MD5")[0].Value())
	if err != nil {
		f.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: "INVITE", URI: "sip:1@h", Username: `p"b\x`, Password: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cred.String())
	f.Add(`Digest username="a,b", realm=ringbid, nonce="", uri="sip:x", response="", nc=00000001, qop=auth, cnonce=""`)
	f.Add(fmt.Sprintf("digest %s", strings.Repeat(`a="\`, 100)))
	f.Fuzz(func(t *testing.T, v string) {
		_, s := NewAuthority("ringbid").Check("INVITE", src, []string{v}, func(string, string) (string, bool) { return "x", true })
		if s == Proven {
			t.Fatalf("proven by %q", v)
		}
	})
}
