package auction

import (
	"context"
	"fmt"
	"time"

	"github.com/ringbid/ringbid"
)

// Bounds on what an award may wait for.
const (
	reserveTimeout = 2 * time.Second
	releaseTimeout = 2 * time.Second
	pingsTimeout   = 2 * time.Second // pings end with their context
)

// Award gives the call to the best bid left, with its target's slot reserved.
// The first Award seals the auction, so that the deadline starts; it waits until
// the auction is closed. A bid that has run out, a target that has closed or is
// full is noted and the next one taken. False means that nobody is left or that
// the caller is gone.
func (a *Auction) Award(ctx context.Context) (ringbid.Award, bool) {
	a.seal()
	for {
		c, wait := a.next()
		switch {
		case c != nil:
			if award, ok := a.reserve(ctx, c); ok {
				return award, true
			}
		case wait == nil:
			a.market.metrics.award("none")
			return ringbid.Award{}, false
		default:
			select {
			case <-wait:
			case <-ctx.Done():
				return ringbid.Award{}, false
			case <-a.base.Done():
				return ringbid.Award{}, false
			}
		}
		if ctx.Err() != nil {
			return ringbid.Award{}, false
		}
	}
}

// unseal lets an auction that found nobody start over on a new fact: the next
// Award has a deadline of its own.
func (a *Auction) unseal() {
	if a.exhausted {
		a.deadline.Stop()
		a.exhausted, a.awarding, a.sealed = false, false, nil
	}
}

// seal says that no more facts come: the deadline starts, and bids that ran out
// meanwhile are asked for again.
func (a *Auction) seal() {
	a.mu.Lock()
	defer a.unlock()
	if a.sealed != nil || a.ended {
		return
	}
	now := a.now()
	a.sealed = &now
	wait := a.ask.Deadline
	if wait <= 0 {
		wait = ringbid.DefaultDeadline
	}
	a.deadline = time.AfterFunc(wait, func() { a.expire(&now) })
	if a.evaluate() {
		a.reopen()
	}
	a.consider()
	a.rank()
}

// expire ends the waiting at the deadline of the given seal.
func (a *Auction) expire(seal *time.Time) {
	a.mu.Lock()
	defer a.unlock()
	if a.ended || a.sealed != seal {
		return
	}
	a.giveUpPings("late", "no answer before the auction's deadline")
	if a.rec.Closed == nil {
		a.close(closeDeadline)
	}
	a.rank()
	a.signal()
}

// giveUpPings turns those who have not answered into late ones. What they answer
// afterwards is recorded and not used.
func (a *Auction) giveUpPings(code, reason string) {
	for _, c := range a.candidates {
		if c.bid.State != ringbid.BidPinged {
			continue
		}
		c.bid.State, c.bid.Code, c.bid.Reason = ringbid.BidLate, code, reason
		a.market.metrics.replies.WithLabelValues(string(ringbid.BidLate)).Inc()
		if c.answer.State == ringbid.BidStanding {
			c.giveUp()
			a.fallBack(c)
		}
		a.emitBid(c)
	}
}

// next takes the best bid that can still be used. Where there is none yet, it
// returns what to wait for; both nil means that nobody is left.
func (a *Auction) next() (*candidate, <-chan struct{}) {
	a.mu.Lock()
	defer a.unlock()
	if a.ended {
		return nil, nil
	}
	if a.rec.Closed == nil {
		return nil, a.changed
	}
	now := a.now()
	for _, c := range a.candidates {
		if c.over() || c.bid.State != ringbid.BidStanding {
			continue
		}
		if c.spent(now) {
			a.fall(c, ringbid.BidExpired, "expired", "ran out before it was used")
		} else if v := a.hours(c.Target); v.state != "" {
			a.fall(c, v.state, v.code, v.reason)
		}
	}
	if c := a.best(); c != nil {
		a.awarding, c.taken = true, true
		return c, nil
	}
	for _, c := range a.candidates {
		if c.bid.State == ringbid.BidPinged {
			return nil, a.changed
		}
	}
	a.exhausted = true
	return nil, nil
}

// fall takes a ranked bid out of the running.
func (a *Auction) fall(c *candidate, state ringbid.BidState, code, reason string) {
	c.taken = true // keeps its rank
	c.bid.State, c.bid.Code, c.bid.Reason = state, code, cut(reason, 300)
	a.market.metrics.award(code)
	a.emitBid(c)
}

