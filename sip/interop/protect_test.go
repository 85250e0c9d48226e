package interop

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

const tracking = "+18005550100" // the one number that is ours

// waits answers a call and waits for its end; a number that is not ours gets
// 404.
func waits(ctx context.Context, c *sip.Call) {
	if c.Invite().Number != tracking {
		_ = c.Hangup(ctx, ringbid.Reason{Code: "unknown_number", SIP: 404, Q850: 1})
		return
	}
	_ = c.Answer(ctx, false)
	<-ctx.Done()
}

// byDigest leaves 127.0.0.1 to a trunk that takes calls by digest.
func (r *rig) byDigest() {
	r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"192.0.2.1"}})
	r.trunks.Put(&ringbid.Trunk{Name: "office", Accept: ringbid.Account{Username: "pbx", Password: "correct_horse"}})
}

// request writes a message a peer sends by hand; more is whole header lines.
func request(w *siptest.Wire, method, to, user, id string, seq int, more ...string) string {
	return fmt.Sprintf("%s sip:%s@%s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d;rport\nMax-Forwards: 70\n"+
		"From: <sip:+14155550123@%s>;tag=f%s\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: %d %s\nContact: <sip:%s>\n%sContent-Length: 0\n\n",
		method, user, to, w.Addr(), id, seq, w.Addr(), id, user, to, id, seq, method, w.Addr(), strings.Join(more, ""))
}

func TestOverload(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261 21.5.4", "twice the new calls that a node takes: 503 with Retry-After, the rest unharmed", "sipp", func(t *testing.T, r *rig) {
		r.cfg.CallsPerSecond = 20
		r.serve(waits)
		flood := r.sipp("uac_flood.xml", "-s", tracking, "-r", "40", "-m", "80", r.addr)
		flood.Passes() // every call is taken and goes well to its end, or is refused with a time
		if n := r.counts("ringbid_sip_calls_refused_total")["node_rate"]; n < 10 {
			t.Errorf("%v calls refused", n)
		}
		if n := r.counts("ringbid_sip_calls_total")[""]; n < 20 {
			t.Errorf("%v calls taken", n)
		}
		r.idle()
	})
	prove(t, "RFC 3261 21.5.4", "a live call re-negotiates and hangs up under overload from its own address", "sipp", func(t *testing.T, r *rig) {
		r.cfg.CallsPerSecond = 20
		r.serve(waits)
		x := r.phone().Call(r.addr, tracking).Talk()
		flood := r.sipp("uac_flood.xml", "-s", tracking, "-r", "100", "-m", "150", r.addr)
		siptest.Eventually(t, "the overload", func() bool { return r.counts("ringbid_sip_calls_refused_total")["node_rate"] > 20 })
		began := time.Now()
		x.On(func(l *leg.Leg) { l.Offer(l.Invite().SDP) })
		x.HangUp()
		x.Over()
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("the BYE took %v", d)
		}
		flood.Passes()
		r.idle()
	})
	prove(t, "RFC 3261 21.5.4", "a trunk over its rate gets 503, another trunk is served", "sipp", func(t *testing.T, r *rig) {
		r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, CallsPerSecond: 10})
		r.trunks.Put(&ringbid.Trunk{Name: "other", From: []string{"127.0.0.8"}})
		r.serve(waits)
		flood := r.sipp("uac_flood.xml", "-s", tracking, "-r", "40", "-m", "60", r.addr)
		siptest.Eventually(t, "the overload", func() bool { return r.counts("ringbid_sip_calls_refused_total")["trunk_rate"] > 5 })
		w := siptest.NewWire(t, "127.0.0.8")
		w.Send(r.addr, request(w, "INVITE", r.addr, tracking, "x", 1))
		ok := w.Next("SIP/2.0 200")
		w.Send(r.addr, strings.Replace(request(w, "BYE", r.addr, tracking, "x", 2), "@"+r.addr+">\nCall", "@"+r.addr+">;tag="+siptest.ToTag(ok)+"\nCall", 1))
		for !strings.Contains(siptest.Header(w.Next("SIP/2.0 200"), "CSeq"), "BYE") {
		}
		flood.Passes()
	})
}

