package store

import (
	"slices"
	"time"

	"github.com/ringbid/ringbid"
)

// shareLife is how long a node sells from its shares without a heartbeat that
// arrives. Postgres gives them to others after an hour (function shared); the
// difference is for clocks that run unequally.
const shareLife = 50 * time.Minute

// share is this node's own part of a cap's room. What Postgres holds back for it
// (n of cap_shares) is never less than room, calls, away and what is owed together, so
// that the cap is not oversold whatever of our statements arrives, late or never:
// room is lowered before Postgres is told, and raised after it said so.
type share struct {
	room  int64 // may be sold without asking
	calls int64 // on calls that hold a slot, and may be missing among the leases
	away  int64 // lent to reservations that wait for their answer
	seq   int64 // of the word on it that Postgres has confirmed
	known int64 // what Postgres holds back, as far as is known; -1 in doubt
}

// reservation is one question for a slot, from asking to its answer.
type reservation struct {
	id     string
	call   string
	target *ringbid.Target
	caps   []capAt
	carry  []int64 // seq of the share that lends one for each cap; 0 for none
}

// ask begins a reservation: the call holds the slot until it is said otherwise,
// and this node's shares lend one for each cap where they can. Nil where the call
// holds the slot already.
func (l *ledger) ask(call string, t *ringbid.Target, caps []capAt) *reservation {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slot(t.Name)
	if s.held[call] != nil {
		return nil
	}
	s.held[call] = &hold{since: time.Now()}
	r := &reservation{id: ringbid.NewID(), call: call, target: t, caps: caps, carry: make([]int64, len(caps))}
	for i := range caps {
		r.carry[i] = l.lend(caps[i])
	}
	return r
}

// lend takes one of the share in the cap; the answer is its seq, 0 where there is
// none to lend.
func (l *ledger) lend(c capAt) int64 {
	h := l.shares[c.key()]
	if h == nil || h.room <= 0 || l.stale() {
		return 0
	}
	h.room--
	h.away++
	return h.seq
}

// stale reports whether nobody has heard of this node for so long that its shares
// may be others' by now. Both clocks count: one stops while a machine sleeps, the
// other can be set.
func (l *ledger) stale() bool {
	return l.alive.IsZero() || max(time.Since(l.alive), time.Now().Round(0).Sub(l.alive.Round(0))) > shareLife
}

// lent goes over the shares that lend one to the reservation.
func (l *ledger) lent(r *reservation, f func(c capAt, h *share, seq int64)) {
	for i, c := range r.caps {
		if r.carry[i] == 0 {
			continue
		}
		h, seq := l.shares[c.key()], r.carry[i]
		r.carry[i] = 0
		h.away--
		f(c, h, seq)
	}
}

// won ends a reservation that Postgres made: what was lent is used there, unless
// the share was dealt anew meanwhile.
func (l *ledger) won(r *reservation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent(r, func(_ capAt, h *share, seq int64) {
		if h.known--; h.seq != seq {
			h.known = -1
		}
	})
}

// failed ends a reservation that was not made. sure says that Postgres did not
// make it either: then what was lent is ours again. Else it is not; the next deal
// tells.
func (l *ledger) failed(r *reservation, sure bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent(r, func(_ capAt, h *share, _ int64) {
		if sure {
			h.room++
		} else {
			h.known = -1
		}
	})
	l.free(l.slot(r.target.Name), r.call)
}

// adopt makes the reservation from what is this node's own, or says what there is
// too little of: each cap, and the lines, must lend one of this node's share. A
// cap of revenue lends nothing, as nobody knows before the end what a call brings.
// A run that has never seen Postgres has no shares; it takes the lines for its
// own, as its earlier run's calls are over. A call that gave its slot back
// meanwhile, or was settled, gets none. sure says that Postgres has not made the
// reservation.
func (l *ledger) adopt(r *reservation, sure bool) (reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slot(r.target.Name)
	h := s.held[r.call]
	if h == nil {
		return overReason
	}
	sent := slices.Clone(r.carry)
	for i, c := range r.caps {
		if c.On == "revenue" {
			if k := c.key(); l.pending[k] >= l.part(c.max-l.used[k]) {
				reason = c.reason()
			}
			continue
		}
		if r.carry[i] == 0 {
			r.carry[i] = l.lend(c)
		}
		if (r.carry[i] == 0 || l.stale()) && !(c.On == "line" && l.alive.IsZero() && int64(len(s.held)) <= c.max) {
			reason = c.reason() + heldReason
		}
	}
	if reason != "" {
		l.unlend(r, sent)
		return reason
	}
	h.sure = sure
	l.lent(r, func(c capAt, own *share, _ int64) {
		own.known = -1
		if c.On == "attempt" {
			l.add(reservedName+r.id, c.use)
		} else {
			own.calls++
			h.own = append(h.own, c.key())
		}
	})
	return ""
}