// reserve takes the target's slot for the call.
func (a *Auction) reserve(ctx context.Context, c *candidate) (ringbid.Award, bool) {
	if a.ask.Lead { // its caps are counted with the row that makes the sale true
		a.mu.Lock()
		defer a.unlock()
		a.market.metrics.award("offered")
		return c.award(), !a.ended
	}
	bounded, cancel := context.WithTimeout(ctx, reserveTimeout)
	err := a.market.cfg.Ledger.Reserve(bounded, a.ask.CallID, c.Target)
	cancel()
	if err != nil && ringbid.KindOf(err) != ringbid.Busy {
		// It may have been taken all the same.
		a.release(c.Target.Name)
		a.market.cfg.Logger.Warn("slot not reserved", "call_id", a.ask.CallID, "target", c.Target.Name, "error", err)
	}
	a.mu.Lock()
	defer a.unlock()
	switch {
	case err != nil && ctx.Err() != nil: // the caller is gone
		c.taken = false
		return ringbid.Award{}, false
	case err != nil && ringbid.KindOf(err) == ringbid.Busy:
		a.fall(c, ringbid.BidIneligible, "full", err.Error())
		return ringbid.Award{}, false
	case err != nil:
		a.fall(c, ringbid.BidFailed, "ledger", "its slot could not be reserved")
		return ringbid.Award{}, false
	case a.ended:
		a.release(c.Target.Name)
		return ringbid.Award{}, false
	}
	c.held = true
	a.market.metrics.award("reserved")
	return c.award(), true
}

func (c *candidate) award() ringbid.Award {
	w := ringbid.Award{
		Bid: c.bid.ID, Name: c.bid.Name, Target: c.bid.Target, Buyer: c.bid.Buyer,
		Price: c.bid.Amount, User: c.bid.User, BidID: c.bid.BidID, Rank: c.bid.Rank,
	}
	if c.bid.Expires != nil {
		w.Expires = *c.bid.Expires
	}
	return w
}

// release gives a slot back, also when the caller is gone.
func (a *Auction) release(target string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.base), releaseTimeout)
	defer cancel()
	a.market.cfg.Ledger.Release(ctx, a.ask.CallID, target)
}

// Report says how dialling an award went. Where the buyer did not take the call
// its slot is given back at once.
func (a *Auction) Report(w ringbid.Award, at ringbid.Attempt) {
	free := ""
	defer func() {
		if free != "" {
			a.release(free)
		}
	}()
	a.mu.Lock()
	defer a.unlock()
	for _, c := range a.candidates {
		if c.bid.ID != w.Bid || !c.taken || c.bid.State != ringbid.BidStanding {
			continue
		}
		a.rec.Attempts++
		if at.Verdict == ringbid.VerdictAnswered {
			c.bid.State, c.bid.Code, c.bid.Reason = ringbid.BidWon, "", ""
			a.rec.Winner = c.bid.Name
		} else {
			c.bid.State, c.bid.Code, c.bid.Reason = ringbid.BidTried, string(at.Verdict), cut(outcome(at), 300)
			a.cancelled = at.Verdict == ringbid.VerdictCancelled
			if c.held {
				c.held, free = false, c.bid.Target
			}
		}
		a.emitBid(c)
	}
}

// outcome says in words why a dialled buyer did not take the call.
func outcome(at ringbid.Attempt) string {
	words := map[ringbid.Verdict]string{
		ringbid.VerdictBusy: "busy", ringbid.VerdictNoAnswer: "did not answer", ringbid.VerdictRefused: "refused",
		ringbid.VerdictUnreachable: "could not be reached", ringbid.VerdictFailed: "failed",
		ringbid.VerdictNotAccepted: "answered, and nobody accepted", ringbid.VerdictCancelled: "the caller hung up",
		ringbid.VerdictLocal: "could not be dialled from here", ringbid.VerdictVoicemail: "a machine answered",
	}[at.Verdict]
	if words == "" {
		words = string(at.Verdict)
	}
	if at.Status > 0 {
		words = fmt.Sprintf("%s (%d %s)", words, at.Status, at.Text)
	}
	return words
}
