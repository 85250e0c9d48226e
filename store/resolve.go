package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringbid/ringbid"
)

// verdict is, in the spool, the last word on a reservation that Postgres did not
// answer in time.
type verdict struct {
	ID     string `json:"id"`
	Call   string `json:"call"`
	Target string `json:"target"`
	Taken  bool   `json:"taken"` // the call was let through: count it
	Uses   []use  `json:"uses"`  // the attempts, one for each cap
	Boot   string `json:"boot"`
}

// unmade reports whether a statement that failed is known to have done nothing:
// Postgres said so, or never got it.
func unmade(err error) bool {
	var pg *pgconn.PgError
	return err == nil || errors.As(err, &pg) || pgconn.SafeToRetry(err)
}

// adopt makes the reservation from what is this node's own, and writes down that
// it is to be counted. sure says that Postgres did not make it.
func (s *Store) adopt(r *reservation, sure bool) (reason string) {
	if reason = s.ledger.adopt(r, sure); reason != "" {
		s.refuse(r, sure)
		return reason
	}
	attempts := r.attempts()
	if len(attempts) == 0 {
		return ""
	}
	if err := s.keepVerdict(r, attempts, true); err != nil {
		s.ledger.disown(r)
		return attempts[0].reason() + heldReason
	}
	return ""
}

// refuse ends a reservation that is not made. Where Postgres may have counted it,
// it is written down that this is to be undone.
func (s *Store) refuse(r *reservation, sure bool) {
	s.ledger.failed(r, sure)
	if attempts := r.attempts(); !sure && len(attempts) > 0 {
		_ = s.keepVerdict(r, attempts, false) // else it counts one too many
	}
}

// keepVerdict writes down on disk what becomes of the reservation.
func (s *Store) keepVerdict(r *reservation, attempts []capAt, taken bool) error {
	v := verdict{ID: r.id, Call: r.call, Target: r.target.Name, Taken: taken, Boot: s.boot}
	for _, c := range attempts {
		v.Uses = append(v.Uses, c.use)
	}
	var flush func() error
	b, err := json.Marshal(v)
	if err == nil {
		flush, err = s.spool.Write(reservedName+r.id, b)
	}
	if err != nil {
		s.metrics.spoolErrors.Inc()
		s.cfg.Logger.Error("reservation cannot be kept on disk", slog.String("call_id", r.call), slog.String("target", r.target.Name), slog.Any("error", err))
		return err
	}
	s.journal.flushLater(flush) // no call waits for the disk
	s.journal.kickReplay()
	return nil
}

// resolve tells Postgres what became of a reservation. It may be told again.
func (s *Store) resolve(ctx context.Context, b []byte) error {
	var v verdict
	if err := json.Unmarshal(b, &v); err != nil {
		return ringbid.Errorf(ringbid.Invalid, "read spooled reservation: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, pageBudget)
	defer cancel()
	per, start := make([]string, len(v.Uses)), make([]time.Time, len(v.Uses))
	for i, u := range v.Uses {
		per[i], start[i] = u.Per, u.Start
	}
	if _, err := s.pages.Exec(ctx, `SELECT resolve_reservation($1, $2, $3, $4, $5, $6)`, v.ID, v.Target, v.Call, v.Taken, per, start); err != nil {
		return fmt.Errorf("resolve reservation %s: %w", v.ID, err)
	}
	s.ledger.committed(reservedName + v.ID)
	return nil
}

// dealShares asks Postgres for this node's shares of the caps and lines of targets
// that take calls, in the windows in which they may be needed, and gives back what
// is too much. What it has no time for comes the next time.
func (s *Store) dealShares(ctx context.Context) error {
	s.dealing.Lock()
	defer s.dealing.Unlock()
	until := time.Now().Add(probeIn)
	if err := s.dropOldShares(ctx); err != nil {
		return err
	}
	now, keep := s.cfg.Now(), map[capKey]bool{}
	for _, t := range s.Book().Targets {
		if t.Trunk == "" {
			continue
		}
		caps := limitsAt(t, now)
		for _, c := range caps {
			keep[c.key()] = true
		}
		for _, c := range limitsAt(t, now.Add(shareLife)) {
			if !keep[c.key()] {
				keep[c.key()] = true
				caps = append(caps, c)
			}
		}
		if time.Now().After(until) {
			continue
		}
		if err := s.deal(ctx, t, caps); err != nil {
			return fmt.Errorf("share caps of %s: %w", t.Name, err)
		}
	}
	lists, seq := s.ledger.surplus(keep)
	for target, list := range lists {
		if time.Now().After(until) {
			break
		}
		if err := s.tell(ctx, target, list, seq); err != nil {
			return fmt.Errorf("give back shares of %s: %w", target, err)
		}
	}
	return nil
}

func (s *Store) deal(ctx context.Context, t *ringbid.Target, caps []capAt) error {
	list, seq := s.ledger.wishes(t, caps)
	if len(list) == 0 {
		return nil
	}
	return s.tell(ctx, t.Name, list, seq)
}

// tell tells Postgres of the target's shares, and takes over what it makes of them.
func (s *Store) tell(ctx context.Context, target string, list []wish, seq int64) error {
	ctx, cancel := context.WithTimeout(ctx, probeIn)
	defer cancel()
	wished, want, have := make([]capAt, len(list)), make([]int64, len(list)), make([]int64, len(list))
	for i, w := range list {
		wished[i], want[i], have[i] = w.capAt, w.want, w.have
	}
	counts, per, start, most := columns(wished)
	var got []*int64
	err := s.pages.QueryRow(ctx, `SELECT set_shares($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		target, s.cfg.Node, s.boot, seq, counts, per, start, most, want, have).Scan(&got)
	if err != nil {
		s.ledger.undealt(list)
		return err
	}
	s.ledger.dealt(list, got, seq)
	return nil
}

// dropOldShares gives back what this node's earlier runs held, once all that they
// sold from it is counted.
func (s *Store) dropOldShares(ctx context.Context) error {
	if s.sharesDropped {
		return nil
	}
	for _, boot := range s.owing() {
		if boot != s.boot {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, probeIn)
	defer cancel()
	_, err := s.pages.Exec(ctx, `DELETE FROM cap_shares WHERE node = $1 AND boot <> $2`, s.cfg.Node, s.boot)
	s.sharesDropped = err == nil
	return err
}

// owing goes over what waits in the spool to be counted against caps: its name, and
// the run that wrote it, "" where nobody can tell.
func (s *Store) owing() iter.Seq2[string, string] {
	return func(yield func(name, boot string) bool) {
		for _, name := range s.spool.Names() {
			if strings.HasPrefix(name, startedName) {
				continue
			}
			var r struct {
				Boot string `json:"boot"`
				Uses []use  `json:"uses"`
			}
			b, ok, err := s.spool.Get(name)
			if err == nil && !ok {
				continue
			}
			if err != nil || json.Unmarshal(b, &r) != nil {
				r.Boot, r.Uses = "", []use{{}}
			}
			if len(r.Uses) > 0 && !yield(name, r.Boot) {
				return
			}
		}
	}
}

// owingCalls returns the calls among what waits to be counted, and whether anything
// does.
func (s *Store) owingCalls() (calls []string, owes bool) {
	calls = []string{}
	for name := range s.owing() {
		owes = true
		if call, ok := strings.CutPrefix(name, settledName); ok {
			calls = append(calls, call)
		}
	}
	return calls, owes
}
