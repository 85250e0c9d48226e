package intake

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
)

// post sells a lead and answers with what became of it.
func (b *bargain) post(ctx context.Context) (Answer, error) {
	if known, ok, err := b.known(ctx); ok || err != nil {
		return known, err
	}
	if a := b.read(false); a != nil {
		b.refuse(ctx, "invalid", a.Reason)
		a.LeadID = b.named()
		return *a, nil
	}
	repeat, unpaid, err := b.repeated(ctx)
	if err != nil || repeat != nil {
		return orZero(repeat), err
	}
	var result <-chan ringbid.LeadResult
	result, stop := b.desk.expect(b.id)
	defer stop()
	a, err := b.sell(ctx, unpaid)
	if err != nil || a.Status != StatusPending {
		return a, err
	}
	return b.wait(ctx, a, result), nil
}

func orZero(a *Answer) Answer {
	if a == nil {
		return Answer{}
	}
	return *a
}

// named is the lead's id, where there is a lead.
func (b *bargain) named() string {
	if b.posting.Test {
		return ""
	}
	return b.id
}

// known answers a lead that was posted under the same id before.
func (b *bargain) known(ctx context.Context) (Answer, bool, error) {
	if b.posting.External == "" || b.posting.Test {
		return Answer{}, false, nil
	}
	l, err := b.desk.cfg.Book.LeadByExternal(ctx, b.posting.Source.Name, b.posting.External)
	switch {
	case ringbid.KindOf(err) == ringbid.NotFound && err != nil:
		return Answer{}, false, nil
	case err != nil:
		return Answer{}, false, err
	}
	a := b.told(l.ID, l.State, l.Sale, l.Reason)
	if l.State == ringbid.LeadSelling && len(l.Purchases) > 0 {
		a.Price = b.earns(l.Purchases[len(l.Purchases)-1].Sale.Price, l.Unpaid)
	}
	a.Repeat = true
	return a, true, nil
}

// told is the answer for a lead in a state.
func (b *bargain) told(id string, state ringbid.LeadState, sale ringbid.Sale, reason ringbid.Reason) Answer {
	a := Answer{LeadID: id, Currency: b.campaign.CurrencyCode(), Reason: reason.Text, Code: reason.Code}
	switch state {
	case ringbid.LeadSold:
		a.Status, a.Price, a.Reason, a.Code = StatusAccepted, &sale.Payout, "", ""
	case ringbid.LeadSelling, ringbid.LeadHeld:
		a.Status, a.Reason, a.Code = StatusPending, "", ""
	case ringbid.LeadRefused:
		a.Status = StatusInvalid
		if reason.Code == "duplicate" {
			a.Status = StatusDuplicate
		}
	default:
		a.Status, a.Code, a.Reason = StatusRejected, "no_buyer", "no buyer took it" // who said what is not the publisher's to know
	}
	return a
}

// repeated looks whether the person was posted before.
func (b *bargain) repeated(ctx context.Context) (a *Answer, unpaid bool, err error) {
	r := b.campaign.Lead
	if r.RepeatDays == 0 {
		return nil, false, nil
	}
	by, err := b.desk.cfg.Book.Repeated(ctx, b.campaign.Name, b.facts, b.since(), r.RepeatFields())
	if err != nil || by == "" {
		return nil, false, err
	}
	if r.Repeats == "unpaid" {
		return nil, true, nil
	}
	return b.duplicate(ctx, by), false, nil
}

func (b *bargain) since() time.Time { return b.at.AddDate(0, 0, -b.campaign.Lead.RepeatDays) }

func (b *bargain) duplicate(ctx context.Context, by string) *Answer {
	text := "this person was posted before, known by " + by
	b.refuse(ctx, "duplicate", text)
	return &Answer{Status: StatusDuplicate, Code: "duplicate", Reason: text, LeadID: b.named()}
}

// sell opens the auction, or takes the ping's, and hands the lead to the best
// bids: one, or several where the campaign shares.
func (b *bargain) sell(ctx context.Context, unpaid bool) (Answer, error) {
	b.lead = b.newLead()
	b.lead.Unpaid = unpaid
	barred, err := b.barred(ctx)
	if err != nil {
		return Answer{}, err
	}
	if b.posting.Way == "post" {
		return b.sellPinged(ctx, barred)
	}
	auction := b.desk.cfg.Market.Open(ctx, b.ask(b.facts, barred))
	done := false
	defer func() {
		if !done {
			auction.Done(0)
		}
	}()
	var offers []ringbid.Offer
	var tried []ringbid.Award
	for len(offers) < max(1, b.campaign.Lead.Share) {
		w, ok := auction.Award(ctx)
		if !ok {
			break
		}
		tried = append(tried, w)
		if o, ok := b.offer(w, len(offers), offers); ok {
			offers = append(offers, o)
			auction.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictAnswered})
			continue
		}
		auction.Report(w, ringbid.Attempt{Verdict: ringbid.VerdictLocal, Text: "its buyer has this lead already"})
	}
	done = true
	record := auction.Done(0)
	b.lead.Auction = &record
	return b.store(ctx, offers)
}

// offer makes an offer of an award; false where the buyer is among the others.
func (b *bargain) offer(w ringbid.Award, place int, others []ringbid.Offer) (ringbid.Offer, bool) {
	t := b.book.Targets[w.Target]
	if t == nil || slices.ContainsFunc(others, func(o ringbid.Offer) bool { return o.Purchase.Buyer == t.Buyer }) {
		return ringbid.Offer{}, false
	}
	o := ringbid.NewOffer(b.id, t, ringbid.Bid{Name: w.Name, BidID: w.BidID, Rank: w.Rank, Amount: w.Price}, b.campaign.CurrencyCode(), b.at)
	o.Purchase.Place = place
	return o, true
}

