package store_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/localpg"
	"github.com/ringbid/ringbid/store/storetest"
)

var outage = flag.Duration("outage", 5*time.Second, "how long Postgres is away in the tests of that")

const limit = 150 * time.Millisecond // for whatever a call waits for

// stopwatch keeps the longest time of each operation, and how late this machine
// woke a goroutine meanwhile, which is not the store's doing.
type stopwatch struct {
	mu      sync.Mutex
	longest map[string]time.Duration
	late    time.Duration
	stop    chan struct{}
	done    sync.WaitGroup
}

func newStopwatch() *stopwatch {
	w := &stopwatch{longest: map[string]time.Duration{}, stop: make(chan struct{})}
	w.done.Go(func() {
		const every = 5 * time.Millisecond
		tick := time.NewTimer(every)
		for {
			began := time.Now()
			select {
			case <-w.stop:
				return
			case <-tick.C:
				w.mu.Lock()
				w.late = max(w.late, time.Since(began)-every)
				w.mu.Unlock()
				tick.Reset(every)
			}
		}
	})
	return w
}

func (w *stopwatch) time(what string, f func()) {
	began := time.Now()
	f()
	d := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest[what] = max(w.longest[what], d)
}

func (w *stopwatch) judge(t *testing.T) {
	t.Helper()
	close(w.stop)
	w.done.Wait()
	t.Logf("longest: %v; the machine was late by up to %v", w.longest, w.late)
	for what, d := range w.longest {
		if d > limit+w.late {
			t.Errorf("%s took %v", what, d)
		}
	}
}

func ownCluster(t *testing.T, dir string) *localpg.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := localpg.Start(ctx, localpg.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopCluster(t, c) })
	return c
}

func stopCluster(t *testing.T, c *localpg.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// traffic runs whole calls through the store until stopped, one begun every 20
// ms, and returns which were settled.
func traffic(t *testing.T, s *store.Store, w *stopwatch, stop <-chan struct{}) (ids []string, refused int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for n := 0; ; n++ {
		select {
		case <-stop:
			wg.Wait()
			return ids, refused
		case <-tick.C:
		}
		wg.Go(func() {
			id := fmt.Sprintf("away-%d", n)
			c := bridged(id)
			c.Caller = ringbid.Phone(fmt.Sprintf("+1310%07d", n))
			var target *ringbid.Target
			w.time("Book", func() { target = s.Book().Targets["acme-line"] })
			w.time("SeenWithin", func() { s.SeenWithin(c.Caller, c.Number, c.Received, time.Second) })
			live := c
			live.State, live.Ended = ringbid.StateLive, nil
			w.time("Started", func() { s.Started(live) })
			w.time("Full", func() { s.Full(target) })
			var err error
			w.time("Reserve", func() { err = s.Reserve(context.Background(), id, target) })
			if err == nil && n%2 == 0 {
				w.time("Release", func() { s.Release(context.Background(), id, target.Name) })
			}
			w.time("Settle", func() {
				err2 := s.Settle(context.Background(), c)
				mu.Lock()
				defer mu.Unlock()
				if err2 != nil {
					t.Errorf("settle: %v", err2)
				}
				ids = append(ids, id)
				if err != nil {
					refused++
				}
			})
		})
	}
}

// A call lives on while Postgres is stopped, and everything is in the database
// afterwards, once.
func TestPostgresStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("takes an outage")
	}
	t.Parallel()
	pg := filepath.Join(storetest.Dir(t), "pg")
	cluster := ownCluster(t, pg)
	box := &outbox{}
	s := storetest.Open(t, func(c *store.Config) {
		c.DSN, c.Outbox, c.Migrate = cluster.DSN(), box, append(c.Migrate, delivery.Migrate)
	})
	docs := sample()
	target := docs[6].(*ringbid.Target)
	target.Concurrency, target.Caps = 50, []ringbid.Cap{{On: "attempt", Per: "total", Limit: 1_000_000}}
	apply(t, s, docs, false)

	w, stop := newStopwatch(), make(chan struct{})
	var ids []string
	var refused int
	done := make(chan struct{})
	go func() { defer close(done); ids, refused = traffic(t, s, w, stop) }()

	wait := func(d time.Duration) { <-time.NewTimer(d).C }
	wait(time.Second)
	until(t, "the node has shares", func() bool {
		return ask[int](t, s, `SELECT count(DISTINCT counts) FROM cap_shares WHERE n > 0`) >= 2
	})
	stopCluster(t, cluster)
	until(t, "the store notices", s.Away)
	wait(*outage)
	ownCluster(t, pg)
	back := time.Now()
	until(t, "postgres is back", func() bool { return !s.Away() })
	until(t, "the spool is drained", func() bool { return s.Spooled() < 10 })
	t.Logf("caught up %v after the start of postgres", time.Since(back))
	wait(time.Second)
	close(stop)
	<-done
	w.judge(t)
	until(t, "the spool is empty", func() bool { return s.Spooled() == 0 })

	check := askOn[string](t, s.Pool(), `SELECT concat_ws(' ', count(*), count(settled_at), count(*) FILTER (WHERE state = 'live'),
		(SELECT count(*) FROM jobs), (SELECT count(DISTINCT call_id) FROM jobs), (SELECT sum(calls) FROM hourly), (SELECT sum(amount) FROM entries),
		(SELECT count(*) FROM entries)) FROM calls`)
	n := len(ids)
	if want := fmt.Sprintf("%d %d 0 %d %d %d 0 %d", n, n, n, n, n, 3*n); check != want {
		t.Errorf("calls, settled, live, jobs, distinct jobs, rolled up, balance, entries:\n%s\nwant\n%s", check, want)
	}
	used := func() int64 {
		return ask[int64](t, s, `SELECT coalesce(sum(used), 0)::bigint FROM cap_counters WHERE counts = 'attempt'`)
	}
	until(t, "attempts are all counted", func() bool { return used() >= int64(n-refused) })
	until(t, "no lease is left", func() bool { return ask[int](t, s, `SELECT count(*) FROM leases`) == 0 })
	t.Logf("%d calls, %d refused, %d attempts counted", n, refused, used())
	if used() != int64(n-refused) {
		t.Errorf("%d attempts counted for %d", used(), n-refused)
	}
	if refused > n/20 {
		t.Errorf("%d of %d calls had no slot", refused, n)
	}
}

