package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// TestKilledInMidCall kills the process while two people talk: after the restart
// the recording plays, the call is finished as lost, and the desk that took one
// call at a time takes the next.
func TestKilledInMidCall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call, a crash and a restart")
	}
	w := newTown(t)
	w.apply(t)
	n := w.serve(t)
	from, _ := w.talking(t, n, express, time.Minute, 5*time.Second)
	if s := w.place(t, n, express, time.Second); s.Heard {
		t.Fatal("the desk took two calls at once: nothing is shown below")
	}
	if err := n.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	w.deserted = true
	n.status(t, 5*time.Second)

	n = w.serve(t)
	t.Logf("ready %s after the start", n.after)
	if n.after > 5*time.Second {
		t.Errorf("ready %s after the start", n.after)
	}
	lost := w.attached(t, from)
	want := ringbid.Reason{Code: "node_lost", Text: "node lost", Fault: ringbid.FaultOurs}
	if lost.Outcome != ringbid.OutcomeLost || lost.Reason != want || lost.State != ringbid.StateEnded || lost.Campaign != "express" {
		t.Errorf("%s, %s, %+v, campaign %q", lost.State, lost.Outcome, lost.Reason, lost.Campaign)
	}
	end := lost.Recording.Started.Add(time.Duration(lost.Recording.MS) * time.Millisecond)
	t.Logf("the recording ends %s before the kill", killed.Sub(end))
	if gap := killed.Sub(end); gap > 2*time.Second || gap < -time.Second {
		t.Errorf("the recording ends %s before the kill", gap)
	}
	sound(t, &lost)
	if s := w.place(t, n, express, 2*time.Second); !s.Heard {
		t.Errorf("the desk's slot is not free: %s", s)
	}
	n.signal(t, syscall.SIGTERM)
	if code := n.status(t, 10*time.Second); code != 0 {
		t.Errorf("status %d", code)
	}
	nobodyIn(t, w.data)
}

// attached waits for the stored call of the caller to have its recording, and
// checks the file against its hash.
func (w *town) attached(t *testing.T, from string) (found ringbid.Call) {
	t.Helper()
	eventually(t, 20*time.Second, "the recording is attached", func() bool {
		for _, c := range w.calls(t, "--last", "200") {
			if string(c.Caller) == from {
				found = c
			}
		}
		return found.Recording != nil
	})
	file, err := os.ReadFile(found.Recording.Path)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != found.Recording.SHA256 {
		t.Errorf("the file's hash is not the row's %q", found.Recording.SHA256)
	}
	return found
}

// TestDrain ends a node under a live call: the call finishes, new ones are told
// to go elsewhere.
func TestDrain(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call")
	}
	w := newTown(t)
	w.apply(t)
	n := w.serve(t)
	if got := n.readyz(); got != 200 {
		t.Errorf("/readyz is %d", got)
	}
	from, over := w.talking(t, n, express, 6*time.Second, 0)
	n.signal(t, syscall.SIGTERM)
	eventually(t, 3*time.Second, "/readyz says no", func() bool { return n.readyz() == 503 })
	answer := invite(t, n.sip, express)
	if !strings.HasPrefix(answer, "SIP/2.0 503 ") || !strings.Contains(answer, "\r\nRetry-After: ") {
		t.Errorf("a new call is answered:\n%s", answer)
	}
	story := over()
	if !story.Heard || story.EndedBy != "caller" || story.HeardForMS < 4000 {
		t.Errorf("the live call was harmed: %s", story)
	}
	if code := n.status(t, 10*time.Second); code != 0 {
		t.Errorf("status %d", code)
	}
	if v, _ := w.visit(from); v.EndedBy != "platform" || !v.Heard {
		t.Errorf("the buyer saw %+v", v)
	}
	nobodyIn(t, w.data)
	c := w.ended(t, story.CallID)
	if c.Outcome != ringbid.OutcomeBridged || c.EndedBy != "caller" || c.Recording == nil || c.Sale.Revenue != 200000 {
		t.Errorf("stored as %s by %s, recording %v, %+v", c.Outcome, c.EndedBy, c.Recording != nil, c.Sale)
	}
}

