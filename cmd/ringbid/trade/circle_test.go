package trade

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

// TestPeopleAndWorkersMeet lets a buyer's people look at leads, and partners tell
// of them, while the same leads are being delivered and given back. Postgres is
// told not to resolve deadlocks within the test, so that there must be none.
func TestPeopleAndWorkersMeet(t *testing.T) {
	t.Parallel()
	dsn := storetest.DB(t)
	sluggish(t, dsn)
	r := openRig(t, parts{dsn: dsn})
	box := inbox("acme")
	box.Assign = "round_robin"
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", box), agents("acme", "ann", "bob"))...)
	var all sync.WaitGroup
	for i := range 40 {
		l := r.lead(r.post(person(), "").LeadID)
		purchase := l.Purchases[0].ID
		act := func(kind, text string) error {
			return r.store.Act(t.Context(), "acme", ringbid.Activity{Lead: l.ID, At: r.clock.Now(), By: "ann", Kind: kind, Text: text})
		}
		for _, do := range []func() error{
			func() error { _, err := r.Engine.Deliver(t.Context(), l.Deliveries[0].ID); return err },
			func() error { return act("viewed", "") },
			func() error { return act("status", "contacted") },
			func() error {
				_, err := r.store.TakeEvent(t.Context(), store.HookEvent{Hook: "news", Buyer: "acme", ID: fmt.Sprint(i), Lead: l.ID, Status: "returned", At: r.clock.Now()})
				return err
			},
			func() error {
				err := r.store.DecideReturn(t.Context(), purchase, true, "boss")
				if ringbid.KindOf(err) == ringbid.Conflict { // nobody has asked for it yet
					return nil
				}
				return err
			},
		} {
			all.Go(func() {
				if err := do(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, l := range r.page(store.LeadFilter{Limit: 100}) {
		r.settle(l.ID)
	}
	r.balanced()
}

// page lists leads.
func (r *rig) page(f store.LeadFilter) []ringbid.Lead {
	r.t.Helper()
	p, err := r.store.Leads(r.t.Context(), f)
	if err != nil {
		r.t.Fatal(err)
	}
	return p.Leads
}

// leadsOf asks for the leads of a source.
func leadsOf(source string) store.LeadFilter { return store.LeadFilter{Source: source, Limit: 500} }
