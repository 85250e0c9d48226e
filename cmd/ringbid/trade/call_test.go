package trade

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
)

// callHouse sells calls: to a target with methods, to one without, and passes on
// by letter what nobody took.
func callHouse(t *testing.T) (*rig, *postOffice) {
	t.Helper()
	post := newPost(t)
	r := newRig(t, post.mailer(t), nil)
	crm := r.httpMethod("crm", "good", `{"map":{"fields":[{"to":"lead_id","from":"key"},{"to":"phone","from":"phone"},{"to":"seconds","from":"connected_seconds"},{"to":"zip","from":"zip"}]}}`)
	docs := ways(buyer("acme", "20.00", crm, inbox("acme"), newspaper("copy", "")), "primary", "fallback", "parallel")
	target(docs).Trunk, target(docs).User = "line", "100"
	r.publish(slices.Concat(docs, []ringbid.Document{
		&ringbid.Trunk{Name: "line", Address: "127.0.0.1:5060"}, &ringbid.Buyer{Name: "plain"}, &ringbid.Target{Name: "plain", Buyer: "plain", Trunk: "line", User: "200"},
		&ringbid.Flow{Name: "sell", Start: "dial", Nodes: []ringbid.Node{{ID: "dial", Type: ringbid.NodeDial, None: "bye"}, {ID: "bye", Type: ringbid.NodeHangup}}},
		&ringbid.Campaign{Name: "roofs", Flow: "sell", Routes: []ringbid.Route{{Target: "acme"}, {Target: "plain"}}, Missed: []string{"missed"}},
		&ringbid.Campaign{Name: "silent", Flow: "sell", Routes: []ringbid.Route{{Target: "acme"}}},
		&ringbid.Publisher{Name: "pete"}, newspaper("missed", ""),
	})...)
	return r, post
}

// call is one that the target took, for 41 s.
func (r *rig) call(id, target string) ringbid.Call {
	began := r.clock.Now().Add(-time.Minute)
	connected, ended := began.Add(9*time.Second), began.Add(50*time.Second)
	return ringbid.Call{
		ID: id, Node: "rig", State: ringbid.StateEnded, Trunk: "line", Number: "+18005550100", Caller: "+12135550188", CallerName: "JO DOE", Campaign: "roofs", Publisher: "pete",
		Received: began, Answered: &began, Connected: &connected, Ended: &ended, Outcome: ringbid.OutcomeBridged, EndedBy: "caller",
		Reason: ringbid.Reason{Code: "caller_hung_up", Text: "the caller hung up", Fault: ringbid.FaultNone}, Tags: ringbid.TagMap{"zip": "90210", "note": "roof\x00leaks"},
		Buyer: target, Target: target, ConnectedMS: 41_900, Sale: ringbid.Sale{Currency: "USD", Price: 200_000, Revenue: 200_000, Payout: 120_000, Converted: true, Rule: "paid"},
	}
}

