package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

// A node that comes back after so long a silence that others have its shares
// sells nothing of them, whatever it does first.
func TestShareOfANodeThatWasSilentForLong(t *testing.T) {
	t.Parallel()
	deal := func(s *store.Store) error { return store.Deal(context.Background(), s) }
	beat := func(s *store.Store) error { return store.Beat(context.Background(), s) }
	for name, steps := range map[string][]func(*store.Store) error{
		"it deals first": {deal, beat, deal},
		"it beats first": {beat, deal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := nodes(t, "a", "b")
			docs := sample()
			target := docs[6].(*ringbid.Target)
			target.Concurrency, target.Caps = 0, []ringbid.Cap{{On: "attempt", Per: "total", Limit: 12}}
			apply(t, all[0], docs, false)
			for _, s := range all {
				until(t, "each has a quarter", func() bool { return store.Room(s, target.Name) == 3 })
			}
			store.GoAway(all[0])
			store.Silence(all[0], 2*time.Hour)
			if _, err := all[1].Pool().Exec(t.Context(), `UPDATE nodes SET beat_at = beat_at - interval '2 hours' WHERE node = 'a'`); err != nil {
				t.Fatal(err)
			}
			until(t, "the other has all of it", func() bool { return store.Room(all[1], target.Name) == 12 })
			store.GoAway(all[1])
			for i, step := range steps {
				if err := step(all[0]); err != nil {
					t.Fatal(err)
				}
				if got := sell(t, all[0], target, fmt.Sprint("back-", i, "-"), 3); got != 0 {
					t.Errorf("after step %d: %d sold that are the other's", i, got)
				}
			}
			if got := sell(t, all[1], target, "other-", 13); got != 12 {
				t.Errorf("the other sold %d of 12", got)
			}
		})
	}
}

// What connected and converted keeps its room until it is counted, over a stop and
// a start, however long Postgres refuses it.
func TestRoomOfCallsThatAreNotCountedYet(t *testing.T) {
	t.Parallel()
	dsn, dir, box := storetest.DB(t), t.TempDir(), &outbox{}
	box.fail.Store(true)
	open := func(boot string) *store.Store {
		return storetest.Open(t, patient, func(c *store.Config) { c.DSN, c.Dir, c.Boot, c.Outbox = dsn, dir, boot, box })
	}
	s := open("first")
	docs := sample()
	target := docs[6].(*ringbid.Target)
	target.Concurrency, target.Caps = 0, []ringbid.Cap{{On: "convert", Per: "total", Limit: 1}}
	apply(t, s, docs, false)
	until(t, "it has the share", func() bool { return store.Room(s, target.Name) == 1 })
	if err := s.Reserve(t.Context(), "sold", target); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(t.Context(), bridged("sold")); err != nil {
		t.Fatal(err)
	}
	left := func(s *store.Store) string {
		t.Helper()
		return ask[string](t, s, `SELECT concat_ws(' ', (SELECT count(*) FROM leases), (SELECT coalesce(sum(n), 0) FROM cap_shares WHERE boot = 'first'),
			(SELECT coalesce(sum(used), 0) FROM cap_counters WHERE counts = 'convert'))`)
	}
	until(t, "the share is kept for it", func() bool { return left(s) == "1 1 0" })
	storetest.Close(t, s)
	s = open("second")
	if got := left(s); got != "1 1 0" {
		t.Errorf("leases, shares and uses after a new start: %s", got)
	}
	if got := sell(t, s, target, "again-", 2); got != 0 {
		t.Errorf("%d sold that the first call may have had", got)
	}
	box.fail.Store(false)
	until(t, "it is counted, and nothing else", func() bool { return s.Spooled() == 0 && left(s) == "0 0 1" })
	if got := sell(t, s, target, "more-", 2); got != 0 {
		t.Errorf("%d more sold than may convert", got)
	}
}

// What a target may no longer sell to calls is given back, for leads to have.
func TestSharesOfATargetWithoutCalls(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, patient)
	docs := capped(12)
	target := docs[6].(*ringbid.Target)
	target.Concurrency = 5
	apply(t, s, docs, false)
	shares := func(want string, room int64) {
		t.Helper()
		until(t, "shares "+want, func() bool {
			return store.Room(s, target.Name) == room &&
				ask[string](t, s, `SELECT coalesce(string_agg(concat_ws(' ', counts, per, n), ', ' ORDER BY counts, per), '') FROM cap_shares WHERE n > 0`) == want
		})
	}
	shares("attempt day 12, attempt total 12, line total 5", 29)
	changed := *target
	changed.Caps = target.Caps[1:] // the day's is left
	docs[6] = &changed
	apply(t, s, docs, false)
	shares("attempt day 12, line total 5", 17)
	changed.Caps, changed.Trunk, changed.User, changed.Methods = target.Caps, "", "", []ringbid.Way{{Method: "inbox"}}
	apply(t, s, append(docs, &ringbid.Method{Name: "inbox", Type: "portal", Buyer: "acme"}), false)
	shares("", 0)
	if why := ask[string](t, s, `SELECT take_caps('acme-line', '{attempt}', '{total}', '{1970-01-01}', '{12}', '{12}')`); why != "" {
		t.Errorf("leads may not have it: %s", why)
	}
	docs[6] = target
	apply(t, s, docs, false)
	shares("attempt day 12, line total 5", 17) // what leads had is used
}
