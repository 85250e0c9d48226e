package sip

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// ours takes calls for one number.
func ours(c *Config) { c.Ours = func(n ringbid.Phone) bool { return n == "+18005550100" } }

// refuses takes no call, and says so at once.
func refuses(ctx context.Context, c *Call) { _ = c.Hangup(ctx, ringbid.Reason{SIP: 486}) }

// TestFloodLeavesLiveCallsAlone sends twenty times the new calls that its
// source may send, and four hundred times those that the node takes, out of the
// very address of a live call, which re-negotiates and hangs up meanwhile.
func TestFloodLeavesLiveCallsAlone(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	r := newRig(t, func(ctx context.Context, c *Call) {
		if up.CompareAndSwap(false, true) {
			answerAndWait(ctx, c)
			return
		}
		refuses(ctx, c)
	}, func(c *Config) { c.CallsPerSecond, c.PerSource, c.MaxCalls = 5, 400, 100 })
	live := siptest.NewWire(t, "127.0.0.1")
	live.Send(r.addr, live.Request("INVITE", r.addr, "", 1, g711))
	tag := siptest.ToTag(live.Next("SIP/2.0 200"))
	live.Send(r.addr, live.Request("ACK", r.addr, tag, 1, ""))
	flood := siptest.NewWire(t, "127.0.0.1")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		for {
			select {
			case <-stop:
				return
			case <-pace.C:
				for range 10 {
					flood.Send(r.addr, flood.Fresh("INVITE", r.addr, "+18005550100"))
				}
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	siptest.Eventually(t, "the flood to be felt", func() bool { return r.counts("ringbid_sip_filtered_total")["rate"] > 100 })
	for i := range 5 {
		t.Logf("re-INVITE answered after %v", live.Insist(r.addr, live.Request("INVITE", r.addr, tag, 2+i, g711)))
		live.Send(r.addr, live.Request("ACK", r.addr, tag, 2+i, ""))
	}
	t.Logf("BYE answered after %v", live.Insist(r.addr, live.Request("BYE", r.addr, tag, 20, "")))
	if n := r.s.Active(); n > 100 {
		t.Errorf("%d calls up", n)
	}
	if refused := r.counts("ringbid_sip_calls_refused_total")["node_rate"]; refused < 10 {
		t.Errorf("%v calls over the rate of the node", refused)
	}
	codes := map[int]int{}
	for range 100 {
		code, m := flood.Status(siptest.Patience)
		codes[code]++
		if code == 503 && siptest.Header(m, "Retry-After") == "" {
			t.Fatalf("no Retry-After in %s", m)
		}
	}
	if codes[503] < 50 {
		t.Errorf("the flood got %v", codes)
	}
}

func TestOverTheRateOfItsSource(t *testing.T) {
	t.Parallel()
	r := newRig(t, refuses, func(c *Config) { c.PerSource = 8 })
	w := siptest.NewWire(t, "127.0.0.1")
	for range 10 {
		w.Send(r.addr, w.Fresh("INVITE", r.addr, "+18005550100", "Supported: x\r\n"))
	}
	codes := map[int]int{}
	for range 10 {
		code, m := w.Status(siptest.Patience)
		codes[code]++
		if code == 503 && (siptest.Header(m, "Retry-After") == "" || siptest.Header(m, "Reason") == "") {
			t.Errorf("got %s", m)
		}
	}
	if codes[503] == 0 || codes[486] == 0 {
		t.Errorf("statuses %v", codes)
	}
}

// TestCarrierWithAWrongNumber is answered slowly for it and never silenced; its
// calls for our number go on as before.
func TestCarrierWithAWrongNumber(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(ctx context.Context, c *Call) {
		if c.Invite().Number == "+18005550100" {
			answerAndWait(ctx, c)
			return
		}
		refuses(ctx, c)
	}, ours)
	w := siptest.NewWire(t, "127.0.0.1")
	for i := range 3 * int(muteAt) {
		m := w.Fresh("INVITE", r.addr, "+18005550199", "User-Agent: friendly-scanner\r\n")
		w.Send(r.addr, m)
		if i == 0 { // the first ones are calls like any other
			if code, _ := w.Status(siptest.Patience); code != 486 {
				t.Errorf("the first one got %d", code)
			}
		}
	}
	began := time.Now()
	w.Send(r.addr, w.Fresh("INVITE", r.addr, "+18005550199"))
	late := 0
	for late < 10 {
		if code, _ := w.Status(siptest.Patience); code == 404 {
			late++
		} else if code == 0 {
			t.Fatal("the carrier is silenced")
		}
	}
	if d := time.Since(began); d < fastest/2 {
		t.Errorf("answered after %v", d)
	}
	x := r.call(newPhone(t, nil), "+18005550100").Talk()
	x.HangUp()
	x.Want(leg.Terminated)
	if n := r.log.Lines("probes for a way in"); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
}

// TestOpenTrunkSilencesProbes: where anybody may call, who calls numbers that
// are not ours is answered later and later and then not at all.
func TestOpenTrunkSilencesProbes(t *testing.T) {
	t.Parallel()
	served := make(chan struct{}, 10)
	r := newRig(t, func(ctx context.Context, c *Call) {
		if c.Invite().Number == "+18005550100" {
			served <- struct{}{}
		}
		refuses(ctx, c)
	}, ours)
	r.trunks.Put(&ringbid.Trunk{Name: "world", From: []string{"0.0.0.0/0"}})
	w := siptest.NewWire(t, "127.0.0.9")
	w.Send(r.addr, w.Fresh("INVITE", r.addr, "+18005550100"))
	siptest.Receive(t, "the first call", served)
	for range int(muteAt) + 2 {
		w.Send(r.addr, w.Fresh("INVITE", r.addr, "+18005550199"))
	}
	siptest.Eventually(t, "silence", func() bool { _, muted := r.s.door.probes.locked("127.0.0.9", time.Now()); return muted })
	before := r.counts("ringbid_sip_filtered_total")["muted"]
	w.Send(r.addr, w.Fresh("INVITE", r.addr, "+18005550100"))
	siptest.Eventually(t, "the next call to be dropped", func() bool { return r.counts("ringbid_sip_filtered_total")["muted"] > before })
	if len(served) != 0 {
		t.Error("a silenced source was served")
	}
	for name, change := range map[string]func(*Config){"exempt": func(c *Config) { ours(c); c.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }, "no numbers": func(*Config) {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, refuses, change)
			r.trunks.Put(&ringbid.Trunk{Name: "world", From: []string{"0.0.0.0/0"}})
			w := siptest.NewWire(t, "127.0.0.9")
			for range 2 * int(muteAt) {
				w.Send(r.addr, w.Fresh("INVITE", r.addr, "+18005550199"))
				if code, _ := w.Status(siptest.Patience); code != 486 {
					t.Fatalf("got %d", code)
				}
			}
		})
	}
}

