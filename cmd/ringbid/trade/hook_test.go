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

// tell takes an event of the hook "news", which speaks for acme unless said.
func (r *rig) tell(e store.HookEvent) string {
	r.t.Helper()
	if e.Hook == "" {
		e.Hook, e.Buyer = "news", "acme"
	}
	state, err := r.store.TakeEvent(r.t.Context(), e)
	if err != nil {
		r.t.Fatal(err)
	}
	return state
}

// TestEvents takes what a partner says of a lead: once, in the order in which it
// was so, and not that in which it came.
func TestEvents(t *testing.T) {
	t.Parallel()
	r := inboxed(t)
	l := r.settle(r.post(person(), "").LeadID)
	r.clock.advance(time.Hour)
	now := r.clock.Now().Add(789 * time.Nanosecond) // finer than Postgres keeps it
	amount := ringbid.Money(1_250_000)
	event := func(id, status string, ago time.Duration, version int64) store.HookEvent {
		return store.HookEvent{ID: id, Lead: l.ID, Status: status, At: now.Add(-ago), Version: version}
	}
	noted := event("e5", "quoted", time.Minute, 3)
	noted.Note, noted.Amount, noted.Raw = "a roof", &amount, `{"x":1}`
	for i, c := range []struct {
		event  store.HookEvent
		state  string
		status string // of the purchase then
	}{
		{event("e1", "contacted", 10*time.Minute, 0), store.HookApplied, "contacted"},
		{event("e1", "contacted", 10*time.Minute, 0), store.HookRepeated, "contacted"},
		{event("e1", "converted", 0, 9), store.HookRepeated, "contacted"}, // the id decides, whatever it says
		{event("e2", "no_contact", 20*time.Minute, 9), store.HookStale, "contacted"},
		{event("e3", "appointment", time.Minute, 2), store.HookApplied, "appointment"},
		{event("e4", "no_contact", time.Minute, 1), store.HookStale, "appointment"},
		{noted, store.HookApplied, "quoted"},
		{event("e6", "converted", time.Minute, 3), store.HookApplied, "converted"}, // of the same moment and version the later one
	} {
		if got := r.tell(c.event); got != c.state {
			t.Errorf("%d: %s, want %s", i, got, c.state)
		}
		if p := r.purchase(l.ID); p.Status != c.status {
			t.Errorf("%d: the status is %s, want %s", i, p.Status, c.status)
		}
	}
	want := []string{
		"ringbid received delivered by acme-inbox", "webhook news status contacted", "webhook news status appointment",
		"webhook news status quoted, 125.00: a roof", "webhook news status converted",
	}
	if d := gocmp.Diff(want, r.activity(l.ID)); d != "" {
		t.Error(d)
	}
	if p := r.purchase(l.ID); p.Contacted == nil || !p.Contacted.Equal(now.Add(-10*time.Minute).Truncate(time.Microsecond)) {
		t.Errorf("contacted %v", p.Contacted)
	}
	if n := ask[int](r, `SELECT count(*) FROM hook_events`); n != 6 {
		t.Errorf("%d events are kept", n)
	}
	// What an agent says afterwards is newer than what comes late.
	if err := r.act("acme", l.ID, "ann", "status", "invalid"); err != nil {
		t.Fatal(err)
	}
	if got := r.tell(event("e7", "contacted", time.Second, 99)); got != store.HookStale {
		t.Errorf("older than what an agent said: %s", got)
	}
}

