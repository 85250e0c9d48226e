package store

import (
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// ledger is the memory beside the leases, counters and shares in Postgres. For
// the slots this node's calls hold it is the truth; of the rest it knows what it
// saw last. Where Postgres does not answer in time it deals out what is this
// node's own: its part of the lines, and its shares of caps.
type ledger struct {
	mu      sync.Mutex
	node    string
	nodes   []string // alive when last seen, in order, this one included
	slots   map[string]*slot
	used    map[capKey]int64     // as in Postgres, when last seen
	learnt  map[capKey]time.Time // when a reservation has told of it since
	waiting map[string]*waiting
	pending map[capKey]int64 // sums of waiting
	owed    map[capKey]int64 // of those, what is not in Postgres yet
	shares  map[capKey]*share
	seq     int64     // of the last word on shares
	alive   time.Time // when the last heartbeat that arrived was sent
}

type slot struct {
	others int              // leases of other nodes, when last seen
	held   map[string]*hold // ours, by call
}

// hold is a slot that a call of ours holds.
type hold struct {
	since time.Time
	own   []capKey // the limits of which it has one of this node's share
	sure  bool     // Postgres has not given it the slot too
}

type capKey struct {
	target, on, per string
	start           int64
}

// waiting are uses that are not, or may not be, in used yet.
type waiting struct {
	uses      []use
	committed time.Time // zero until they are in Postgres
}

func (u use) key() capKey { return capKey{u.Target, u.On, u.Per, u.Start.Unix()} }

func newLedger(node string) *ledger {
	return &ledger{node: node, nodes: []string{node}, slots: map[string]*slot{}, used: map[capKey]int64{}, learnt: map[capKey]time.Time{},
		waiting: map[string]*waiting{}, pending: map[capKey]int64{}, owed: map[capKey]int64{}, shares: map[capKey]*share{}}
}

func (l *ledger) slot(target string) *slot {
	s := l.slots[target]
	if s == nil {
		s = &slot{held: map[string]*hold{}}
		l.slots[target] = s
	}
	return s
}

// drop gives the call's slot back.
func (l *ledger) drop(target, call string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free(l.slot(target), call)
}

// dropCall gives back all slots of the call.
func (l *ledger) dropCall(call string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.slots {
		l.free(s, call)
	}
}

// free takes the slot from the call. A line of this node's share is there again
// at once. What it had for connects and conversions is not: the call may turn out
// to be one; nor is what Postgres may have counted to the slot. That comes when
// shares are dealt the next time.
func (l *ledger) free(s *slot, call string) {
	h := s.held[call]
	if h == nil {
		return
	}
	delete(s.held, call)
	for _, k := range h.own {
		if k.on == "line" && h.sure {
			l.shares[k].room++
		}
	}
	l.disclaim(h)
}

// disclaim takes what the slot has of this node's shares off it.
func (l *ledger) disclaim(h *hold) {
	for _, k := range h.own {
		l.shares[k].calls--
	}
	h.own = nil
}

func (l *ledger) load(target string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.slots[target]; s != nil {
		return s.others + len(s.held)
	}
	return 0
}

// full reports which limit has no room for one more, "" for none.
func (l *ledger) full(t *ringbid.Target, caps []capAt) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slot(t.Name)
	busy := int64(s.others + len(s.held))
	if t.Concurrency > 0 && busy >= int64(t.Concurrency) {
		return "concurrency"
	}
	for _, c := range caps {
		if l.used[c.key()]+l.pending[c.key()]+c.potential(busy) >= c.max {
			return c.On + "/" + c.Per
		}
	}
	return ""
}

// potential is how much of what the cap counts may still come of calls that
// hold a slot.
func (c capAt) potential(calls int64) int64 {
	if c.On == "connect" || c.On == "convert" || c.On == "line" {
		return calls
	}
	return 0
}

// part is this node's of n among the nodes last seen alive.
func (l *ledger) part(n int64) int64 {
	if n <= 0 {
		return 0
	}
	nodes := int64(max(1, len(l.nodes)))
	part := n / nodes
	if int64(slices.Index(l.nodes, l.node)) < n%nodes {
		part++
	}
	return part
}

// learn takes counters over that a reservation returned.
func (l *ledger) learn(caps []capAt, used []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, c := range caps {
		if i < len(used) {
			l.used[c.key()], l.learnt[c.key()] = max(l.used[c.key()], used[i]), time.Now()
		}
	}
}

func (l *ledger) add(id string, uses ...use) {
	if len(uses) == 0 {
		return
	}
	w := l.waiting[id]
	if w == nil {
		w = &waiting{}
		l.waiting[id] = w
	}
	w.uses = append(w.uses, uses...)
	for _, u := range uses {
		l.pending[u.key()] += u.N
		l.owed[u.key()] += u.N
	}
}

// paid says that what waits is no longer owed to Postgres.
func (l *ledger) paid(w *waiting) {
	if !w.committed.IsZero() {
		return
	}
	for _, u := range w.uses {
		if l.owed[u.key()] -= u.N; l.owed[u.key()] == 0 {
			delete(l.owed, u.key())
		}
	}
}

func (l *ledger) remove(id string) {
	w := l.waiting[id]
	if w == nil {
		return
	}
	delete(l.waiting, id)
	l.paid(w)
	for _, u := range w.uses {
		if l.pending[u.key()] -= u.N; l.pending[u.key()] == 0 {
			delete(l.pending, u.key())
		}
	}
}

// settling notes what the call uses by being settled, under the id.
func (l *ledger) settling(id string, uses []use) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(id)
	l.add(id, uses...)
}

// committed says that the uses under the id are in Postgres now. They stay
// counted until the counters have been read again: twice for a moment, never
// not at all.
func (l *ledger) committed(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting[id]; w != nil {
		l.paid(w)
		w.committed = time.Now()
	}
}
