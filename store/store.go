package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store/spool"
)

const (
	connectIn   = 2 * time.Second        // one connection
	probeIn     = 500 * time.Millisecond // an answer of a Postgres that is there
	pageBudget  = 15 * time.Second       // one statement that no call waits for
	settlers    = 4                      // calls committed at once
	lastCommits = 5 * time.Second        // for those under way when the store closes
)

// Store is an open store. Its methods may be called from any goroutine.
type Store struct {
	cfg     Config
	boot    string // names this run of the process
	keys    *keyset
	metrics *metrics
	calls   *pgxpool.Pool // what a call waits for
	leads   *pgxpool.Pool // leads and their deliveries
	pages   *pgxpool.Pool // the rest
	spool   *spool.Spool

	book     atomic.Pointer[ringbid.Book]
	bookMu   sync.Mutex  // one refresh at a time
	bookRead atomic.Bool // from Postgres, as opposed to the file

	circuit circuit
	ledger  *ledger
	seen    *seen
	tries   *tries
	journal journal
	sales   chan *sale // leads to be sold; nil where attached
	ready   bool       // migrated and registered; the keeper's own
	dealing sync.Mutex // one deal of shares at a time
	// sharesDropped says that earlier runs hold no shares any more.
	sharesDropped bool
	stopWork      context.CancelFunc
	work          sync.WaitGroup
	once          sync.Once
}

// Open migrates the schema, commits what is left in the spool, finishes the
// calls of this node's earlier runs and reads the Book. Where Postgres is away
// and a Book is on disk, the store opens with that and does the rest when
// Postgres comes; without one Open fails with an Unavailable error.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.fill(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{cfg: cfg, boot: cfg.Boot, seen: newSeen(), tries: newTries(cfg.Now), ledger: newLedger(cfg.Node)}
	s.circuit.init()
	s.journal.init()
	s.sales = make(chan *sale, maxSales)
	if err := s.open(ctx); err != nil {
		s.closeParts()
		return nil, fmt.Errorf("open store: %w", kinded(err))
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stopWork = cancel
	s.work.Go(func() { s.keep(work) })
	s.work.Go(func() { s.watchBook(work) })
	s.work.Go(func() { s.writeStarted(work) })
	s.work.Go(func() { s.replay(work) })
	s.work.Go(func() { s.flushKept(work) })
	for range sellers {
		s.work.Go(func() { s.sellLoop(work) })
	}
	for range settlers {
		s.work.Go(func() { s.commitSettled(work) })
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if err = os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return err
	}
	if s.metrics, err = newMetrics(s); err != nil {
		return err
	}
	if s.keys, err = loadKeys(s.cfg.KeyFile); err != nil {
		return err
	}
	s.spool, err = spool.Open(spool.Config{Dir: filepath.Join(s.cfg.Dir, "spool"), MaxBytes: s.cfg.SpoolBytes, Logger: s.cfg.Logger})
	if err != nil {
		return err
	}
	if s.calls, err = s.pool(ctx, s.cfg.MaxConns); err != nil {
		return err
	}
	if s.pages, err = s.pool(ctx, s.cfg.MaxConns+settlers); err != nil {
		return err
	}
	if s.leads, err = s.pool(ctx, s.cfg.LeadConns); err != nil {
		return err
	}
	empty, _ := ringbid.NewBook(nil)
	s.book.Store(empty)
	err = s.begin(ctx)
	if err == nil || !lost(err) {
		return err
	}
	recalled, recallErr := s.recallBook()
	if !recalled {
		return errors.Join(err, recallErr)
	}
	s.cfg.Logger.Warn("postgres is away; opened with the last book on disk", slog.Any("error", err))
	s.setAway(err)
	return nil
}

// begin does what needs Postgres before the store is whole. It may be run again
// after a failure.
func (s *Store) begin(ctx context.Context) error {
	if err := migrate(ctx, s.pages, s.cfg.Migrate); err != nil {
		return err
	}
	s.drain(ctx) // calls that are settled on disk are not lost
	if err := s.register(ctx); err != nil {
		return err
	}
	if err := s.refreshBook(ctx); err != nil {
		return err
	}
	if err := s.refreshLedger(ctx); err != nil {
		return err
	}
	if err := s.dealShares(ctx); err != nil {
		s.cfg.Logger.Warn("no shares of caps yet", slog.Any("error", err))
	}
	if err := s.recallSeen(ctx); err != nil {
		return err
	}
	s.ready = true
	return nil
}

func (s *Store) pool(ctx context.Context, conns int32) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(s.cfg.DSN)
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "dsn: %w", err)
	}
	s.tune(c.ConnConfig)
	c.MaxConns, c.MinIdleConns = conns, 1
	c.HealthCheckPeriod = 10 * time.Second
	return pgxpool.NewWithConfig(ctx, c)
}

func (s *Store) connConfig() *pgx.ConnConfig {
	c := s.pages.Config().ConnConfig.Copy()
	return c
}

func (s *Store) tune(c *pgx.ConnConfig) {
	c.ConnectTimeout = connectIn
	c.RuntimeParams["timezone"] = "UTC"
	c.RuntimeParams["application_name"] = "ringbid " + s.cfg.Node
	c.RuntimeParams["statement_timeout"] = strconv.FormatInt(pageBudget.Milliseconds(), 10)
	c.RuntimeParams["idle_in_transaction_session_timeout"] = "10000"
}

// Pool returns the connections for everything that no call waits for.
func (s *Store) Pool() *pgxpool.Pool { return s.pages }

// Ping asks Postgres for an answer, for health checks.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pages.Ping(ctx); err != nil {
		return fmt.Errorf("ping store: %w", kinded(err))
	}
	return nil
}

// Close stops the store's work and closes its connections. What is settled but
// not committed stays in the spool. It may be called twice.
func (s *Store) Close(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		if s.stopWork == nil { // attached
			err = s.closeParts()
			return
		}
		s.emptySpool(ctx)
		s.stopWork()
		stopped := make(chan struct{})
		go func() {
			s.work.Wait()
			close(stopped)
		}()
		select {
		case <-stopped:
			s.leave(ctx)
		case <-ctx.Done():
			err = fmt.Errorf("close store: %w", ctx.Err())
			<-stopped // every statement has a deadline
		}
		err = errors.Join(err, s.closeParts())
	})
	return err
}

// emptySpool gives what is on its way into Postgres a little time to arrive, so
// that a clean stop leaves whole rows behind. What does not waits in the spool.
func (s *Store) emptySpool(ctx context.Context) {
	limit := time.NewTimer(lastCommits)
	defer limit.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for s.Spooled() > 0 && !s.Away() {
		s.journal.kickReplay()
		select {
		case <-look.C:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *Store) closeParts() error {
	var err error
	if s.spool != nil {
		err = s.spool.Close()
	}
	for _, p := range []*pgxpool.Pool{s.calls, s.leads, s.pages} {
		if p != nil {
			p.Close()
		}
	}
	s.metrics.close()
	return err
}