func TestScannerIsKnown(t *testing.T) {
	t.Parallel()
	r := newRig(t, refuses)
	r.trunks.Put(&ringbid.Trunk{Name: "world", From: []string{"0.0.0.0/0"}})
	for i, sign := range []string{"User-Agent: friendly-scanner\r\n", "User-Agent: VaxSIPUserAgent/3.1\r\n", "user-agent: PPLSIP\r\n"} {
		w := siptest.NewWire(t, fmt.Sprintf("127.0.0.%d", 20+i))
		for range 4 {
			w.Send(r.addr, w.Fresh("OPTIONS", r.addr, "+18005550100", sign))
		}
		siptest.Eventually(t, "silence", func() bool {
			_, muted := r.s.door.probes.locked(strings.TrimSuffix(w.Addr(), w.Addr()[strings.IndexByte(w.Addr(), ':'):]), time.Now())
			return muted
		})
		if code, _ := w.Status(300 * time.Millisecond); code != 0 {
			t.Errorf("%s got %d at once", sign, code)
		}
	}
	carrier := siptest.NewWire(t, "127.0.0.1") // passes on what its customers write
	carrier.Send(r.addr, carrier.Fresh("INVITE", r.addr, "+18005550100", "User-Agent: friendly-scanner\r\n"))
	if code, _ := carrier.Status(siptest.Patience); code != 486 {
		t.Errorf("the carrier got %d", code)
	}
	if n := r.counts("ringbid_sip_probes_total")["scanner"]; n < 6 {
		t.Errorf("%v probes counted", n)
	}
}

