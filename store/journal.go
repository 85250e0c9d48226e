package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// Names in the spool: what kind of record, then the id of the call or of the
// reservation.
const (
	startedName  = "started/"
	settledName  = "settled/"
	reservedName = "reserved/"
)

// journal is the way of calls into Postgres.
type journal struct {
	started chan ringbid.Call
	settled chan settling
	kick    chan struct{} // asks the replayer to look now
	flush   chan struct{} // asks the flusher to

	mu        sync.Mutex
	flight    map[string]bool // spool names that somebody is committing
	tries     map[string]int  // commits of a spool name that Postgres refused
	unflushed []func() error  // of records in the spool that nobody waits for
}

// settling is a call on its way to a committer.
type settling struct {
	record record
	flush  func() error // of its record in the spool
	done   chan<- error // of one
}

// record is a call in the spool.
type record struct {
	Call ringbid.Call `json:"call"`
	Boot string       `json:"boot"`
	Uses []use        `json:"uses,omitempty"`
}

func (j *journal) init() {
	j.started = make(chan ringbid.Call, 1024)
	j.settled = make(chan settling, 256)
	j.kick, j.flush = make(chan struct{}, 1), make(chan struct{}, 1)
	j.flight, j.tries = map[string]bool{}, map[string]int{}
}

func (j *journal) kickReplay() {
	select {
	case j.kick <- struct{}{}:
	default:
	}
}

// flushLater has a record in the spool flushed that nobody waits for.
func (j *journal) flushLater(flush func() error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unflushed = append(j.unflushed, flush)
	select {
	case j.flush <- struct{}{}:
	default:
	}
}

// flushKept flushes what nobody waits for, as soon as it can, until ctx ends. What
// is left then is flushed as the spool closes.
func (s *Store) flushKept(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.journal.flush:
		}
		s.journal.mu.Lock()
		list := s.journal.unflushed
		s.journal.unflushed = nil
		s.journal.mu.Unlock()
		for _, flush := range list {
			if err := flush(); err != nil {
				s.unflushed(err)
			}
		}
	}
}

// unflushed says that a record may be lost with the machine.
func (s *Store) unflushed(err error) {
	s.metrics.spoolErrors.Inc()
	s.cfg.Logger.Error("spool is not flushed", slog.Any("error", err))
}

// take claims a spool name for the caller; false where somebody has it.
func (j *journal) take(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.flight[name] {
		return false
	}
	j.flight[name] = true
	return true
}

func (j *journal) give(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.flight, name)
}

// Started writes down that the call is up, so that it is found if this node
// dies. It never waits: where more calls start than can be written, their rows
// come with Settle.
func (s *Store) Started(call ringbid.Call) {
	s.seen.note(call.Caller, call.Number, call.Received)
	select {
	case s.journal.started <- call:
	default:
		s.metrics.startedDropped.Inc()
	}
}

// writeStarted writes the rows of live calls until ctx ends.
func (s *Store) writeStarted(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case call := <-s.journal.started:
			s.writeLive(ctx, call)
		}
	}
}

func (s *Store) writeLive(ctx context.Context, call ringbid.Call) {
	r, b, err := s.record(call, nil)
	if err == nil && !s.Away() {
		writing, cancel := context.WithTimeout(ctx, connectIn)
		err = s.insertLive(writing, r)
		cancel()
		if err == nil {
			return
		}
		s.trouble(err)
	}
	if lost(err) || err == nil {
		err = s.spool.Append(startedName+call.ID, b)
	}
	if err != nil {
		s.cfg.Logger.Warn("live call is not written down", slog.String("call_id", call.ID), slog.Any("error", err))
	}
}

// record returns the call within its limits, as it is spooled.
func (s *Store) record(call ringbid.Call, uses []use) (record, []byte, error) {
	r := record{Call: bound(call), Boot: s.boot, Uses: uses}
	r.Call.Node = or(r.Call.Node, s.cfg.Node)
	b, err := json.Marshal(r)
	if err != nil {
		return record{}, nil, fmt.Errorf("call %s: %w", call.ID, err)
	}
	b = scrubNUL(b)
	r = record{} // read back: no NUL, no bytes that are not UTF-8
	return r, b, json.Unmarshal(b, &r)
}

// Settle writes down all that is known of a call that is over: on disk first,
// then in Postgres in one transaction with its money, its caps, the roll-up and
// what the Outbox adds. It waits for both together no longer than the budget;
// from the first write on, the call outlives this process. Settling the same
// call again changes nothing. An error means that the call is kept nowhere.
func (s *Store) Settle(ctx context.Context, call ringbid.Call) error {
	if call.ID == "" || len(call.ID) > 64 {
		return ringbid.FieldError("id", "%.80q is not a call's id", call.ID)
	}
	began := time.Now()
	defer func() { s.metrics.settle.Observe(time.Since(began).Seconds()) }()
	name := settledName + call.ID
	uses := s.usesOf(&call)
	s.ledger.settling(name, uses)
	s.ledger.dropCall(call.ID)
	r, b, err := s.record(call, uses)
	if err != nil {
		return err
	}
	mine := s.journal.take(name) // before it can be seen in the spool
	flush, err := s.spool.Write(name, b)
	if err != nil {
		if mine {
			s.journal.give(name)
		}
		s.metrics.spoolErrors.Inc()
		s.cfg.Logger.Error("call cannot be kept on disk and goes to postgres at once", slog.String("call_id", call.ID), slog.Any("error", err))
		return s.settleNow(ctx, r)
	}
	if !mine {
		return flush()
	}
	done := make(chan error, 1)
	select {
	case s.journal.settled <- settling{r, flush, done}:
	default: // the replayer comes by
		s.journal.give(name)
		s.journal.flushLater(flush)
		s.journal.kickReplay()
		return nil
	}
	timer := time.NewTimer(s.cfg.Budget)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// Spooled returns how many records wait on disk for Postgres.
func (s *Store) Spooled() int { return s.spool.Len() }

// settleNow commits a call that could not be kept on disk.
func (s *Store) settleNow(ctx context.Context, r record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pageBudget)
	defer cancel()
	if err := s.commit(ctx, r); err != nil {
		return fmt.Errorf("settle call %s: %w", r.Call.ID, kinded(err))
	}
	return nil
}

// usesOf returns what the call counts against the caps of the target that took
// it, in the windows in which it was connected.
func (s *Store) usesOf(call *ringbid.Call) []use {
	t := s.Book().Targets[call.Target]
	if t == nil || call.Connected == nil {
		return nil
	}
	var uses []use
	for _, c := range capsAt(t, *call.Connected) {
		u := c.use
		switch {
		case u.On == "connect":
		case u.On == "convert" && call.Sale.Converted:
		case u.On == "revenue" && call.Sale.Revenue > 0:
			u.N = int64(call.Sale.Revenue)
		default:
			continue
		}
		uses = append(uses, u)
	}
	return uses
}

// commitSettled flushes and commits calls until ctx ends. What is left in the
// channel then is in the spool.
func (s *Store) commitSettled(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-s.journal.settled:
			x.done <- s.flushAndCommit(ctx, x)
		}
	}
}

func (s *Store) flushAndCommit(ctx context.Context, x settling) error {
	name := settledName + x.record.Call.ID
	defer s.journal.give(name)
	if err := x.flush(); err != nil {
		s.unflushed(err)
	}
	if s.Away() {
		return nil
	}
	if err := s.commit(ctx, x.record); err != nil {
		s.trouble(err)
		s.journal.kickReplay()
		return err
	}
	return s.spool.Remove(name)
}
