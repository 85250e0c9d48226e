package trade

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store"
)

// act lets somebody do something with a lead.
func (r *rig) act(buyer, lead, by, kind, text string) error {
	return r.store.Act(r.t.Context(), buyer, ringbid.Activity{Lead: lead, At: r.clock.Now(), By: by, Kind: kind, Text: text})
}

// purchase is the first of a lead.
func (r *rig) purchase(lead string) ringbid.Purchase {
	r.t.Helper()
	return r.lead(lead).Purchases[0]
}

// inboxed is a rig with one buyer who works leads in the portal.
func inboxed(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, nil, nil)
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", inbox("acme")), agents("acme", "ann", "bob"))...)
	return r
}

// TestLeadOf shows a buyer its own purchase of a shared lead and nothing of the
// others, of the publisher and of the auction; whom it did not reach, nothing.
func TestLeadOf(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("refuses", sim.LeadBuying{Reject: "outside criteria"})
	r.buying("silent", sim.LeadBuying{Fault: sim.LeadFaultReset})
	docs := basics("refuses", "silent", "second", "third", "fourth")
	campaign(docs).Lead.Share, campaign(docs).Lead.RepeatDays, campaign(docs).Lead.Repeats = 3, 30, "unpaid"
	r.publish(slices.Concat(docs, buyer("refuses", "30.00", r.httpMethod("refuses-api", "refuses", "")), buyer("silent", "25.00", r.httpMethod("silent-api", "silent", "")),
		buyer("second", "20.00", inbox("second")), buyer("third", "10.00", inbox("third")), buyer("fourth", "5.00", inbox("fourth")))...)
	who := person()
	r.settle(r.post(who, "ext-0").LeadID)
	l := r.settle(r.post(who, "ext-1").LeadID)
	if !l.Unpaid || !l.Recovered || len(l.Purchases) != 4 {
		t.Fatalf("%s", asJSON(l))
	}
	i := slices.IndexFunc(l.Purchases, func(p ringbid.Purchase) bool { return p.Buyer == "third" })
	own := l.Purchases[i]
	if !own.Recovery {
		t.Fatalf("%s", asJSON(own))
	}
	seen, err := r.store.LeadOf(t.Context(), "third", l.ID)
	if err != nil {
		t.Fatal(err)
	}
	shown := own
	shown.Rank, shown.Place, shown.Recovery, shown.Sale.Rule = 0, 0, false, "paid: accepted"
	want := &ringbid.Lead{
		ID: l.ID, State: ringbid.LeadSold, Received: l.Received, Campaign: "solar", Facts: l.Facts, Purchases: []ringbid.Purchase{shown},
		Deliveries: []ringbid.Delivery{by(t, l, "third-inbox")}, Sale: ringbid.Sale{Currency: "USD", Price: 100_000, Revenue: 100_000},
	}
	want.Deliveries[0].Tries = nil
	if d := gocmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
	for _, secret := range []string{"leadsrus", "solar-main", "ext-1", "silent", "refuses", "publisher", "second", "25.00", "recover", "repeat"} {
		if text := asJSON(seen); strings.Contains(text, secret) {
			t.Errorf("a buyer is shown %q: %s", secret, text)
		}
	}
	for who, state := range map[string]ringbid.LeadState{"silent": ringbid.LeadHeld, "second": ringbid.LeadSold} {
		if x, err := r.store.LeadOf(t.Context(), who, l.ID); err != nil || x.State != state || len(x.Purchases) != 1 || x.Purchases[0].Buyer != who {
			t.Errorf("%s: %s, %v", who, asJSON(x), err)
		}
	}
	for _, who := range []string{"refuses", "fourth", "", "nobody"} {
		if x, err := r.store.LeadOf(t.Context(), who, l.ID); ringbid.KindOf(err) != ringbid.NotFound {
			t.Errorf("%q is shown %s, %v", who, asJSON(x), err)
		}
	}
	list := r.page(store.LeadFilter{Buyer: "third", Own: true})
	if len(list) != 2 {
		t.Fatalf("%d leads in the list", len(list))
	}
	want.Deliveries = nil
	if d := gocmp.Diff(*want, list[0]); d != "" {
		t.Errorf("in the list: %s", d)
	}
	if got := r.page(store.LeadFilter{Buyer: "refuses", Own: true}); len(got) != 0 {
		t.Errorf("whom it did not reach is shown %s", asJSON(got))
	}
	total, err := r.store.LeadTotal(t.Context(), store.LeadFilter{Buyer: "third", Own: true})
	if err != nil || total.Sales["USD"] != (store.Sales{Revenue: 200_000}) || total.Leads != 2 || total.RecoveredRevenue["USD"] != 200_000 {
		t.Errorf("%+v, %v", total, err)
	}
}

