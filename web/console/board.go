package console

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// keepEnded is how long an ended call stays on the board.
const keepEnded = 30 * time.Second

// maxCards bounds the board's memory, should the ends of calls get lost.
const maxCards = 20_000

// Board knows the calls of this moment. It is fed with every Event and is safe
// for use by many goroutines; Apply holds its lock for microseconds.
type Board struct {
	mu    sync.Mutex
	cards map[string]*web.Card
	now   func() time.Time
	swept time.Time
}

// NewBoard makes an empty board; now nil is time.Now.
func NewBoard(now func() time.Time) *Board {
	if now == nil {
		now = time.Now
	}
	return &Board{cards: map[string]*web.Card{}, now: now}
}

// Apply takes an event in. Events of a call count once, by their Seq; those
// without one always count.
func (b *Board) Apply(ev ringbid.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.cards[ev.Call]
	if c == nil {
		if ev.Kind == ringbid.EventSettled || ev.Kind == ringbid.EventRecorded || len(b.cards) >= maxCards {
			return // told after the call has left the board
		}
		c = &web.Card{Call: ev.Call, Stage: web.StageFlow, Since: ev.At, Received: ev.At}
		b.cards[ev.Call] = c
	}
	if ev.Seq != 0 && ev.Seq <= c.Seq {
		return
	}
	if ev.Seq != 0 {
		c.Seq = ev.Seq
	}
	apply(c, ev)
	b.sweep()
}

// Load puts a call on the board that was live before the board was there.
func (b *Board) Load(c web.Card) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.cards[c.Call]; !ok {
		b.cards[c.Call] = &c
	}
}

// Remove takes a call off the board whose end was never told.
func (b *Board) Remove(call string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.cards, call)
}

// Cards returns the calls on the board, the oldest of each stage first.
func (b *Board) Cards() []web.Card {
	b.mu.Lock()
	b.swept = time.Time{}
	b.sweep()
	out := make([]web.Card, 0, len(b.cards))
	for c := range maps.Values(b.cards) {
		out = append(out, *c)
	}
	b.mu.Unlock()
	slices.SortFunc(out, func(x, y web.Card) int {
		return cmp.Or(x.Received.Compare(y.Received), cmp.Compare(x.Call, y.Call))
	})
	return out
}

// sweep lets ended calls leave, at most once a second.
func (b *Board) sweep() {
	now := b.now()
	if now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = now
	maps.DeleteFunc(b.cards, func(_ string, c *web.Card) bool {
		return c.Stage == web.StageEnded && now.Sub(c.Since) > keepEnded
	})
}

// apply changes the card as the event says. The script of the live board does
// the same in the browser.
func apply(c *web.Card, ev ringbid.Event) {
	d := ev.Data
	switch ev.Kind {
	case ringbid.EventReceived:
		c.Received, c.Since = ev.At, ev.At
		c.Number, c.Caller = ringbid.Phone(d["number"]), ringbid.Phone(d["caller"])
		c.Campaign, c.Publisher, c.Trunk = d["campaign"], d["publisher"], d["trunk"]
	case ringbid.EventStep:
		c.Text = cmp.Or(ev.Node, c.Text)
	case ringbid.EventAnswer:
		c.Text = strings.TrimSpace(d["tag"] + " " + d["digits"])
	case ringbid.EventOpened:
		to(c, web.StageAuction, ev.At)
	case ringbid.EventBid:
		raise(c, ev)
	case ringbid.EventClosed:
		if d["best"] != "" {
			c.Best, c.Amount = d["best"], d["amount"]
		}
	case ringbid.EventDial, ringbid.EventRinging:
		to(c, web.StageRinging, ev.At)
		c.Target, c.Buyer = cmp.Or(d["target"], c.Target), cmp.Or(d["buyer"], c.Buyer)
		c.Amount = cmp.Or(d["price"], c.Amount)
	case ringbid.EventBridged:
		to(c, web.StageTalking, ev.At)
	case ringbid.EventTransfer:
		c.Text = ev.Text
	case ringbid.EventWatched:
		c.Watch = ev.Text
		if d["mode"] == ringbid.SuperviseOff {
			c.Watch = ""
		}
	case ringbid.EventRejected, ringbid.EventEnded:
		to(c, web.StageEnded, ev.At)
		c.Watch = ""
		c.Outcome, c.Text = cmp.Or(d["outcome"], c.Outcome), strings.TrimPrefix(cmp.Or(ev.Text, d["code"]), "call ended: ")
		if ev.Kind == ringbid.EventRejected {
			c.Outcome = string(ringbid.OutcomeRejected)
		}
	}
}

func to(c *web.Card, s web.Stage, at time.Time) {
	order := []web.Stage{web.StageFlow, web.StageAuction, web.StageRinging, web.StageTalking, web.StageEnded}
	if slices.Index(order, s) > slices.Index(order, c.Stage) {
		c.Stage, c.Since = s, at
	}
}

// raise keeps the highest bid that stands.
func raise(c *web.Card, ev ringbid.Event) {
	d := ev.Data
	if s := d["state"]; s != "" && s != string(ringbid.BidStanding) {
		return
	}
	amount, err := ringbid.ParseMoney(d["amount"])
	best, errBest := ringbid.ParseMoney(c.Amount)
	if err == nil && (errBest != nil || amount > best) {
		c.Amount = d["amount"]
		c.Best = d["name"]
		if c.Best == "" && len(ev.Bid) < 36 {
			c.Best = ev.Bid // a name, not an id
		}
	}
}