func TestDigestCallers(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 7616", "caller challenged, proves itself, trunk by username", "sipp", func(t *testing.T, r *rig) {
		r.byDigest()
		trunks := make(chan string, 1)
		r.serve(func(ctx context.Context, c *sip.Call) {
			trunks <- c.Invite().Trunk
			waits(ctx, c)
		})
		r.sipp("uac_auth.xml", "-s", tracking, "-au", "pbx", "-ap", "correct_horse", r.addr).Passes()
		if name := siptest.Receive(t, "the call", trunks); name != "office" {
			t.Errorf("the call is of trunk %q", name)
		}
		r.idle()
	})
	prove(t, "RFC 7616", "softphone that knows MD5 alone calls by digest", "baresip", func(t *testing.T, r *rig) {
		r.byDigest()
		r.trunks.Put(&ringbid.Trunk{Name: "office", Accept: ringbid.Account{Username: "pbx", Password: "correct_horse", Algorithm: "md5"}})
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr))
		caller := siptest.StartSoftphone(t, siptest.SoftphoneConfig{User: "+14155550123", Account: ";auth_user=pbx;auth_pass=correct_horse"})
		caller.Say("dial", "sip:"+tracking+"@"+r.addr)
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Answer()
		line.Hears(900)
		caller.Say("hangup")
		if x := siptest.Receive(t, "the call", calls); x.EndedBy != "caller" {
			t.Errorf("%+v", x)
		}
	})
	for _, user := range []string{"pbx", "nobody"} {
		prove(t, "RFC 7616", "wrong password of "+user+" is challenged again", "sipp", func(t *testing.T, r *rig) {
			r.byDigest()
			r.serve(waits)
			r.sipp("uac_auth_wrong.xml", "-s", tracking, "-au", user, "-ap", "guess", r.addr).Passes()
		})
	}
	prove(t, "RFC 8760", "SHA-256 is offered beside MD5 and taken", "raw", func(t *testing.T, r *rig) {
		r.byDigest()
		r.serve(func(ctx context.Context, c *sip.Call) { _ = c.Hangup(ctx, ringbid.Reason{SIP: 486}) })
		w := siptest.NewWire(t, "127.0.0.1")
		w.Send(r.addr, request(w, "INVITE", r.addr, tracking, "a", 1))
		ask := w.Next("SIP/2.0 401")
		_, second, _ := strings.Cut(ask, "\r\nWWW-Authenticate: ") // the first one is MD5
		w.Send(r.addr, request(w, "INVITE", r.addr, tracking, "b", 1, answer7616(t, second)))
		w.Next("SIP/2.0 486")
	})
	prove(t, "RFC 7616 3.3", "an answer that was used is stale; a new one is taken", "raw", func(t *testing.T, r *rig) {
		r.byDigest()
		r.serve(func(ctx context.Context, c *sip.Call) { _ = c.Hangup(ctx, ringbid.Reason{SIP: 486}) })
		w := siptest.NewWire(t, "127.0.0.1")
		w.Send(r.addr, request(w, "INVITE", r.addr, tracking, "a", 1))
		proof := answer7616(t, w.Next("SIP/2.0 401"))
		w.Send(r.addr, request(w, "INVITE", r.addr, tracking, "b", 1, proof))
		w.Next("SIP/2.0 486")
		w.Send(r.addr, request(w, "INVITE", r.addr, tracking, "c", 1, proof))
		stale := w.Next("SIP/2.0 401")
		if !strings.Contains(siptest.Header(stale, "WWW-Authenticate"), "stale=true") {
			t.Errorf("got %s", stale)
		}
		w.Send(r.addr, request(w, "INVITE", r.addr, tracking, "d", 1, answer7616(t, stale)))
		for siptest.Header(w.Next("SIP/2.0 486"), "Call-ID") != "d" {
		}
	})
	prove(t, "RFC 3261 10.3", "REGISTER is refused with 405", "sipp", func(t *testing.T, r *rig) {
		r.serve(waits)
		r.sipp("uac_register.xml", "-s", "agent", r.addr).Passes()
	})
}

