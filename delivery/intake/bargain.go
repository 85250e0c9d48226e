package intake

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
)

// bargain is one lead, or one ping, being dealt with.
type bargain struct {
	desk     *Desk
	book     *ringbid.Book
	campaign *ringbid.Campaign
	posting  Posting
	id       string
	at       time.Time
	facts    ringbid.TagMap
	lead     *ringbid.Lead
}

// newLead makes the lead as it stands before it is sold.
func (b *bargain) newLead() *ringbid.Lead {
	src, ping := b.posting.Source, ""
	if b.posting.Way == "post" {
		ping = b.posting.PingID
	}
	return &ringbid.Lead{
		ID: b.id, Node: b.desk.cfg.Node, State: ringbid.LeadSelling, Received: b.at, Source: src.Name, Campaign: src.Campaign, Publisher: src.Publisher,
		External: b.posting.External, Ping: ping, Posted: bounded(b.posting.Values), Facts: b.facts,
		Sale: ringbid.Sale{Currency: b.campaign.CurrencyCode()},
	}
}

// bounded is what was posted, within what is kept.
func bounded(values map[string]string) ringbid.TagMap {
	out := ringbid.TagMap{}
	for _, k := range slices.Sorted(maps.Keys(values))[:min(len(values), maxPosted)] {
		v := values[k]
		if len(v) > maxPostedValue {
			v = v[:maxPostedValue]
		}
		out[k] = v
	}
	return out
}

const (
	maxPosted      = 300
	maxPostedValue = 8 << 10
)

// ask is the question to the market.
func (b *bargain) ask(facts ringbid.TagMap, barred map[string]string) ringbid.Ask {
	return ringbid.Ask{
		CallID: b.id, Campaign: b.campaign.Name, Caller: ringbid.Phone(facts["phone"]), Facts: facts,
		Deadline: b.campaign.Deadline.Or(ringbid.DefaultDeadline), Floor: b.campaign.Floor, Lead: true,
		Withheld: b.campaign.Lead.ContactFields(), Barred: barred,
	}
}

// read brings the fields into form; an answer says what is wrong.
func (b *bargain) read(ping bool) *Answer {
	facts, problems := b.campaign.Lead.Read(b.posting.Values, ping)
	for k, v := range b.posting.Source.Tags {
		if facts[k] == "" {
			facts[k] = v
		}
	}
	if facts["state"] == "" && facts["phone"] != "" && !ping {
		if s := ringbid.AreaState(ringbid.Phone(facts["phone"])); s != "" {
			facts["area_state"] = s
		}
	}
	b.facts = facts
	if len(problems) == 0 {
		return nil
	}
	return &Answer{Status: StatusInvalid, Code: codeInvalid, Reason: problems[0].Field + " " + problems[0].Text, Fields: problems}
}

// ping gives a price and keeps it for the post.
func (b *bargain) ping(ctx context.Context) (Answer, error) {
	if a := b.read(true); a != nil {
		return *a, nil
	}
	barred, err := b.barred(ctx)
	if err != nil {
		return Answer{}, err
	}
	auction := b.desk.cfg.Market.Open(ctx, b.ask(b.facts, barred))
	best, ok := auction.Award(ctx)
	record := auction.Done(0)
	if !ok {
		return Answer{Status: StatusRejected, Code: "no_buyer", Reason: "no buyer at present"}, nil
	}
	life := b.campaign.Lead.PingLife.Or(ringbid.DefaultPingLife)
	if !best.Expires.IsZero() {
		life = min(life, best.Expires.Sub(b.at))
	}
	a := Answer{Status: StatusAccepted, PingID: b.id, Price: b.earns(best.Price, false), Currency: b.campaign.CurrencyCode(), Expires: life}
	standing(&record)
	err = b.desk.cfg.Book.KeepPing(ctx, Ping{
		ID: b.id, Source: b.posting.Source.Name, At: b.at, Expires: b.at.Add(life), Facts: b.facts, Auction: record, Test: b.posting.Test,
	})
	return a, err
}

// standing puts the bid that was only looked at back among the others.
func standing(a *ringbid.Auction) {
	for i := range a.Bids {
		if s := a.Bids[i].State; a.Bids[i].Rank > 0 && (s == ringbid.BidWon || s == ringbid.BidTried) {
			a.Bids[i].State = ringbid.BidStanding
		}
	}
	a.Winner, a.Attempts, a.Abandoned = "", 0, false
}

// earns is what the publisher gets for a lead sold at the price.
func (b *bargain) earns(price ringbid.Money, unpaid bool) *ringbid.Money {
	s := ringbid.SettleLead(b.campaign, b.posting.Source, price, unpaid)
	return &s.Payout
}

// barred returns the targets that may not have this lead: the buyer has the
// person already, or cannot be reached.
func (b *bargain) barred(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	broken, days := b.desk.cfg.Broken(), 0
	buyings := b.book.Buyings(b.campaign.Name)
	for _, x := range buyings {
		days = max(days, x.Target.RepeatDays)
		if why := unreachable(x.Target, broken); why != "" {
			out[x.Target.Name] = why
		}
	}
	if days == 0 || b.facts["phone"] == "" && b.facts["email"] == "" {
		return out, nil
	}
	bought, err := b.desk.cfg.Book.Bought(ctx, b.facts["phone"], b.facts["email"], b.at.AddDate(0, 0, -days))
	if err != nil {
		return nil, err
	}
	for _, x := range buyings {
		if at, ok := bought[x.Target.Buyer]; ok && x.Target.RepeatDays > 0 && at.After(b.at.AddDate(0, 0, -x.Target.RepeatDays)) {
			out[x.Target.Name] = "bought this person on " + at.UTC().Format("2 Jan 2006")
		}
	}
	return out, nil
}

// unreachable says why none of a target's methods that decide can be used.
func unreachable(t *ringbid.Target, broken map[string]string) string {
	why := ""
	for i, w := range t.Methods {
		if t.RoleOf(i) == ringbid.RoleParallel {
			continue
		}
		reason, is := broken[w.Method]
		if !is {
			return ""
		}
		why = "its endpoint is down: " + reason
	}
	return why
}

// refuse writes down that a lead was not offered to anybody.
func (b *bargain) refuse(ctx context.Context, code, text string) {
	if b.posting.Test {
		return
	}
	l := b.newLead()
	l.State, l.Reason = ringbid.LeadRefused, ringbid.Reason{Code: code, Text: text, Fault: ringbid.FaultNone}
	if _, _, err := b.desk.cfg.Book.Sell(ctx, l, nil, time.Time{}, nil, false); err != nil && ringbid.KindOf(err) != ringbid.Conflict {
		b.desk.cfg.Logger.Warn("refused lead is not written down", slog.String("lead_id", l.ID), slog.Any("error", err))
	}
}
