package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ringbid/ringbid"
)

// Record returns a call as it is spooled by an earlier run.
func Record(c ringbid.Call) ([]byte, error) {
	b, err := json.Marshal(record{Call: c, Boot: "earlier"})
	return scrubNUL(b), err
}

// Nodes returns how many nodes the store knows of.
func Nodes(s *Store) int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return len(s.ledger.nodes)
}

// GoAway makes the store believe that Postgres is away, for good.
func GoAway(s *Store) {
	s.stopWork()
	s.work.Wait()
	s.setAway(nil)
}

// Room returns what the store has of the target's caps and lines to sell without
// asking, summed up.
func Room(s *Store, target string) (sum int64) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	for k, h := range s.ledger.shares {
		if k.target == target {
			sum += h.room
		}
	}
	return sum
}

// Deal puts the store's shares right now.
func Deal(ctx context.Context, s *Store) error { return s.dealShares(ctx) }

// Reconcile puts the leases of the store's calls right now.
func Reconcile(ctx context.Context, s *Store) error { return s.reconcile(ctx) }

// Age makes the slots that the store's calls hold older by that much.
func Age(s *Store, by time.Duration) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	for _, x := range s.ledger.slots {
		for _, h := range x.held {
			h.since = h.since.Add(-by)
		}
	}
}

// Silence makes the store's last heartbeat older by that much, as it knows it.
func Silence(s *Store, by time.Duration) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.alive = s.ledger.alive.Add(-by)
}

// Beat says that the store's node lives.
func Beat(ctx context.Context, s *Store) error { return s.beat(ctx) }
