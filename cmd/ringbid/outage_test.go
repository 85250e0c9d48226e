package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// outage is how long Postgres is away: half a minute where there is time for it.
func outage() time.Duration {
	if os.Getenv("RINGBID_LONG") != "" {
		return 30 * time.Second
	}
	return 10 * time.Second
}

// TestPostgresFrozen freezes the database in the middle of traffic.
func TestPostgresFrozen(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes an outage")
	}
	s := startStage(t, testConfig(t))
	server := s.serverPID(t)
	t.Cleanup(func() { signalAll(server, syscall.SIGCONT) })
	s.traffic(t, func() { signalAll(server, syscall.SIGSTOP) }, func() { signalAll(server, syscall.SIGCONT) })
}

// TestPostgresKilled kills the database in the middle of traffic and keeps it
// from being started again.
func TestPostgresKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes an outage")
	}
	c := testConfig(t)
	c.fast = false // what is committed outlives the kill
	s := startStage(t, c)
	data := c.path("postgres", "data")
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Error(err)
		}
	}
	server := s.serverPID(t)
	s.traffic(t, func() {
		move(data, data+".away")
		_ = syscall.Kill(server, syscall.SIGKILL)
	}, func() { move(data+".away", data) })
}

// traffic lets people call every second: before, while and after the database
// is away. Each must be served as if nothing were wrong and be in the database
// afterwards, once.
func (s *stage) traffic(t *testing.T, leave, back func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w := watchClock(ctx)
	var calls crowd
	calls.call(t, s, 4, nil)
	leave()
	left := time.Now()
	eventually(t, 10*time.Second, "the store notices", s.store.Away)
	calls.call(t, s, int(outage()/time.Second), func() {
		if r, err := http.Get("http://" + s.httpAddr + "/readyz"); err != nil || r.StatusCode != 200 {
			t.Errorf("calls are taken, and /readyz says: %v %v", r, err)
		} else {
			_ = r.Body.Close()
		}
	})
	if !s.store.Away() {
		t.Error("the database was not away all the time")
	}
	back()
	returned := time.Now()
	eventually(t, 20*time.Second, "the store is back", func() bool { return !s.store.Away() })
	t.Logf("away for %s, back %s after its return", returned.Sub(left), time.Since(returned))
	calls.call(t, s, 3, nil)
	calls.wg.Wait()
	eventually(t, 20*time.Second, "the spool is empty", func() bool { return s.store.Spooled() == 0 })
	calls.judge(t, s, left, returned, w())
	s.books(t, calls.stories)
}

// crowd is people who call, and what became of their calls.
type crowd struct {
	wg      sync.WaitGroup
	mu      sync.Mutex
	stories []sim.Story
}

// call begins n calls, one a second.
func (c *crowd) call(t *testing.T, s *stage, n int, each func()) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range n {
		c.wg.Go(func() {
			story, err := s.carrier.Place(t.Context(), sim.Caller{From: newCaller(), To: "+18005550100", Via: s.sipUDP(), Digits: "90210", Hold: 4 * time.Second})
			if err != nil {
				t.Error(err)
				return
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.stories = append(c.stories, story)
		})
		<-tick.C
		if each != nil {
			each()
		}
	}
}

