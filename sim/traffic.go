package sim

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// TrafficConfig describes a stream of calls.
type TrafficConfig struct {
	Carrier *Carrier
	Via     string // "host:port" calls go to
	// Publishers are the numbers dialled, with the share each gets.
	Publishers []Publisher
	// Rate is how many calls begin per minute, on average; default 12.
	Rate float64
	// Calls is how many may be up at once; default 10. At the limit a call is
	// left out, not made later.
	Calls int
	// Shortest and Longest bound how long callers talk with the buyer; default
	// 6 s to 20 s.
	Shortest, Longest time.Duration
	// Hasty is the share of callers, 0..1, who hang up before they reach
	// anybody; Wrong the share who press a wrong key first.
	Hasty, Wrong float64
	// Seed makes the same calls again; 0 = new ones.
	Seed uint64
	// Each is told of every call when it is over; may be nil. It is called from
	// several goroutines.
	Each   func(Story)
	Logger *slog.Logger // nil = discard
}

// Publisher is a source of callers.
type Publisher struct {
	Number string
	Weight int // default 1
	// Keyless callers are asked nothing and press nothing.
	Keyless bool
}

// Traffic places calls of believable people, at random times.
type Traffic struct {
	cfg   TrafficConfig
	rnd   *rand.Rand
	slots chan struct{}
	calls sync.WaitGroup

	recent []string // numbers that called lately
}

const remembered = 500

// NewTraffic checks the description. The error is Invalid.
func NewTraffic(c TrafficConfig) (*Traffic, error) {
	c.Rate, c.Calls = cmp.Or(c.Rate, 12), cmp.Or(c.Calls, 10)
	c.Shortest, c.Longest = cmp.Or(c.Shortest, 6*time.Second), cmp.Or(c.Longest, 20*time.Second)
	c.Seed = cmp.Or(c.Seed, rand.Uint64())
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Carrier == nil:
		return nil, ringbid.FieldError("carrier", "is missing")
	case len(c.Publishers) == 0:
		return nil, ringbid.FieldError("publishers", "there are none")
	case c.Rate <= 0 || c.Rate > 60_000 || c.Calls < 1:
		return nil, ringbid.FieldError("rate", "%v calls a minute, %d at once", c.Rate, c.Calls)
	case c.Shortest < 0 || c.Longest < c.Shortest:
		return nil, ringbid.FieldError("longest", "%s is shorter than %s", c.Longest, c.Shortest)
	}
	return &Traffic{
		cfg: c, rnd: rand.New(rand.NewPCG(c.Seed, 1)), slots: make(chan struct{}, c.Calls),
	}, nil
}

// Run places calls until ctx ends; then the callers hang up, and Run returns
// when the last is gone.
func (t *Traffic) Run(ctx context.Context) {
	defer t.calls.Wait()
	for {
		pause := time.NewTimer(t.pause())
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		select {
		case t.slots <- struct{}{}:
			caller := t.caller()
			t.calls.Go(func() { t.place(ctx, caller) })
		default:
			t.cfg.Logger.Debug("call left out", "limit", t.cfg.Calls)
		}
	}
}

func (t *Traffic) place(ctx context.Context, c Caller) {
	defer func() { <-t.slots }()
	story, err := t.cfg.Carrier.Place(ctx, c)
	if err != nil {
		t.cfg.Logger.Warn("call not placed", "number", c.To, "error", err)
		return
	}
	if t.cfg.Each != nil {
		t.cfg.Each(story)
	}
}

// pause is the time to the next call: exponential, so that calls arrive
// independently of one another, at most five times the mean.
func (t *Traffic) pause() time.Duration {
	mean := float64(time.Minute) / t.cfg.Rate
	return time.Duration(mean * min(5, t.rnd.ExpFloat64()))
}

// caller makes up the next caller, not one who called lately.
func (t *Traffic) caller() Caller {
	from, name, zip := person(t.rnd)
	for range 20 {
		if !slices.Contains(t.recent, from) {
			break
		}
		from, name, zip = person(t.rnd)
	}
	if t.recent = append(t.recent, from); len(t.recent) > remembered {
		t.recent = slices.Delete(t.recent, 0, 1)
	}
	p := t.publisher()
	c := Caller{
		From: from, Name: name, To: p.Number, Via: t.cfg.Via, Digits: zip,
		Hold: t.cfg.Shortest + time.Duration(t.rnd.Int64N(int64(t.cfg.Longest-t.cfg.Shortest)+1)),
	}
	if t.rnd.Float64() < t.cfg.Wrong {
		c.Digits = "00000 " + zip
	}
	if p.Keyless {
		c.Digits = ""
	}
	if t.rnd.Float64() < t.cfg.Hasty {
		c.Patience = time.Second + time.Duration(t.rnd.Int64N(int64(4*time.Second)))
	}
	return c
}

func (t *Traffic) publisher() Publisher {
	all := 0
	for _, p := range t.cfg.Publishers {
		all += max(1, p.Weight)
	}
	n := t.rnd.IntN(all)
	for _, p := range t.cfg.Publishers {
		if n -= max(1, p.Weight); n < 0 {
			return p
		}
	}
	return t.cfg.Publishers[0]
}
