package siptest

import (
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
)

// Events keeps what a server emits, in order.
type Events struct {
	mu   sync.Mutex
	seen []ringbid.Event
}

// Emit adds one.
func (e *Events) Emit(ev ringbid.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, ev)
}

// Kinds lists the kinds of all so far, in order.
func (e *Events) Kinds() []ringbid.EventKind {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []ringbid.EventKind
	for _, ev := range e.seen {
		out = append(out, ev.Kind)
	}
	return out
}

// Of returns those of a kind so far.
func (e *Events) Of(k ringbid.EventKind) []ringbid.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []ringbid.Event
	for _, ev := range e.seen {
		if ev.Kind == k {
			out = append(out, ev)
		}
	}
	return out
}

// Counts returns the value of each counter or gauge of a family by its first
// label, "" where it has none.
func Counts(t testing.TB, from prometheus.Gatherer, family string) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			label := ""
			if len(m.GetLabel()) > 0 {
				label = m.GetLabel()[0].GetValue()
			}
			out[label] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}