// answerTo answers the challenge of a 401.
func answerTo(t *testing.T, m, user, password string) string {
	t.Helper()
	c, err := digest.ParseChallenge(siptest.Header(m, "WWW-Authenticate"))
	if err != nil {
		t.Fatalf("%v in\n%s", err, m)
	}
	cred, err := digest.Digest(c, digest.Options{Method: "INVITE", URI: "sip:+18005550100@h", Count: 1, Username: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + cred.String() + "\r\n"
}

// digestRig has a trunk that takes calls from anywhere by digest.
func digestRig(t *testing.T, h handlerFunc, from ...string) *rig {
	r := newRig(t, h)
	r.trunks.Put(&ringbid.Trunk{Name: "office", From: from, Accept: ringbid.Account{Username: "pbx", Password: "correct horse"}})
	return r
}

func TestCallByDigest(t *testing.T) {
	t.Parallel()
	trunks := make(chan string, 1)
	r := digestRig(t, func(ctx context.Context, c *Call) {
		trunks <- c.Invite().Trunk
		answerAndWait(ctx, c)
	})
	w := siptest.NewWire(t, "127.0.0.7")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, g711))
	code, ask := w.Status(siptest.Patience)
	if code != 401 || strings.Count(ask, "WWW-Authenticate:") != 2 || !strings.Contains(ask, "algorithm=MD5") || !strings.Contains(ask, "algorithm=SHA-256") {
		t.Fatalf("got %s", ask)
	}
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 2, g711, answerTo(t, ask, "pbx", "correct horse")))
	code, m := w.Status(siptest.Patience)
	if code != 200 {
		t.Fatalf("got %s", m)
	}
	if name := siptest.Receive(t, "the call", trunks); name != "office" {
		t.Errorf("the call is of trunk %q", name)
	}
	w.Send(r.addr, w.Request("ACK", r.addr, siptest.ToTag(m), 2, ""))
	w.Send(r.addr, w.Request("BYE", r.addr, siptest.ToTag(m), 3, ""))
	for siptest.Header(w.Next("SIP/2.0 200"), "CSeq") != "3 BYE" {
	}
	r.idle()
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 9, g711, answerTo(t, ask, "pbx", "correct horse"))) // used up
	if code, m := w.Status(siptest.Patience); code != 401 || !strings.Contains(m, "stale=true") {
		t.Errorf("an answer counted twice: %s", m)
	}
}

func TestStrangersReachTheChallengeOnly(t *testing.T) {
	t.Parallel()
	r := digestRig(t, answerAndWait)
	w := siptest.NewWire(t, "127.0.0.7")
	for _, m := range []string{w.Fresh("OPTIONS", r.addr, "1"), w.Fresh("BYE", r.addr, "1"), w.Request("INVITE", r.addr, "made-up", 7, ""),
		w.Fresh("ACK", r.addr, "1"), w.Fresh("CANCEL", r.addr, "1"), "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n", "INVITE ", "SIP/2.0 200 OK\r\n\r\n",
		strings.Replace(w.Fresh("INVITE", r.addr, "1"), "Max-Forwards: 70", "Max-Forwards: 0", 1)} {
		w.SendRaw(r.addr, m)
		if m := w.Read(50 * time.Millisecond); m != "" {
			t.Errorf("a stranger was told %s", m)
		}
	}
	w.Send(r.addr, w.Fresh("REGISTER", r.addr, "1"))
	if code, m := w.Status(siptest.Patience); code != 405 || !strings.Contains(siptest.Header(m, "Allow"), "INVITE") {
		t.Errorf("REGISTER got %s", m)
	}
	carrier := siptest.NewWire(t, "127.0.0.1")
	carrier.Send(r.addr, carrier.Fresh("REGISTER", r.addr, "1"))
	if code, m := carrier.Status(siptest.Patience); code != 405 || siptest.Header(m, "Allow") == "" {
		t.Errorf("REGISTER of a carrier got %s", m)
	}
}

