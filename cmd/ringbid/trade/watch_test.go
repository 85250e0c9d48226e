package trade

import (
	"fmt"
	"net/http"
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

// watched is a rig whose alerts go to a person.
func watched(t *testing.T) (*rig, *postOffice) {
	t.Helper()
	post := newPost(t)
	return openRig(t, parts{mailer: post.mailer(t), alertTo: []string{"ops@ringbid.example"}, clock: &clock{now: halfPastTen()}}), post
}

// halfPastTen is far enough from the end of an hour, and near enough to now.
func halfPastTen() time.Time {
	return time.Now().UTC().Truncate(24 * time.Hour).Add(10*time.Hour + 30*time.Minute)
}

// look watches once, and returns the alerts that are open and the letters that
// went out.
func (r *rig) look(post *postOffice) (open []string, letters []letter) {
	r.t.Helper()
	if err := r.Watch(r.t.Context()); err != nil {
		r.t.Error(err)
	}
	for _, raw := range post.letters() {
		letters = append(letters, opened(r.t, raw))
	}
	return r.alerts(), letters
}

// alerts are those that are open, as "kind subject: text".
func (r *rig) alerts() []string {
	r.t.Helper()
	list, err := r.store.Alerts(r.t.Context(), r.clock.Now().Add(time.Hour))
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, a := range list {
		if a.Closed == nil {
			out = append(out, a.Kind+" "+a.Subject+": "+a.Text)
		}
	}
	slices.Sort(out)
	return out
}

// TestHealth sums up what deliveries and endpoints did.
func TestHealth(t *testing.T) {
	t.Parallel()
	r, g := openRig(t, parts{clock: &clock{now: halfPastTen()}}), newGate(t)
	api := g.method("api", `{"timeout":"20s"}`)
	api.Patience = ringbid.Duration(time.Minute)
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", api))...)
	began := r.clock.Now()
	for i, status := range []int{200, 200, 404, 200} {
		id := r.queued("solar-main", 1)[0]
		wait := r.deliver(id)
		<-g.came
		r.clock.advance(time.Duration(i+1) * 100 * time.Millisecond)
		g.answer <- status
		wait()
	}
	r.queued("solar-main", 1)
	buyers, err := r.store.BuyerHealth(t.Context(), began)
	if d := gocmp.Diff([]store.BuyerHealth{{Buyer: "acme", Delivered: 3, Failed: 1}}, buyers); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	endpoints, err := r.store.EndpointHealth(t.Context(), began)
	want := store.EndpointHealth{Method: "api", Buyer: "acme", Tries: 4, Errors: 0, Mean: 250 * time.Millisecond, Slowest: 400 * time.Millisecond, Waiting: 1}
	if d := gocmp.Diff([]store.EndpointHealth{want}, endpoints); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	kinds, err := r.store.ErrorKinds(t.Context(), began)
	if d := gocmp.Diff([]store.ErrorKind{{Class: "rejected", Code: "rule", Count: 1}}, kinds); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	queue, err := r.store.QueueDepth(t.Context())
	oldest := r.clock.Now()
	if err != nil || queue.Queued != 1 || queue.Retrying+queue.Sending != 0 || !queue.Oldest.Equal(oldest) {
		t.Errorf("%+v, %v", queue, err)
	}
	hours, err := r.store.BuyerHours(t.Context(), 3)
	if d := gocmp.Diff(map[string][]int64{"acme": {-1, -1, 75}}, hours); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}

// TestAlerts opens each once, tells of it once, and closes it once it is over.
func TestAlerts(t *testing.T) {
	t.Parallel()
	r, post := watched(t)
	r.buying("acme", sim.LeadBuying{})
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", r.httpMethod("api", "acme", "")))...)
	fail := func(f sim.LeadFault, n int) {
		t.Helper()
		if err := r.buyers.SetFault("acme", f); err != nil {
			t.Fatal(err)
		}
		r.try(r.queued("solar-main", n)...)
	}
	expect := func(what string, open []string, subjects ...string) {
		t.Helper()
		got, letters := r.look(post)
		if d := gocmp.Diff(open, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
		var told []string
		for _, l := range letters {
			told = append(told, l.subject)
			for _, a := range open {
				if _, text, _ := strings.Cut(a, ": "); len(subjects) > 0 && strings.HasPrefix(subjects[0], "ringbid: "+text) && !strings.Contains(l.text, text+".") {
					t.Errorf("%s: the letter says %q", what, l.text)
				}
			}
			if l.to != "<ops@ringbid.example>" {
				t.Errorf("told %s", l.to)
			}
		}
		if d := gocmp.Diff(subjects, told); d != "" {
			t.Errorf("%s: letters %s", what, d)
		}
	}
	fail("", 17)
	expect("all is well", nil)
	fail(sim.LeadFault422, 2)
	expect("19 deliveries are too few", nil)
	fail(sim.LeadFault422, 1)
	low := "success acme: 85 % of the last hour's 20 deliveries to acme succeeded; the target is 95 %"
	expect("the 20th", []string{low}, "ringbid: 85 % of the last hour's 20 deliveries to acme succeeded; the target is 95 %")
	expect("a moment later", []string{low})
	fail(sim.LeadFault500, 4)
	expect("four in a row", []string{low})
	fail(sim.LeadFault500, 1)
	errs := "errors api: api failed 5 times in a row: internal error"
	expect("five in a row", []string{errs, low}, "ringbid: api failed 5 times in a row: internal error")
	fail(sim.LeadFault401, 1)
	broken := "breaker api: api is not asked any more: key is not known"
	expect("open", []string{broken, low}, "ringbid: api is not asked any more: key is not known")
	if err := r.store.CloseBreaker(t.Context(), "api"); err != nil {
		t.Fatal(err)
	}
	expect("closed", []string{low})
	for _, l := range r.page(leadsOf("solar-main")) { // what was to be tried again comes to its end
		if err := r.buyers.SetFault("acme", ""); err != nil {
			t.Fatal(err)
		}
		r.settle(l.ID)
	}
	r.clock.advance(61 * time.Minute)
	expect("an hour later", nil)
	list, err := r.store.Alerts(t.Context(), time.Time{})
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, a := range list {
		if a.Closed == nil || a.Told == nil || a.Closed.Before(a.Opened) {
			t.Errorf("%+v", a)
		}
	}
	fail(sim.LeadFault500, 5)
	expect("once more", []string{errs}, "ringbid: api failed 5 times in a row: internal error")
}

// TestSlowAndWaiting raises what takes too long: the endpoint's answers, and what
// is queued. Several at once are one letter.
func TestSlowAndWaiting(t *testing.T) {
	t.Parallel()
	r, post := watched(t)
	g := newGate(t)
	api := g.method("api", `{"timeout":"20s"}`)
	api.Slow = ringbid.Duration(500 * time.Millisecond)
	box := inbox("next")
	box.Paused = true
	r.publish(slices.Concat(basics("acme"), named("waits", basics("next"))[:1], named("waits", basics("next"))[2:], buyer("acme", "20.00", api), buyer("next", "5.00", box))...)
	r.queued("waits", 2)
	exchange := func(took time.Duration) {
		wait := r.deliver(r.queued("solar-main", 1)[0])
		<-g.came
		r.clock.advance(took)
		g.answer <- http.StatusOK
		wait()
	}
	for range 9 {
		exchange(600 * time.Millisecond)
	}
	if open, _ := r.look(post); open != nil {
		t.Errorf("nine tries are too few: %v", open)
	}
	exchange(600 * time.Millisecond)
	r.clock.advance(10*time.Minute - 10*600*time.Millisecond + time.Millisecond)
	open, letters := r.look(post)
	if d := gocmp.Diff([]string{"queue deliveries: 2 deliveries wait, the oldest for 10m0s", "slow api: api takes 600ms on average, more than 500ms"}, open); d != "" {
		t.Error(d)
	}
	if len(letters) != 1 || letters[0].subject != "ringbid: 2 alerts" || strings.Count(letters[0].text, "\n\n") != 1 || !strings.Contains(letters[0].text, "more than 500ms.") {
		t.Errorf("%+v", letters)
	}
	for range 30 {
		exchange(100 * time.Millisecond)
	}
	if open, letters := r.look(post); len(open) != 1 || len(letters) != 0 {
		t.Errorf("%v, %d letters", open, len(letters))
	}
}

// TestAlertsAreTold by one of two nodes, and again when the mail server was away.
func TestAlertsAreTold(t *testing.T) {
	t.Parallel()
	r, post := watched(t)
	r.buying("acme", sim.LeadBuying{Fault: sim.LeadFault401})
	r.publish(slices.Concat(basics("acme"), buyer("acme", "20.00", r.httpMethod("api", "acme", "")))...)
	twin := r.twin()
	r.try(r.queued("solar-main", 1)...)
	post.fail("MAIL", "451 4.3.0 local error")
	for range 2 {
		if err := r.Watch(t.Context()); err == nil || !strings.Contains(err.Error(), "alert by mail: ") {
			t.Errorf("%v", err)
		}
	}
	if list, err := r.store.Alerts(t.Context(), r.clock.Now()); err != nil || len(list) != 1 || list[0].Told != nil {
		t.Errorf("%+v, %v", list, err)
	}
	post.fail("", "")
	var all sync.WaitGroup
	for _, node := range []*rig{r, twin, r, twin} {
		all.Go(func() {
			if err := node.Watch(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := post.letters(); len(got) != 1 {
		t.Errorf("%d letters", len(got))
	}
	if list, err := r.store.Alerts(t.Context(), r.clock.Now()); err != nil || len(list) != 1 || list[0].Told == nil {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestForgetCopies takes what was sent and answered off tries that are older than
// the method keeps them, and leaves the rest.
func TestForgetCopies(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("acme", sim.LeadBuying{})
	long, short := r.httpMethod("long", "acme", ""), r.httpMethod("short", "acme", "")
	short.Keep = 10
	r.publish(slices.Concat(basics("acme"), ways(buyer("acme", "20.00", long, short), "primary", "parallel"))...)
	id := r.settle(r.post(person(), "").LeadID).ID
	for _, c := range []struct {
		days        int // since the last look
		long, short bool
	}{{0, true, true}, {10, true, true}, {1, true, false}, {79, true, false}, {1, false, false}} {
		r.clock.advance(time.Duration(c.days) * 24 * time.Hour)
		if err := r.forgetCopies(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := r.lead(id)
		for name, want := range map[string]bool{"long": c.long, "short": c.short} {
			try := by(t, l, name).Tries[0]
			if got := fmt.Sprint(try.Request != "", try.Response != "", try.Fields != ""); got != fmt.Sprint(want, want, want) || try.Class != "accepted" {
				t.Errorf("%s after %d days more: kept %s", name, c.days, got)
			}
		}
	}
}

// TestLoops run from Start to Stop: what is down is known, and the parked is
// looked at. Stopping twice does no harm.
func TestLoops(t *testing.T) {
	t.Parallel()
	r := alone(t, "401", "")
	lead := r.queued("solar-main", 1)
	r.tell(store.HookEvent{ID: "e1", Lead: r.delivery(lead[0]).Lead, Buyer: "nobody yet", Hook: "early", Status: "contacted", At: r.clock.Now()})
	r.try(lead...)
	if got := r.Broken(); got != nil {
		t.Errorf("before the start: %v", got)
	}
	if _, err := r.store.Pool().Exec(t.Context(), `UPDATE hook_events SET body = body || '{"buyer": "acme"}'`); err != nil {
		t.Fatal(err)
	}
	r.Start(t.Context())
	r.until("the breaker is known", func() bool { return r.Broken()["api"] == "key is not known" })
	r.until("the event is applied", func() bool { return ask[int](r, `SELECT count(*) FROM hook_events WHERE state = 'applied'`) == 1 })
	r.until("the alert is open", func() bool { return len(r.alerts()) == 1 })
	for range 2 {
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
