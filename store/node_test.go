package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

// The calls of a node that is cut off are taken for lost soon, but still talk: it
// takes much longer until others sell its lines, unless it starts again.
func TestLinesOfANodeThatIsCutOff(t *testing.T) {
	t.Parallel()
	dsn, keys := storetest.DB(t), filepath.Join(t.TempDir(), "keys")
	open := func(node string) *store.Store {
		return storetest.Open(t, patient, func(c *store.Config) {
			c.DSN, c.KeyFile, c.Node, c.Heartbeat = dsn, keys, node, 100*time.Millisecond
		})
	}
	s := open("alive")
	target := &ringbid.Target{Name: "line", Concurrency: 2}
	silent := func(node, since string) {
		t.Helper()
		if _, err := s.Pool().Exec(t.Context(), `UPDATE nodes SET beat_at = now() - $2::text::interval WHERE node = $1`, node, since); err != nil {
			t.Fatal(err)
		}
	}
	leases := func(node string) int {
		t.Helper()
		return ask[int](t, s, `SELECT count(*) FROM leases WHERE node = $1`, node)
	}
	for _, node := range []string{"cut", "killed"} {
		x := open(node)
		if err := x.Reserve(t.Context(), "call-"+node, target); err != nil {
			t.Fatal(err)
		}
		call := bridged("call-" + node)
		call.Node = node
		x.Started(call)
		until(t, "the call is live", func() bool {
			return ask[int](t, s, `SELECT count(*) FROM calls WHERE id = $1 AND state = 'live'`, call.ID) == 1
		})
		store.GoAway(x)
		silent(node, "10 minutes")
		until(t, "the call is taken for lost", func() bool {
			return ask[int](t, s, `SELECT count(*) FROM calls WHERE id = $1 AND reason_code = 'node_lost'`, call.ID) == 1
		})
		if leases(node) != 1 {
			t.Errorf("%s: its line is free while its call may talk", node)
		}
		storetest.Close(t, x)
	}
	if err := s.Reserve(t.Context(), "third", target); ringbid.KindOf(err) != ringbid.Busy {
		t.Errorf("a third call on two lines: %v", err)
	}
	open("killed")
	if leases("killed") != 0 || leases("cut") != 1 {
		t.Errorf("after one started again %d of its lines are held, and %d of the other's", leases("killed"), leases("cut"))
	}
	silent("cut", "16 minutes")
	until(t, "the line of the node that stays away", func() bool { return leases("cut") == 0 })
}
