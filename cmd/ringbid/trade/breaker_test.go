package trade

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// queued posts leads to a source and returns their first deliveries.
func (r *rig) queued(source string, n int) []string {
	r.t.Helper()
	var ids []string
	for range n {
		ids = append(ids, r.lead(r.sendTo(source, person()).LeadID).Deliveries[0].ID)
	}
	return ids
}

// try makes one try of each delivery.
func (r *rig) try(ids ...string) (again time.Duration) {
	r.t.Helper()
	for _, id := range ids {
		var err error
		if again, err = r.Engine.Deliver(r.t.Context(), id); err != nil {
			r.t.Fatal(err)
		}
	}
	return again
}

// delivery reads a delivery as it is now.
func (r *rig) delivery(id string) *ringbid.Delivery {
	r.t.Helper()
	d, err := r.store.Delivery(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// alone is a rig whose one buyer has its inbox behind a simulated endpoint.
func alone(t *testing.T, buying, patch string) *rig {
	t.Helper()
	r := newRig(t, nil, nil)
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", r.httpMethod("api", buying, patch)))...)
	return r
}

// TestBreakerOpens counts failures in a row: ten within five minutes open it, nine
// do not, a success begins anew, and ten that are further apart do not either.
func TestBreakerOpens(t *testing.T) {
	t.Parallel()
	r := alone(t, "broken", "")
	set := func(f sim.LeadFault) {
		t.Helper()
		if err := r.buyers.Set("broken", sim.LeadBuying{Fault: f}); err != nil {
			t.Fatal(err)
		}
	}
	set(sim.LeadFault500)
	r.try(r.queued("solar-main", 9)...)
	if got := r.breaker("api"); got != "9" {
		t.Errorf("after nine failures: %s", got)
	}
	set(sim.LeadFaultRefuse200) // it works, and does not want it
	r.try(r.queued("solar-main", 1)...)
	if got := r.breaker("api"); got != "0" {
		t.Errorf("after a refusal: %s", got)
	}
	set(sim.LeadFault500)
	for range 30 {
		r.try(r.queued("solar-main", 1)...)
		r.clock.advance(34 * time.Second)
	}
	if got := r.breaker("api"); got == "open" {
		t.Error("open after failures that are 34 s apart")
	}
	r.clock.advance(5 * time.Minute)
	for i := range 10 {
		if got := r.breaker("api"); got == "open" {
			t.Errorf("open after %d failures", i)
		}
		r.try(r.queued("solar-main", 1)...)
		r.clock.advance(33 * time.Second)
	}
	if got := r.breaker("api"); got != "open" {
		t.Errorf("after ten failures within five minutes: %s", got)
	}
	before := r.buyers.Count("broken").Posts
	r.try(r.queued("solar-main", 3)...)
	if n := r.buyers.Count("broken").Posts - before; n > 1 { // one may look
		t.Errorf("%d leads are sent to an endpoint that is not asked", n)
	}
	if err := r.store.CloseBreaker(t.Context(), "api"); err != nil || r.breaker("api") != "0" {
		t.Errorf("closed by hand: %v, %s", err, r.breaker("api"))
	}
}

// TestBreakerSlides has a lone failure and then, four minutes later, ten within two
// minutes: they open the breaker, though the fifth minute after the first failure
// ends between them.
func TestBreakerSlides(t *testing.T) {
	t.Parallel()
	r := alone(t, "broken", "")
	if err := r.buyers.Set("broken", sim.LeadBuying{Fault: sim.LeadFault500}); err != nil {
		t.Fatal(err)
	}
	r.try(r.queued("solar-main", 1)...)
	r.clock.advance(4 * time.Minute)
	for i := range 10 {
		if got := r.breaker("api"); got == "open" && i < 9 { // the lone one still counts
			t.Fatalf("open after %d failures", i)
		}
		r.try(r.queued("solar-main", 1)...)
		r.clock.advance(13 * time.Second)
	}
	if got := r.breaker("api"); got != "open" {
		t.Errorf("after ten failures within two minutes: %s", got)
	}
}

// breakIt opens the breaker of a method at once: the endpoint does not know us.
func (r *rig) breakIt(method, buying string) {
	r.t.Helper()
	if err := r.buyers.SetFault(buying, sim.LeadFault401); err != nil {
		r.t.Fatal(err)
	}
	r.try(r.queued("solar-main", 1)...)
	if got := r.breaker(method); got != "open" {
		r.t.Fatalf("after a 401 the breaker is %s", got)
	}
	if err := r.readBroken(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// TestOpenBreaker sends what waits to the next buyer at once, and keeps new
// auctions from a buyer none of whose ways is open.
func TestOpenBreaker(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	r.publish(slices.Concat(basics("acme", "next"), buyer("acme", "20.00", r.httpMethod("api", "acme", "")), buyer("next", "5.00", inbox("next")))...)
	waiting := r.queued("solar-main", 2)
	r.breakIt("api", "acme")
	before := r.buyers.Count("acme").Posts
	for _, id := range waiting {
		if again := r.try(id); again != 0 {
			t.Errorf("it waits for %s", again)
		}
		l := r.settle(r.delivery(id).Lead)
		d := l.Deliveries[0]
		if l.State != ringbid.LeadSold || l.Purchases[1].Buyer != "next" || !l.Recovered || len(d.Tries) != 0 || d.Code != "breaker_open" || d.State != ringbid.DeliveryFailed || !d.Exception {
			t.Errorf("%s", asJSON(l))
		}
		if !strings.HasPrefix(d.Reason, "the endpoint is not asked: ") || !strings.Contains(d.Reason, "key is not known") {
			t.Errorf("because %s", d.Reason)
		}
	}
	l := r.lead(r.post(person(), "").LeadID)
	i := slices.IndexFunc(l.Auction.Bids, func(b ringbid.Bid) bool { return b.Name == "acme" })
	if b := l.Auction.Bids[i]; l.Purchases[0].Buyer != "next" || b.Code != "barred" || !strings.HasPrefix(b.Reason, "its endpoint is down: ") {
		t.Errorf("a new lead: %s", asJSON(b))
	}
	spare := buyer("acme", "20.00", r.httpMethod("api", "acme", ""), inbox("acme"))
	r.publish(spare...)
	l = r.settle(r.post(person(), "").LeadID)
	if l.Purchases[0].Buyer != "acme" || l.State != ringbid.LeadSold || l.Recovered {
		t.Errorf("with a way that is open: %s", asJSON(l))
	}
	if n := r.buyers.Count("acme").Posts - before; n != 0 {
		t.Errorf("%d leads are sent to an endpoint that is not asked", n)
	}
	r.balanced()
}

// A lead with nowhere else to go waits as long as its method's patience; one that
// the partner may have goes to nobody else.
func TestOpenBreakerWithoutOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	api := r.httpMethod("api", "acme", `{"idempotent":true,"timeout":"300ms"}`)
	api.Cooldown = ringbid.Duration(10 * time.Minute)
	r.publish(slices.Concat(basics("acme"), named("pair", basics("acme", "next"))[:1], named("pair", basics("acme"))[2:], buyer("acme", "20.00", api), buyer("next", "5.00", inbox("next")))...)
	waits := r.queued("solar-main", 1)[0]
	maybe := r.queued("pair", 1)[0]
	if err := r.buyers.SetFault("acme", sim.LeadFaultReset); err != nil {
		t.Fatal(err)
	}
	r.try(maybe)
	r.breakIt("api", "acme")
	for range 10 {
		r.clock.advance(29 * time.Second)
		if again := r.try(waits, maybe); again <= 0 {
			t.Fatal("one does not wait")
		}
	}
	if w, m := r.delivery(waits), r.delivery(maybe); w.State != ringbid.DeliveryQueued || m.State != ringbid.DeliveryRetry || !m.Maybe {
		t.Errorf("after 4:50: %s %s", asJSON(w), asJSON(m))
	}
	r.clock.advance(11 * time.Second)
	r.try(waits, maybe)
	w, m := r.lead(r.delivery(waits).Lead), r.lead(r.delivery(maybe).Lead)
	if d := w.Deliveries[0]; d.State != ringbid.DeliveryFailed || d.Code != "breaker_open" || !d.Exception || w.State != ringbid.LeadUnsold {
		t.Errorf("%s", asJSON(w))
	}
	if d := m.Deliveries[0]; d.State != ringbid.DeliveryHeld || !d.Exception || m.State != ringbid.LeadHeld || len(m.Purchases) != 1 {
		t.Errorf("%s", asJSON(m))
	}
	r.balanced()
}

// TestProbe lets ten leads come at once on two nodes when the cool-down is over:
// one looks. It fails, and nobody comes until the next cool-down; it succeeds, and
// all go.
func TestProbe(t *testing.T) {
	t.Parallel()
	r, g := newRig(t, nil, nil), newGate(t)
	method := g.method("api", `{"timeout":"20s"}`)
	method.Cooldown, method.Patience = ringbid.Duration(30*time.Second), ringbid.Duration(time.Hour)
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", method))...)
	twin := r.twin()
	ids := r.queued("solar-main", 11)
	open := r.deliver(ids[10])
	<-g.came
	g.answer <- http.StatusUnauthorized
	open()
	if got := r.breaker("api"); got != "open" {
		t.Fatalf("the breaker is %s", got)
	}
	rush := func(what string, status, want int) {
		t.Helper()
		before := g.counter.Load()
		var all, early sync.WaitGroup
		early.Add(len(ids) - 1 - want)
		for i, id := range ids[:10] {
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
		early.Wait() // those who do not look have been told to wait
		for range want {
			<-g.came
			g.answer <- status
		}
		all.Wait()
		if n := g.counter.Load() - before; n != int64(want) {
			t.Errorf("%s: %d look", what, n)
		}
	}
	rush("before the cool-down is over", 0, 0)
	r.clock.advance(30 * time.Second)
	rush("first look", http.StatusInternalServerError, 1)
	rush("right after", 0, 0)
	r.clock.advance(29 * time.Second)
	rush("just before the next", 0, 0)
	r.clock.advance(time.Second)
	rush("second look", http.StatusOK, 1)
	if got := r.breaker("api"); got != "0" {
		t.Errorf("after a success the breaker is %s", got)
	}
	if n := ask[int](r, `SELECT count(*) FROM deliveries WHERE state = 'accepted'`); n != 1 {
		t.Errorf("%d are accepted", n)
	}
	for range 9 {
		g.answer <- http.StatusOK
	}
	for _, id := range ids[:10] {
		r.settle(r.delivery(id).Lead)
	}
	if n := ask[int](r, `SELECT count(*) FROM deliveries WHERE state = 'accepted'`); n != 10 {
		t.Errorf("%d are accepted in the end", n)
	}
	r.balanced()
}

// A node that dies with many leads in its hands says nothing about the endpoint:
// they are taken over, and the breaker stays closed.
func TestLostWorkersOpenNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	api := r.httpMethod("api", "acme", `{"idempotent":true}`)
	api.Concurrency = 50
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", api))...)
	ids := r.queued("solar-main", 15)
	for _, id := range ids {
		if w, err := r.store.BeginTry(t.Context(), id, func(string) ringbid.WorkLimits { return ringbid.WorkLimits{} }); err != nil || w.Claim == "" {
			t.Fatalf("%+v, %v", w, err)
		}
	}
	r.clock.advance(51 * time.Second)
	r.try(ids...)
	if got := r.breaker("api"); got != "0" {
		t.Errorf("the breaker is %s", got)
	}
	sold := 0
	for _, l := range r.page(leadsOf("solar-main")) {
		if l := r.settle(l.ID); l.State == ringbid.LeadSold && r.buyers.Kept("acme", l.ID) == 1 {
			sold++
		} else {
			t.Errorf("%s", fmt.Sprint(steps(l)))
		}
	}
	if sold != 15 {
		t.Errorf("%d of 15 are sold", sold)
	}
	r.balanced()
}
