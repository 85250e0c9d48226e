package auction

import (
	"context"
	"maps"
	"time"

	"github.com/ringbid/ringbid"
)

// candidate is one who may buy the call, with what became of it.
type candidate struct {
	ringbid.Buying
	bid ringbid.Bid
	// pinging numbers the pings, so that the answer to one that was given up is
	// told from the answer to the current one.
	pinging int
	cancel  context.CancelFunc // ends the current ping
	sent    map[string]string  // what the bidder was told
	answer  ringbid.Bid        // the last understood offer, kept while asking again
	taken   bool               // awarded once, or being reserved
	held    bool               // its slot is ours
}

func newCandidate(b ringbid.Buying, seed uint64) *candidate {
	c := &candidate{Buying: b, bid: ringbid.Bid{
		ID: ringbid.NewID(), Name: b.Name(), Priority: b.Route.Priority, Weight: b.Route.Weight,
		Static: b.Bidder == nil, Draw: draw(seed, b.Name(), b.Route.Weight), State: ringbid.BidWaiting,
	}}
	if b.Target != nil {
		c.bid.Target, c.bid.Buyer = b.Target.Name, b.Target.Buyer
	}
	return c
}

// over reports whether the candidate's part in the auction is done.
func (c *candidate) over() bool {
	return c.taken || c.bid.State == ringbid.BidWon || c.bid.State == ringbid.BidTried
}

// rule turns the candidate away, giving up a ping that is under way, and
// reports whether that is news.
func (c *candidate) rule(v verdict) bool {
	same := c.bid.State == v.state && c.bid.Code == v.code && c.bid.Reason == v.reason
	if c.bid.State == ringbid.BidPinged {
		c.giveUp()
	}
	c.bid.State, c.bid.Code, c.bid.Reason = v.state, v.code, v.reason
	return !same
}

// stand makes a fixed price stand, and reports whether that is news.
func (c *candidate) stand() bool {
	if c.bid.State == ringbid.BidStanding {
		return false
	}
	c.bid.State, c.bid.Code, c.bid.Reason = ringbid.BidStanding, "", ""
	c.bid.Amount, c.bid.User = c.Target.Price, c.Target.User
	return true
}

// giveUp stops waiting for the current ping; its answer will not be used.
func (c *candidate) giveUp() {
	c.pinging++
	if c.cancel != nil {
		c.cancel()
	}
}

// mustAsk reports whether the bidder is to be asked, or asked again.
func (c *candidate) mustAsk(fields map[string]string, now time.Time) bool {
	switch {
	case c.bid.Pinged == nil, !maps.Equal(fields, c.sent):
		return true
	case c.bid.State == ringbid.BidStanding:
		return c.spent(now)
	}
	// It was turned away after it had been asked, and is welcome again.
	return c.bid.State == ringbid.BidIneligible || c.bid.State == ringbid.BidWaiting || c.bid.State == ringbid.BidExpired
}

// MinLeft is the time a bid must have left to be used: an INVITE has to reach
// the buyer before it runs out.
const MinLeft = 2 * time.Second

// spent reports whether the bid has run out, or is about to.
func (c *candidate) spent(now time.Time) bool {
	return c.bid.Expires != nil && c.bid.Expires.Sub(now) < MinLeft
}

// beats reports whether the candidate, not decided yet, could come before the
// best bid so far.
func (c *candidate) beats(best *ringbid.Bid) bool {
	most := ringbid.Money(0)
	switch {
	case c.Bidder != nil:
		most = c.Bidder.MaxBid
	case c.Target != nil:
		most = c.Target.Price
	}
	if c.Bidder != nil && most == 0 {
		return true // no limit is known
	}
	return most > best.Amount || most == best.Amount && c.bid.Priority <= best.Priority
}
