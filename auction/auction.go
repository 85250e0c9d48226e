package auction

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// Auction sells one call. Its methods may be called from any goroutine; Award
// is meant for one at a time.
type Auction struct {
	market *Market
	ask    ringbid.Ask
	// base is what the pings run under: it ends with the context given to Open
	// or with Done, and is kept because facts that start a ping come later.
	base   context.Context
	cancel context.CancelFunc
	pings  sync.WaitGroup

	mu         sync.Mutex
	rec        ringbid.Auction // without Bids, Facts and the like, which are filled in last
	facts      ringbid.TagMap  // replaced, never changed: pings read it
	candidates []*candidate
	lastFacts  time.Time
	sealed     *time.Time
	deadline   *time.Timer
	awarding   bool          // an award was made: nobody new is asked from here on
	ended      bool          // Done was called
	cancelled  bool          // the caller left while a buyer was being dialled
	exhausted  bool          // nobody was left to be awarded the call
	changed    chan struct{} // closed and replaced whenever Award should look again
	pending    []ringbid.Event
}

func (a *Auction) now() time.Time { return a.market.cfg.Now() }

// unlock gives up the lock and passes on the events that were made under it.
func (a *Auction) unlock() {
	events := a.pending
	a.pending = nil
	a.mu.Unlock()
	for _, ev := range events {
		a.market.cfg.Emit(ev)
	}
}

// Offer tells the auction more about the caller. Candidates are looked at anew;
// facts that change nothing cost nothing. It never blocks.
func (a *Auction) Offer(facts ringbid.TagMap) {
	a.mu.Lock()
	defer a.unlock()
	news := false
	for k, v := range facts {
		if old, ok := a.facts[k]; !ok || old != v {
			news = true
		}
	}
	if !news || a.ended {
		return
	}
	merged := maps.Clone(a.facts)
	maps.Copy(merged, facts)
	a.facts = merged
	if a.awarding && !a.exhausted {
		return
	}
	a.unseal()
	a.lastFacts = a.now()
	if a.evaluate() {
		a.reopen()
		a.consider()
		a.rank()
	}
}

// evaluate looks at every candidate anew, asks those who are to be asked, and
// reports whether anything changed.
func (a *Auction) evaluate() (changed bool) {
	for _, c := range a.candidates {
		if c.over() {
			continue
		}
		if v := a.judge(c.Buying); v.state != "" {
			if c.rule(v) {
				changed = true
				a.emitBid(c)
			}
			continue
		}
		if c.Bidder == nil {
			if c.stand() {
				changed = true
				a.emitBid(c)
			}
			continue
		}
		if p, fields := a.ping(c); c.mustAsk(fields, a.now()) {
			changed = true
			a.askBidder(c, p, fields)
		}
	}
	return changed
}

// undecided reports whether the auction still waits for the candidate.
func (a *Auction) undecided(c *candidate) bool {
	switch c.bid.State {
	case ringbid.BidPinged:
		return !c.over()
	case ringbid.BidWaiting:
		return a.sealed == nil // no more facts will come
	}
	return false
}

// The reasons for a close.
const (
	closeAnswered  = "all answered"
	closeBeaten    = "cannot be beaten"
	closeDeadline  = "deadline"
	closeAbandoned = "abandoned"
)

// consider closes the auction where nothing that is still open can change who
// wins. Bidders that are still being asked then may become runners-up.
func (a *Auction) consider() {
	a.signal()
	if a.rec.Closed != nil {
		return
	}
	best := a.best()
	waiting, threat := 0, false
	for _, c := range a.candidates {
		if a.undecided(c) {
			waiting++
			threat = threat || best == nil || c.beats(&best.bid)
		}
	}
	switch {
	case waiting == 0:
		a.close(closeAnswered)
	case !threat:
		a.close(closeBeaten)
	}
}

// best returns the best bid that stands and was not tried, or nil.
func (a *Auction) best() *candidate {
	var best *candidate
	for _, c := range a.candidates {
		if c.over() || c.bid.State != ringbid.BidStanding || c.spent(a.now()) {
			continue
		}
		if best == nil || order(&c.bid, &best.bid) < 0 {
			best = c
		}
	}
	return best
}

// close ends the collecting of bids.
func (a *Auction) close(why string) {
	now := a.now()
	overtime := max(0, now.Sub(a.due()))
	if why == closeAbandoned {
		overtime = 0 // nobody was kept waiting
	}
	a.rec.Closed, a.rec.CloseWhy, a.rec.Overtime = stamp(now), why, overtime.Microseconds()
	a.rank()
	a.market.metrics.close(why, overtime)
	a.emitClosed()
	a.signal()
}

// due returns the moment since which the auction could have been closed: the
// slowest answer that was of use, or the last thing the caller's side did.
func (a *Auction) due() time.Time {
	due := a.lastFacts
	if a.sealed != nil && a.sealed.After(due) {
		due = *a.sealed
	}
	for _, c := range a.candidates {
		if s := c.bid.State; (s == ringbid.BidStanding || s == ringbid.BidDeclined) && c.bid.Replied != nil && c.bid.Replied.After(due) {
			due = *c.bid.Replied
		}
	}
	return due
}

// reopen undoes a close that a new fact has overtaken.
func (a *Auction) reopen() {
	a.rec.Closed, a.rec.CloseWhy, a.rec.Overtime = nil, "", 0
}

// rank numbers the bids that stand or stood when they were used.
func (a *Auction) rank() {
	var ranked []*candidate
	for _, c := range a.candidates {
		if c.bid.State == ringbid.BidStanding || c.taken {
			ranked = append(ranked, c)
		} else {
			c.bid.Rank = 0
		}
	}
	slices.SortFunc(ranked, func(x, y *candidate) int { return order(&x.bid, &y.bid) })
	for i, c := range ranked {
		c.bid.Rank = i + 1
	}
}

// signal wakes Award.
func (a *Auction) signal() {
	close(a.changed)
	a.changed = make(chan struct{})
}