// answer7616 answers the first challenge of a message.
func answer7616(t *testing.T, m string) string {
	t.Helper()
	c, err := digest.ParseChallenge(siptest.Header(m, "WWW-Authenticate"))
	if err != nil {
		t.Fatalf("%v in\n%s", err, m)
	}
	cred, err := digest.Digest(c, digest.Options{Method: "INVITE", URI: "sip:x", Count: 1, Username: "pbx", Password: "correct_horse"})
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + cred.String() + "\n"
}

func TestProbes(t *testing.T) {
	t.Parallel()
	prove(t, "operations", "scanner on an open trunk is answered late, then not at all", "raw", func(t *testing.T, r *rig) {
		r.trunks.Put(&ringbid.Trunk{Name: "open", From: []string{"127.0.0.0/8"}})
		r.serve(waits)
		w := siptest.NewWire(t, "127.0.0.66")
		for i := range 4 {
			w.Send(r.addr, request(w, "OPTIONS", r.addr, "100", fmt.Sprint("s", i), 1, "User-Agent: friendly-scanner\n"))
		}
		if m := w.Read(500 * time.Millisecond); m != "" {
			t.Errorf("answered at once: %s", m)
		}
		if n := r.counts("ringbid_sip_filtered_total")["muted"]; n == 0 {
			t.Error("not muted")
		}
	})
	prove(t, "operations", "stranger gets silence", "raw", func(t *testing.T, r *rig) {
		r.serve(waits)
		w := siptest.NewWire(t, "127.0.0.67")
		for i, method := range []string{"OPTIONS", "INVITE", "REGISTER", "BYE"} {
			w.Send(r.addr, request(w, method, r.addr, tracking, fmt.Sprint("u", i), 1))
		}
		if m := w.Read(500 * time.Millisecond); m != "" {
			t.Errorf("answered: %s", m)
		}
	})
	prove(t, "operations", "carrier with wrong numbers always gets its 404; its good calls are served", "sipp", func(t *testing.T, r *rig) {
		r.cfg.Ours = func(n ringbid.Phone) bool { return n == tracking }
		r.serve(waits)
		wrong := r.sipp("uac_unknown.xml", "-s", "+18005550199", "-r", "40", "-m", "60", r.addr)
		siptest.Eventually(t, "the probes", func() bool { return r.counts("ringbid_sip_probes_total")["unknown_number"] > 25 })
		x := r.phone().Call(r.addr, tracking).Talk()
		x.HangUp()
		x.Over()
		wrong.Passes()
	})
}