// A frozen Postgres accepts and never answers: the budget, not an error, is what
// lets calls go on.
func TestPostgresFrozen(t *testing.T) {
	if testing.Short() {
		t.Skip("takes an outage")
	}
	t.Parallel()
	pg := filepath.Join(storetest.Dir(t), "pg")
	cluster := ownCluster(t, pg)
	s := storetest.Open(t, func(c *store.Config) { c.DSN = cluster.DSN() })
	apply(t, s, sample(), false)
	w, stop := newStopwatch(), make(chan struct{})
	done := make(chan struct{})
	var ids []string
	go func() { defer close(done); ids, _ = traffic(t, s, w, stop) }()
	wait := func(d time.Duration) { <-time.NewTimer(d).C }
	wait(500 * time.Millisecond)
	signalServer(t, pg, syscall.SIGSTOP)
	t.Cleanup(func() { signalServer(t, pg, syscall.SIGCONT) })
	until(t, "the store notices", s.Away)
	wait(*outage / 2)
	signalServer(t, pg, syscall.SIGCONT)
	until(t, "postgres is back", func() bool { return !s.Away() })
	wait(500 * time.Millisecond)
	close(stop)
	<-done
	w.judge(t)
	until(t, "the spool is empty", func() bool { return s.Spooled() == 0 })
	if n := ask[int](t, s, `SELECT count(settled_at) FROM calls`); n != len(ids) {
		t.Errorf("%d of %d calls are settled", n, len(ids))
	}
}

// signalServer signals the server and all its processes.
func signalServer(t *testing.T, pg string, sig syscall.Signal) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(pg, "data", "postmaster.pid"))
	if err != nil {
		return
	}
	first, _, _ := strings.Cut(string(b), "\n")
	server, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(server, sig)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		_, rest, ok := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if err != nil || !ok || len(fields) < 2 || fields[1] != first {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			_ = syscall.Kill(pid, sig)
		}
	}
}

