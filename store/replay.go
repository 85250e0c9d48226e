package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// refusals is how often Postgres may refuse a record before it is set aside, so
// that one bad record does not keep the others waiting.
const refusals = 5

// replay commits what waits in the spool until ctx ends: when Postgres comes
// back, and every second while something waits.
func (s *Store) replay(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.journal.kick:
		case <-tick.C:
		}
		if !s.Away() && s.spool.Len() > 0 {
			s.drain(ctx)
		}
	}
}

// drain goes over the spool once, oldest first, and stops where Postgres is lost
// again.
func (s *Store) drain(ctx context.Context) {
	committed := 0
	for _, name := range s.spool.Names() {
		if ctx.Err() != nil {
			return
		}
		if !s.journal.take(name) {
			continue
		}
		err := s.replayOne(ctx, name)
		s.journal.give(name)
		if lost(err) {
			s.trouble(err)
			return
		}
		if err == nil {
			committed++
		}
	}
	if committed > 0 {
		s.cfg.Logger.Info("committed what waited in the spool", slog.Int("records", committed), slog.Int("left", s.spool.Len()))
	}
}

func (s *Store) replayOne(ctx context.Context, name string) error {
	b, ok, err := s.spool.Get(name)
	if err == nil && !ok {
		return nil
	}
	if err == nil && strings.HasPrefix(name, reservedName) {
		if err = s.resolve(ctx, b); err == nil {
			return s.spool.Remove(name)
		}
		return s.refused(ctx, name, err)
	}
	var r record
	if err == nil {
		if err = json.Unmarshal(b, &r); err != nil {
			err = ringbid.Errorf(ringbid.Invalid, "read spooled call: %w", err)
		}
	} else {
		err = ringbid.Errorf(ringbid.Invalid, "%w", err)
	}
	if err == nil && strings.HasPrefix(name, startedName) {
		err = s.replayLive(ctx, r)
	} else if err == nil {
		err = s.commit(ctx, r)
	}
	if err == nil {
		return s.spool.Remove(name)
	}
	return s.refused(ctx, name, err)
}

func (s *Store) replayLive(ctx context.Context, r record) error {
	ctx, cancel := context.WithTimeout(ctx, pageBudget)
	defer cancel()
	if err := s.insertLive(ctx, r); err != nil {
		return fmt.Errorf("live call %s: %w", r.Call.ID, err)
	}
	return nil
}

// refused counts refusals of a record that Postgres finds unsound, and sets it
// aside after a few.
func (s *Store) refused(ctx context.Context, name string, err error) error {
	kind := kindOf(err)
	if kind != ringbid.Invalid && kind != ringbid.Conflict {
		if !lost(err) {
			s.cfg.Logger.Warn("spooled record is not committed yet", slog.String("name", name), slog.Any("error", err))
		}
		return err
	}
	s.journal.mu.Lock()
	s.journal.tries[name]++
	n := s.journal.tries[name]
	if n >= refusals {
		delete(s.journal.tries, name)
	}
	s.journal.mu.Unlock()
	if n < refusals {
		return err
	}
	s.metrics.quarantined.Inc()
	s.cfg.Logger.Error("spooled record is refused and set aside", slog.String("name", name), slog.Any("error", err))
	if e := s.spool.Quarantine(name); e != nil {
		s.cfg.Logger.Error("spooled record cannot be set aside", slog.String("name", name), slog.Any("error", e))
	}
	if call, ok := strings.CutPrefix(name, settledName); ok { // nothing will count it any more: its lines are free
		ctx, cancel := context.WithTimeout(ctx, pageBudget)
		defer cancel()
		_, e := s.pages.Exec(ctx, `DELETE FROM leases WHERE call_id = $1`, call)
		s.trouble(e)
	}
	return err
}