// TestOwnOrder sorts a buyer's leads by its own statuses, and counts its own
// returns, whatever others make of the same leads.
func TestOwnOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	docs := basics("a", "b")
	campaign(docs).Lead.Share = 2
	r.publish(slices.Concat(docs, buyer("a", "30.00", inbox("a")), buyer("b", "20.00", inbox("b")))...)
	var ids []string
	for i := range 3 {
		l := r.settle(r.post(person(), "").LeadID)
		ids = append(ids, l.ID)
		for who, status := range map[string]string{"a": []string{"new", "quoted", "converted"}[i], "b": []string{"converted", "quoted", "new"}[i]} {
			if err := r.act(who, l.ID, who, "status", status); err != nil {
				t.Fatal(err)
			}
		}
		r.clock.advance(time.Minute)
	}
	for who, want := range map[string][]string{"a": {ids[0], ids[1], ids[2]}, "b": {ids[2], ids[1], ids[0]}} {
		var got []string
		f := store.LeadFilter{Buyer: who, Own: true, Sort: "status", Limit: 1}
		for {
			p, err := r.store.Leads(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range p.Leads {
				got = append(got, l.ID)
			}
			if f.Cursor = p.Next; f.Cursor == "" {
				break
			}
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", who, d)
		}
	}
	if err := r.act("a", ids[0], "ann", "return", ""); err != nil {
		t.Fatal(err)
	}
	if err := r.store.DecideReturn(t.Context(), r.purchase(ids[0]).ID, true, "boss"); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]string{"a": "1 returned, 60.00", "b": "0 returned, 60.00"} {
		total, err := r.store.LeadTotal(t.Context(), store.LeadFilter{Buyer: who, Own: true})
		if got := fmt.Sprintf("%d returned, %s", total.Returned, total.Sales["USD"].Revenue); err != nil || got != want {
			t.Errorf("%s: %s, want %s; %v", who, got, want, err)
		}
	}
	r.balanced()
}

