package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

// A call that takes its slot while the leases are put right keeps its lease,
// however long the transaction took to begin.
func TestLeaseTakenWhileLeasesArePutRight(t *testing.T) {
	t.Parallel()
	dsn, keys := storetest.DB(t), filepath.Join(t.TempDir(), "keys")
	way := newStall(t, dsn)
	direct := storetest.Open(t, func(c *store.Config) { c.DSN, c.KeyFile, c.Node = dsn, keys, "other" })
	docs := sample()
	docs[6].(*ringbid.Target).Concurrency = 8
	apply(t, direct, docs, false)
	s := storetest.Open(t, func(c *store.Config) { c.DSN, c.KeyFile, c.Boot = way.dsn, keys, "this" })
	target := s.Book().Targets["acme-line"]
	until(t, "it has a line of its own", func() bool { return store.Room(s, target.Name) > 0 })
	store.GoAway(s) // nothing but what the test does from here on
	way.set(true, false, false)
	done := make(chan error, 1)
	go func() { done <- store.Reconcile(t.Context(), s) }()
	until(t, "the transaction is about to begin", func() bool { return way.holds("begin") })
	if err := s.Reserve(t.Context(), "live", target); err != nil {
		t.Fatal(err)
	}
	store.Age(s, 3*time.Second)
	if _, err := direct.Pool().Exec(t.Context(), `INSERT INTO leases (target, call_id, node, boot, taken_at) VALUES
		($1, 'live', 'test', 'this', now() - interval '3 seconds'), ($1, 'over', 'test', 'this', now() - interval '3 seconds')`, target.Name); err != nil {
		t.Fatal(err)
	}
	way.set(false, false, false)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := ask[string](t, direct, `SELECT coalesce(string_agg(call_id, ' '), '') FROM leases WHERE node = 'test'`); got != "live" {
		t.Errorf("leases of %q", got)
	}
}
