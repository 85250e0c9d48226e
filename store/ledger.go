package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// use is something counted against a cap.
type use struct {
	Target string    `json:"target"`
	On     string    `json:"on"`
	Per    string    `json:"per"`
	Start  time.Time `json:"start"` // of the cap's window
	N      int64     `json:"n"`
}

// capAt is a cap of a target in the window that holds a moment.
type capAt struct {
	use
	max int64
}

// capsAt returns the target's caps at the moment, in the one order in which all
// transactions lock their counters.
func capsAt(t *ringbid.Target, at time.Time) []capAt {
	if len(t.Caps) == 0 {
		return nil
	}
	zone, err := ringbid.LoadZone(t.Zone)
	if err != nil {
		zone = time.UTC
	}
	out := make([]capAt, 0, len(t.Caps))
	for _, p := range t.Caps {
		out = append(out, capAt{use{Target: t.Name, On: p.On, Per: p.Per, Start: windowStart(p, at, zone), N: 1}, p.Max()})
	}
	slices.SortStableFunc(out, func(a, b capAt) int { return compareUses(a.use, b.use) })
	return out
}

// windowStart returns the start of the cap's window as it is stored: the epoch
// for a cap without one.
func windowStart(c ringbid.Cap, at time.Time, zone *time.Location) time.Time {
	if w := c.Window(at, zone); !w.IsZero() {
		return w.UTC()
	}
	return time.Unix(0, 0).UTC()
}

func compareUses(a, b use) int {
	if c := strings.Compare(a.Target, b.Target); c != 0 {
		return c
	}
	if c := strings.Compare(a.On, b.On); c != 0 {
		return c
	}
	if c := strings.Compare(a.Per, b.Per); c != 0 {
		return c
	}
	return a.Start.Compare(b.Start)
}

// Reserve takes one of the target's slots for the call and counts an attempt,
// once. The error is Busy, its text saying why in words, where concurrency or a
// cap has no room; calls that hold a slot count against connect and convert caps,
// as they may become such. It holds across all nodes. Where Postgres does not
// answer within the budget, what is this node's own decides (adopt), and the
// attempt is counted by the reservation's id later (resolve), whether or not
// Postgres has counted it meanwhile. Reserving what the call holds already
// changes nothing.
func (s *Store) Reserve(ctx context.Context, callID string, t *ringbid.Target) error {
	began := time.Now()
	r := s.ledger.ask(callID, t, limitsAt(t, s.cfg.Now()))
	if r == nil {
		return nil
	}
	reason, sure, err := "", true, error(nil)
	away := s.Away()
	if !away {
		reason, err = s.reserve(ctx, r)
		sure = unmade(err)
	}
	if err != nil && ctx.Err() != nil { // the caller has gone
		s.refuse(r, sure)
		return fmt.Errorf("reserve target %s: %w", t.Name, err)
	}
	where := "postgres"
	if err != nil {
		s.trouble(err)
	}
	if away || err != nil || strings.HasSuffix(reason, heldReason) {
		where, reason = "share", s.adopt(r, sure)
	} else if reason == "" {
		s.ledger.won(r)
	} else {
		s.ledger.failed(r, true)
	}
	s.metrics.reserved(where, reason == "", time.Since(began))
	if reason == "" {
		return nil
	}
	return ringbid.Errorf(ringbid.Busy, "%s", inWords(reason, t))
}

// reserve asks Postgres.
func (s *Store) reserve(ctx context.Context, r *reservation) (reason string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Budget)
	defer cancel()
	counts, per, start, most := columns(r.caps)
	var held int64
	var used []int64
	err = s.calls.QueryRow(ctx, `SELECT reason, held, used FROM reserve_slot($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		r.target.Name, r.call, s.cfg.Node, s.boot, r.target.Concurrency, counts, per, start, most, r.id, r.carry).Scan(&reason, &held, &used)
	if err != nil {
		return "", err
	}
	s.ledger.learn(r.caps, used)
	return reason, nil
}

// columns are the caps as arrays for Postgres.
func columns(caps []capAt) (counts, per []string, start []time.Time, most []int64) {
	n := len(caps)
	counts, per, start, most = make([]string, n), make([]string, n), make([]time.Time, n), make([]int64, n)
	for i, c := range caps {
		counts[i], per[i], start[i], most[i] = c.On, c.Per, c.Start, c.max
	}
	return counts, per, start, most
}

// Release gives the slot back. It may be called again, and for a slot that was
// never taken.
func (s *Store) Release(ctx context.Context, callID, target string) {
	s.ledger.drop(target, callID)
	if s.Away() {
		return // the keeper tidies up
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Budget)
	defer cancel()
	_, err := s.calls.Exec(ctx, `DELETE FROM leases WHERE target = $1 AND call_id = $2`, target, callID)
	s.trouble(err)
}

// Full reports from memory, at most a second old, whether the target has no
// room, and why in words. Reserve decides; this only spares asking.
func (s *Store) Full(t *ringbid.Target) (reason string, full bool) {
	r := s.ledger.full(t, capsAt(t, s.cfg.Now()))
	return inWords(r, t), r != ""
}

// Load returns how many calls hold a slot of the target, on all nodes, from
// memory.
func (s *Store) Load(target string) int { return s.ledger.load(target) }

// inWords says a reason as people read it.
func inWords(reason string, t *ringbid.Target) string {
	reason, held := strings.CutSuffix(reason, heldReason)
	if reason == "line/total" {
		held, reason = false, "concurrency"
	}
	if held {
		return "what is left is held by other nodes, or postgres is late: " + inWords(reason, t)
	}
	switch reason {
	case "":
		return ""
	case overReason:
		return "the call gave the slot back meanwhile"
	case "concurrency":
		if t.Concurrency == 1 {
			return "its one line is busy"
		}
		return fmt.Sprintf("all %d lines are busy", t.Concurrency)
	}
	on, per, _ := strings.Cut(reason, "/")
	window := map[string]string{"hour": " an hour", "day": " a day", "month": " a month", "total": " in total"}[per]
	for _, c := range t.Caps {
		if c.On != on || c.Per != per {
			continue
		}
		if on == "revenue" {
			return fmt.Sprintf("cap reached: %s revenue%s", c.Amount, window)
		}
		what := map[string]string{"attempt": "attempts", "connect": "connected calls", "convert": "paid calls"}[on]
		return fmt.Sprintf("cap reached: %d %s%s", c.Limit, what, window)
	}
	return "cap reached: " + reason
}