// TestActs does with a lead, once and again, all that one does with leads.
func TestActs(t *testing.T) {
	t.Parallel()
	r := inboxed(t)
	lead := r.settle(r.post(person(), "").LeadID).ID
	began := r.clock.Now()
	minute := func(n int) *time.Time { return new(began.Add(time.Duration(n) * time.Minute)) }
	want := r.purchase(lead)
	log := []string{"ringbid received delivered by acme-inbox"}
	for i, c := range []struct {
		by, kind, text string
		logged         bool
		change         func(p *ringbid.Purchase, at *time.Time)
	}{
		{"ann", "viewed", "", true, func(p *ringbid.Purchase, at *time.Time) { p.Viewed = at }},
		{"ann", "viewed", "", false, nil},
		{"bob", "viewed", "", true, nil},
		{"ann", "note", "call after six", true, nil},
		{"ann", "assigned", "ann", true, func(p *ringbid.Purchase, _ *time.Time) { p.Agent = "ann" }},
		{"ann", "assigned", "ann", false, nil},
		{"ann", "status", "no_contact", true, func(p *ringbid.Purchase, _ *time.Time) { p.Status = "no_contact" }},
		{"ann", "call", "+12135550100", true, func(p *ringbid.Purchase, at *time.Time) { p.Contacted = at }},
		{"ann", "status", "appointment", true, func(p *ringbid.Purchase, _ *time.Time) { p.Status = "appointment" }},
		{"ann", "status", "appointment", false, nil},
		{"lead", "assigned", "bob", true, func(p *ringbid.Purchase, _ *time.Time) { p.Agent = "bob" }},
		{"bob", "assigned", "", true, func(p *ringbid.Purchase, _ *time.Time) { p.Agent = "" }},
		{"bob", "status", "converted", true, func(p *ringbid.Purchase, _ *time.Time) { p.Status = "converted" }},
	} {
		r.clock.advance(time.Minute)
		if err := r.act("acme", lead, c.by, c.kind, c.text); err != nil {
			t.Fatalf("%s %s: %v", c.kind, c.text, err)
		}
		if c.change != nil {
			c.change(&want, minute(i+1))
		}
		if c.logged {
			log = append(log, strings.TrimSpace(c.by+" "+c.kind+" "+c.text))
		}
		if d := gocmp.Diff(want, r.purchase(lead)); d != "" {
			t.Errorf("%s %s: %s", c.kind, c.text, d)
		}
		if d := gocmp.Diff(log, r.activity(lead)); d != "" {
			t.Errorf("%s %s: %s", c.kind, c.text, d)
		}
	}
	for name, c := range map[string]struct {
		buyer, lead, kind, text string
		want                    ringbid.Kind
	}{
		"another buyer":  {"other", lead, "note", "x", ringbid.NotFound},
		"no lead":        {"acme", "none\x00", "note", "x", ringbid.NotFound},
		"no such thing":  {"acme", lead, "sold on", "x", ringbid.Invalid},
		"no such status": {"acme", lead, "status", "happy", ringbid.Invalid},
	} {
		if err := r.act(c.buyer, c.lead, "ann", c.kind, c.text); ringbid.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d := gocmp.Diff(log, r.activity(lead)); d != "" {
		t.Errorf("what is refused is logged: %s", d)
	}
}

// activity lists what was done with a lead.
func (r *rig) activity(lead string) []string {
	r.t.Helper()
	list, err := r.store.Activity(r.t.Context(), "", lead)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, a := range list {
		out = append(out, strings.TrimSpace(a.By+" "+a.Kind+" "+a.Text))
	}
	return out
}

// TestStatusImpliesContact notes the first contact with the first status that
// cannot be without one.
func TestStatusImpliesContact(t *testing.T) {
	t.Parallel()
	r := inboxed(t)
	for _, status := range ringbid.LeadStatuses() {
		lead := r.settle(r.post(person(), "").LeadID).ID
		r.clock.advance(time.Minute)
		if err := r.act("acme", lead, "ann", "status", status); err != nil {
			t.Fatal(err)
		}
		first := r.clock.Now()
		r.clock.advance(time.Minute)
		if err := r.act("acme", lead, "ann", "status", "contacted"); err != nil {
			t.Fatal(err)
		}
		want := r.clock.Now()
		if slices.Contains([]string{"contacted", "appointment", "quoted", "converted"}, status) {
			want = first
		}
		if p := r.purchase(lead); p.Contacted == nil || !p.Contacted.Equal(want) {
			t.Errorf("%s: contacted %v, want %s", status, p.Contacted, want)
		}
	}
	figures, err := r.store.Work(t.Context(), "acme", time.Time{}, r.clock.Now())
	if want := []store.AgentFigures{{Taken: 9, Contacted: 9, Response: 2 * time.Minute}}; err != nil || gocmp.Diff(want, figures) != "" {
		t.Errorf("%v %s", err, gocmp.Diff(want, figures))
	}
}

// TestClaimRace lets ten agents claim a lead at one moment: one has it, and the
// others are told who.
func TestClaimRace(t *testing.T) {
	t.Parallel()
	r := inboxed(t)
	lead := r.settle(r.post(person(), "").LeadID).ID
	errs := make([]error, 10)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			agent := fmt.Sprint("agent-", i)
			errs[i] = r.act("acme", lead, agent, "assigned", agent)
		})
	}
	all.Wait()
	agent := r.purchase(lead).Agent
	for i, err := range errs {
		if mine := agent == fmt.Sprint("agent-", i); mine != (err == nil) || !mine && (ringbid.KindOf(err) != ringbid.Conflict || !strings.Contains(err.Error(), agent+" has taken it meanwhile")) {
			t.Errorf("agent %d: %v; %s has it", i, err, agent)
		}
	}
	if got := r.activity(lead); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// TestReturns asks for one, once, and decides it, once: granted, the ledger is