// over settles a call and waits until it is in the database.
func (r *rig) over(c ringbid.Call) {
	r.t.Helper()
	if err := r.store.Settle(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
	r.until("call "+c.ID+" is settled", func() bool {
		return ask[int](r, `SELECT count(*) FROM calls WHERE id = $1 AND settled_at IS NOT NULL`, c.ID) == 1
	})
}

// TestBridgedCall becomes a lead of the same id, told to the buyer by all of its
// methods; it costs nothing more.
func TestBridgedCall(t *testing.T) {
	t.Parallel()
	r, post := callHouse(t)
	c := r.call("call-1", "acme")
	r.over(c)
	before := ask[string](r, `SELECT count(*) || ' ' || sum(abs(amount)) FROM entries`)
	l := r.settle("call-1")
	want := &ringbid.Lead{
		ID: "call-1", Node: "rig", State: ringbid.LeadCall, Received: c.Received, Campaign: "roofs", Publisher: "pete", Call: "call-1", Reason: c.Reason,
		Facts: ringbid.TagMap{
			"zip": "90210", "note": "roof\ufffdleaks", "phone": "+12135550188", "name": "JO DOE", "state": "CA", "call_id": "call-1", "number": "+18005550100", "outcome": "bridged",
			"call_received": c.Received.Format(time.RFC3339), "connected_seconds": "41",
		},
		Deliveries: l.Deliveries, Sale: ringbid.Sale{Currency: "USD"},
	}
	if d := gocmp.Diff(want, l); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff([]string{"copy parallel accepted after 1", "crm primary accepted after 1"}, steps(l)); d != "" {
		t.Error(d)
	}
	seen := r.buyers.Leads("good")
	if len(seen) != 1 || gocmp.Diff(map[string]string{"lead_id": "call-1", "phone": "+12135550188", "seconds": "41", "zip": "90210"}, seen[0].Fields) != "" {
		t.Errorf("%+v", seen)
	}
	if letters := post.letters(); len(letters) != 1 || !strings.Contains(opened(t, letters[0]).text, "JO DOE") {
		t.Errorf("%d letters", len(letters))
	}
	if after := ask[string](r, `SELECT count(*) || ' ' || sum(abs(amount)) FROM entries`); after != before {
		t.Errorf("booked %s, before %s", after, before)
	}
	r.balanced()
}

// A call whose first method fails goes by the next; what failed is to be seen, and
// may be sent again.
func TestBridgedCallFails(t *testing.T) {
	t.Parallel()
	r, _ := callHouse(t)
	if err := r.buyers.SetFault("good", "422"); err != nil {
		t.Fatal(err)
	}
	r.over(r.call("call-1", "acme"))
	l := r.settle("call-1")
	if d := gocmp.Diff([]string{"acme-inbox fallback accepted after 1", "copy parallel accepted after 1", "crm primary failed after 1, to be seen"}, steps(l)); d != "" {
		t.Error(d)
	}
	if err := r.buyers.SetFault("good", ""); err != nil {
		t.Fatal(err)
	}
	id := by(t, l, "crm").ID
	if err := r.store.Retry(t.Context(), id, map[string]string{"phone": "+12135550199"}, "boss"); err != nil {
		t.Fatal(err)
	}
	if l = r.settle("call-1"); by(t, l, "crm").State != ringbid.DeliveryAccepted || l.State != ringbid.LeadCall {
		t.Errorf("%v", steps(l))
	}
	seen := r.buyers.Leads("good")
	if got := seen[len(seen)-1].Fields["phone"]; got != "+12135550199" {
		t.Errorf("sent %s", got)
	}
	r.balanced()
}

// TestMissedCall is passed on by the campaign's own methods, a voicemail too.
func TestMissedCall(t *testing.T) {
	t.Parallel()
	r, post := callHouse(t)
	for outcome, voicemail := range map[ringbid.Outcome]string{ringbid.OutcomeNoBuyer: "", ringbid.OutcomeAbandoned: "", ringbid.OutcomeVoicemail: "yes"} {
		c := r.call("call-"+string(outcome), "")
		c.Connected, c.ConnectedMS, c.Outcome, c.Sale = nil, 0, outcome, ringbid.Sale{Currency: "USD"}
		c.Recording = &ringbid.Recording{ID: "rec-" + string(outcome), MS: 12_345, Started: c.Received, Channels: 2}
		r.over(c)
		l := r.settle(c.ID)
		if d := gocmp.Diff([]string{"missed parallel accepted after 1"}, steps(l)); d != "" || l.Deliveries[0].Buyer != "" {
			t.Errorf("%s: %s", outcome, d)
		}
		if l.Facts["voicemail"] != voicemail || l.Facts["outcome"] != string(outcome) || l.Facts["connected_seconds"] != "0" || l.Facts["recording_seconds"] != "12" {
			t.Errorf("%s: %v", outcome, l.Facts)
		}
		if letters := post.letters(); len(letters) != 1 || !strings.Contains(opened(t, letters[0]).to, "missed@") {
			t.Errorf("%s: %d letters", outcome, len(letters))
		}
	}
	r.balanced()
}

// TestCallsThatAreNoLeads makes none of what was refused, of what was taken by a
// target without methods, or missed in a campaign that says nothing of it.
func TestCallsThatAreNoLeads(t *testing.T) {
	t.Parallel()
	r, _ := callHouse(t)
	rejected := r.call("rejected", "")
	rejected.Connected, rejected.ConnectedMS, rejected.Outcome, rejected.Sale = nil, 0, ringbid.OutcomeRejected, ringbid.Sale{}
	missed := r.call("missed", "")
	missed.Connected, missed.ConnectedMS, missed.Outcome, missed.Campaign, missed.Sale = nil, 0, ringbid.OutcomeNoBuyer, "silent", ringbid.Sale{}
	nowhere := r.call("nowhere", "")
	nowhere.Connected, nowhere.ConnectedMS, nowhere.Outcome, nowhere.Campaign, nowhere.Sale = nil, 0, ringbid.OutcomeNoBuyer, "gone", ringbid.Sale{}
	for _, c := range []ringbid.Call{rejected, missed, nowhere, r.call("plain", "plain")} {
		r.over(c)
	}
	if n := r.rows(); n["leads"] != 0 || n["deliveries"] != 0 {
		t.Errorf("%v", n)
	}
}

// TestCallSettledTwice makes one lead, also when it is settled at once.
func TestCallSettledTwice(t *testing.T) {
	t.Parallel()
	r, post := callHouse(t)
	c := r.call("call-1", "acme")
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if err := r.store.Settle(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	r.over(c)
	l := r.settle("call-1")
	r.over(c)
	r.until("nothing waits", func() bool { return r.store.Spooled() == 0 })
	if d := gocmp.Diff(l, r.settle("call-1")); d != "" || len(l.Deliveries) != 2 {
		t.Errorf("%s %v", d, steps(l))
	}
	if n := r.buyers.Count("good").Posts; n != 1 || len(post.letters()) != 1 {
		t.Errorf("sent %d times", n)
	}
	if list := r.page(store.LeadFilter{State: ringbid.LeadCall}); len(list) != 1 {
		t.Errorf("%d leads of calls", len(list))
	}
	r.balanced()
}