// TestGuessersAreLockedOut: the right password is no good after five wrong
// ones, and a user who does not exist looks like one who does.
func TestGuessersAreLockedOut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	r := digestRig(t, refuses, "127.0.0.0/24")
	try := func(w *siptest.Wire, user, password string) (int, string) {
		t.Helper()
		w.Send(r.addr, w.Fresh("INVITE", r.addr, "+18005550100"))
		code, ask := w.Status(siptest.Patience)
		if code != 401 {
			t.Fatalf("got %s", ask)
		}
		w.Send(r.addr, w.Fresh("INVITE", r.addr, "+18005550100", answerTo(t, ask, user, password)))
		return w.Status(siptest.Patience)
	}
	var last []string
	for i, user := range []string{"pbx", "nobody"} {
		t.Run(user, func(t *testing.T) {
			w := siptest.NewWire(t, fmt.Sprintf("127.0.0.%d", 30+i))
			for range 4 {
				if code, m := try(w, user, "guess"); code != 401 {
					t.Fatalf("got %s", m)
				}
			}
			if code, m := try(w, user, "guess"); code != 401 {
				t.Fatalf("got %s", m)
			}
			code, m := try(w, user, "correct horse")
			if code != 403 {
				t.Fatalf("got %s", m)
			}
			last = append(last, strings.Split(m, "\r\n")[0])
		})
	}
	if len(last) == 2 && last[0] != last[1] {
		t.Errorf("told apart by %q", last)
	}
	if code, m := try(siptest.NewWire(t, "127.0.0.33"), "pbx", "correct horse"); code != 486 {
		t.Errorf("another address got %s", m)
	}
}

func TestStrikes(t *testing.T) {
	t.Parallel()
	s := &strikes{limit: 5, fade: time.Minute, first: 30 * time.Second, most: time.Hour, room: 100}
	now := time.Unix(1e9, 0)
	locked := func() time.Duration {
		until, _ := s.locked("a", now)
		return max(0, until.Sub(now))
	}
	for range 4 {
		s.add("a", 1, now)
	}
	if locked() != 0 {
		t.Error("locked too soon")
	}
	var locks []time.Duration
	for range 12 {
		for locked() == 0 {
			s.add("a", 1, now)
		}
		locks = append(locks, locked())
		now = now.Add(locked())
	}
	if locks[0] != 30*time.Second || locks[1] != time.Minute || locks[11] != time.Hour {
		t.Errorf("locks %v", locks)
	}
	now = now.Add(25 * time.Hour)
	if s.score("a", now) != 0 {
		t.Error("nothing is forgiven")
	}
	s.add("a", 5, now)
	if locked() != 30*time.Second {
		t.Errorf("a day later locked for %v", locked())
	}
	for i := range 1000 {
		s.add(fmt.Sprint(i), 5, now)
		s.add(fmt.Sprint("x", i), 1, now)
	}
	if len(s.m) > 100 {
		t.Errorf("%d remembered", len(s.m))
	}
	if _, ok := s.locked("a", now); !ok {
		t.Error("made-up names freed one who was locked")
	}
}

func TestUserOf(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"sip:+18005550100@h": "+18005550100", "sip:1;x=2@h": "1", "sip:u:p@h": "u", "sip:h": "", "tel:+1800;ext=1": "+1800",
		`"a<b" <sips:9@h;x>;tag=1`: "9", "sip:5@h;tag=2": "5", "": "", "x": "", "<": "", "sip:a@b@h": "a@b",
	} {
		if got := addressUser(v); got != want {
			t.Errorf("%q is for %q, want %q", v, got, want)
		}
	}
}

func TestAlgorithmsOffered(t *testing.T) {
	t.Parallel()
	of := func(algorithm string, from ...string) *ringbid.Trunk {
		return &ringbid.Trunk{From: from, Accept: ringbid.Account{Username: "u", Algorithm: algorithm}}
	}
	here := netip.MustParseAddr("192.0.2.1")
	tests := []struct {
		name     string
		accounts []*ringbid.Trunk
		want     string
	}{
		{"any", []*ringbid.Trunk{of("")}, "MD5 SHA-256"},
		{"one knows MD5 only", []*ringbid.Trunk{of(""), of("md5")}, "MD5"},
		{"one knows MD5 only, elsewhere", []*ringbid.Trunk{of(""), of("md5", "198.51.100.1")}, "MD5 SHA-256"},
		{"strict", []*ringbid.Trunk{of("sha-256")}, "SHA-256"},
		{"at odds", []*ringbid.Trunk{of("sha-256"), of("md5")}, "MD5 SHA-256"},
	}
	for _, tt := range tests {
		accounts := map[string]*ringbid.Trunk{}
		for i, a := range tt.accounts {
			accounts[fmt.Sprint(i)] = a
		}
		if got := strings.Join(algorithms(accounts, here), " "); got != tt.want {
			t.Errorf("%s: offered %q, want %q", tt.name, got, tt.want)
		}
	}
}
