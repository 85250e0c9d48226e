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
	"github.com/ringbid/ringbid/delivery/intake"
)

// TestRepeats posts a person again: known by phone or by e-mail, whatever their
// writing, within the days that the campaign says and not a moment longer.
func TestRepeats(t *testing.T) {
	t.Parallel()
	r := oneBuyer(t)
	r.clock.now = r.clock.now.Truncate(time.Millisecond)
	same := func(v string) string { return v }
	for name, c := range map[string]struct {
		by           []string
		phone, email func(string) string // of the second post
		after        time.Duration
		known        string
	}{
		"by phone":           {nil, func(v string) string { return "+1 (" + v[:3] + ") " + v[3:] }, nil, 0, "phone"},
		"by e-mail":          {nil, nil, strings.ToUpper, 0, "email"},
		"another":            {nil, nil, nil, 0, ""},
		"at the end":         {nil, same, same, 30 * 24 * time.Hour, "phone"},
		"after it":           {nil, same, same, 30*24*time.Hour + time.Millisecond, ""},
		"by phone only":      {[]string{"phone"}, nil, same, 0, ""},
		"by e-mail only":     {[]string{"email"}, same, nil, 0, ""},
		"by e-mail, it is":   {[]string{"email"}, nil, same, 0, "email"},
		"without an address": {nil, nil, func(string) string { return "" }, 0, ""},
	} {
		docs := named(name, basics("acme"))
		campaign(docs).Lead.RepeatDays, campaign(docs).Lead.RepeatBy = 30, c.by
		r.publish(docs...)
		posting := intake.Posting{Source: docs[2].(*ringbid.Source), Way: "direct", Values: person()}
		first := r.sendOK(posting)
		r.clock.advance(c.after)
		again := person()
		if c.phone != nil {
			again["phone"] = c.phone(posting.Values["phone"])
		}
		if c.email != nil {
			again["email"] = c.email(posting.Values["email"])
		}
		posting.Values = again
		a := r.sendOK(posting)
		l := r.lead(a.LeadID)
		if c.known == "" {
			if a.Status != "pending" || l.State != ringbid.LeadSelling || l.Unpaid {
				t.Errorf("%s: %+v %s", name, a, asJSON(l))
			}
			continue
		}
		text := "this person was posted before, known by " + c.known
		if d := gocmp.Diff(intake.Answer{Status: "duplicate", Code: "duplicate", Reason: text, LeadID: a.LeadID}, a); d != "" || a.LeadID == first.LeadID {
			t.Errorf("%s: %s", name, d)
		}
		if d := gocmp.Diff(ringbid.Reason{Code: "duplicate", Text: text, Fault: ringbid.FaultNone}, l.Reason); d != "" || l.State != ringbid.LeadRefused || l.Purchases != nil {
			t.Errorf("%s: %s %s", name, d, asJSON(l))
		}
	}
	r.balanced()
}

// sendTo posts to the source of the name.
func (r *rig) sendTo(source string, values map[string]string) intake.Answer {
	r.t.Helper()
	return r.sendOK(intake.Posting{Source: r.store.Book().Sources[source], Way: "direct", Values: values})
}

// named gives the campaign and the source of basics a name of their own.
func named(name string, docs []ringbid.Document) []ringbid.Document {
	name = strings.NewReplacer(" ", "-", ",", "").Replace(name)
	s := docs[2].(*ringbid.Source)
	campaign(docs).Name, s.Name, s.Campaign = name, name, name
	return docs
}

// A repeat that was refused is not a reason to refuse the next one, and one
// campaign's person is new to another.
func TestRepeatsOfWhom(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	docs, others := basics("acme"), named("roofs", basics("acme"))
	campaign(docs).Lead.RepeatDays, campaign(others).Lead.RepeatDays = 10, 10
	r.publish(slices.Concat(docs, others[:1], others[2:], buyer("acme", "20.00", r.httpMethod("acme-api", "fast", "")))...)
	who := person()
	r.post(who, "")
	r.clock.advance(9 * 24 * time.Hour)
	if a := r.post(who, ""); a.Status != "duplicate" {
		t.Errorf("%+v", a)
	}
	r.clock.advance(2 * 24 * time.Hour)
	if a := r.post(who, ""); a.Status != "pending" {
		t.Errorf("eleven days after the one that was taken: %+v", a)
	}
	if a := r.sendOK(intake.Posting{Source: r.store.Book().Sources["roofs"], Way: "direct", Values: who}); a.Status != "pending" {
		t.Errorf("in another campaign: %+v", a)
	}
}

