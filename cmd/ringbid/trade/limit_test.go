package trade

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// TestRate lets two nodes send thirty leads to an endpoint that takes five a
// second: no second sees more, however often they come.
func TestRate(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	api := r.httpMethod("api", "acme", "")
	api.Rate, api.Patience = 5, ringbid.Duration(time.Hour)
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", api))...)
	twin := r.twin()
	ids := r.queued("solar-main", 30)
	sent := func() int { return r.buyers.Count("acme").Posts }
	for second := range 6 {
		for range 2 { // the second time nobody has a right to
			var all sync.WaitGroup
			for i, id := range ids {
				all.Go([]*rig{r, twin}[i%2].deliver(id))
			}
			all.Wait()
			if n := sent(); n != 5*(second+1) {
				t.Fatalf("%d are sent in second %d", n, second)
			}
		}
		r.clock.advance(time.Second)
	}
	r.clock.advance(time.Minute) // what was not used is not saved up
	more := r.queued("solar-main", 12)
	r.try(more...)
	if n := sent(); n != 35 {
		t.Errorf("%d are sent after a minute of silence", n-30)
	}
	r.clock.advance(200 * time.Millisecond)
	r.try(more...)
	if n := sent(); n != 36 {
		t.Errorf("%d are sent a fifth of a second later", n-35)
	}
	r.balanced()
}

// TestConcurrency lets two nodes come with eight leads at once to an endpoint that
// takes three.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	r, g := newRig(t, nil, nil), newGate(t)
	api := g.method("api", `{"timeout":"20s"}`)
	api.Concurrency = 3
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", api))...)
	twin := r.twin()
	ids := r.queued("solar-main", 8)
	var all, early sync.WaitGroup
	early.Add(5)
	for i, id := range ids {
		node := []*rig{r, twin}[i%2]
		all.Go(func() {
			again, err := node.Engine.Deliver(t.Context(), id)
			if err != nil {
				t.Error(err)
			}
			if again > 0 {
				early.Done()
			}
		})
	}
	early.Wait() // five have been told to come again
	for range 3 {
		<-g.came
	}
	if n := g.counter.Load(); n != 3 {
		t.Errorf("%d at once", n)
	}
	for range 3 {
		g.answer <- http.StatusOK
	}
	all.Wait()
	for range 5 {
		g.answer <- http.StatusOK
	}
	for _, id := range ids {
		if l := r.settle(r.delivery(id).Lead); l.State != ringbid.LeadSold {
			t.Errorf("%v", steps(l))
		}
	}
	if n := g.counter.Load(); n != 8 {
		t.Errorf("%d were sent", n)
	}
	r.balanced()
}

// TestPausedMethod sends nothing, however long, and goes on when it is told to.
func TestPausedMethod(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	api := r.httpMethod("api", "acme", "")
	api.Paused = true
	r.publish(slices.Concat(basics("acme", "next"), buyer("acme", "20.00", api), buyer("next", "5.00", inbox("next")))...)
	id := r.queued("solar-main", 1)[0]
	for range 3 {
		if again := r.try(id); again != 15*time.Second {
			t.Errorf("come again in %s", again)
		}
		r.clock.advance(time.Hour)
	}
	if d := r.delivery(id); d.State != ringbid.DeliveryQueued || d.Count != 0 || r.buyers.Count("acme").Posts != 0 {
		t.Errorf("%s", asJSON(d))
	}
	again := *api
	again.Paused = false
	r.publish(&again)
	if l := r.settle(r.delivery(id).Lead); l.State != ringbid.LeadSold || len(l.Purchases) != 1 {
		t.Errorf("%v", steps(l))
	}
}
