package auction

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
)

// Done ends the auction when the call is over: pings that are under way are
// given up, slots that are held are given back, and the whole record is
// returned. talk is how long the winner was connected. Calling it again returns
// the record again.
func (a *Auction) Done(talk time.Duration) ringbid.Auction {
	var held []string
	a.mu.Lock()
	if !a.ended {
		if a.rec.Closed == nil {
			a.giveUpPings("abandoned", "the call ended first")
			a.close(closeAbandoned)
		} else {
			a.giveUpPings("late", "no answer before the call ended")
		}
		a.ended = true
		if a.deadline != nil {
			a.deadline.Stop()
		}
		left := a.sealed == nil || a.cancelled || a.base.Err() != nil
		a.rec.Abandoned = left && a.rec.Winner == "" && !a.exhausted
		a.rank()
		a.signal()
		a.cancel()
	}
	for _, c := range a.candidates {
		if c.held {
			c.held = false
			held = append(held, c.bid.Target)
		}
	}
	a.unlock()

	for _, target := range held {
		a.release(target)
	}
	a.wait()
	a.market.cfg.Logger.Debug("auction over", "call_id", a.ask.CallID, "talk", talk)
	return a.Record()
}

// wait waits for the pings, whose context has ended, for a bounded time.
func (a *Auction) wait() {
	finished := make(chan struct{})
	go func() {
		a.pings.Wait()
		close(finished)
	}()
	limit := time.NewTimer(pingsTimeout)
	defer limit.Stop()
	select {
	case <-finished:
	case <-limit.C:
		a.market.cfg.Logger.Error("a ping outlives its context", "call_id", a.ask.CallID)
	}
}

// Record returns the auction as it stands, the ranked bids first.
func (a *Auction) Record() ringbid.Auction {
	a.mu.Lock()
	defer a.unlock()
	rec := a.rec
	rec.Opened = *stamp(rec.Opened)
	rec.Facts = maps.Clone(a.facts)
	rec.Bids = make([]ringbid.Bid, 0, len(a.candidates))
	for _, c := range a.candidates {
		rec.Bids = append(rec.Bids, c.bid)
	}
	const last = 1 << 30
	slices.SortStableFunc(rec.Bids, func(x, y ringbid.Bid) int {
		return cmp.Compare(cmp.Or(x.Rank, last), cmp.Or(y.Rank, last))
	})
	return rec
}
