package trade

import (
	"slices"
	"sync"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// TestTokenRotation lets two nodes deliver to an org whose refresh token is used
// up each time: one refreshes for all, at the start and when the session has
// ended, and no token is spent twice.
func TestTokenRotation(t *testing.T) {
	t.Parallel()
	org, err := sim.NewSalesforce(sim.SalesforceConfig{ClientID: "id", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, org.Close) })
	org.Rotate(true)
	r := newRig(t, nil, nil)
	crm := &ringbid.Method{Name: "crm", Type: "http", Preset: "salesforce-rest", Concurrency: 50, Auth: ringbid.MethodAuth{
		Kind: "oauth_refresh", TokenURL: org.TokenURL(), ClientID: "id", ClientSecret: "secret", Refresh: "refresh-0",
	}}
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", crm))...)
	twin := r.twin()
	for round := 1; round <= 3; round++ {
		ids := r.queued("solar-main", 10)
		var all sync.WaitGroup
		for i, id := range ids {
			all.Go([]*rig{r, twin}[i%2].deliver(id))
		}
		all.Wait()
		for _, id := range ids {
			l := r.settle(r.delivery(id).Lead)
			if made := org.Leads()[l.ID]; l.State != ringbid.LeadSold || made.Writes != 1 || made.Fields["LastName"] != l.Facts["last_name"] {
				t.Errorf("round %d: %v, %+v", round, steps(l), made)
			}
		}
		if org.Tokens() != round || org.Spent() != 0 {
			t.Errorf("round %d: %d tokens were given out, %d spent twice", round, org.Tokens(), org.Spent())
		}
		org.KillSessions()
	}
	kept := ask[string](r, `SELECT body FROM tokens WHERE account = 'crm'`)
	if text, err := r.store.Token(t.Context(), "crm"); err != nil || text == "" || text == kept {
		t.Errorf("the token is not sealed: %v", err)
	}
	r.balanced()
}

// A refresh token that ends for good is for a person to see, and the next buyer
// has the lead.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	org, err := sim.NewSalesforce(sim.SalesforceConfig{ClientID: "id", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, org.Close) })
	r := newRig(t, nil, nil)
	crm := &ringbid.Method{Name: "crm", Type: "http", Preset: "salesforce-rest", Auth: ringbid.MethodAuth{
		Kind: "oauth_refresh", TokenURL: org.TokenURL(), ClientID: "id", ClientSecret: "secret", Refresh: "refresh-of-yesterday",
	}}
	r.publish(slices.Concat(basics("acme", "next"), buyer("acme", "20.00", crm), buyer("next", "5.00", inbox("next")))...)
	l := r.settle(r.post(person(), "").LeadID)
	d := by(t, l, "crm")
	if l.State != ringbid.LeadSold || !l.Recovered || d.State != ringbid.DeliveryFailed || !d.Exception || d.Code != "token" || r.breaker("crm") != "open" {
		t.Errorf("%s, breaker %s", asJSON(d), r.breaker("crm"))
	}
}