// A restart without Postgres routes by the last Book, sells within limits and
// catches up later.
func TestStartsWithoutPostgres(t *testing.T) {
	t.Parallel()
	dsn, dir := storetest.DB(t), t.TempDir()
	s := storetest.Open(t, func(c *store.Config) { c.DSN, c.Dir = dsn, dir })
	apply(t, s, sample(), false)
	target := s.Book().Targets["acme-line"]
	storetest.Close(t, s)

	// The database under another name is away.
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	admin := func(sql string) {
		t.Helper()
		c := cfg.Copy()
		c.Database = "postgres"
		conn, err := pgx.ConnectConfig(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	admin(`ALTER DATABASE ` + cfg.Database + ` RENAME TO ` + cfg.Database + `_away`)
	s = storetest.Open(t, func(c *store.Config) { c.DSN, c.Dir = dsn, dir })
	if b := s.Book(); !s.Away() || b.Revision != 1 || b.Trunks["buyers"].Password != "trunk-secret" {
		t.Fatalf("away %v, book %d", s.Away(), b.Revision)
	}
	for i, want := range []bool{true, true, false} {
		if err := s.Reserve(t.Context(), fmt.Sprint(i), target); (err == nil) != want {
			t.Errorf("reserve %d: %v", i, err)
		}
	}
	c := bridged("early")
	if err := s.Settle(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Call(t.Context(), "early"); ringbid.KindOf(err) != ringbid.Unavailable {
		t.Errorf("reading while away: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), "boss", "correct horse", "127.0.0.1"); err != nil {
		t.Errorf("signing in while away: %v", err)
	}
	admin(`ALTER DATABASE ` + cfg.Database + `_away RENAME TO ` + cfg.Database)
	until(t, "the early call", func() bool { got, err := s.Call(t.Context(), "early"); return err == nil && got.Outcome == c.Outcome })

	if _, err := store.Open(t.Context(), store.Config{DSN: "host=/nowhere/at/all user=x dbname=y", Dir: t.TempDir()}); ringbid.KindOf(err) != ringbid.Unavailable {
		t.Errorf("without a book: %v", err)
	}
}

// Nodes that cannot ask Postgres never sell more lines than there are together.
func TestSharesAddUp(t *testing.T) {
	t.Parallel()
	all := nodes(t, "a", "b", "c")
	docs := sample()
	target := docs[6].(*ringbid.Target)
	target.Concurrency = 24
	apply(t, all[0], docs, false)
	shares := func(each int64) {
		t.Helper()
		for _, s := range all {
			until(t, fmt.Sprint("shares of ", each), func() bool { return store.Room(s, "acme-line") == each })
		}
	}
	shares(4)
	if got := sell(t, all[0], target, "early-", 6); got != 6 { // more than its share
		t.Fatalf("%d early calls", got)
	}
	shares(3)
	for _, s := range all {
		store.GoAway(s)
	}
	if got := rush(t, all, target, 20); got != 9 {
		t.Errorf("%d more of three shares of 3", got)
	}
	capped := &ringbid.Target{Name: "capped", Caps: []ringbid.Cap{{On: "attempt", Per: "day", Limit: 8}}}
	if got := rush(t, all, capped, 20); got != 0 {
		t.Errorf("%d attempts were let through that nobody had a share for", got)
	}
}

// Of a cap that several nodes share, those that cannot ask Postgres sell half at
// most, and what the others do meanwhile does not add up to more than there is.
func TestSharesOfCapsAddUp(t *testing.T) {
	t.Parallel()
	all := nodes(t, "a", "b", "c")
	docs := capped(24)
	target := docs[6].(*ringbid.Target)
	target.Caps = append(target.Caps, ringbid.Cap{On: "convert", Per: "total", Limit: 12}, ringbid.Cap{On: "revenue", Per: "total", Amount: 750000})
	apply(t, all[0], docs, false)
	shares := func() string {
		return ask[string](t, all[0], `SELECT coalesce(string_agg(s, ', ' ORDER BY s), '') FROM (SELECT concat_ws(' ', counts, per, sum(n)) AS s FROM cap_shares GROUP BY counts, per) x`)
	}
	until(t, "each has a sixth", func() bool { return shares() == "attempt day 12, attempt total 12, convert total 6" })
	for _, s := range all {
		until(t, "each knows", func() bool { return store.Room(s, target.Name) == 4+4+2 })
	}
	store.GoAway(all[0])
	store.GoAway(all[1])
	if got := rush(t, all[:2], target, 20); got != 4 { // two conversions each
		t.Errorf("%d calls of 2 shares of 2", got)
	}
	if got := rush(t, all[2:], target, 20) + int(sell(t, all[2], target, "late-", 9)); got != 8 { // the rest of what may convert
		t.Errorf("%d calls by who can ask, of 12 less 4", got)
	}
}

// However reservations and deals of shares meet, nothing is held back for nobody in
// the end: all that there is is sold, and no more.
func TestSharesComeToRest(t *testing.T) {
	t.Parallel()
	const most, targets = 12, 20
	all := nodes(t, "a", "b")
	docs := capped(most)
	for i := range targets {
		x := *docs[6].(*ringbid.Target)
		x.Name = fmt.Sprint("line-", i)
		docs = append(docs, &x)
	}
	apply(t, all[0], docs, false)
	for _, s := range all {
		until(t, "both know the targets", func() bool { return store.Nodes(s) == 2 && store.Room(s, "line-19") == 2*most/4 })
	}
	var sold [targets]atomic.Int64
	var work sync.WaitGroup
	for i, s := range all {
		over := make(chan struct{})
		work.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					_ = store.Deal(t.Context(), s) // it may find a target locked
				}
			}
		})
		work.Go(func() {
			defer close(over)
			for n := range targets * most {
				target := s.Book().Targets[fmt.Sprint("line-", n%targets)]
				sold[n%targets].Add(sell(t, s, target, fmt.Sprintf("call-%d-%d-", i, n), 1))
			}
		})
	}
	work.Wait()
	for n := range sold {
		until(t, "all of the cap is sold", func() bool {
			for _, s := range all {
				sold[n].Add(sell(t, s, s.Book().Targets[fmt.Sprint("line-", n)], ringbid.NewID(), 1))
			}
			return sold[n].Load() >= most
		})
		if got := sold[n].Load(); got != most {
			t.Errorf("%d of %d sold", got, most)
		}
	}
	until(t, "each is counted once", func() bool {
		return ask[int64](t, all[0], `SELECT sum(used)::bigint FROM cap_counters WHERE per = 'day'`) == most*targets
	})
}
