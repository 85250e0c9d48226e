package trade

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/sim"
)

// money reads an amount.
func money(t *testing.T, s string) ringbid.Money {
	t.Helper()
	m, err := ringbid.ParseMoney(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// campaign is that of basics.
func campaign(docs []ringbid.Document) *ringbid.Campaign { return docs[0].(*ringbid.Campaign) }

// target is that of buyer.
func target(docs []ringbid.Document) *ringbid.Target { return docs[1].(*ringbid.Target) }

// send takes a posting in; the source is filled in.
func (r *rig) send(p intake.Posting) (intake.Answer, error) {
	if p.Source == nil {
		p.Source = r.store.Book().Sources["solar-main"]
	}
	return r.Desk.Post(r.t.Context(), p)
}

// sendOK does so and expects no error.
func (r *rig) sendOK(p intake.Posting) intake.Answer {
	r.t.Helper()
	a, err := r.send(p)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// lead reads all that is known of a lead.
func (r *rig) lead(id string) *ringbid.Lead {
	r.t.Helper()
	l, err := r.store.Lead(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// with is a person with some fields changed.
func with(values map[string]string, pairs ...string) map[string]string {
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return values
}

// oneBuyer is a rig with one buyer who takes what comes for 20.00.
func oneBuyer(t *testing.T, edit ...func(*ringbid.Campaign)) *rig {
	t.Helper()
	r := newRig(t, nil, nil)
	docs := basics("acme")
	for _, f := range edit {
		f(campaign(docs))
	}
	r.publish(slices.Concat(docs, buyer("acme", "20.00", r.httpMethod("acme-api", r.buying("acme", sim.LeadBuying{}), "")))...)
	return r
}

// buying makes a simulated buyer who does nothing twice and pays 20.00.
func (r *rig) buying(name string, how sim.LeadBuying) string {
	r.t.Helper()
	how.Least, how.Most, how.Idempotent = 20*ringbid.MoneyScale, 20*ringbid.MoneyScale, true
	if err := r.buyers.Set(name, how); err != nil {
		r.t.Fatal(err)
	}
	return name
}

// TestInvalidPost names every field that is wrong at once, keeps what was posted,
// and tells nobody else. Corrected, the lead is taken under the same id.
func TestInvalidPost(t *testing.T) {
	t.Parallel()
	r := oneBuyer(t)
	values := map[string]string{"first_name": "Ann", "phone": "555", "email": "nobody", "State": "Atlantis", "trustedform_url": "x", "hidden": "kept\x00"}
	a := r.post(values, "ext-1")
	want := intake.Answer{
		Status: "invalid", Code: "invalid", LeadID: a.LeadID, Reason: "phone is neither ten digits nor an international number with its plus sign",
		Fields: []ringbid.FieldProblem{
			{Field: "phone", Text: "is neither ten digits nor an international number with its plus sign"}, {Field: "email", Text: "is not an e-mail address"},
			{Field: "state", Text: `"Atlantis" is not a US state`}, {Field: "zip", Text: "is missing"}, {Field: "trustedform_url", Text: "is not a certificate at cert.trustedform.com"},
		},
	}
	if d := gocmp.Diff(want, a); d != "" {
		t.Error(d)
	}
	wantLead := &ringbid.Lead{
		ID: a.LeadID, Node: "rig", State: ringbid.LeadRefused, Received: r.clock.Now().UTC(), Source: "solar-main", Campaign: "solar", Publisher: "leadsrus", External: "ext-1",
		Reason: ringbid.Reason{Code: "invalid", Text: want.Reason, Fault: ringbid.FaultNone}, Posted: with(values, "hidden", "kept\ufffd"), Facts: ringbid.TagMap{"first_name": "Ann"},
		Sale: ringbid.Sale{Currency: "USD"},
	}
	if d := gocmp.Diff(wantLead, r.lead(a.LeadID)); d != "" {
		t.Error(d)
	}
	if again := r.post(values, "ext-1"); again.Status != "invalid" || len(again.Fields) != 5 || again.LeadID == a.LeadID {
		t.Errorf("sent again as it was: %+v", again)
	}
	right := r.post(person(), "ext-1")
	if right.Status != "pending" || right.Repeat {
		t.Errorf("corrected: %+v", right)
	}
	if n := r.buyers.Count("acme"); n.Posts+n.Pings != 0 {
		t.Errorf("a buyer was told: %+v", n)
	}
	r.settle(right.LeadID)
	if again := r.post(person(), "ext-1"); !again.Repeat || again.LeadID != right.LeadID || again.Status != "accepted" {
		t.Errorf("known: %+v", again)
	}
	r.balanced()
}

// TestTestPosts sells nothing and writes nothing, whatever is posted, but the ping
// that a test of a post may follow.
func TestTestPosts(t *testing.T) {
	t.Parallel()
	r := oneBuyer(t, func(c *ringbid.Campaign) { c.Lead.RepeatDays = 30 })
	who := person()
	known := r.post(who, "ext-1")
	before := r.rows()
	price := money(t, "12.00")
	for name, c := range map[string]struct {
		posting intake.Posting
		want    intake.Answer
	}{
		"sound":     {intake.Posting{Way: "direct", Values: person()}, intake.Answer{Status: "accepted", Price: &price, Currency: "USD", Reason: "a test: nothing was sold"}},
		"known id":  {intake.Posting{Way: "direct", External: "ext-1", Values: person()}, intake.Answer{Status: "accepted", Price: &price, Currency: "USD", Reason: "a test: nothing was sold"}},
		"a repeat":  {intake.Posting{Way: "direct", Values: who}, intake.Answer{Status: "duplicate", Code: "duplicate", Reason: "this person was posted before, known by phone"}},
		"not sound": {intake.Posting{Way: "direct", Values: with(person(), "zip", "1")}, intake.Answer{Status: "invalid", Code: "invalid", Reason: `zip "1" is not a US ZIP code of five digits`, Fields: []ringbid.FieldProblem{{Field: "zip", Text: `"1" is not a US ZIP code of five digits`}}}},
		"a ping":    {intake.Posting{Way: "ping", Values: person()}, intake.Answer{Status: "accepted", Price: &price, Currency: "USD", Expires: time.Minute}},
	} {
		c.posting.Test = true
		a := r.sendOK(c.posting)
		a.PingID = ""
		if d := gocmp.Diff(c.want, a); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	before["lead_pings"]++
	if d := gocmp.Diff(before, r.rows()); d != "" {
		t.Errorf("written: %s", d)
	}
	r.publish(&ringbid.Buyer{Name: "acme", Paused: true})
	if a := r.sendOK(intake.Posting{Way: "direct", Test: true, Values: person()}); a.Status != "rejected" || a.Reason != "a test: no buyer would take it" || a.LeadID != "" {
		t.Errorf("without buyers: %+v", a)
	}
	if n := r.buyers.Count("acme"); n.Posts != 0 || known.LeadID == "" {
		t.Errorf("a buyer was told: %+v", n)
	}
}

// rows counts what is in all tables that have to do with leads.
func (r *rig) rows() map[string]int64 {
	r.t.Helper()
	out := map[string]int64{}
	for _, table := range []string{"leads", "lead_pings", "purchases", "deliveries", "tries", "cap_counters", "endpoints", "lead_activity", "entries", "digests"} {
		out[table] = ask[int64](r, `SELECT count(*) FROM `+table)
	}
	out["hours"] = ask[int64](r, `SELECT coalesce(sum(leads + offered), 0)::bigint FROM lead_hours`)
	return out
}

// TestClosedWays takes nothing where the operator has said so.
func TestClosedWays(t *testing.T) {
	t.Parallel()
	r := oneBuyer(t)
	whole := func(edit func(docs []ringbid.Document)) []ringbid.Document {
		docs := basics("acme")
		edit(docs)
		return docs
	}
	for name, c := range map[string]struct {
		docs []ringbid.Document
		way  string
		kind ringbid.Kind
		text string
	}{
		"source":        {whole(func(d []ringbid.Document) { d[2].(*ringbid.Source).Paused = true }), "direct", ringbid.Denied, "this address takes no leads at present"},
		"campaign":      {whole(func(d []ringbid.Document) { campaign(d).Paused = true }), "ping", ringbid.Denied, "this address takes no leads at present"},
		"publisher":     {whole(func(d []ringbid.Document) { d[1].(*ringbid.Publisher).Paused = true }), "direct", ringbid.Denied, "this address takes no leads at present"},
		"no leads":      {whole(func(d []ringbid.Document) { campaign(d).Lead, campaign(d).Flow = nil, "" }), "direct", ringbid.NotFound, "this address takes no leads"},
		"direct only":   {whole(func(d []ringbid.Document) { campaign(d).Lead.Ways = "direct" }), "ping", ringbid.Denied, "this campaign takes leads by direct only"},
		"direct only 2": {whole(func(d []ringbid.Document) { campaign(d).Lead.Ways = "direct" }), "post", ringbid.Denied, "this campaign takes leads by direct only"},
		"pings only":    {whole(func(d []ringbid.Document) { campaign(d).Lead.Ways = "ping_post" }), "direct", ringbid.Denied, "this campaign takes leads by ping_post only"},
	} {
		book, _ := ringbid.NewBook(c.docs)
		desk := intake.New(intake.Config{Documents: func() *ringbid.Book { return book }, Book: shelf{r.store}, Now: r.clock.Now})
		a, err := desk.Post(t.Context(), intake.Posting{Source: book.Sources["solar-main"], Way: c.way, Values: person()})
		if ringbid.KindOf(err) != c.kind || err == nil || err.Error() != c.text {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if d := gocmp.Diff(map[string]int64{}, r.rows(), ignoreZero()); d != "" {
		t.Errorf("written: %s", d)
	}
	a := r.sendOK(intake.Posting{Way: "direct", External: strings.Repeat("x", 201), Values: person()})
	if a.Status != "invalid" || a.LeadID != "" || len(a.Fields) != 1 || a.Fields[0].Field != "id" {
		t.Errorf("an id that is too long: %+v", a)
	}
	if a = r.post(person(), strings.Repeat("x", 200)); a.Status != "pending" {
		t.Errorf("an id of 200 bytes: %+v", a)
	}
}

func ignoreZero() gocmp.Option {
	return gocmp.FilterPath(func(p gocmp.Path) bool {
		i, ok := p.Last().(gocmp.MapIndex)
		if !ok {
			return false
		}
		_, v := i.Values()
		return v.IsValid() && v.IsZero()
	}, gocmp.Ignore())
}

// TestAnswerWithin waits for the buyer's word as long as the campaign allows, and
// no longer: what is open then is pending.
func TestAnswerWithin(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.buying("silent", sim.LeadBuying{Delay: 300 * time.Millisecond})
	stop := r.deliverAll()
	defer stop()
	for name, c := range map[string]struct {
		buying string
		within time.Duration
		want   intake.Answer
	}{
		"in time":     {"fast", 20 * time.Second, intake.Answer{Status: "accepted", Price: new(ringbid.Money(120_000)), Currency: "USD"}},
		"rejected":    {"reject", 20 * time.Second, intake.Answer{Status: "rejected", Currency: "USD", Code: "no_buyer", Reason: "no buyer took it"}},
		"ambiguous":   {"reset", 20 * time.Second, intake.Answer{Status: "pending", Currency: "USD"}},
		"not so long": {"silent", 50 * time.Millisecond, intake.Answer{Status: "pending", Price: new(ringbid.Money(120_000)), Currency: "USD"}},
	} {
		docs := named(name, basics(c.buying))
		campaign(docs).Lead.AnswerWithin = ringbid.Duration(c.within)
		r.publish(slices.Concat(docs, buyer(c.buying, "20.00", r.httpMethod(c.buying+"-api", c.buying, "")))...)
		began := time.Now()
		a := r.sendOK(intake.Posting{Source: docs[2].(*ringbid.Source), Way: "direct", Values: person()})
		took := time.Since(began)
		if a.LeadID == "" {
			t.Errorf("%s: no lead id", name)
		}
		a.LeadID = ""
		if d := gocmp.Diff(c.want, a); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if took > 10*time.Second || c.buying == "silent" && took < c.within {
			t.Errorf("%s: it took %s", name, took)
		}
	}
}

// deliverAll is a worker: it makes the tries of whatever is queued until it is
// stopped.
func (r *rig) deliverAll() (stop func()) {
	quit := make(chan struct{})
	var worker sync.WaitGroup
	worker.Go(func() {
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		for {
			select {
			case <-quit:
				return
			case <-look.C:
			}
			var id string
			err := r.store.Pool().QueryRow(r.t.Context(), `SELECT coalesce(min(id), '') FROM deliveries WHERE state = 'queued'`).Scan(&id)
			if err == nil && id != "" {
				_, err = r.Engine.Deliver(r.t.Context(), id)
			}
			if err != nil {
				r.t.Error(err)
				return
			}
		}
	})
	return func() { close(quit); worker.Wait() }
}
