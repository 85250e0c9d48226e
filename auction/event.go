package auction

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/ringbid/ringbid"
)

// emit notes an event; it is passed on when the lock is given up. c is nil
// where it is about the whole auction.
func (a *Auction) emit(kind ringbid.EventKind, c *candidate, text string, data map[string]string) {
	ev := ringbid.Event{Call: a.ask.CallID, At: a.now(), Kind: kind, Text: text, Data: data}
	if c != nil {
		ev.Bid = c.bid.ID
	}
	a.pending = append(a.pending, ev)
}

func (a *Auction) emitOpened() {
	n := strconv.Itoa(len(a.candidates))
	a.emit(ringbid.EventOpened, nil, "auction opened among "+n, map[string]string{
		"auction": a.rec.ID, "campaign": a.ask.Campaign, "candidates": n,
	})
}

func (a *Auction) emitBid(c *candidate) {
	b := &c.bid
	data := map[string]string{"name": b.Name, "target": b.Target, "buyer": b.Buyer, "state": string(b.State)}
	text := b.Name + ": " + string(b.State)
	if b.State == ringbid.BidStanding {
		text = fmt.Sprintf("%s bids %s", b.Name, b.Amount)
		data["amount"] = b.Amount.String()
	}
	extra := map[string]string{"reason": b.Reason, "code": b.Code}
	if b.Replied != nil {
		extra["ms"] = strconv.FormatInt(latency(b).Milliseconds(), 10)
	}
	maps.DeleteFunc(extra, func(_, v string) bool { return v == "" })
	maps.Copy(data, extra)
	if b.Reason != "" {
		text += ", " + b.Reason
	}
	a.emit(ringbid.EventBid, c, text, data)
}

func (a *Auction) emitClosed() {
	data := map[string]string{"why": a.rec.CloseWhy, "overtime_us": strconv.FormatInt(a.rec.Overtime, 10)}
	text := "auction closed: " + a.rec.CloseWhy
	best := a.best()
	if best != nil {
		data["best"], data["amount"] = best.bid.Name, best.bid.Amount.String()
		text += fmt.Sprintf("; %s leads with %s", best.bid.Name, best.bid.Amount)
	}
	a.emit(ringbid.EventClosed, best, text, data)
}
