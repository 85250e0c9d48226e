package sip

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
)

// Hangup ends the call: with a final response and its Reason header before the
// answer, with BYE after. What the reason leaves open is filled from the table
// of this package. It returns when the peers have said their last word, two
// seconds later at most. Ending an ended call does nothing.
func (c *Call) Hangup(ctx context.Context, r ringbid.Reason) error {
	if !c.ask(func() { c.end(byUs, r, true) }) {
		return nil
	}
	c.settled(ctx)
	return nil
}

// Invite returns what the call said of itself when it arrived.
func (c *Call) Invite() ringbid.Invite { return c.inv }

// Ended returns who ended the call, "caller" or "ringbid", and why; "" while it
// is up.
func (c *Call) Ended() (by string, r ringbid.Reason) {
	if !c.ask(func() { by, r = c.endedBy, c.endWhy }) {
		return c.endedBy, c.endWhy
	}
	return by, r
}

// Legs returns a report of every leg so far, the caller's first. Of an ended
// call it waits, two seconds at most, until the peers have said their last
// word.
func (c *Call) Legs() []ringbid.Leg {
	if by, _ := c.Ended(); by != "" {
		c.settled(context.Background())
	}
	var sides []side // without what only the owner reads
	var departed []ringbid.Leg
	look := func() {
		for _, s := range c.sides {
			sides = append(sides, side{leg: s.leg, stream: s.stream, report: s.report})
		}
		departed = c.departed
	}
	if !c.ask(look) {
		look() // nothing changes any more
	}
	out := make([]ringbid.Leg, 0, len(sides)+len(departed))
	for i := range sides {
		out = append(out, sides[i].reported()) // waits for the media thread
	}
	return append(out, departed...)
}

// settled waits until every leg of the ended call is through.
func (c *Call) settled(ctx context.Context) {
	limit := time.NewTimer(byeWait)
	defer limit.Stop()
	select {
	case <-c.quiet:
	case <-c.over:
	case <-ctx.Done():
	case <-limit.C:
	}
}