// TestTorture sends each message of testdata/torture. The name of a file says
// what must come back: a status, or 0 for silence.
func TestTorture(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/torture/*.sip")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d messages, %v", len(files), err)
	}
	for _, rfc := range []string{"4475", "5118"} {
		prove(t, "RFC "+rfc, "torture messages get their answer or silence, and the next call is served", "raw", func(t *testing.T, r *rig) {
			r.cfg.T1 = 50 * time.Millisecond
			r.serve(func(ctx context.Context, c *sip.Call) { _ = c.Hangup(ctx, ringbid.Reason{SIP: 486}) })
			sent := 0
			var wg sync.WaitGroup
			for i, file := range files {
				var section, name string
				var code int
				if _, err := fmt.Sscanf(strings.ReplaceAll(filepath.Base(file), "_", " "), "rfc"+rfc+" %s %d %s", &section, &code, &name); err != nil {
					continue
				}
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				sent++
				w := siptest.NewWire(t, "127.0.0.1")
				id := fmt.Sprintf("%s-%d", rfc, i)
				wg.Go(func() {
					torture(t, w, r.addr, filepath.Base(file), strings.ReplaceAll(string(text), "UNIQUE", id), code)
				})
			}
			wg.Wait()
			if sent < 5 {
				t.Errorf("%d messages sent", sent)
			}
			w := siptest.NewWire(t, "127.0.0.1")
			w.Send(r.addr, request(w, "INVITE", r.addr, tracking, "after"+rfc, 1))
			w.Next("SIP/2.0 486")
			if n := r.counts("ringbid_sip_handler_panics_total")[""] + r.counts("ringbid_sip_call_panics_total")[""]; n != 0 {
				t.Errorf("%v panics", n)
			}
		})
	}
}

// torture sends one message and checks the final answer to it.
func torture(t *testing.T, w *siptest.Wire, to, name, text string, code int) {
	_, port, _ := strings.Cut(w.Addr(), ":")
	text = strings.NewReplacer("PEER", w.Addr(), "PORT", port).Replace(text)
	w.Send(to, text)
	limit := 4 * time.Second
	if code == 0 {
		limit = 700 * time.Millisecond
	}
	for end := time.Now().Add(limit); time.Now().Before(end); {
		m := w.Read(time.Until(end))
		var got int
		if _, err := fmt.Sscanf(m, "SIP/2.0 %d", &got); err != nil || got < 200 {
			continue
		}
		if got != code {
			t.Errorf("%s: got %d, want %d\n%s", name, got, code, m)
		}
		return
	}
	if code != 0 {
		t.Errorf("%s: no answer, want %d", name, code)
	}
}

func TestSlowPeers(t *testing.T) {
	t.Parallel()
	prove(t, "operations", "peer that never reads is cut off, calls beside it go on", "raw", func(t *testing.T, r *rig) {
		r.cfg.T1, r.cfg.PerSource = 50*time.Millisecond, 1e6 // 0.5 s to take something; all questions are answered
		r.serve(waits)
		conn := dialTCP(t, r.tcp, "127.0.0.1")
		_ = conn.SetDeadline(time.Now().Add(siptest.Patience))
		_ = conn.(*net.TCPConn).SetReadBuffer(1)
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			for i := 0; ; i++ {
				var b strings.Builder
				for k := range 20 {
					m := overTCP(conn, "OPTIONS", r.tcp, fmt.Sprintf("%d-%d", i, k))
					b.WriteString(strings.Replace(m, "\r\nMax", ";x="+strings.Repeat("x", 3500)+"\r\nMax", 1)) // comes back in the answer
				}
				if _, err := conn.Write([]byte(b.String())); err != nil {
					return
				}
			}
		}()
		x := r.phone().Call(r.addr, tracking).Talk()
		x.HangUp()
		x.Over()
		siptest.Receive(t, "the end of the connection", cut)
		if n := r.counts("ringbid_sip_messages_dropped_total")["slow_reader"]; n == 0 {
			t.Error("not cut for being slow")
		}
	})
	prove(t, "operations", "slow-loris: half a message at a time ends with the connection", "raw", func(t *testing.T, r *rig) {
		r.cfg.T1 = 50 * time.Millisecond // 3 s for a message
		r.serve(waits)
		conn := dialTCP(t, r.tcp, "127.0.0.1")
		text := overTCP(conn, "OPTIONS", r.tcp, "loris")
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			_, _ = bufio.NewReader(conn).ReadByte()
		}()
		drip := time.NewTicker(100 * time.Millisecond)
		defer drip.Stop()
		for i := 0; ; i++ {
			select {
			case <-closed:
				if i < 10 {
					t.Errorf("closed after %d bytes", i)
				}
				return
			case <-drip.C:
				_, _ = conn.Write([]byte{text[min(i, 100)]})
			}
			if i > 200 {
				t.Fatal("a dripping peer keeps its connection")
			}
		}
	})
	prove(t, "operations", "one source holds 256 connections at most, another calls", "raw", func(t *testing.T, r *rig) {
		r.trunks.Put(&ringbid.Trunk{Name: "other", From: []string{"127.0.0.8"}})
		r.serve(waits)
		for range 256 {
			dialTCP(t, r.tcp, "127.0.0.1")
		}
		over := dialTCP(t, r.tcp, "127.0.0.1")
		if _, err := over.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("one more was kept: %v", err)
		}
		other := dialTCP(t, r.tcp, "127.0.0.8")
		_, _ = other.Write([]byte(overTCP(other, "OPTIONS", r.tcp, "other")))
		if line, err := bufio.NewReader(other).ReadString('\n'); err != nil || !strings.HasPrefix(line, "SIP/2.0 200") {
			t.Errorf("the other source got %q, %v", line, err)
		}
	})
}

func dialTCP(t *testing.T, addr, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func overTCP(conn net.Conn, method, to, id string) string {
	at := conn.LocalAddr().String()
	return fmt.Sprintf("%s sip:x@%s SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@%s>;tag=f\r\n"+
		"To: <sip:x@%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n", method, to, at, id, at, to, id, method)
}