// disown undoes an adoption that cannot be written down.
func (l *ledger) disown(r *reservation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(reservedName + r.id)
	l.free(l.slot(r.target.Name), r.call)
}

// unlend gives back what was lent to the reservation beyond what it was sent with.
func (l *ledger) unlend(r *reservation, sent []int64) {
	for i, c := range r.caps {
		if r.carry[i] != sent[i] {
			h := l.shares[c.key()]
			h.away--
			h.room++
			r.carry[i] = sent[i]
		}
	}
}

// overReason is why a call gets no slot that does not want it any more.
const overReason = "over"

// heldReason is added to a cap's reason where what is left of it is in shares.
const heldReason = "/held"

func (c capAt) reason() string { return c.On + "/" + c.Per }

// limitsAt are the target's caps at the moment and, before them, its lines.
func limitsAt(t *ringbid.Target, at time.Time) []capAt {
	caps := capsAt(t, at)
	if t.Concurrency > 0 {
		line := use{Target: t.Name, On: "line", Per: "total", Start: time.Unix(0, 0).UTC(), N: 1}
		caps = slices.Insert(caps, 0, capAt{line, int64(t.Concurrency)})
	}
	return caps
}

// attempts are the caps of the reservation that count attempts.
func (r *reservation) attempts() []capAt {
	return slices.DeleteFunc(slices.Clone(r.caps), func(c capAt) bool { return c.On != "attempt" })
}

// wish is a share that should be another.
type wish struct {
	capAt
	want, have int64
}

// wishes lowers this node's shares of the target's caps to what they should be at
// most, and returns what Postgres must be told. One node alone may have all that
// is left, several have half of it between them, so that each always finds some
// that is nobody's; so does one alone where leads count against the same caps.
// A node that nobody has heard of for too long gives up all that it has not sold,
// and asks again once its heartbeat is there: what it got before that would be
// others' still.
func (l *ledger) wishes(t *ringbid.Target, caps []capAt) (list []wish, seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	busy := int64(l.slot(t.Name).others + len(l.slot(t.Name).held))
	parts := int64(2 * len(l.nodes))
	if len(l.nodes) <= 1 && len(t.Methods) == 0 {
		parts = 1
	}
	for _, c := range caps {
		if c.On == "revenue" {
			continue
		}
		k := c.key()
		h := l.shares[k]
		if h == nil {
			h = &share{known: -1}
			l.shares[k] = h
		}
		want := max(0, (c.max-l.used[k]-l.pending[k]-c.potential(busy))/parts-h.away)
		if l.stale() {
			want = 0
		}
		h.room = min(h.room, want)
		rest := h.calls + h.away + l.owed[k]
		if h.room != want || h.known != h.room+rest {
			list = append(list, wish{c, want + rest, h.room + rest})
		}
	}
	if len(list) > 0 {
		l.seq++
	}
	return list, l.seq
}

// dealt takes over what Postgres made of the wishes. What was lent or lost since
// stays so.
func (l *ledger) dealt(list []wish, got []*int64, seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range list {
		h := l.shares[w.key()]
		if got[i] == nil {
			h.known = -1
			continue
		}
		h.room += *got[i] - w.have
		h.known, h.seq = *got[i], seq
	}
}

// undealt says that nobody knows whether Postgres has heard of the wishes.
func (l *ledger) undealt(list []wish) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range list {
		l.shares[w.key()].known = -1
	}
}

// surplus lowers the shares of windows that are over, and of caps and targets that
// take no calls any more, to what is in use, and returns what Postgres must be told
// of them, by target. Those that it holds nothing back for are dropped.
func (l *ledger) surplus(keep map[capKey]bool) (lists map[string][]wish, seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lists = map[string][]wish{}
	for k, h := range l.shares {
		if keep[k] {
			continue
		}
		h.room = 0
		rest := h.calls + h.away + l.owed[k]
		if h.known != rest {
			c := capAt{use: use{Target: k.target, On: k.on, Per: k.per, Start: time.Unix(k.start, 0).UTC(), N: 1}}
			lists[k.target] = append(lists[k.target], wish{c, rest, rest})
		} else if rest == 0 {
			delete(l.shares, k)
		}
	}
	if len(lists) > 0 {
		l.seq++
	}
	return lists, l.seq
}

// beaten notes that a heartbeat sent at the moment has arrived. Where it comes too
// late, what the shares had may be others' since.
func (l *ledger) beaten(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stale() {
		for _, h := range l.shares {
			h.room, h.known = 0, -1
		}
	}
	l.alive = sent
}
