package trade

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/intake"
)

// agents are people of a buyer's.
func agents(buyer string, names ...string) []ringbid.Document {
	var out []ringbid.Document
	for _, n := range names {
		out = append(out, &ringbid.User{Name: n, Role: ringbid.RoleAgent, Buyer: buyer, PasswordHash: "$2a$04$fortestsonly"})
	}
	return out
}

// given counts a buyer's leads by their agent.
func (r *rig) given(buyer string) map[string]int {
	r.t.Helper()
	figures, err := r.store.Work(r.t.Context(), buyer, time.Time{}, r.clock.Now().Add(time.Hour))
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]int{}
	for _, f := range figures {
		out[f.Agent] = int(f.Taken)
	}
	return out
}

// TestRoundRobin gives nine leads to three agents, three to each: as they come,
// when they are worked off in another order than they came, when they come at one
// moment, and when all are worked at once.
func TestRoundRobin(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	for name, c := range map[string]struct {
		apart  time.Duration
		order  func(n int) int // in which they are delivered
		atOnce bool
	}{
		"in-order":     {time.Minute, func(i int) int { return i }, false},
		"last-first":   {time.Minute, func(i int) int { return 8 - i }, false},
		"at-one-time":  {0, func(i int) int { return i }, false},
		"all-together": {time.Second, func(i int) int { return i }, true},
	} {
		box := inbox(name)
		box.Assign = "round_robin"
		docs := slices.Concat(named(name, basics(name)), buyer(name, "9.00", box), agents(name, name+"-ann", name+"-bob", name+"-cy"))
		docs = append(docs, &ringbid.User{Name: name + "-off", Role: ringbid.RoleAgent, Buyer: name, Disabled: true, PasswordHash: "$2a$04$fortestsonly"})
		r.publish(docs...)
		var ids []string
		for range 9 {
			l := r.lead(r.sendTo(name, person()).LeadID)
			ids = append(ids, l.Deliveries[0].ID)
			r.clock.advance(c.apart)
		}
		var all sync.WaitGroup
		for i := range ids {
			wait := r.deliver(ids[c.order(i)])
			if c.atOnce {
				all.Go(wait)
				continue
			}
			wait()
		}
		all.Wait()
		if d := gocmp.Diff(map[string]int{name + "-ann": 3, name + "-bob": 3, name + "-cy": 3}, r.given(name)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// An agent who is new takes their turn, and does not get all that comes; a lead
// that was handed to somebody by hand counts as theirs.
func TestRoundRobinGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	box := inbox("acme")
	box.Assign = "round_robin"
	r.publish(slices.Concat(basics("acme"), buyer("acme", "9.00", box), agents("acme", "ann", "bob"))...)
	next := func() string {
		t.Helper()
		l := r.settle(r.post(person(), "").LeadID)
		r.clock.advance(time.Second)
		return l.Purchases[0].Agent
	}
	var got []string
	for range 4 {
		got = append(got, next())
	}
	r.publish(agents("acme", "zoe")...)
	for range 4 {
		got = append(got, next())
	}
	if d := gocmp.Diff([]string{"ann", "bob", "ann", "bob", "zoe", "ann", "bob", "zoe"}, got); d != "" {
		t.Error(d)
	}
	l := r.settle(r.post(person(), "").LeadID)
	list, err := r.store.Activity(t.Context(), "acme", l.ID)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, a := range list {
		kinds = append(kinds, fmt.Sprint(a.By, " ", a.Kind, " ", a.Text))
	}
	if d := gocmp.Diff([]string{"ringbid assigned ann", "ringbid received delivered by acme-inbox"}, kinds); d != "" {
		t.Error(d)
	}
}

// TestTerritory gives a lead to the agents of its state, in turn, and leaves it for
// whoever claims it where nobody has the state. TestClaim leaves all.
func TestTerritory(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	lands, free := inbox("lands"), inbox("free")
	lands.Assign, lands.Territories = "territory", map[string][]string{"ann": {"CA", "NV"}, "bob": {"CA"}, "cy": {"NY"}}
	free.Assign = "claim"
	r.publish(slices.Concat(basics("lands"), named("free", basics("free"))[:1], named("free", basics("free"))[2:], buyer("lands", "9.00", lands), buyer("free", "9.00", free), agents("lands", "ann", "bob", "cy"), agents("free", "dee"))...)
	for i, c := range []struct{ source, state, want string }{
		{"solar-main", "CA", "ann"}, {"solar-main", "CA", "bob"}, {"solar-main", "CA", "ann"}, {"solar-main", "NV", "ann"}, {"solar-main", "CA", "bob"},
		{"solar-main", "NY", "cy"}, {"solar-main", "TX", ""}, {"solar-main", "", ""}, {"free", "CA", ""},
	} {
		a := r.sendOK(intake.Posting{Source: r.store.Book().Sources[c.source], Way: "direct", Values: with(person(), "state", c.state)})
		l := r.settle(a.LeadID)
		if p := l.Purchases[0]; p.Agent != c.want || p.State != ringbid.PurchaseAccepted {
			t.Errorf("%d, of %s: given to %q, %s", i, c.state, p.Agent, p.State)
		}
		r.clock.advance(time.Second)
	}
}
