package dialect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// Exchange asks endpoints that speak no common format, as their documents say;
// it is an auction.Bidder. Plans are compiled once for each document.
type Exchange struct {
	// Sender makes the exchanges. It must not be nil.
	Sender *connector.Sender

	mu    sync.Mutex
	plans map[*ringbid.Bidder]bidPlan
}

type bidPlan struct {
	plan *connector.Plan
	err  error
}

// BidExchange returns the exchange of a bidder's ping: its fields as JSON, its
// answer read in the usual words, changed by what its document says.
func BidExchange(b *ringbid.Bidder) (connector.Exchange, error) {
	x := connector.Exchange{
		URL: b.URL, Body: connector.BodyJSON, Header: map[string]string{"Accept": "application/json"}, Idempotent: true,
		Timeout: ringbid.Duration(b.Timeout.Or(ringbid.DefaultPingTimeout)), Map: &mapping.Map{},
		Answer: connector.Rules{
			Accepted: `status in [200, 201] && (yes("accepted") || yes("success") || is("status", "accepted", "success", "matched", "ok") ` +
				`|| is("result", "accepted", "success") || is("outcome", "success") || is("response", "success"))`,
			ID:     `at("ping_id", "pingId", "bid_id", "bidId", "leadAuctionId", "id", "lead_id", "lead.id")`,
			Price:  `at("price", "bid", "amount", "payout", "best_bid", "process_information.best_bid")`,
			Reason: `at("reason", "error", "message", "msg", "details", "unmatched_reason", "errors.0.error", "errors.0")`,
		},
	}
	for _, theirs := range slices.Sorted(maps.Keys(b.Fields)) {
		x.Map.Fields = append(x.Map.Fields, mapping.Field{To: theirs, From: b.Fields[theirs]})
	}
	if len(b.Exchange) > 0 {
		changed, err := x.Change(b.Exchange)
		if err != nil {
			return x, fmt.Errorf("exchange: %w", err)
		}
		x = changed
	}
	x.Auth = connector.Auth(b.Auth)
	if x.Auth.Account == "" {
		x.Auth.Account = "bidder " + b.Name
	}
	return x, nil
}

// CheckBidder returns what is unsound in the exchange of a bidder, nil for a
// bidder of another dialect.
func CheckBidder(b *ringbid.Bidder) error {
	if b.Dialect != "exchange" {
		return nil
	}
	x, err := BidExchange(b)
	if err != nil {
		return err
	}
	if _, problems := connector.Compile(x); len(problems) > 0 {
		return errors.New("exchange: " + problems[0].String())
	}
	return nil
}

func (e *Exchange) plan(b *ringbid.Bidder) bidPlan {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, ok := e.plans[b]; ok {
		return p
	}
	if e.plans == nil || len(e.plans) > 1000 { // of books that are gone
		e.plans = map[*ringbid.Bidder]bidPlan{}
	}
	var p bidPlan
	x, err := BidExchange(b)
	if err == nil {
		var problems []mapping.Problem
		if p.plan, problems = connector.Compile(x); len(problems) > 0 {
			err = errors.New(problems[0].String())
		}
	}
	p.err = err
	e.plans[b] = p
	return p
}

// Ping asks for a bid. What was not understood is an error, with a Code that
// says why.
func (e *Exchange) Ping(ctx context.Context, p auction.Ping) (auction.Reply, error) {
	plan := e.plan(p.Bidder)
	if plan.err != nil {
		return auction.Reply{Code: "unsound"}, ringbid.Errorf(ringbid.Invalid, "bidder %s: %w", p.Bidder.Name, plan.err)
	}
	facts := make(map[string]string, len(p.Facts)+len(p.Bidder.Fields)+1)
	maps.Copy(facts, p.Facts)
	for _, ours := range p.Bidder.Fields { // whose names match without regard to case
		if v, ok := p.Facts.Get(ours); ok {
			facts[ours] = v
		}
	}
	if p.Caller != "" {
		facts["caller"] = string(p.Caller)
	}
	out := e.Sender.Send(ctx, plan.plan, connector.Ask{Key: p.CallID, Facts: facts})
	reply := auction.Reply{
		BidID: out.ID, Reason: out.Reason, Code: string(out.Code), Request: text(out.Request), Raw: text(out.Response), Status: out.Status,
	}
	switch out.Class {
	case connector.ClassAccepted:
	case connector.ClassRejected:
		return reply, nil
	default:
		return reply, ringbid.Errorf(ringbid.Unavailable, "%s", out.Reason)
	}
	if out.Price == nil {
		reply.Code = "incomplete"
		return reply, ringbid.Errorf(ringbid.Invalid, "answer is no bid: it has no price%s", note(out.Note))
	}
	reply.Accepted, reply.Amount, reply.Reason, reply.Code = true, *out.Price, "", ""
	return reply, nil
}

func note(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}
