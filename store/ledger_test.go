package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

// patient gives statements the time a busy machine needs, so that what Postgres
// decides is tested and not the share.
func patient(c *store.Config) { c.Budget = 10 * time.Second }

func nodes(t *testing.T, names ...string) []*store.Store {
	t.Helper()
	dsn, keys := storetest.DB(t), filepath.Join(t.TempDir(), "keys")
	var out []*store.Store
	for _, n := range names {
		out = append(out, storetest.Open(t, patient, func(c *store.Config) { c.DSN, c.KeyFile, c.Node = dsn, keys, n }))
	}
	return out
}

// rush makes every node reserve for many calls at once, and returns how many got
// a slot.
func rush(t *testing.T, all []*store.Store, target *ringbid.Target, calls int) int {
	t.Helper()
	var wg sync.WaitGroup
	var got atomic.Int64
	for i, s := range all {
		for n := range calls {
			wg.Go(func() {
				err := s.Reserve(context.Background(), fmt.Sprintf("call-%d-%d", i, n), target)
				switch {
				case err == nil:
					got.Add(1)
				case ringbid.KindOf(err) != ringbid.Busy:
					t.Errorf("reserve: %v", err)
				}
			})
		}
	}
	wg.Wait()
	return int(got.Load())
}

func TestConcurrencyIsNeverOversold(t *testing.T) {
	t.Parallel()
	all := nodes(t, "a", "b", "c")
	target := &ringbid.Target{Name: "line", Concurrency: 7}
	got := rush(t, all, target, 40)
	if got > 7 {
		t.Errorf("%d slots of 7 were given out", got)
	}
	if late := sell(t, all[1], target, "late-", 8); got+int(late) != 7 { // a busy machine refuses some
		t.Errorf("%d and %d slots of 7 were given out", got, late)
	}
	if n := ask[int](t, all[0], `SELECT count(*) FROM leases`); n != 7 {
		t.Errorf("%d leases", n)
	}
	for _, s := range all {
		until(t, "every node sees that the target is full", func() bool { _, full := s.Full(target); return full })
	}
}

func TestAttemptCapIsNeverOversold(t *testing.T) {
	t.Parallel()
	all := nodes(t, "a", "b")
	target := &ringbid.Target{Name: "capped", Zone: "America/Los_Angeles", Caps: []ringbid.Cap{
		{On: "attempt", Per: "day", Limit: 9}, {On: "attempt", Per: "total", Limit: 100}, {On: "revenue", Per: "month", Amount: 1}}}
	got := rush(t, all, target, 30)
	if got > 9 {
		t.Errorf("%d attempts of 9 were let through", got)
	}
	if late := sell(t, all[1], target, "late-", 10); got+int(late) != 9 { // a busy machine refuses some
		t.Errorf("%d and %d attempts of 9 were let through", got, late)
	}
	if n := ask[int64](t, all[0], `SELECT used FROM cap_counters WHERE per = 'day'`); n != 9 {
		t.Errorf("%d attempts counted", n)
	}
	until(t, "all know", func() bool {
		reason, full := all[0].Full(target)
		return full && reason == "cap reached: 9 attempts a day"
	})
	all[0].Release(t.Context(), "call-0-0", "capped")
	if err := all[0].Reserve(t.Context(), "again", target); ringbid.KindOf(err) != ringbid.Busy {
		t.Errorf("an attempt is given back: %v", err)
	}
}

