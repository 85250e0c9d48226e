package trade

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/store/localpg"
	"github.com/ringbid/ringbid/store/storetest"
)

// ownCluster runs a Postgres of the test's own, which it may stop.
func ownCluster(t *testing.T, dir string) (dsn string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := localpg.Start(ctx, localpg.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return c.DSN(), stop
}

// TestPostgresStops takes Postgres away between the sending of two leads and the
// report: what the buyers said is written down when it is back, once. Meanwhile a
// post is told to come again.
func TestPostgresStops(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("stops and starts a Postgres")
	}
	dir := filepath.Join(storetest.Dir(t), "pg")
	dsn, stop := ownCluster(t, dir)
	r, g := openRig(t, parts{dsn: dsn}), newGate(t)
	r.publish(slices.Concat(basics("acme", "next"), buyer("acme", "20.00", g.method("api", `{"timeout":"40s"}`)), buyer("next", "5.00", inbox("next")))...)
	ids := r.queued("solar-main", 2)
	var ended []func()
	for _, id := range ids {
		ended = append(ended, r.deliver(id))
		<-g.came
	}
	stop()
	g.answer <- http.StatusOK
	g.answer <- http.StatusNotFound
	p := intake.Posting{Way: "direct", External: "ext-1", Values: person()}
	if a, err := r.send(p); ringbid.KindOf(err) != ringbid.Unavailable {
		t.Errorf("a post meanwhile: %+v, %v", a, err)
	}
	if _, err := r.Engine.Deliver(t.Context(), ids[0]); ringbid.KindOf(err) != ringbid.Unavailable {
		t.Errorf("a try meanwhile: %v", err)
	}
	ownCluster(t, dir)
	for _, wait := range ended {
		wait()
	}
	r.until("the store is back", func() bool { return !r.store.Away() && r.store.Ping(t.Context()) == nil })
	states := map[ringbid.PurchaseState]int{}
	for _, id := range ids {
		l := r.settle(r.delivery(id).Lead)
		states[l.Purchases[0].State]++
		if len(l.Deliveries[0].Tries) != 1 || l.State != ringbid.LeadSold {
			t.Errorf("%v, %s", steps(l), l.State)
		}
	}
	if states[ringbid.PurchaseAccepted] != 1 || states[ringbid.PurchaseFailed] != 1 || g.counter.Load() != 2 {
		t.Errorf("%v; sent %d times", states, g.counter.Load())
	}
	if a := r.sendOK(p); a.Status != "pending" || a.Repeat {
		t.Errorf("the post again: %+v", a)
	}
	r.balanced()
}
