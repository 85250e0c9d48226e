package trade

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/store"
)

// Config is what a Trade is made of.
type Config struct {
	Store  *store.Store
	Queue  *delivery.Queue // whose lost jobs are rescued; may be nil
	Market *auction.Market
	Client *connector.Client
	Mailer *email.Mailer // nil: no letters
	Book   func() *ringbid.Book
	// Link returns the address of a lead's page for its buyer, or "".
	Link func(lead string) string
	// AlertTo are who gets alerts by mail.
	AlertTo    []string
	Node       string
	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Trade sells and delivers leads.
type Trade struct {
	Desk   *intake.Desk
	Engine *delivery.Engine

	cfg    Config
	gauges gauges
	broken atomic.Pointer[map[string]string]
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// New makes a trade. Nothing runs before Start.
func New(c Config) *Trade {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Trade{cfg: c}
	t.Desk = intake.New(intake.Config{
		Documents: c.Book, Market: market{c.Market}, Book: shelf{c.Store}, Broken: t.Broken, Node: c.Node, Now: c.Now, Logger: c.Logger,
	})
	t.Engine = delivery.NewEngine(delivery.EngineConfig{
		Ledger: c.Store, Assigner: c.Store, Sender: connector.NewSender(c.Client, delivery.Tokens{Vault: c.Store}, c.Now),
		Mailer: c.Mailer, Book: c.Book, Link: c.Link, Now: c.Now, Logger: c.Logger,
		Registerer: c.Registerer,
	})
	t.gauges = newGauges(c.Registerer)
	return t
}

// Broken returns the methods whose endpoints are not asked at present, and why;
// from memory, a second old at most.
func (t *Trade) Broken() map[string]string {
	if m := t.broken.Load(); m != nil {
		return *m
	}
	return nil
}

// Start begins the loops.
func (t *Trade) Start(ctx context.Context) {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t.cancel = cancel
	for _, l := range []struct {
		what  string
		every time.Duration
		do    func(context.Context) error
	}{
		{"read breakers", time.Second, t.readBroken},
		{"rescue jobs", 5 * time.Second, t.rescue},
		{"apply parked events", 20 * time.Second, t.applyParked},
		{"send digests", 30 * time.Second, func(ctx context.Context) error { return t.Engine.SendDigests(ctx, digests{t.cfg.Store}) }},
		{"watch deliveries", 15 * time.Second, t.Watch},
		{"forget old copies", time.Hour, t.forgetCopies},
	} {
		t.loops.Go(func() { t.loop(run, l.what, l.every, l.do) })
	}
}

// Stop ends the loops and returns when they have ended.
func (t *Trade) Stop(context.Context) error {
	if t.cancel != nil {
		t.cancel()
		t.loops.Wait()
	}
	return nil
}

func (t *Trade) loop(ctx context.Context, what string, every time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for failing := false; ; {
		bounded, cancel := context.WithTimeout(ctx, time.Minute)
		err := do(bounded)
		cancel()
		if err != nil && ctx.Err() == nil && !failing && !t.cfg.Store.Away() {
			t.cfg.Logger.Warn(what+" did not succeed", slog.Any("error", err))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (t *Trade) readBroken(ctx context.Context) error {
	m, err := t.cfg.Store.Broken(ctx)
	if err == nil {
		t.broken.Store(&m)
	}
	return err
}

func (t *Trade) rescue(ctx context.Context) error {
	if t.cfg.Queue == nil {
		return nil
	}
	alive, err := t.cfg.Store.Alive(ctx)
	if err != nil || len(alive) == 0 {
		return err
	}
	n, err := t.cfg.Queue.Rescue(ctx, alive)
	if n > 0 {
		t.cfg.Logger.Warn("jobs of workers that are gone are taken over", slog.Int64("jobs", n))
	}
	return err
}

func (t *Trade) applyParked(ctx context.Context) error {
	_, err := t.cfg.Store.ApplyParked(ctx, 500)
	return err
}

func (t *Trade) forgetCopies(ctx context.Context) error {
	for name, m := range t.cfg.Book().Methods {
		keep := m.Keep
		if keep == 0 {
			keep = ringbid.DefaultKeep
		}
		for {
			n, err := t.cfg.Store.ForgetCopies(ctx, name, t.cfg.Now().AddDate(0, 0, -keep), 1000)
			if err != nil {
				return err
			}
			if n < 1000 {
				break
			}
		}
	}
	return nil
}