// sellPinged sells by the auction of the ping: its prices hold.
func (b *bargain) sellPinged(ctx context.Context, barred map[string]string) (Answer, error) {
	p, err := b.desk.cfg.Book.TakePing(ctx, b.posting.Source.Name, b.posting.PingID, b.id)
	switch k := ringbid.KindOf(err); {
	case err != nil && (k == ringbid.NotFound || k == ringbid.Conflict):
		return Answer{Status: StatusInvalid, Code: "ping", Reason: "the ping is unknown, used or has run out", Fields: []ringbid.FieldProblem{{Field: "ping_id", Text: "is unknown, used or has run out"}}}, nil
	case err != nil:
		return Answer{}, err
	}
	for k, v := range p.Facts { // what the price was given for holds
		if b.facts[k] != "" && b.facts[k] != v && !slices.Contains(b.campaign.Lead.ContactFields(), k) {
			return Answer{Status: StatusInvalid, Code: "ping", Reason: k + " differs from the ping", Fields: []ringbid.FieldProblem{{Field: k, Text: "differs from the ping"}}}, nil
		}
	}
	merged := maps.Clone(p.Facts)
	maps.Copy(merged, b.facts)
	b.facts, b.lead.Facts, b.lead.Auction = merged, merged, &p.Auction
	var offers []ringbid.Offer
	for i := range p.Auction.Bids {
		bid := &p.Auction.Bids[i]
		if bid.Rank == 0 || bid.State != ringbid.BidStanding || len(offers) == max(1, b.campaign.Lead.Share) {
			continue
		}
		if why := barred[bid.Target]; why != "" {
			bid.State, bid.Code, bid.Reason = ringbid.BidIneligible, "barred", why
			continue
		}
		w := ringbid.Award{Target: bid.Target, Name: bid.Name, BidID: bid.BidID, Rank: bid.Rank, Price: bid.Amount}
		if o, ok := b.offer(w, len(offers), offers); ok {
			offers, bid.State = append(offers, o), ringbid.BidWon
		}
	}
	return b.store(ctx, offers)
}

// store writes the lead down. Where no target has room, the next bids are
// tried, as the auction ranked them.
func (b *bargain) store(ctx context.Context, offers []ringbid.Offer) (Answer, error) {
	if b.posting.Test {
		return b.tested(offers), nil
	}
	for {
		if len(offers) == 0 {
			b.lead.State = ringbid.LeadUnsold
			b.lead.Reason = ringbid.Reason{Code: "no_buyer", Text: "no buyer takes it", Fault: ringbid.FaultBuyer}
		}
		r := b.campaign.Lead
		since, by := time.Time{}, []string(nil)
		if r.RepeatDays > 0 {
			since, by = b.since(), r.RepeatFields()
		}
		full, stored, err := b.desk.cfg.Book.Sell(ctx, b.lead, offers, since, by, r.Repeats != "unpaid")
		if err != nil {
			return b.clash(ctx, err)
		}
		if stored {
			if len(offers) == 0 {
				return b.told(b.id, b.lead.State, b.lead.Sale, b.lead.Reason), nil
			}
			return Answer{Status: StatusPending, LeadID: b.id, Price: b.earns(offers[0].Purchase.Sale.Price, b.lead.Unpaid), Currency: b.campaign.CurrencyCode()}, nil
		}
		offers = b.others(full)
	}
}

// tested is the answer to a lead that was only to be checked.
func (b *bargain) tested(offers []ringbid.Offer) Answer {
	if len(offers) == 0 {
		return Answer{Status: StatusRejected, Code: "no_buyer", Reason: "a test: no buyer would take it"}
	}
	return Answer{Status: StatusAccepted, Price: b.earns(offers[0].Purchase.Sale.Price, b.lead.Unpaid), Currency: b.campaign.CurrencyCode(), Reason: "a test: nothing was sold"}
}

// clash answers for a lead that is known after all: posted twice at one moment.
func (b *bargain) clash(ctx context.Context, err error) (Answer, error) {
	if ringbid.KindOf(err) != ringbid.Conflict {
		return Answer{}, err
	}
	if known, ok, e := b.known(ctx); ok || e != nil {
		return known, e
	}
	if field := ringbid.FieldOf(err); field != "" {
		return *b.duplicate(ctx, field), nil
	}
	return Answer{}, err
}

// others marks the bids that had no room and returns the next best offer.
func (b *bargain) others(full map[string]string) []ringbid.Offer {
	var next []ringbid.Offer
	for i := range b.lead.Auction.Bids {
		bid := &b.lead.Auction.Bids[i]
		if why, is := full[bid.Target]; is && (bid.State == ringbid.BidWon || bid.State == ringbid.BidStanding) {
			bid.State, bid.Code, bid.Reason = ringbid.BidIneligible, "full", why
		}
		if bid.Rank > 0 && bid.State == ringbid.BidStanding && len(next) < max(1, b.campaign.Lead.Share) {
			w := ringbid.Award{Target: bid.Target, Name: bid.Name, BidID: bid.BidID, Rank: bid.Rank, Price: bid.Amount}
			if o, ok := b.offer(w, len(next), next); ok {
				next, bid.State = append(next, o), ringbid.BidWon
			}
		}
	}
	return next
}

// wait waits for the buyer's word as long as the campaign allows.
func (b *bargain) wait(ctx context.Context, a Answer, result <-chan ringbid.LeadResult) Answer {
	over, stop := pause(b.campaign.Lead.AnswerWithin.Or(ringbid.DefaultAnswerWithin))
	defer stop()
	select {
	case r := <-result:
		return b.told(r.Lead, r.State, r.Sale, r.Reason)
	case <-over:
	case <-ctx.Done():
	}
	return a
}
