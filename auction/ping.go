package auction

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// MaxAmount is the most a bid may offer where the bidder's document names no
// maximum; more is taken for a mistake.
const MaxAmount = 10_000 * ringbid.MoneyScale

// askBidder starts a ping on a goroutine that Done waits for. The auction is locked.
func (a *Auction) askBidder(c *candidate, p Ping, fields map[string]string) {
	if c.bid.State == ringbid.BidStanding {
		c.answer = c.bid // holds while we ask again
	}
	c.giveUp()
	ctx, cancel := context.WithTimeout(a.base, c.Bidder.Timeout.Or(ringbid.DefaultPingTimeout))
	c.cancel, c.sent = cancel, fields
	now := a.now()
	c.bid.State, c.bid.Code, c.bid.Reason = ringbid.BidPinged, "", ""
	c.bid.Pinged, c.bid.Replied, c.bid.Expires = stamp(now), nil, nil
	c.bid.Amount, c.bid.BidID, c.bid.User, c.bid.Rank = 0, "", "", 0
	c.bid.Request, c.bid.Reply, c.bid.Status = "", "", 0
	number, bidder := c.pinging, a.market.cfg.Bidders[c.Bidder.Dialect]
	a.emit(ringbid.EventPing, c, "asked "+c.bid.Name, map[string]string{"name": c.bid.Name, "target": c.bid.Target})
	a.pings.Go(func() {
		defer cancel()
		reply, err := bidder.Ping(ctx, p)
		a.answered(c, number, answer{reply, err, a.now(), ctx.Err()})
	})
}

// ping returns what the bidder is asked with.
func (a *Auction) ping(c *candidate) (Ping, map[string]string) {
	p := Ping{Bidder: c.Bidder, Caller: a.ask.Caller, Number: a.ask.Number, CallID: a.ask.CallID, Facts: a.facts}
	if c.Bidder.HideCaller || a.ask.Lead {
		p.Caller = ""
	}
	if len(a.ask.Withheld) > 0 {
		p.Facts = maps.Clone(a.facts)
		for _, k := range a.ask.Withheld {
			delete(p.Facts, k)
		}
	}
	return p, p.Fields()
}

// answer is how a ping ended.
type answer struct {
	Reply
	err     error
	at      time.Time
	expired error // of the ping's context
}

// answered takes the answer to the ping of the given number.
func (a *Auction) answered(c *candidate, number int, r answer) {
	a.mu.Lock()
	defer a.unlock()
	if number != c.pinging || a.ended {
		a.market.metrics.replies.WithLabelValues("dropped").Inc()
		return
	}
	c.bid.Replied, c.bid.Status = stamp(r.at), r.Status
	c.bid.Request, c.bid.Reply = cut(r.Request, MaxRaw), cut(r.Raw, MaxRaw)
	took := latency(&c.bid)
	if c.bid.State != ringbid.BidPinged {
		a.market.metrics.replied(ringbid.BidLate, took)
		a.late(c, r)
		return
	}
	a.take(c, r)
	a.market.metrics.replied(c.bid.State, took)
	if c.bid.State == ringbid.BidFailed || c.bid.State == ringbid.BidLate {
		a.fallBack(c)
	} else {
		c.answer = ringbid.Bid{}
	}
	a.emitBid(c)
	a.consider()
	a.rank()
}

// late notes an answer that came after the auction had stopped waiting for it.
func (a *Auction) late(c *candidate, r answer) {
	if r.err != nil || !r.Accepted || a.rec.Closed == nil {
		return
	}
	c.bid.Reason = fmt.Sprintf("offered %s, %.3f s after the close", r.Amount, r.at.Sub(*a.rec.Closed).Seconds())
}

// take decides what an answer is worth.
func (a *Auction) take(c *candidate, r answer) {
	b := &c.bid
	b.Code, b.Reason, b.BidID = cut(r.Code, 64), cut(r.Reason, 300), cut(r.BidID, 200)
	most := c.Bidder.MaxBid
	if most == 0 {
		most = MaxAmount
	}
	set := func(state ringbid.BidState, code, format string, args ...any) {
		b.State, b.Code, b.Reason = state, code, fmt.Sprintf(format, args...)
	}
	switch {
	case r.err != nil && (r.Code == CodeTimeout || r.Code == "" && timedOut(r)):
		set(ringbid.BidLate, CodeTimeout, "no answer within %s", c.Bidder.Timeout.Or(ringbid.DefaultPingTimeout))
	case r.err != nil:
		b.State, b.Reason = ringbid.BidFailed, cut(r.err.Error(), 300)
		if b.Code == "" {
			b.Code = "failed"
		}
	case !r.Accepted:
		b.State = ringbid.BidDeclined
	case r.Amount < 0:
		set(ringbid.BidFailed, "negative", "bid of %s is negative", r.Amount)
	case r.Amount > most:
		set(ringbid.BidFailed, "above_max", "bid of %s is above the most of %s", r.Amount, most)
	case r.User != "" && !a.ask.Lead && !ringbid.SIPUser(r.User):
		set(ringbid.BidFailed, "bad_destination", "destination %.60q cannot be dialled", r.User)
	case !r.Expires.IsZero() && r.Expires.Sub(r.at) < MinLeft:
		set(ringbid.BidExpired, "expired", "bid stands for less than %s", MinLeft)
	case r.Amount < a.rec.Floor:
		set(ringbid.BidDeclined, "floor", "bid of %s is below the floor of %s", r.Amount, a.rec.Floor)
		b.Amount = r.Amount
	default:
		b.State, b.Amount, b.User = ringbid.BidStanding, r.Amount, r.User
		if b.User == "" {
			b.User = c.Target.User
		}
		if !r.Expires.IsZero() {
			b.Expires = stamp(r.Expires)
		}
	}
}

func timedOut(r answer) bool {
	return errors.Is(r.expired, context.DeadlineExceeded) || errors.Is(r.err, context.DeadlineExceeded)
}

// fallBack lets the bid from before stand where asking again brought nothing.
func (a *Auction) fallBack(c *candidate) {
	if c.answer.State != ringbid.BidStanding {
		return
	}
	why := c.bid.Reason
	c.bid, c.answer = c.answer, ringbid.Bid{}
	if c.spent(a.now()) {
		c.bid.State, c.bid.Code, c.bid.Reason = ringbid.BidExpired, "expired", "ran out, and asking again: "+why
		return
	}
	c.bid.Reason = cut("stands from before; asking again: "+why, 300)
}

// stamp returns a moment as it is stored, so that what is computed from it now
// is computed from the record too.
func stamp(t time.Time) *time.Time {
	return new(t.UTC().Round(0))
}

// cut bounds a text from outside and keeps it sound UTF-8.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "")
}