// TestUnpaidRepeats sells a repeat: the buyer pays, the publisher earns nothing.
func TestUnpaidRepeats(t *testing.T) {
	t.Parallel()
	r := oneBuyer(t, func(c *ringbid.Campaign) { c.Lead.RepeatDays, c.Lead.Repeats = 30, "unpaid" })
	who := person()
	first := r.settle(r.post(who, "").LeadID)
	a := r.post(who, "again")
	if a.Status != "pending" || *a.Price != 0 {
		t.Fatalf("%+v", a)
	}
	second := r.settle(a.LeadID)
	if first.Unpaid || !second.Unpaid || second.State != ringbid.LeadSold {
		t.Errorf("%s", asJSON(second))
	}
	want := ringbid.Sale{Currency: "USD", Price: 200_000, Revenue: 200_000, Converted: true, Rule: "paid: accepted; publisher not paid: a repeat"}
	if d := gocmp.Diff(want, second.Purchases[0].Sale); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff(ringbid.Sale{Currency: "USD", Revenue: 200_000}, second.Sale); d != "" {
		t.Error(d)
	}
	if told := r.post(who, "again"); told.Status != "accepted" || *told.Price != 0 || !told.Repeat {
		t.Errorf("%+v", told)
	}
	if n := ask[int64](r, `SELECT sum(amount)::bigint FROM entries WHERE account = 'payable'`); n != -120_000 {
		t.Errorf("the publisher is owed %d", -n)
	}
	r.balanced()
}

// TestSameIDAtOnce posts one lead ten times at one moment, and once more.
func TestSameIDAtOnce(t *testing.T) {
	t.Parallel()
	r := oneBuyer(t)
	for name, days := range map[string]int{"anybody": 0, "no repeats": 30} {
		docs := named(name, basics("acme"))
		campaign(docs).Lead.RepeatDays = days
		r.publish(docs...)
		posting := intake.Posting{Source: docs[2].(*ringbid.Source), Way: "direct", External: "ext-1", Values: person()}
		answers := append(r.atOnce(10, func(int) intake.Posting { return posting }), r.sendOK(posting))
		fresh := 0
		for i := range answers {
			if !answers[i].Repeat {
				fresh++
			}
			answers[i].Repeat = false
			if d := gocmp.Diff(answers[0], answers[i]); d != "" {
				t.Errorf("%s: answers differ: %s", name, d)
			}
		}
		if fresh != 1 || answers[0].Status != "pending" || *answers[0].Price != 120_000 {
			t.Errorf("%s: %d are not repeats; %+v", name, fresh, answers[0])
		}
		n := ask[string](r, `SELECT concat_ws(' ', count(DISTINCT l.id), count(DISTINCT p.id), count(d.id)) FROM leads l
			LEFT JOIN purchases p ON p.lead_id = l.id LEFT JOIN deliveries d ON d.lead_id = l.id WHERE l.source = $1`, posting.Source.Name)
		if n != "1 1 1" {
			t.Errorf("%s: leads, purchases, deliveries: %s", name, n)
		}
		r.settle(answers[0].LeadID)
		if n := r.buyers.Kept("acme", answers[0].LeadID); n != 1 {
			t.Errorf("%s: the buyer has it %d times", name, n)
		}
	}
	r.balanced()
}

// atOnce posts from n goroutines.
func (r *rig) atOnce(n int, posting func(i int) intake.Posting) []intake.Answer {
	r.t.Helper()
	answers, errs := make([]intake.Answer, n), make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			answers[i], errs[i] = r.send(posting(i))
		})
	}
	close(start)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return answers
}

// TestPersonAtOnce posts one person under ten ids at one moment: one is taken.
func TestPersonAtOnce(t *testing.T) {
	t.Parallel()
	r := oneBuyer(t)
	for repeats, want := range map[string]string{
		"refuse": "1 pending, 9 duplicate; 1 paid, 0 not paid, 9 refused",
		"unpaid": "10 pending, 0 duplicate; 1 paid, 9 not paid, 0 refused",
	} {
		docs := named(repeats, basics("acme"))
		campaign(docs).Lead.RepeatDays, campaign(docs).Lead.Repeats = 30, repeats
		r.publish(docs...)
		source, phone, count := docs[2].(*ringbid.Source), person()["phone"], map[string]int{}
		for _, a := range r.atOnce(10, func(i int) intake.Posting {
			return intake.Posting{Source: source, Way: "direct", External: fmt.Sprint("ext-", i), Values: with(person(), "phone", phone)}
		}) {
			count[a.Status]++
			l := r.settle(a.LeadID)
			switch {
			case l.State == ringbid.LeadRefused:
				count["refused"]++
			case l.Unpaid:
				count["not paid"]++
			default:
				count["paid"]++
			}
			if told := r.sendOK(intake.Posting{Source: source, Way: "direct", External: l.External, Values: person()}); !told.Repeat || told.LeadID != a.LeadID {
				t.Errorf("asked again: %+v", told)
			}
		}
		got := fmt.Sprintf("%d pending, %d duplicate; %d paid, %d not paid, %d refused", count["pending"], count["duplicate"], count["paid"], count["not paid"], count["refused"])
		if got != want {
			t.Errorf("%s: %s, want %s", repeats, got, want)
		}
	}
	r.balanced()
}
