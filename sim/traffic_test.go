package sim

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

// TestTraffic runs a busy hour in two seconds and stops it.
func TestTraffic(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("talks for seconds")
	}
	b, c := buyers(t, BuyersConfig{Ring: 10 * time.Millisecond}), carrier(t)
	var stories, bridged atomic.Int64
	var most atomic.Int64
	traffic, err := NewTraffic(TrafficConfig{
		Carrier: c, Via: b.Addr(), Rate: 1200, Calls: 6, Shortest: 100 * time.Millisecond, Longest: 200 * time.Millisecond,
		Publishers: []Publisher{{Number: "+18005550100", Weight: 3}, {Number: "busy", Keyless: true}}, Hasty: 0.1, Wrong: 0.1,
		Each: func(s Story) {
			stories.Add(1)
			if s.Bridged() {
				bridged.Add(1)
			}
			if n := int64(b.Live()); n > most.Load() {
				most.Store(n)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { traffic.Run(ctx); close(ended) }()
	until(t, "three callers talked", func() bool { return bridged.Load() >= 3 })
	cancel()
	<-ended
	until(t, "the buyers are alone", func() bool { return b.Live() == 0 })
	if most.Load() > 6 {
		t.Errorf("%d calls at once", most.Load())
	}
	if n := int64(len(b.Visits())); n > stories.Load() || n < 3 {
		t.Errorf("%d stories and %d visits", stories.Load(), n)
	}
}

func TestTrafficIsBelievable(t *testing.T) {
	t.Parallel()
	plan := func(seed uint64) (calls []Caller) {
		traffic, err := NewTraffic(TrafficConfig{
			Carrier: &Carrier{}, Seed: seed, Publishers: []Publisher{{Number: "+18005550100", Weight: 2}, {Number: "+18005550102", Keyless: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			calls = append(calls, traffic.caller())
		}
		return calls
	}
	calls := plan(7)
	if diff := cmp.Diff(calls, plan(7)); diff != "" {
		t.Error("the same seed makes other calls:", diff)
	}
	numbers, publishers := map[string]bool{}, map[string]int{}
	for _, c := range calls {
		if numbers[c.From] {
			t.Errorf("%s calls again at once", c.From)
		}
		numbers[c.From] = true
		publishers[c.To]++
		if p, err := ringbid.ParsePhone(c.From); err != nil || string(p) != c.From || !strings.HasPrefix(p.National()[3:], "55501") {
			t.Errorf("number %q: %v", c.From, err)
		}
		if err := c.withDefaults().check(); err != nil {
			t.Error(err)
		}
		if (c.To == "+18005550102") != (c.Digits == "") {
			t.Errorf("%s presses %q", c.To, c.Digits)
		}
		if c.Hold < 6*time.Second || c.Hold > 20*time.Second {
			t.Errorf("talks for %s", c.Hold)
		}
	}
	if n := publishers["+18005550100"]; n < 160 || n > 240 {
		t.Errorf("shares: %v", publishers)
	}
}

// TestPlacesAgree has every area code lie in the state of its ZIP code.
func TestPlacesAgree(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		if got := ringbid.AreaState(ringbid.Phone("+1" + p.area + "5550100")); got != p.state || len(p.zip) != 5 {
			t.Errorf("%s lies in %s, not %s (%s)", p.area, got, p.state, p.zip)
		}
	}
	if from, name, zip := person(rand.New(rand.NewPCG(1, 2))); len(from) != 12 || name == "" || len(zip) != 5 {
		t.Error(from, name, zip)
	}
}

func TestTrafficRefusals(t *testing.T) {
	t.Parallel()
	some := []Publisher{{Number: "x"}}
	for name, c := range map[string]TrafficConfig{
		"carrier":    {Publishers: some},
		"publishers": {Carrier: &Carrier{}},
		"rate":       {Carrier: &Carrier{}, Publishers: some, Rate: -1},
		"calls":      {Carrier: &Carrier{}, Publishers: some, Calls: -1},
		"longest":    {Carrier: &Carrier{}, Publishers: some, Longest: time.Second},
	} {
		if _, err := NewTraffic(c); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
