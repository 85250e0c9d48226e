package store

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// circuit says whether Postgres is away. Calls look at it before they spend
// their budget; the keeper opens and closes it.
type circuit struct {
	away  atomic.Bool
	since atomic.Int64  // when that last changed, Unix nanoseconds
	kick  chan struct{} // asks the keeper to look now
}

func (c *circuit) init() {
	c.kick = make(chan struct{}, 1)
	c.since.Store(time.Now().UnixNano())
}

// for returns how long Postgres has been as it is.
func (c *circuit) steady() time.Duration { return time.Since(time.Unix(0, c.since.Load())) }

// Away reports whether Postgres is taken to be away.
func (s *Store) Away() bool { return s.circuit.away.Load() }

// trouble notes a statement that did not reach Postgres. A broken connection
// opens the circuit at once; a late answer makes the keeper look.
func (s *Store) trouble(err error) {
	if !lost(err) {
		return
	}
	var connect *pgconn.ConnectError
	if !pgconn.Timeout(err) && !errors.Is(err, context.DeadlineExceeded) && errors.As(err, &connect) {
		s.setAway(err)
	}
	select {
	case s.circuit.kick <- struct{}{}:
	default:
	}
}

func (s *Store) setAway(err error) {
	if s.circuit.away.Swap(true) {
		return
	}
	s.circuit.since.Store(time.Now().UnixNano())
	s.cfg.Logger.Warn("postgres is away; calls go on from memory, facts wait in the spool", slog.Any("error", err))
}

// back closes the circuit: Postgres answers and the store is whole.
func (s *Store) back(ctx context.Context) {
	s.calls.Reset()
	s.pages.Reset()
	s.leads.Reset()
	if !s.ready {
		if err := s.begin(ctx); err != nil {
			s.cfg.Logger.Warn("postgres answers but the store cannot begin", slog.Any("error", err))
			return
		}
	}
	s.refresh(ctx) // shares that were sold from are too small
	away := s.circuit.steady()
	s.circuit.since.Store(time.Now().UnixNano())
	s.circuit.away.Store(false)
	s.cfg.Logger.Info("postgres is back", slog.Duration("after", away), slog.Int("spooled", s.spool.Len()))
	_ = s.beat(ctx) // it has told of its trouble
	s.journal.kickReplay()
}

// probe asks Postgres for an answer over a connection of its own.
func (s *Store) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeIn)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.connConfig())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx)
}

// keep watches over Postgres until ctx ends, beats for this node, keeps the
// ledger's memory fresh and buries dead nodes.
func (s *Store) keep(ctx context.Context) {
	refresh := time.NewTicker(time.Second)
	defer refresh.Stop()
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.circuit.kick:
			s.look(ctx)
		case <-look.C:
			if s.Away() {
				s.look(ctx)
			}
		case <-refresh.C:
			if !s.Away() {
				s.refresh(ctx)
			}
		case <-beat.C:
			if !s.Away() && s.beat(ctx) != nil {
				s.look(ctx) // at once: the next beat is due by now
			}
		}
	}
}

// refresh keeps the ledger's memory fresh, and this node's shares right.
func (s *Store) refresh(ctx context.Context) {
	err := s.refreshLedger(ctx)
	if err == nil {
		err = s.dealShares(ctx)
	}
	s.trouble(err)
}

// look probes Postgres and moves the circuit accordingly.
func (s *Store) look(ctx context.Context) {
	switch err := s.probe(ctx); {
	case ctx.Err() != nil:
	case err != nil:
		s.setAway(err)
	case s.Away():
		working, cancel := context.WithTimeout(ctx, 2*pageBudget)
		defer cancel()
		s.back(working)
	}
}
