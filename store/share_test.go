package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
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
