package auction

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
)

// Config is what a market is made of.
type Config struct {
	Roster  Roster
	Ledger  Ledger
	Bidders map[string]Bidder // by dialect
	// Emit takes what happens; it must not block. Nil drops it.
	Emit       func(ringbid.Event)
	Now        func() time.Time // default time.Now
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: not measured
}

// Market opens auctions. Its methods may be called from any goroutine.
type Market struct {
	cfg     Config
	metrics *metrics
	zones   sync.Map // name to *time.Location: loading one reads a file
}

// New makes a market. Roster and Ledger must not be nil.
func New(cfg Config) *Market {
	if cfg.Emit == nil {
		cfg.Emit = func(ringbid.Event) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Market{cfg: cfg, metrics: newMetrics()}
	if err := m.metrics.register(cfg.Registerer); err != nil {
		cfg.Logger.Error("auction metrics not registered", "error", err)
	}
	return m
}

// Open starts an auction among those who may buy the campaign's calls, with
// what is known of the caller so far. It returns at once; bidders whose facts
// are known are being asked. The pings end with ctx. The caller must call Done.
func (m *Market) Open(ctx context.Context, ask ringbid.Ask) *Auction {
	base, cancel := context.WithCancel(ctx)
	a := &Auction{
		market: m, ask: ask, base: base, cancel: cancel,
		facts: maps.Clone(ask.Facts), changed: make(chan struct{}),
		rec: ringbid.Auction{
			ID: ringbid.NewID(), CallID: ask.CallID, Campaign: ask.Campaign,
			Seed: newSeed(), Opened: m.cfg.Now(), Floor: ask.Floor,
		},
	}
	if a.facts == nil {
		a.facts = ringbid.TagMap{}
	}
	a.lastFacts = a.rec.Opened
	for _, b := range m.cfg.Roster.Buyings(ask.Campaign) {
		a.candidates = append(a.candidates, newCandidate(b, a.rec.Seed))
	}
	a.mu.Lock()
	defer a.unlock()
	a.emitOpened()
	a.evaluate()
	a.consider()
	return a
}

// zone returns an IANA zone, from memory once it was used.
func (m *Market) zone(name string) (*time.Location, error) {
	if z, ok := m.zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := ringbid.LoadZone(name)
	if err == nil {
		m.zones.Store(name, z)
	}
	return z, err
}

func newSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails on supported systems
	return binary.BigEndian.Uint64(b[:])
}
