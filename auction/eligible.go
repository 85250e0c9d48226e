package auction

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// verdict is whether a candidate may be asked: BidIneligible, BidWaiting for
// facts, or "" for yes.
type verdict struct {
	state  ringbid.BidState
	code   string
	reason string
}

func no(code, format string, args ...any) verdict {
	return verdict{ringbid.BidIneligible, code, fmt.Sprintf(format, args...)}
}

// judge decides whether a candidate may be asked now. A rule that nothing can
// change comes before one that a further fact may satisfy.
func (a *Auction) judge(b ringbid.Buying) verdict {
	if v := a.available(b); v.state != "" {
		return v
	}
	wants, v := a.admits(b.Target)
	if v.state != "" {
		return v
	}
	if reason, full := a.market.cfg.Ledger.Full(b.Target); full {
		return no("full", "%s", reason)
	}
	if b.Bidder == nil && b.Target.Price < a.ask.Floor {
		return no("floor", "%s is below the floor of %s", b.Target.Price, a.ask.Floor)
	}
	if b.Bidder != nil {
		for _, f := range b.Bidder.Requires {
			if !a.facts.Has(f) {
				wants = append(wants, f)
			}
		}
	}
	if len(wants) > 0 {
		slices.Sort(wants)
		return verdict{ringbid.BidWaiting, "waiting", "needs " + strings.Join(slices.Compact(wants), ", ")}
	}
	return verdict{}
}

// available looks at the documents and the clock.
func (a *Auction) available(b ringbid.Buying) verdict {
	switch {
	case b.Target == nil || b.Buyer == nil:
		return no("config", "its target or buyer is not published")
	case a.ask.Lead && len(b.Target.Methods) == 0:
		return no("kind", "takes calls only")
	case !a.ask.Lead && b.Target.Trunk == "":
		return no("kind", "takes leads only")
	case a.ask.Barred[b.Target.Name] != "":
		return no("barred", "%s", a.ask.Barred[b.Target.Name])
	case b.Buyer.Paused:
		return no("paused", "buyer %s is paused", b.Buyer.Name)
	case b.Target.Paused:
		return no("paused", "target %s is paused", b.Target.Name)
	case b.Bidder != nil && b.Bidder.Paused:
		return no("paused", "bidder %s is paused", b.Bidder.Name)
	case b.Bidder != nil && a.market.cfg.Bidders[b.Bidder.Dialect] == nil:
		return no("dialect", "we do not speak the dialect %.40q", b.Bidder.Dialect)
	case b.Bidder != nil && b.Bidder.MaxBid > 0 && b.Bidder.MaxBid < a.ask.Floor:
		return no("floor", "bids at most %s, below the floor of %s", b.Bidder.MaxBid, a.ask.Floor)
	}
	return a.hours(b.Target)
}

// hours looks at the target's opening hours on its own clock.
func (a *Auction) hours(t *ringbid.Target) verdict {
	now := a.now()
	zone, err := a.market.zone(t.Zone)
	if err != nil {
		return no("config", "%.60q is not a time zone we know", t.Zone)
	}
	if t.Hours.Open(now, zone) {
		return verdict{}
	}
	next, ok := t.Hours.NextOpen(now, zone)
	if !ok {
		return no("closed", "closed")
	}
	form := "Mon 15:04"
	if next.Sub(now) > 6*24*time.Hour {
		form = "Mon 2 Jan 15:04"
	}
	return no("closed", "closed until %s (buyer's time)", next.In(zone).Format(form))
}

// admits looks at geography and filters. wants are the facts without which it
// cannot be decided.
func (a *Auction) admits(t *ringbid.Target) (wants []string, v verdict) {
	if len(t.States) > 0 {
		state := a.state()
		switch {
		case state == "":
			wants = append(wants, "state")
		case !slices.Contains(t.States, state):
			return nil, no("state", "does not take callers from %.40s", state)
		}
	}
	for _, f := range t.Filters {
		switch {
		case f.Match(a.facts):
		case a.facts.Has(f.Tag):
			return nil, no("filter", "takes only %s", f)
		default:
			wants = append(wants, f.Tag)
		}
	}
	return wants, verdict{}
}

// state returns the caller's state: as answered, else by the area code.
func (a *Auction) state() string {
	if s, ok := a.facts.Get("state"); ok && s != "" {
		return strings.ToUpper(strings.TrimSpace(s))
	}
	return ringbid.AreaState(a.ask.Caller)
}
