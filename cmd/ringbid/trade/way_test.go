package trade

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// steps writes deliveries as lines, for comparing.
func steps(l *ringbid.Lead) []string {
	var out []string
	for _, d := range l.Deliveries {
		line := fmt.Sprintf("%s %s %s after %d", d.Method, d.Role, d.State, len(d.Tries))
		if d.Exception {
			line += ", to be seen"
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// ways gives a buyer's target its methods with their parts.
func ways(docs []ringbid.Document, roles ...string) []ringbid.Document {
	for i, role := range roles {
		target(docs).Methods[i].Role = role
	}
	return docs
}

// TestFallback goes another way to the same buyer where the first one fails, at
// once or in the end, and never where the buyer does not want the lead.
func TestFallback(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.publish(buyer("next", "5.00", inbox("next"))...)
	for name, c := range map[string]struct {
		first, second string // how the simulated buyer answers there
		purchases     []string
		steps         []string
	}{
		"it takes it":    {"good", "good", []string{"accepted"}, []string{"1st primary accepted after 1"}},
		"it refuses":     {"reject", "good", []string{"rejected", "accepted"}, []string{"1st primary rejected after 1", "next-inbox primary accepted after 1"}},
		"unsound":        {"422", "good", []string{"accepted"}, []string{"1st primary failed after 1, to be seen", "2nd fallback accepted after 1"}},
		"it breaks":      {"503-plain", "good", []string{"accepted"}, []string{"1st primary failed after 6, to be seen", "2nd fallback accepted after 1"}},
		"refuses there":  {"422", "reject", []string{"rejected", "accepted"}, []string{"1st primary failed after 1, to be seen", "2nd fallback rejected after 1", "next-inbox primary accepted after 1"}},
		"both are wrong": {"422", "404", []string{"failed", "accepted"}, []string{"1st primary failed after 1, to be seen", "2nd fallback failed after 1, to be seen", "next-inbox primary accepted after 1"}},
		"nobody knows":   {"reset", "good", []string{"held"}, []string{"1st primary held after 1, to be seen"}},
	} {
		short := strings.ReplaceAll(name, " ", "-")
		docs := named(short, basics(short, "next"))
		first, second := r.httpMethod(short+"-1st", c.first, ""), r.httpMethod(short+"-2nd", c.second, "")
		r.publish(slices.Concat(docs, buyer(short, "20.00", first, second))...)
		l := r.settle(r.sendTo(short, person()).LeadID)
		var states []string
		for _, p := range l.Purchases {
			states = append(states, string(p.State))
		}
		if d := gocmp.Diff(c.purchases, states); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		got := steps(l)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], short+"-")
		}
		slices.Sort(got)
		if d := gocmp.Diff(c.steps, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	r.balanced()
}

// TestParallelDecidesNothing lets what goes beside take, refuse and break: the
// purchase follows the primary alone.
func TestParallelDecidesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.publish(buyer("next", "5.00", inbox("next"))...)
	for name, c := range map[string]struct {
		primary, beside string
		state           ringbid.PurchaseState
		steps           []string
	}{
		"both":    {"good", "forgetful", ringbid.PurchaseAccepted, []string{"beside parallel accepted after 1", "first primary accepted after 1"}},
		"refused": {"good", "reject", ringbid.PurchaseAccepted, []string{"beside parallel rejected after 1", "first primary accepted after 1"}},
		"broken":  {"good", "422", ringbid.PurchaseAccepted, []string{"beside parallel failed after 1, to be seen", "first primary accepted after 1"}},
		"unknown": {"good", "reset", ringbid.PurchaseAccepted, []string{"beside parallel held after 1, to be seen", "first primary accepted after 1"}},
		"alone":   {"reject", "forgetful", ringbid.PurchaseRejected, []string{"beside parallel accepted after 1", "first primary rejected after 1", "next-inbox primary accepted after 1"}},
	} {
		docs := named(name, basics(name, "next"))
		first, beside := r.httpMethod(name+"-first", c.primary, ""), r.httpMethod(name+"-beside", c.beside, "")
		r.publish(slices.Concat(docs, ways(buyer(name, "20.00", beside, first), "parallel", "primary"))...)
		l := r.settle(r.sendTo(name, person()).LeadID)
		if l.Purchases[0].State != c.state {
			t.Errorf("%s: %s", name, asJSON(l.Purchases))
		}
		got := steps(l)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], name+"-")
		}
		slices.Sort(got)
		if d := gocmp.Diff(c.steps, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	r.balanced()
}

