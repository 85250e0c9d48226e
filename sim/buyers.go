package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// BuyersConfig describes a house of buyers on one SIP port. The zero value is
// one on 127.0.0.1.
type BuyersConfig struct {
	// Addr is where they are called, "ip:port", UDP and TCP; default
	// "127.0.0.1:0".
	Addr string
	// Ports bounds their RTP ports; default 30000 to 32767.
	Ports [2]int
	// Ring is how long it usually rings; default 1 s.
	Ring time.Duration
	// Users says who behaves how; default Behaviours(Ring).
	Users map[string]Behaviour
	// Tone is in their voice, Listen what they hear callers by; defaults
	// BuyerTone and CallerTone.
	Tone, Listen float64
	Logger       *slog.Logger // nil = discard
}

// Buyers answer calls as the dialled user says, and remember them.
type Buyers struct {
	cfg   BuyersConfig
	stack *leg.Stack
	plane *media.Plane
	voice *media.Clip
	quit  chan struct{}
	once  sync.Once

	mu     sync.Mutex
	live   int
	visits []*Visit
}

// NewBuyers opens the sockets; calls are taken when it returns.
func NewBuyers(c BuyersConfig) (*Buyers, error) {
	c.Ring = cmp.Or(c.Ring, time.Second)
	c.Tone, c.Listen = cmp.Or(c.Tone, BuyerTone), cmp.Or(c.Listen, CallerTone)
	if c.Users == nil {
		c.Users = Behaviours(c.Ring)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Buyers{cfg: c, voice: voice(c.Tone), quit: make(chan struct{})}
	ready := make(chan struct{})
	var err error
	b.stack, b.plane, err = open(c.Addr, c.Ports, leg.Config{UserAgent: "sim-buyers", OnInvite: func(l *leg.Leg) {
		<-ready
		b.serve(l)
	}})
	close(ready)
	if err != nil {
		return nil, fmt.Errorf("open buyers: %w", err)
	}
	return b, nil
}

// Addr returns the UDP address of the buyers.
func (b *Buyers) Addr() string { return b.stack.Addrs()[0].Addr }

// AddrTCP returns their TCP address; the port is another where BuyersConfig left
// it open.
func (b *Buyers) AddrTCP() string { return b.stack.Addrs()[1].Addr }

// Close hangs up what is left and closes the sockets.
func (b *Buyers) Close(ctx context.Context) error {
	b.once.Do(func() { close(b.quit) })
	return errors.Join(b.stack.Close(ctx), b.plane.Close())
}

// Visits returns the calls so far, the oldest first, at most the last 2000.
func (b *Buyers) Visits() []Visit {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Visit, len(b.visits))
	for i, v := range b.visits {
		out[i] = *v
	}
	return out
}

// Live returns how many calls are with the buyers now.
func (b *Buyers) Live() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live
}

// begin notes a new call.
func (b *Buyers) begin(v Visit) *Visit {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live++
	if len(b.visits) >= maxVisits {
		b.visits = slices.Delete(b.visits, 0, len(b.visits)-maxVisits+1)
	}
	b.visits = append(b.visits, &v)
	return &v
}

// note changes what is remembered of a call.
func (b *Buyers) note(v *Visit, change func(*Visit)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(v)
}
