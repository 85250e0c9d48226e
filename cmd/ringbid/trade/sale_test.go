package trade

import (
	"slices"
	"testing"

	"github.com/ringbid/ringbid"
)

// TestSoldLead takes one lead from its post to the buyer's acceptance.
func TestSoldLead(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", r.httpMethod("acme-api", "good", "")))...)
	a := r.post(person(), "ext-1")
	if a.Status != "pending" || a.LeadID == "" {
		t.Fatalf("%+v", a)
	}
	l := r.settle(a.LeadID)
	if l.State != ringbid.LeadSold || l.Sale.Revenue.String() != "20.00" || l.Sale.Payout.String() != "12.00" {
		t.Fatalf("%s", asJSON(l))
	}
	p := l.Purchases[0]
	if p.State != ringbid.PurchaseAccepted || p.Partner == "" || p.Sale.Payout.String() != "12.00" {
		t.Errorf("%s", asJSON(p))
	}
	tr := l.Deliveries[0].Tries[0]
	if tr.Class != "accepted" || tr.Request == "" || tr.Response == "" || tr.Fields == "" {
		t.Errorf("%s", asJSON(tr))
	}
	if n := r.buyers.Kept("good", l.ID); n != 1 {
		t.Errorf("the buyer has it %d times", n)
	}
	again := r.post(person(), "ext-1")
	if !again.Repeat || again.Status != "accepted" || again.LeadID != a.LeadID || again.Price.String() != "12.00" {
		t.Errorf("%+v", again)
	}
	r.ledgerZero()
}

// TestWaterfall lets the first two buyers refuse and fail: the third has it, and
// its money counts as recovered.
func TestWaterfall(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.publish(slices.Concat(basics("first", "second", "third"),
		buyer("first", "30.00", r.httpMethod("first-api", "reject", "")),
		buyer("second", "25.00", r.httpMethod("second-api", "422", "")),
		buyer("third", "10.00", r.httpMethod("third-api", "good", "")))...)
	l := r.settle(r.post(person(), "").LeadID)
	if l.State != ringbid.LeadSold || !l.Recovered || l.Sale.Revenue.String() != "10.00" {
		t.Fatalf("%s", asJSON(l))
	}
	var states []ringbid.PurchaseState
	for _, p := range l.Purchases {
		states = append(states, p.State)
	}
	want := []ringbid.PurchaseState{ringbid.PurchaseRejected, ringbid.PurchaseFailed, ringbid.PurchaseAccepted}
	if !slices.Equal(states, want) {
		t.Errorf("purchases %v, want %v", states, want)
	}
	var recovered int64
	if err := r.store.Pool().QueryRow(t.Context(), `SELECT sum(recovered_revenue)::bigint FROM lead_hours`).Scan(&recovered); err != nil || recovered != 100_000 {
		t.Errorf("recovered %d %v", recovered, err)
	}
	r.ledgerZero()
}
