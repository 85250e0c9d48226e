package trade

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store"
)

// exceptions lists what a person must look at, as "method code lead's last name".
func (r *rig) exceptions(f store.ExceptionFilter) []string {
	r.t.Helper()
	page, err := r.store.Exceptions(r.t.Context(), f)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, x := range page.Rows {
		out = append(out, fmt.Sprint(x.Delivery.Method, " ", x.Delivery.Code, " ", x.Facts["last_name"]))
	}
	return out
}

// troubled is a rig with three buyers: the first never takes anything that it
// could read, the second never says what it did, the third is not there.
func troubled(t *testing.T) (r *rig, names map[string][]string) {
	t.Helper()
	r, names = newRig(t, nil, nil), map[string][]string{}
	faults := map[string]sim.LeadFault{"unsound": sim.LeadFault422, "silent": sim.LeadFaultReset}
	for name, f := range faults {
		if err := r.buyers.Set(name, sim.LeadBuying{Fault: f}); err != nil {
			t.Fatal(err)
		}
		docs := named(name, basics(name))
		r.publish(slices.Concat(docs, buyer(name, "20.00", r.httpMethod(name+"-api", name, "")))...)
	}
	for _, source := range []string{"unsound", "silent", "unsound"} {
		l := r.settle(r.sendTo(source, person()).LeadID)
		names[source] = append(names[source], l.Facts["last_name"])
		r.clock.advance(time.Minute)
	}
	return r, names
}