// TestEventNames finds a lead by our id, by the purchase's and by the buyer's own.
func TestEventNames(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", r.httpMethod("api", "acme", "")))...)
	l := r.settle(r.post(person(), "").LeadID)
	p := l.Purchases[0]
	if !strings.HasPrefix(p.Partner, "B-") {
		t.Fatalf("%s", asJSON(p))
	}
	for i, e := range []store.HookEvent{{Lead: l.ID}, {Lead: p.ID}, {Partner: p.Partner}, {Lead: "not ours", Partner: p.Partner}} {
		e.ID, e.At = fmt.Sprint(i), r.clock.Now()
		e.Status = []string{"contacted", "appointment", "quoted", "converted"}[i]
		if got := r.tell(e); got != store.HookApplied || r.purchase(l.ID).Status != e.Status {
			t.Errorf("%+v: %s", e, got)
		}
	}
	for i, e := range []store.HookEvent{{Lead: "none"}, {Partner: "B-none"}, {}, {Lead: "\x00\xff"}} {
		e.ID, e.At, e.Status = fmt.Sprint("none ", i), r.clock.Now(), "invalid"
		if got := r.tell(e); got != store.HookParked {
			t.Errorf("%+v: %s", e, got)
		}
	}
	if got := r.purchase(l.ID).Status; got != "converted" {
		t.Errorf("the status is %s", got)
	}
}