// TestSecondSignal hangs up on those who still talk.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call")
	}
	w := newTown(t)
	w.apply(t)
	n := w.serve(t)
	from, over := w.talking(t, n, express, time.Minute, 2*time.Second)
	n.signal(t, syscall.SIGTERM)
	eventually(t, 3*time.Second, "it drains", func() bool { return n.readyz() == 503 })
	n.signal(t, syscall.SIGTERM)
	hungUp := time.Now()
	if code := n.status(t, 8*time.Second); code != 0 {
		t.Errorf("status %d", code)
	}
	t.Logf("gone %s after the second signal", time.Since(hungUp))
	story := over()
	if story.EndedBy != "platform" || !story.Heard {
		t.Errorf("the caller saw no BYE: %s", story)
	}
	var visit sim.Visit
	eventually(t, 5*time.Second, "the buyer's side is over", func() bool { visit, _ = w.visit(from); return visit.Over })
	if visit.EndedBy != "platform" {
		t.Errorf("the buyer saw no BYE: %+v", visit)
	}
	nobodyIn(t, w.data)
	c := w.ended(t, story.CallID)
	if c.Outcome != ringbid.OutcomeBridged || c.Reason.Code != "shutdown" || c.Recording == nil {
		t.Errorf("stored as %s, %+v, recording %v", c.Outcome, c.Reason, c.Recording != nil)
	}
}

// TestDrainTimeOver ends a node whose callers do not: one talks with a buyer,
// one has not answered the question, one is being connected.
func TestDrainTimeOver(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes calls")
	}
	w := newTown(t)
	n := w.serve(t, "--drain", "1s")
	w.apply(t)
	w.known(t, n)
	asked := w.begin(t, n, sim.Caller{To: "+18005550100", Hold: time.Minute})
	rung := w.begin(t, n, sim.Caller{To: "+18005550101", Digits: "90210", Hold: time.Minute})
	eventually(t, 30*time.Second, "a buyer lets it ring", func() bool { v, ok := w.visit(rung); return ok && v.User == "noanswer" })
	talked, _ := w.talking(t, n, express, time.Minute, time.Second)
	n.signal(t, syscall.SIGINT)
	told := time.Now()
	if code := n.status(t, 10*time.Second); code != 0 {
		t.Errorf("status %d", code)
	}
	t.Logf("gone %s after the signal", time.Since(told))
	nobodyIn(t, w.data)
	var over sim.Visit
	eventually(t, 5*time.Second, "the ringing ends", func() bool { over, _ = w.visit(rung); return over.Over })
	if over.Status == 200 {
		t.Errorf("a caller of a node that stops was connected: %+v", over)
	}
	for _, c := range w.calls(t, "--last", "10") {
		if who := string(c.Caller); who != asked && who != rung && who != talked {
			continue
		}
		if c.State != ringbid.StateEnded || c.Reason.Code != "shutdown" || c.Recording == nil || len(c.Legs) == 0 {
			t.Errorf("call to %s: %s, %s, %+v, recording %v, %d legs", c.Number, c.State, c.Outcome, c.Reason, c.Recording != nil, len(c.Legs))
		}
	}
}

// invite sends one INVITE to the number as a carrier's switch would, and
// returns the final answer.
func invite(t *testing.T, via, to string) string {
	t.Helper()
	conn, err := net.Dial("udp", via)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 39998 RTP/AVP 0\r\n"
	request := strings.NewReplacer("\n", "\r\n", "NUMBER", to, "VIA", via, "LOCAL", conn.LocalAddr().String(), "UNIQUE", ringbid.NewID(),
		"LENGTH", strconv.Itoa(len(body))).Replace(`INVITE sip:NUMBER@VIA SIP/2.0
Via: SIP/2.0/UDP LOCAL;branch=z9hG4bKUNIQUE;rport
Max-Forwards: 70
From: <sip:+13105559999@LOCAL>;tag=1
To: <sip:NUMBER@VIA>
Call-ID: UNIQUE
CSeq: 1 INVITE
Contact: <sip:LOCAL>
Content-Type: application/sdp
Content-Length: LENGTH

`) + body
	buf := make([]byte, 8192)
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		if _, err := conn.Write([]byte(request)); err != nil { // again and again, as on any UDP
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		for {
			n, err := conn.Read(buf)
			if err != nil {
				break
			}
			if answer := string(buf[:n]); !strings.HasPrefix(answer, "SIP/2.0 1") {
				return answer
			}
		}
	}
	t.Fatal("no answer to an INVITE")
	return ""
}
