package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store/localpg"
	"github.com/ringbid/ringbid/store/storetest"
)

// TestPowerCut ends a node and its database at the same moment, with calls in
// all states, and does it again while the first crash is being repaired. What
// was settled before is as it was, what was up is lost, once, with what was
// said until then.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes calls, crashes and restarts")
	}
	w := newTown(t)
	t.Cleanup(func() {
		if b, err := os.ReadFile(filepath.Join(w.data, "postgres", "postgres.log")); err == nil && t.Failed() {
			t.Logf("%s", b)
		}
	})
	n := w.serve(t)
	w.apply(t)
	w.known(t, n)
	settled := w.ended(t, w.place(t, n, express, 2*time.Second).CallID)
	asked := w.begin(t, n, sim.Caller{To: "+18005550100", Hold: time.Minute})                 // presses nothing
	rung := w.begin(t, n, sim.Caller{To: "+18005550101", Digits: "90210", Hold: time.Minute}) // on its way to one who lets it ring
	talked, _ := w.talking(t, n, express, time.Minute, 3*time.Second)
	eventually(t, 20*time.Second, "a buyer lets it ring", func() bool { v, ok := w.visit(rung); return ok && v.User == "noanswer" })
	w.powerCut(t, n, false)
	cut := time.Now()
	w.powerCut(t, w.serve(t), true)

	n = w.serve(t)
	t.Logf("ready %s after the start", n.after)
	if n.after > 10*time.Second {
		t.Errorf("ready %s after the start", n.after)
	}
	for _, from := range []string{asked, rung, talked} {
		c := w.attached(t, from)
		end := c.Recording.Started.Add(time.Duration(c.Recording.MS) * time.Millisecond)
		if c.Outcome != ringbid.OutcomeLost || c.Reason.Code != "node_lost" || cut.Sub(end) > 3*time.Second {
			t.Errorf("call to %s is %s, %s; its recording ends %s before the cut", c.Number, c.Outcome, c.Reason.Code, cut.Sub(end))
		}
		left, _ := channels(t, c.Recording.Path)
		if ms := int64(len(left)) / 8; ms != c.Recording.MS {
			t.Errorf("%d ms of sound, the row says %d", ms, c.Recording.MS)
		}
	}
	for _, c := range w.calls(t, "--last", "10") {
		if c.ID == settled.ID && !cmp.Equal(c, settled) {
			t.Error(cmp.Diff(settled, c))
		}
	}
	if got := len(w.calls(t, "--last", "50")); got < 4 || got > 5 { // with the probe of the shut number
		t.Errorf("%d calls are stored", got)
	}
	if s := w.place(t, n, express, 2*time.Second); !s.Heard {
		t.Errorf("the desk's slot is not free: %s", s)
	}
}

// begin places a call in the background and returns who calls.
func (w *town) begin(t *testing.T, n *node, c sim.Caller) string {
	t.Helper()
	c.From, c.Via = newCaller(), n.sip
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := w.carrier.Place(t.Context(), c); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { <-done })
	return c.From
}

// powerCut kills the node and every process of its database, or leaves those
// hanging that served the clients of the database.
func (w *town) powerCut(t *testing.T, n *node, hang bool) {
	t.Helper()
	w.deserted = true
	b, err := os.ReadFile(filepath.Join(w.data, "postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	signalAll(server, syscall.SIGSTOP) // so that none cleans up after another
	n.signal(t, syscall.SIGKILL)
	if !hang {
		for _, pid := range childrenOf(server) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = syscall.Kill(server, syscall.SIGKILL)
	n.status(t, 5*time.Second)
}

// TestNodeLost kills one of two nodes on the same database: the other finishes
// its call and takes its slot; the recording follows when the first is back.
func TestNodeLost(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits until a node is taken for dead")
	}
	pg, err := localpg.Start(t.Context(), localpg.Config{Dir: filepath.Join(storetest.Dir(t), "pg")})
	if err != nil {
		t.Fatal(err)
	}
	w := newTown(t)
	w.closeLater(t, pg.Stop)
	w.database = pg.DSN()
	other := *w
	other.data, other.rtp = filepath.Join(t.TempDir(), "other"), rtpPorts()
	first := w.serve(t)
	key, err := os.ReadFile(filepath.Join(w.data, "key")) // nodes of one database share it
	if err == nil {
		err = os.MkdirAll(other.data, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(other.data, "key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	second := other.serve(t)
	w.apply(t)
	w.known(t, first)
	w.known(t, second)
	from, _ := w.talking(t, first, express, time.Minute, 4*time.Second)
	if s := w.place(t, second, express, time.Second); s.Heard {
		t.Fatal("two nodes sold the one desk at the same time")
	}
	first.signal(t, syscall.SIGKILL)
	w.deserted, other.deserted = true, true
	killed := time.Now()
	first.status(t, 5*time.Second)
	find := func() (found ringbid.Call) {
		calls := other.calls(t, "--last", "20")
		if i := slices.IndexFunc(calls, func(c ringbid.Call) bool { return string(c.Caller) == from }); i >= 0 {
			found = calls[i]
		}
		return found
	}
	eventually(t, 45*time.Second, "the other node finishes the call", func() bool { return find().State == ringbid.StateEnded })
	t.Logf("found lost %s after the kill", time.Since(killed))
	if c := find(); c.Outcome != ringbid.OutcomeLost || c.Reason.Code != "node_lost" || c.Recording != nil {
		t.Errorf("%s, %+v, recording %v", c.Outcome, c.Reason, c.Recording)
	}
	eventually(t, 20*time.Second, "the slot is free", func() bool { return w.place(t, second, express, time.Second).Heard })
	w.serve(t)
	sound(t, new(w.attached(t, from)))
}