// gate is a buyer who answers when it is let to, with a status.
type gate struct {
	url     string
	came    chan struct{}
	answer  chan int
	counter atomic.Int64
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{came: make(chan struct{}, 100), answer: make(chan int, 100)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.counter.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		g.came <- struct{}{}
		select {
		case status := <-g.answer:
			w.WriteHeader(status)
			if status == http.StatusOK {
				_, _ = io.WriteString(w, `{"status":"accepted","lead_id":"G-1"}`)
			}
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	g.url = s.URL
	return g
}

// method posts to the gate.
func (g *gate) method(name, patch string) *ringbid.Method {
	return &ringbid.Method{Name: name, Type: "http", Settings: map[string]string{"url": g.url}, Exchange: ringbid.Raw(patch)}
}

// deliver makes a try on a goroutine of its own; wait returns when it has ended.
func (r *rig) deliver(id string) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := r.Engine.Deliver(r.t.Context(), id); err != nil {
			r.t.Error(err)
		}
	}()
	return func() { <-done }
}

// by returns a lead's delivery by the method.
func by(t *testing.T, l *ringbid.Lead, method string) ringbid.Delivery {
	t.Helper()
	i := slices.IndexFunc(l.Deliveries, func(d ringbid.Delivery) bool { return d.Method == method })
	if i < 0 {
		t.Fatalf("no delivery by %s: %s", method, asJSON(l.Deliveries))
	}
	return l.Deliveries[i]
}

// TestParallelIsCancelled withdraws what goes beside when the buyer refuses: what
// waits, what waits for a retry, and what is under way and would have to be tried
// again. Nothing is sent to who did not buy.
func TestParallelIsCancelled(t *testing.T) {
	t.Parallel()
	r, g := newRig(t, nil, nil), newGate(t)
	docs := ways(buyer("acme", "20.00", r.httpMethod("first", "reject", ""), r.httpMethod("waits", "good", ""), r.httpMethod("again", "503-plain", ""), g.method("under-way", "")),
		"primary", "parallel", "parallel", "parallel")
	r.publish(slices.Concat(basics("acme", "next"), docs, buyer("next", "5.00", inbox("next")))...)
	l := r.lead(r.post(person(), "").LeadID)
	r.deliver(by(t, l, "again").ID)()
	ended := r.deliver(by(t, l, "under-way").ID)
	<-g.came
	r.deliver(by(t, l, "first").ID)()
	g.answer <- http.StatusInternalServerError
	ended()
	l = r.settle(l.ID)
	if d := gocmp.Diff([]string{
		"again parallel cancelled after 1", "first primary rejected after 1", "next-inbox primary accepted after 1",
		"under-way parallel cancelled after 1", "waits parallel cancelled after 0",
	}, steps(l)); d != "" {
		t.Error(d)
	}
	if n := r.buyers.Count("good").Posts; n != 0 || g.counter.Load() != 1 {
		t.Errorf("%d and %d were sent to who did not buy", n, g.counter.Load())
	}
	if d := by(t, l, "under-way"); d.Reason != "the purchase was not made" || d.Done == nil || d.Next != nil {
		t.Errorf("%s", asJSON(d))
	}
	r.balanced()
}

// TestWaterfallGoesOn walks down all bids until somebody takes the lead, and says
// what the publisher is told: not who refused.
func TestWaterfallGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	names := []string{"a", "b", "c", "d", "e"}
	docs := basics(names...)
	for i, name := range names {
		docs = append(docs, buyer(name, fmt.Sprintf("%d.00", 20-i), r.httpMethod(name+"-api", r.buying(name, sim.LeadBuying{Reject: "not from " + name}), ""))...)
	}
	r.publish(docs...)
	l := r.settle(r.post(person(), "ext-1").LeadID)
	if l.State != ringbid.LeadUnsold || l.Reason.Code != "no_buyer" || l.Reason.Text != "not from e" || len(l.Purchases) != 5 {
		t.Errorf("%s", asJSON(l))
	}
	if a := r.post(person(), "ext-1"); a.Status != "rejected" || a.Reason != "no buyer took it" || a.Price != nil {
		t.Errorf("told %+v", a)
	}
	r.buying("d", sim.LeadBuying{})
	l = r.settle(r.post(person(), "").LeadID)
	if d := gocmp.Diff([]string{
		"0 a a rejected pays 0.00, earns 0.00", "0 b b rejected pays 0.00, earns 0.00", "0 c c rejected pays 0.00, earns 0.00", "0 d d accepted pays 17.00, earns 10.20",
	}, lines(l.Purchases)); d != "" || !l.Purchases[3].Recovery || l.Purchases[0].Recovery {
		t.Error(d)
	}
	r.balanced()
}