// TestExceptions lists them newest first, by page, by buyer, method, code and
// campaign, and counts their kinds.
func TestExceptions(t *testing.T) {
	t.Parallel()
	r, names := troubled(t)
	first, second, third := "unsound-api rule "+names["unsound"][1], "silent-api protocol "+names["silent"][0], "unsound-api rule "+names["unsound"][0]
	for name, c := range map[string]struct {
		filter store.ExceptionFilter
		want   []string
	}{
		"all":         {store.ExceptionFilter{}, []string{first, second, third}},
		"buyer":       {store.ExceptionFilter{Buyer: "silent"}, []string{second}},
		"method":      {store.ExceptionFilter{Method: "unsound-api"}, []string{first, third}},
		"code":        {store.ExceptionFilter{Code: "protocol"}, []string{second}},
		"campaign":    {store.ExceptionFilter{Campaign: "unsound"}, []string{first, third}},
		"nothing":     {store.ExceptionFilter{Campaign: "none\x00"}, nil},
		"of no other": {store.ExceptionFilter{Buyer: "silent", Code: "rule"}, nil},
	} {
		if d := gocmp.Diff(c.want, r.exceptions(c.filter)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	var paged []string
	for f := (store.ExceptionFilter{Limit: 1}); ; {
		page, err := r.store.Exceptions(t.Context(), f)
		if err != nil || len(page.Rows) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		x := page.Rows[0]
		paged = append(paged, fmt.Sprint(x.Delivery.Method, " ", x.Delivery.Code, " ", x.Facts["last_name"]))
		if x.Person == "" || x.Campaign == "" || x.Received.IsZero() || x.State == "" || !x.Delivery.Exception {
			t.Errorf("%+v", x)
		}
		if one, err := r.store.Exception(t.Context(), x.Delivery.ID); err != nil || gocmp.Diff(x, one) != "" {
			t.Errorf("by itself: %v %s", err, gocmp.Diff(x, one))
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	if d := gocmp.Diff([]string{first, second, third}, paged); d != "" {
		t.Error(d)
	}
	kinds, err := r.store.ExceptionKinds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff([]store.ExceptionKind{{Method: "unsound-api", Code: "rule", Count: 2}, {Method: "silent-api", Code: "protocol", Count: 1}}, kinds); d != "" {
		t.Error(d)
	}
	if _, err := r.store.Exceptions(t.Context(), store.ExceptionFilter{Cursor: "nonsense"}); ringbid.KindOf(err) != ringbid.Invalid {
		t.Errorf("a cursor of no form: %v", err)
	}
	if _, err := r.store.Exception(t.Context(), "none"); ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("an unknown one: %v", err)
	}
}

// TestRetryCorrected sends a person's corrections, one over another, over the
// lead's own facts, under the same lead id.
func TestRetryCorrected(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	api := r.httpMethod("api", "acme", `{"map":{"fields":[{"to":"lead_id","from":"key"},{"to":"zip","from":"zip"},{"to":"own","from":"own","required":true},{"to":"age","from":"age","required":true}]}}`)
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", api))...)
	l := r.settle(r.post(person(), "").LeadID)
	id := l.Deliveries[0].ID
	if l.State != ringbid.LeadUnsold || l.Purchases[0].State != ringbid.PurchaseFailed || l.Deliveries[0].Code != "mapping" {
		t.Fatalf("%s", asJSON(l))
	}
	retry := func(facts map[string]string) *ringbid.Lead {
		t.Helper()
		if err := r.store.Retry(t.Context(), id, facts, "boss"); err != nil {
			t.Fatal(err)
		}
		if now := r.lead(l.ID); now.State != ringbid.LeadSelling || now.Reason.Code != "" || now.Purchases[0].State != ringbid.PurchasePending || now.Purchases[0].Decided != nil {
			t.Errorf("queued again: %s", asJSON(now))
		}
		if d := r.delivery(id); d.State != ringbid.DeliveryQueued || d.Exception || d.Count != 0 || d.Reason != "queued again by boss" {
			t.Errorf("queued again: %s", asJSON(d))
		}
		r.clock.advance(time.Hour) // patience begins anew
		return r.settle(l.ID)
	}
	if l = retry(map[string]string{"own": "yes", "zip": "10001"}); l.State != ringbid.LeadUnsold || !l.Deliveries[0].Exception {
		t.Errorf("half corrected: %v", steps(l))
	}
	l = retry(map[string]string{"age": "41"})
	if l.State != ringbid.LeadSold || len(l.Deliveries[0].Tries) != 3 || l.Sale.Revenue != 200_000 || len(l.Purchases) != 1 || l.Facts["zip"] != "90210" {
		t.Errorf("%s", asJSON(l))
	}
	seen := r.buyers.Leads("acme")
	if len(seen) != 1 || seen[0].Key != l.ID {
		t.Fatalf("%+v", seen)
	}
	if d := gocmp.Diff(map[string]string{"lead_id": l.ID, "zip": "10001", "own": "yes", "age": "41"}, seen[0].Fields); d != "" {
		t.Error(d)
	}
	if err := r.store.Retry(t.Context(), id, nil, "boss"); ringbid.KindOf(err) != ringbid.Conflict {
		t.Errorf("what is accepted is sent again: %v", err)
	}
	if err := r.store.Retry(t.Context(), "none", nil, "boss"); ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("an unknown one: %v", err)
	}
	r.balanced()
}

// TestRetryOfSold is refused where another buyer has the lead, or is about to, or
// the same buyer has it by another way.
func TestRetryOfSold(t *testing.T) {
	t.Parallel()
	r, g := newRig(t, nil, nil), newGate(t)
	r.publish(slices.Concat(basics("acme", "next"), buyer("acme", "20.00", r.httpMethod("api", "422", "")), buyer("next", "5.00", g.method("next-api", "")))...)
	l := r.lead(r.post(person(), "").LeadID)
	id := l.Deliveries[0].ID
	conflict := func(what, id string) {
		t.Helper()
		before := asJSON(r.lead(l.ID))
		if err := r.store.Retry(t.Context(), id, nil, "boss"); ringbid.KindOf(err) != ringbid.Conflict {
			t.Errorf("%s: %v", what, err)
		}
		if after := asJSON(r.lead(l.ID)); after != before {
			t.Errorf("%s: %s", what, gocmp.Diff(before, after))
		}
	}
	conflict("before it was tried", id)
	r.try(id)
	conflict("the next buyer is about to have it", id)
	g.answer <- 200
	l = r.settle(l.ID)
	conflict("the next buyer has it", id)

	r.publish(slices.Concat(named("ways", basics("both"))[:1], named("ways", basics("both"))[2:], buyer("both", "20.00", r.httpMethod("first", "422", ""), g.method("second", ""), r.httpMethod("third", "422", "")))...)
	target := *r.store.Book().Targets["both"]
	target.Methods = []ringbid.Way{{Method: "first"}, {Method: "second", Role: "fallback"}, {Method: "third", Role: "parallel"}}
	r.publish(&target)
	l = r.lead(r.sendTo("ways", person()).LeadID)
	first, third := by(t, l, "first").ID, by(t, l, "third").ID
	r.try(first, third)
	conflict("its fallback is about to deliver it", first)
	g.answer <- 200
	l = r.settle(l.ID)
	conflict("its fallback has delivered it", first)
	if err := r.store.Retry(t.Context(), third, nil, "boss"); err != nil { // what goes beside may
		t.Errorf("beside a purchase that stands: %v", err)
	}
	r.settle(l.ID)
	r.balanced()
}

// What went beside a purchase that came to nothing is not sent to who did not buy.
func TestRetryBesideNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	docs := ways(buyer("acme", "20.00", r.httpMethod("first", "reject", ""), r.httpMethod("beside", "422", "")), "primary", "parallel")
	r.publish(slices.Concat(basics("acme"), docs)...)
	l := r.lead(r.post(person(), "").LeadID)
	beside := by(t, l, "beside").ID
	r.try(beside)
	l = r.settle(l.ID)
	if err := r.store.Retry(t.Context(), beside, nil, "boss"); ringbid.KindOf(err) != ringbid.Conflict {
		t.Errorf("sent again: %v", err)
	}
	if n, err := r.store.Dismiss(t.Context(), []string{beside}, "boss"); n != 1 || err != nil {
		t.Errorf("dismissed %d, %v", n, err)
	}
	if l = r.lead(l.ID); l.State != ringbid.LeadUnsold {
		t.Errorf("%s", l.State)
	}
}

// TestRetryTakesCaps counts a purchase again that is made again, and is refused
// where others have taken the room.
func TestRetryTakesCaps(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	if err := r.buyers.Set("acme", sim.LeadBuying{Fault: sim.LeadFault422}); err != nil {
		t.Fatal(err)
	}
	docs := buyer("acme", "20.00", r.httpMethod("api", "acme", ""))
	target(docs).Caps = []ringbid.Cap{{On: "convert", Per: "day", Limit: 1}, {On: "attempt", Per: "day", Limit: 10}}
	r.publish(slices.Concat(basics("acme"), docs)...)
	used := func(want string) {
		t.Helper()
		if got := ask[string](r, `SELECT string_agg(counts || ' ' || used, ', ' ORDER BY counts) FROM cap_counters`); got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
	}
	one, two := r.settle(r.post(person(), "").LeadID), r.settle(r.post(person(), "").LeadID)
	used("attempt 2, convert 0")
	r.buying("acme", sim.LeadBuying{})
	if err := r.store.Retry(t.Context(), one.Deliveries[0].ID, nil, "boss"); err != nil {
		t.Fatal(err)
	}
	used("attempt 2, convert 1")
	if err := r.store.Retry(t.Context(), two.Deliveries[0].ID, nil, "boss"); ringbid.KindOf(err) != ringbid.Conflict {
		t.Errorf("without room: %v", err)
	}
	if l := r.settle(one.ID); l.State != ringbid.LeadSold {
		t.Errorf("%v", steps(l))
	}
	if l := r.lead(two.ID); l.State != ringbid.LeadUnsold || l.Purchases[0].State != ringbid.PurchaseFailed || !l.Deliveries[0].Exception {
		t.Errorf("%s", asJSON(l))
	}
	used("attempt 2, convert 1")
	r.balanced()
}

// TestHeldIsDecided by a person: given up, it makes room and brings nothing; sent
// again, it is sold.
func TestHeldIsDecided(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	if err := r.buyers.Set("acme", sim.LeadBuying{Fault: sim.LeadFaultReset}); err != nil {
		t.Fatal(err)
	}
	docs := buyer("acme", "20.00", r.httpMethod("api", "acme", ""))
	target(docs).Caps = []ringbid.Cap{{On: "convert", Per: "day", Limit: 2}}
	r.publish(slices.Concat(basics("acme", "next"), docs, buyer("next", "5.00", inbox("next")))...)
	given, kept := r.settle(r.post(person(), "ext-1").LeadID), r.settle(r.post(person(), "").LeadID)
	for _, l := range []*ringbid.Lead{given, kept} {
		if l.State != ringbid.LeadHeld || len(l.Purchases) != 1 || l.Reason.Code != "held" {
			t.Errorf("%s", asJSON(l))
		}
	}
	if a := r.post(person(), "ext-1"); a.Status != "pending" || !a.Repeat {
		t.Errorf("asked meanwhile: %+v", a)
	}
	if n, err := r.store.Dismiss(t.Context(), []string{given.Deliveries[0].ID, given.Deliveries[0].ID, "none"}, "boss"); n != 1 || err != nil {
		t.Errorf("dismissed %d, %v", n, err)
	}
	l := r.lead(given.ID)
	if l.State != ringbid.LeadUnsold || l.Purchases[0].State != ringbid.PurchaseFailed || l.Purchases[0].Reason != "given up by boss" || l.Deliveries[0].Exception || len(l.Purchases) != 1 {
		t.Errorf("%s", asJSON(l))
	}
	if a := r.post(person(), "ext-1"); a.Status != "rejected" {
		t.Errorf("asked afterwards: %+v", a)
	}
	r.balanced()
	r.buying("acme", sim.LeadBuying{})
	if err := r.store.Retry(t.Context(), kept.Deliveries[0].ID, nil, "boss"); err != nil {
		t.Fatal(err)
	}
	if l := r.settle(kept.ID); l.State != ringbid.LeadSold || l.Deliveries[0].Maybe {
		t.Errorf("%s", asJSON(l))
	}
	if got := r.exceptions(store.ExceptionFilter{}); got != nil {
		t.Errorf("left are %v", got)
	}
	r.balanced()
}

// TestManyAreDismissed takes all of a kind off the list at once; the money and the
// state of leads that were lost stay as they are.
func TestManyAreDismissed(t *testing.T) {
	t.Parallel()
	r, _ := troubled(t)
	page, err := r.store.Exceptions(t.Context(), store.ExceptionFilter{Method: "unsound-api"})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, x := range page.Rows {
		ids = append(ids, x.Delivery.ID)
	}
	if n, err := r.store.Dismiss(t.Context(), ids, "boss"); n != 2 || err != nil {
		t.Errorf("dismissed %d, %v", n, err)
	}
	if got := r.exceptions(store.ExceptionFilter{}); len(got) != 1 {
		t.Errorf("left are %v", got)
	}
	for _, x := range page.Rows {
		l := r.lead(x.Delivery.Lead)
		if d := l.Deliveries[0]; l.State != ringbid.LeadUnsold || d.Exception || d.State != ringbid.DeliveryFailed || d.Reason != x.Delivery.Reason+"; dismissed by boss" {
			t.Errorf("%s", asJSON(l))
		}
	}
	r.balanced()
}
