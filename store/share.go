package store

import (
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// ledger is the memory beside the leases and counters in Postgres. For the
// slots this node's calls hold it is the truth; of the rest it knows what it saw
// last. While Postgres is away it deals out this node's share.
type ledger struct {
	mu      sync.Mutex
	node    string
	nodes   []string // alive when last seen, in order, this one included
	slots   map[string]*slot
	used    map[capKey]int64     // as in Postgres, when last seen
	learnt  map[capKey]time.Time // when a reservation has told of it since
	waiting map[string]*waiting
	pending map[capKey]int64 // sums of waiting
}

type slot struct {
	others int                  // leases of other nodes, when last seen
	base   int                  // leases of ours that the others saw then
	held   map[string]time.Time // ours: call to since when
}

type capKey struct {
	target, on, per string
	start           int64
}

// waiting are uses that are not, or may not be, in used yet.
type waiting struct {
	uses      []use
	writing   bool
	committed time.Time // zero until they are in Postgres
}

func (u use) key() capKey { return capKey{u.Target, u.On, u.Per, u.Start.Unix()} }

func newLedger(node string) *ledger {
	return &ledger{node: node, nodes: []string{node}, slots: map[string]*slot{}, used: map[capKey]int64{}, learnt: map[capKey]time.Time{},
		waiting: map[string]*waiting{}, pending: map[capKey]int64{}}
}

func (l *ledger) slot(target string) *slot {
	s := l.slots[target]
	if s == nil {
		s = &slot{held: map[string]time.Time{}}
		l.slots[target] = s
	}
	return s
}

// hold notes that the call holds a slot, and reports whether it did already.
func (l *ledger) hold(target, call string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slot(target)
	_, already := s.held[call]
	if !already {
		s.held[call] = time.Now()
	}
	return already
}

func (l *ledger) drop(target, call string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.slot(target).held, call)
}

// dropCall forgets all slots of the call.
func (l *ledger) dropCall(call string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.slots {
		delete(s.held, call)
	}
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
	if c.On == "connect" || c.On == "convert" {
		return calls
	}
	return 0
}

// reserve decides from this node's share whether the call, which is among the
// held already, may have its slot. Shares of all nodes never add up to more than
// there is: each gets a part of what was left when Postgres was last seen.
func (l *ledger) reserve(t *ringbid.Target, call string, caps []capAt) (reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slot(t.Name)
	ours, others, base := int64(len(s.held)), int64(s.others), int64(s.base)
	limit := int64(t.Concurrency)
	if limit > 0 && ours > base+l.share(limit-others-base) {
		return "concurrency"
	}
	for _, c := range caps {
		left := c.max - l.used[c.key()] - c.potential(others+base)
		if l.pending[c.key()]+c.potential(ours-1) >= c.potential(base)+l.share(left) {
			return c.On + "/" + c.Per
		}
	}
	for _, c := range caps {
		if c.On == "attempt" {
			l.add(attemptsOf(call), c.use)
		}
	}
	return ""
}

// share is this node's part of n among the nodes last seen alive.
func (l *ledger) share(n int64) int64 {
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

func attemptsOf(call string) string { return "attempts/" + call }

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
	}
}

func (l *ledger) remove(id string) {
	w := l.waiting[id]
	if w == nil {
		return
	}
	delete(l.waiting, id)
	for _, u := range w.uses {
		if l.pending[u.key()] -= u.N; l.pending[u.key()] == 0 {
			delete(l.pending, u.key())
		}
	}
}

// settling moves what the call used locally, and what it uses by being settled,
// under the id, and returns it all.
func (l *ledger) settling(id, call string, uses []use) []use {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting[attemptsOf(call)]; w != nil && !w.writing && w.committed.IsZero() {
		uses = append(slices.Clone(w.uses), uses...)
		l.remove(attemptsOf(call))
	}
	l.remove(id)
	l.add(id, uses...)
	return uses
}

// committed says that the uses under the id are in Postgres now. They stay
// counted until the counters have been read again: twice for a moment, never
// not at all.
func (l *ledger) committed(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting[id]; w != nil {
		w.writing, w.committed = false, time.Now()
	}
}
