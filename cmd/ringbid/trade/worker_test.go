package trade

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store/storetest"
)

// begin claims a delivery and does no more: a worker that dies.
func (r *rig) begin(id string) ringbid.Work {
	r.t.Helper()
	w, err := r.store.BeginTry(r.t.Context(), id, func(string) ringbid.WorkLimits { return ringbid.WorkLimits{} })
	if err != nil || w.Claim == "" {
		r.t.Fatalf("begin: %+v, %v", w, err)
	}
	return w
}

// TestUnfinishedTry finds a try whose worker is gone: it may have been sent. A
// plain connector does not send it again, an idempotent one does.
func TestUnfinishedTry(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	r.publish(buyer("next", "5.00", inbox("next"))...)
	for name, c := range map[string]struct {
		patch string
		lead  ringbid.LeadState
		steps []string
		sent  int
	}{
		"plain":      {"", ringbid.LeadHeld, []string{"api-plain primary held after 1, to be seen"}, 0},
		"idempotent": {`{"idempotent":true}`, ringbid.LeadSold, []string{"api-idempotent primary accepted after 2"}, 1},
	} {
		docs := named(name, basics(name, "next"))
		r.publish(slices.Concat(docs, buyer(name, "20.00", r.httpMethod("api-"+name, "acme", c.patch)))...)
		before := r.buyers.Count("acme").Posts
		id := r.queued(name, 1)[0]
		r.begin(id)
		r.clock.advance(49 * time.Second)
		if again := r.try(id); again <= 0 || again > 5*time.Second || r.delivery(id).State != ringbid.DeliverySending {
			t.Errorf("%s: after 49 s: come again in %s, %s", name, again, asJSON(r.delivery(id)))
		}
		r.clock.advance(2 * time.Second)
		l := r.settle(r.delivery(id).Lead)
		if d := gocmp.Diff(c.steps, steps(l)); d != "" || l.State != c.lead {
			t.Errorf("%s: %s %s", name, l.State, d)
		}
		first := l.Deliveries[0].Tries[0]
		if first.Class != string(connector.ClassAmbiguous) || first.Code != string(delivery.CodeWorker) || first.Sent != string(connector.SentMaybe) {
			t.Errorf("%s: %s", name, asJSON(first))
		}
		if n := r.buyers.Count("acme").Posts - before; n != c.sent {
			t.Errorf("%s: sent %d times", name, n)
		}
	}
	r.balanced()
}

// A node that has left is not waited for.
func TestWorkerOfAnotherNode(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", r.httpMethod("api", "acme", `{"idempotent":true}`)))...)
	twin := r.twin()
	id := r.queued("solar-main", 1)[0]
	twin.begin(id)
	if again := r.try(id); again <= 0 {
		t.Errorf("while it runs: %s", asJSON(r.delivery(id)))
	}
	storetest.Close(t, twin.store)
	if _, err := r.store.Pool().Exec(t.Context(), `UPDATE nodes SET beat_at = now() - interval '1 hour' WHERE node = 'twin'`); err != nil {
		t.Fatal(err)
	}
	if l := r.settle(r.delivery(id).Lead); l.State != ringbid.LeadSold || len(l.Deliveries[0].Tries) != 2 || r.buyers.Kept("acme", l.ID) != 1 {
		t.Errorf("%v", steps(l))
	}
}

// TestTwoWorkers lets ten workers on two nodes find the same delivery: one sends.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	r, g := newRig(t, nil, nil), newGate(t)
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", g.method("api", `{"timeout":"20s"}`)))...)
	twin := r.twin()
	id := r.queued("solar-main", 1)[0]
	var all, early sync.WaitGroup
	early.Add(9)
	for i := range 10 {
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
	early.Wait()
	<-g.came
	g.answer <- http.StatusOK
	all.Wait()
	if again := r.try(id); again != 0 || g.counter.Load() != 1 {
		t.Errorf("sent %d times, come again in %s", g.counter.Load(), again)
	}
	if l := r.lead(r.delivery(id).Lead); l.State != ringbid.LeadSold || len(l.Deliveries[0].Tries) != 1 {
		t.Errorf("%v", steps(l))
	}
	r.balanced()
}

// TestLateReport comes from a worker that was taken for gone: it changes nothing
// any more, and the lead is sold once.
func TestLateReport(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", r.httpMethod("api", "acme", `{"idempotent":true}`)))...)
	id := r.queued("solar-main", 1)[0]
	w := r.begin(id)
	r.clock.advance(51 * time.Second)
	l := r.settle(w.Lead.ID)
	late := ringbid.TryReport{Delivery: id, Claim: w.Claim, State: ringbid.DeliveryAccepted, Verdict: ringbid.PurchaseAccepted, Breaker: "success",
		Sale: ringbid.Sale{Price: 1, Revenue: 1}, Try: ringbid.Try{N: 1, Class: "accepted"}}
	if err := r.store.EndTry(context.Background(), late); ringbid.KindOf(err) != ringbid.Conflict {
		t.Errorf("a late report: %v", err)
	}
	if d := gocmp.Diff(l, r.lead(l.ID)); d != "" {
		t.Error(d)
	}
	if n := ask[int](r, `SELECT count(*) FROM entries WHERE account = 'receivable'`); n != 1 || l.State != ringbid.LeadSold {
		t.Errorf("booked %d times; %s", n, l.State)
	}
	r.balanced()
}