// turned round and the caps are given back; refused, all stays.
func TestReturns(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	docs := buyer("acme", "20.00", inbox("acme"))
	target(docs).Caps = []ringbid.Cap{{On: "convert", Per: "day", Limit: 10}}
	r.publish(slices.Concat(basics("acme"), docs)...)
	granted, refused := r.settle(r.post(person(), "ext-1").LeadID), r.settle(r.post(person(), "").LeadID)
	open := r.lead(r.post(person(), "").LeadID)
	if err := r.act("acme", open.ID, "ann", "return", "x"); ringbid.KindOf(err) != ringbid.Conflict {
		t.Errorf("of a lead that is on its way: %v", err)
	}
	if err := r.store.DecideReturn(t.Context(), granted.Purchases[0].ID, true, "boss"); ringbid.KindOf(err) != ringbid.Conflict {
		t.Errorf("that nobody asked for: %v", err)
	}
	for _, l := range []*ringbid.Lead{granted, refused} {
		r.clock.advance(time.Minute)
		if err := r.act("acme", l.ID, "ann", "return", "wrong number"); err != nil {
			t.Fatal(err)
		}
		if err := r.act("acme", l.ID, "bob", "return", "once more"); ringbid.KindOf(err) != ringbid.Conflict {
			t.Errorf("asked twice: %v", err)
		}
	}
	asked, err := r.store.Returns(t.Context(), "asked")
	if err != nil || len(asked) != 2 || asked[0].Purchase.ID != granted.Purchases[0].ID {
		t.Fatalf("%+v, %v", asked, err)
	}
	want := store.Return{Purchase: r.purchase(refused.ID), Person: store.Person(refused), Campaign: "solar", Asked: r.clock.Now(), By: "ann", Reason: "wrong number", State: "asked"}
	if d := gocmp.Diff(want, asked[1]); d != "" {
		t.Error(d)
	}
	results := make([]error, 5)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = r.store.DecideReturn(t.Context(), granted.Purchases[0].ID, true, "boss") })
	}
	all.Wait()
	done := 0
	for _, err := range results {
		if err == nil {
			done++
		} else if ringbid.KindOf(err) != ringbid.Conflict {
			t.Error(err)
		}
	}
	if done != 1 {
		t.Errorf("granted %d times", done)
	}
	if err := r.store.DecideReturn(t.Context(), refused.Purchases[0].ID, false, "boss"); err != nil {
		t.Fatal(err)
	}
	if err := r.act("acme", refused.ID, "ann", "return", "again"); ringbid.KindOf(err) != ringbid.Conflict {
		t.Errorf("asked again after it was refused: %v", err)
	}
	g, k := r.lead(granted.ID), r.lead(refused.ID)
	if p := g.Purchases[0]; p.State != ringbid.PurchaseReturned || p.Status != "returned" || g.Sale.Revenue != 0 || g.Sale.Payout != 0 {
		t.Errorf("%s", asJSON(g))
	}
	if p := k.Purchases[0]; p.State != ringbid.PurchaseAccepted || k.Sale.Revenue != 200_000 {
		t.Errorf("%s", asJSON(k))
	}
	if a := r.post(person(), "ext-1"); a.Status != "accepted" || *a.Price != 0 {
		t.Errorf("the publisher is told %+v", a)
	}
	lines := ask[string](r, `SELECT string_agg(concat_ws(' ', cause, account, party, amount), '; ' ORDER BY cause DESC, account DESC) FROM entries WHERE purchase_id = $1`, g.Purchases[0].ID)
	if want := "sale receivable acme 200000; sale payable leadsrus -120000; sale margin  -80000; return receivable acme -200000; return payable leadsrus 120000; return margin  80000"; lines != want {
		t.Errorf("ledger: %s", lines)
	}
	if n := ask[int](r, `SELECT used FROM cap_counters`); n != 2 { // the one that was kept and the one on its way
		t.Errorf("counted %d", n)
	}
	decided, err := r.store.Returns(t.Context(), "")
	if err != nil || len(decided) != 2 {
		t.Errorf("%+v, %v", decided, err)
	}
	if got := r.activity(granted.ID); !slices.Equal(got, []string{"ringbid received delivered by acme-inbox", "ann return wrong number", "boss return_decided granted"}) {
		t.Errorf("%q", got)
	}
	r.settle(open.ID)
	r.balanced()
}

// A buyer finds its leads by what it sees of them, and learns nothing of who sent
// them by searching.
func TestOwnSearch(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.publish(slices.Concat(basics("a"), buyer("a", "30.00", inbox("a")))...)
	l := r.settle(r.post(person(), "").LeadID)
	for text, want := range map[string]int{l.ID: 1, l.Facts["zip"]: 1, l.Facts["last_name"]: 1, l.Publisher: 0, l.Source: 0} {
		for own, want := range map[bool]int{true: want, false: 1} {
			if got := len(r.page(store.LeadFilter{Buyer: "a", Own: own, Text: text, Limit: 10})); got != want {
				t.Errorf("own %t: %q finds %d", own, text, got)
			}
		}
	}
}