func TestReserveAndRelease(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, patient)
	target := &ringbid.Target{Name: "one", Concurrency: 1, Caps: []ringbid.Cap{{On: "attempt", Per: "hour", Limit: 3}}}
	reserve := func(call string) error { return s.Reserve(t.Context(), call, target) }
	for range 2 { // the same call again changes nothing
		if err := reserve("first"); err != nil {
			t.Fatal(err)
		}
	}
	if err := reserve("second"); ringbid.KindOf(err) != ringbid.Busy || err.Error() != "its one line is busy" {
		t.Errorf("second: %v", err)
	}
	for range 2 {
		s.Release(t.Context(), "first", "one")
	}
	if err := reserve("second"); err != nil {
		t.Errorf("after the release: %v", err)
	}
	if n := ask[int64](t, s, `SELECT used FROM cap_counters WHERE target = 'one'`); n != 2 {
		t.Errorf("%d attempts counted", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Reserve(gone, "third", target); err == nil || ringbid.KindOf(err) == ringbid.Busy {
		t.Errorf("for a caller who has gone: %v", err)
	}
	if s.Load("one") != 1 {
		t.Errorf("load %d", s.Load("one"))
	}
	s.Release(t.Context(), "nobody", "nothing")
}

// Connects and conversions are counted when calls settle; what is on the line
// may become one.
func TestConvertCap(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, patient)
	docs := sample()
	target := docs[6].(*ringbid.Target)
	target.Concurrency = 0
	target.Caps = []ringbid.Cap{{On: "connect", Per: "total", Limit: 3}, {On: "convert", Per: "day", Limit: 2}, {On: "revenue", Per: "month", Amount: 750000}}
	apply(t, s, docs, false)
	if err := s.Reserve(t.Context(), "c1", target); err != nil {
		t.Fatal(err)
	}
	if err := s.Reserve(t.Context(), "c2", target); err != nil {
		t.Fatal(err)
	}
	if err := s.Reserve(t.Context(), "c3", target); ringbid.KindOf(err) != ringbid.Busy || err.Error() != "cap reached: 2 paid calls a day" {
		t.Errorf("with two that may convert: %v", err)
	}
	one := bridged("c1")
	one.Connected, one.Received = ptr(time.Now()), time.Now()
	if err := s.Settle(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(t.Context(), short(2)); err != nil {
		t.Fatal(err)
	}
	s.Release(t.Context(), "c2", target.Name)
	until(t, "one converted, none on the line: a slot", func() bool { return s.Reserve(t.Context(), "c4", target) == nil })
	if err := s.Reserve(t.Context(), "c5", target); ringbid.KindOf(err) != ringbid.Busy {
		t.Errorf("one converted, one on the line: %v", err)
	}
	got := ask[string](t, s, `SELECT string_agg(counts || '=' || used, ' ' ORDER BY counts) FROM cap_counters`)
	if got != "connect=1 convert=1 revenue=250000" {
		t.Errorf("counters: %s", got)
	}
}

func TestLeasesOfADeadNodeComeBack(t *testing.T) {
	t.Parallel()
	dsn, keys := storetest.DB(t), filepath.Join(t.TempDir(), "keys")
	open := func(node string) *store.Store {
		return storetest.Open(t, patient, func(c *store.Config) {
			c.DSN, c.KeyFile, c.Node, c.Heartbeat = dsn, keys, node, 100*time.Millisecond
		})
	}
	s := open("alive")
	target := &ringbid.Target{Name: "line", Concurrency: 1}
	for _, sql := range []string{
		`INSERT INTO nodes (node, boot, started_at, beat_at) VALUES ('dead', 'x', now() - interval '1 hour', now() - interval '1 minute')`,
		`INSERT INTO leases (target, call_id, node, boot) VALUES ('line', 'its', 'dead', 'x')`,
	} {
		if _, err := s.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the slot of the dead node", func() bool { return s.Reserve(t.Context(), "ours", target) == nil })
	// What Postgres forgot of a living node is put back.
	if _, err := s.Pool().Exec(t.Context(), `DELETE FROM leases`); err != nil {
		t.Fatal(err)
	}
	until(t, "our lease again", func() bool { return ask[int](t, s, `SELECT count(*) FROM leases WHERE call_id = 'ours'`) == 1 })
	// And what it has too much is taken away.
	if _, err := s.Pool().Exec(t.Context(), `INSERT INTO leases (target, call_id, node, boot, taken_at)
		SELECT 'line', 'nobody', node, boot, now() - interval '1 minute' FROM nodes WHERE node = 'alive'`); err != nil {
		t.Fatal(err)
	}
	until(t, "one lease", func() bool { return ask[int](t, s, `SELECT count(*) FROM leases`) == 1 })
}