// judge compares what callers went through with an ordinary call: the answer
// within 300 ms, and no more from the last key to the buyer's phone than for
// those who called long before or after, beside what the machine was late by.
func (c *crowd) judge(t *testing.T, s *stage, left, returned time.Time, late time.Duration) {
	t.Helper()
	rang := map[string]time.Time{}
	for _, v := range s.world.buyers.Visits() {
		if _, ok := rang[v.Caller]; !ok {
			rang[v.Caller] = v.Started
		}
	}
	var ordinary, during []time.Duration
	for _, story := range c.stories {
		if !story.Heard || story.EndedBy != "caller" || story.HeardForMS < 3000 {
			t.Errorf("a caller was not served: %s", story)
			continue
		}
		if answer := time.Duration(story.AnswerMS) * time.Millisecond; answer > 300*time.Millisecond+late {
			t.Errorf("answered after %s: %s", answer, story)
		}
		at := story.Started.Add(time.Duration(story.DigitsMS) * time.Millisecond)
		took := rang[story.From].Sub(at)
		if at.After(left.Add(-5*time.Second)) && at.Before(returned) {
			during = append(during, took)
		} else {
			ordinary = append(ordinary, took)
		}
	}
	if len(ordinary) == 0 || len(during) < 5 {
		t.Fatalf("%d ordinary calls, %d during the outage", len(ordinary), len(during))
	}
	t.Logf("last key to ringing: %s to %s while away, %s to %s otherwise; the machine was late by up to %s",
		slices.Min(during), slices.Max(during), slices.Min(ordinary), slices.Max(ordinary), late)
	if slices.Max(during) > slices.Min(ordinary)+300*time.Millisecond+late {
		t.Errorf("%s from the last key to ringing, %s otherwise", slices.Max(during), slices.Min(ordinary))
	}
}

// books checks what the database holds of the calls: each once, whole, and the
// money adds up.
func (s *stage) books(t *testing.T, stories []sim.Story) {
	t.Helper()
	n := len(stories)
	var revenue, payout ringbid.Money
	for _, story := range stories {
		c := s.settled(t, story.CallID)
		if c.Outcome != ringbid.OutcomeBridged || c.Recording == nil || c.Auction == nil || len(c.Legs) != 2 || len(c.Events) < 10 {
			t.Errorf("call %s is %s: recording %v, auction %v, %d legs, %d events", c.ID, c.Outcome, c.Recording != nil, c.Auction != nil, len(c.Legs), len(c.Events))
		}
		revenue, payout = revenue+c.Sale.Revenue, payout+c.Sale.Payout
	}
	want := fmt.Sprintf("%d calls, %d settled, %d recordings, %d in the sums, %d entries, %d owed to us, %d owed by us, balance 0",
		n, n, n, n, 3*n, revenue, payout)
	var got string
	err := s.store.Pool().QueryRow(t.Context(), `SELECT format('%s calls, %s settled, %s recordings, %s in the sums, %s entries, %s owed to us, %s owed by us, balance %s',
		count(*), count(settled_at), (SELECT count(*) FROM recordings), (SELECT sum(calls) FROM hourly), (SELECT count(*) FROM entries),
		(SELECT sum(amount) FROM entries WHERE account = 'receivable'), (SELECT -sum(amount) FROM entries WHERE account = 'payable'),
		(SELECT sum(amount) FROM entries)) FROM calls`).Scan(&got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	t.Log(got)
	eventually(t, 10*time.Second, "no slot is held", func() bool {
		var leases int
		err := s.store.Pool().QueryRow(t.Context(), `SELECT count(*) FROM leases`).Scan(&leases)
		return err == nil && leases == 0
	})
}

// watchClock measures how late this machine wakes a goroutine until ctx ends,
// which is nobody's doing here; the result is the longest so far.
func watchClock(ctx context.Context) func() time.Duration {
	var mu sync.Mutex
	var late time.Duration
	go func() {
		const every = 5 * time.Millisecond
		tick := time.NewTimer(every)
		defer tick.Stop()
		for {
			began := time.Now()
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				mu.Lock()
				late = max(late, time.Since(began)-every)
				mu.Unlock()
				tick.Reset(every)
			}
		}
	}()
	return func() time.Duration { mu.Lock(); defer mu.Unlock(); return late }
}

// serverPID returns the process of the stage's database.
func (s *stage) serverPID(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(s.cfg.path("postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || pid < 2 {
		t.Fatalf("postmaster.pid begins with %q", first)
	}
	return pid
}

// signalAll signals a process and its children.
func signalAll(parent int, sig syscall.Signal) {
	_ = syscall.Kill(parent, sig)
	for _, pid := range childrenOf(parent) {
		_ = syscall.Kill(pid, sig)
	}
}

func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if err != nil || len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