// Another buyer's lead is not touched, by whatever name it is called, nor is the
// other part of a shared one.
func TestEventOfAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	docs := basics("acme", "other")
	campaign(docs).Lead.Share = 2
	r.publish(slices.Concat(docs, buyer("acme", "20.00", r.httpMethod("api", "acme", "")), buyer("other", "10.00", inbox("other")))...)
	l := r.settle(r.post(person(), "").LeadID)
	before := l.Purchases[0]
	for i, e := range []store.HookEvent{{Lead: before.ID}, {Partner: before.Partner}} {
		e.Hook, e.Buyer, e.ID, e.At, e.Status = "theirs", "other", fmt.Sprint(i), r.clock.Now(), "returned"
		if got := r.tell(e); got != store.HookParked {
			t.Errorf("%+v: %s", e, got)
		}
	}
	if got := r.tell(store.HookEvent{Hook: "theirs", Buyer: "other", ID: "own", Lead: l.ID, At: r.clock.Now(), Version: 7, Status: "quoted"}); got != store.HookApplied {
		t.Errorf("of its own part: %s", got)
	}
	if d := gocmp.Diff(before, r.purchase(l.ID)); d != "" {
		t.Errorf("another's part has changed: %s", d)
	}
	// Of one moment, what one buyer numbers says nothing about the other's numbers.
	at := r.clock.Now()
	if got := r.tell(store.HookEvent{ID: "a", Lead: l.ID, At: at, Version: 1, Status: "contacted"}); got != store.HookApplied {
		t.Errorf("first: %s", got)
	}
	if got := r.tell(store.HookEvent{ID: "b", Lead: l.ID, At: at, Version: 2, Status: "converted"}); got != store.HookApplied {
		t.Errorf("second: %s", got)
	}
	if list, err := r.store.Returns(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestParkedEvents wait for their lead, and are applied when it is there: once,
// whichever node looks, and in the order in which they were so.
func TestParkedEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", r.httpMethod("api", "acme", "")))...)
	twin := r.twin()
	var leads []string
	for range 10 { // partners tell of them before we know that they have them
		leads = append(leads, r.post(person(), "").LeadID)
	}
	at := r.clock.Now().Add(time.Hour)
	for i, lead := range leads {
		for k, status := range []string{"converted", "contacted"} {
			e := store.HookEvent{ID: fmt.Sprint(i, k), Partner: "later " + lead, Status: status, At: at.Add(-time.Duration(k) * time.Minute)}
			if got := r.tell(e); got != store.HookParked {
				t.Errorf("%s", got)
			}
		}
	}
	if n, err := r.store.ApplyParked(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("applied %d, %v", n, err)
	}
	for _, lead := range leads {
		r.settle(lead)
		if _, err := r.store.Pool().Exec(t.Context(), `UPDATE purchases SET partner_id = 'later ' || lead_id WHERE lead_id = $1`, lead); err != nil {
			t.Fatal(err)
		}
	}
	applied := make([]int, 4)
	var all sync.WaitGroup
	for i := range applied {
		all.Go(func() {
			var err error
			if applied[i], err = []*rig{r, twin}[i%2].store.ApplyParked(t.Context(), 100); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := applied[0] + applied[1] + applied[2] + applied[3]; n != 20 {
		t.Errorf("%d of 20 are applied", n)
	}
	for _, lead := range leads {
		if p := r.purchase(lead); p.Status != "converted" || p.Contacted == nil {
			t.Errorf("%s", asJSON(p))
		}
		log := r.activity(lead)
		slices.Sort(log)
		if len(slices.Compact(slices.Clone(log))) != len(log) || !slices.Contains(log, "webhook news status converted") {
			t.Errorf("%q", log)
		}
	}
	if n := ask[int](r, `SELECT count(*) FROM hook_events WHERE state = 'parked'`); n != 0 {
		t.Errorf("%d are parked still", n)
	}
	r.tell(store.HookEvent{ID: "old", Lead: "later", Status: "contacted", At: at})
	r.clock.advance(31 * 24 * time.Hour)
	if n, err := r.store.ApplyParked(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("after a month: %d, %v", n, err)
	}
}

// What is no status of a lead is refused, of a lead that is known and of one that
// is not: it must not stand in the way of others.
func TestEventWithoutMeaning(t *testing.T) {
	t.Parallel()
	r := inboxed(t)
	l := r.settle(r.post(person(), "").LeadID)
	for _, lead := range []string{l.ID, "not known yet"} {
		e := store.HookEvent{Hook: "news", Buyer: "acme", ID: "e " + lead, Lead: lead, Status: "delighted", At: r.clock.Now()}
		if state, err := r.store.TakeEvent(t.Context(), e); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%s: %s, %v", lead, state, err)
		}
	}
	if n := ask[int](r, `SELECT count(*) FROM hook_events`); n != 0 || r.purchase(l.ID).Status != "new" {
		t.Errorf("%d events are kept", n)
	}
}

// TestEventsAskForReturns lets "returned" and "invalid" ask for the money back,
// once; a person decides.
func TestEventsAskForReturns(t *testing.T) {
	t.Parallel()
	r := inboxed(t)
	for status, note := range map[string]string{"returned": "", "invalid": "the number is not in service"} {
		l := r.settle(r.post(person(), "").LeadID)
		for i := range 2 {
			e := store.HookEvent{ID: fmt.Sprint(status, i), Lead: l.ID, Status: status, Note: note, At: r.clock.Now().Add(time.Duration(i) * time.Second)}
			if got := r.tell(e); got != store.HookApplied {
				t.Errorf("%s: %s", status, got)
			}
		}
		list, err := r.store.Returns(t.Context(), "asked")
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		reason := note
		if reason == "" {
			reason = "the buyer says: returned"
		}
		if x := list[0]; x.Purchase.ID != l.Purchases[0].ID || x.By != "webhook news" || x.Reason != reason {
			t.Errorf("%+v", x)
		}
		if p := r.purchase(l.ID); p.State != ringbid.PurchaseAccepted || p.Status != status {
			t.Errorf("%s", asJSON(p))
		}
		if err := r.store.DecideReturn(t.Context(), l.Purchases[0].ID, true, "boss"); err != nil {
			t.Fatal(err)
		}
	}
	r.balanced()
}

// TestEventsOfALead are found by the lead, however many others there are.
func TestEventsOfALead(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	if _, err := r.store.Pool().Exec(t.Context(), `
		INSERT INTO hook_events (hook, event_id, at, said_at, version, lead_id, status, state, body)
		SELECT 'h', n::text, now(), now(), 1, 'lead-' || n, 'new', 'applied', '{}' FROM generate_series(1, 5000) AS n`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Pool().Exec(t.Context(), `ANALYZE hook_events`); err != nil {
		t.Fatal(err)
	}
	plan := ask[string](r, `EXPLAIN (FORMAT JSON) SELECT max(version) FROM hook_events WHERE lead_id = 'lead-77' AND said_at = now() AND state = 'applied'`)
	if !strings.Contains(plan, `"hook_events_lead"`) {
		t.Errorf("plan: %s", plan)
	}
}
