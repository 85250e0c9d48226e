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
		b.refuse(ctx, codeInvalid, a.Reason)
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

// known answers a lead that was posted under the same id before. One that could
// not be read was not taken: it may be corrected and sent again.
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
	case l.State == ringbid.LeadRefused && l.Reason.Code == codeInvalid:
		return Answer{}, false, nil
	}
	a := b.told(l.ID, l.State, l.Sale, l.Reason)
	if i := slices.IndexFunc(l.Purchases, stands); i >= 0 && l.State == ringbid.LeadSelling {
		a.Price = b.earns(l.Purchases[i].Sale.Price, l.Unpaid)
	}
	a.Repeat = true
	return a, true, nil
}

// codeInvalid is the code of a lead that could not be read.
const codeInvalid = "invalid"

// stands reports whether a purchase may yet come to something, or has.
func stands(p ringbid.Purchase) bool {
	return p.State == ringbid.PurchasePending || p.State == ringbid.PurchaseAccepted || p.State == ringbid.PurchaseHeld
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
	if known, ok, err := b.known(ctx); ok || err != nil { // the same lead, posted at the same moment
		return &known, false, err
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
	for len(offers) < max(1, b.campaign.Lead.Share) {
		w, ok := auction.Award(ctx)
		if !ok {
			break
		}
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

// sellPinged sells by the auction of the ping: its prices hold. The ping is used
// up by the lead that is written down.
func (b *bargain) sellPinged(ctx context.Context, barred map[string]string) (Answer, error) {
	p, err := b.desk.cfg.Book.TakePing(ctx, b.posting.Source.Name, b.posting.PingID, b.id)
	switch k := ringbid.KindOf(err); {
	case err != nil && (k == ringbid.NotFound || k == ringbid.Conflict):
		return badPing(pingField, "is unknown, used or has run out"), nil
	case err != nil:
		return Answer{}, err
	case p.Test && !b.posting.Test:
		return badPing(pingField, "was a test: only a test may follow it"), nil
	}
	for _, k := range slices.Sorted(maps.Keys(p.Facts)) { // what the price was given for holds
		if b.facts[k] != "" && b.facts[k] != p.Facts[k] && !slices.Contains(b.campaign.Lead.ContactFields(), k) {
			return badPing(k, "differs from the ping"), nil
		}
	}
	merged := maps.Clone(p.Facts)
	maps.Copy(merged, b.facts)
	b.facts, b.lead.Facts, b.lead.Auction = merged, merged, &p.Auction
	for i := range p.Auction.Bids {
		bid := &p.Auction.Bids[i]
		if why := barred[bid.Target]; why != "" && bid.State == ringbid.BidStanding {
			bid.State, bid.Code, bid.Reason = ringbid.BidIneligible, "barred", why
		}
	}
	return b.store(ctx, b.best())
}

// pingField is where a post names its ping.
const pingField = "ping_id"

func badPing(field, text string) Answer {
	what := field
	if field == pingField {
		what = "the ping"
	}
	return Answer{Status: StatusInvalid, Code: "ping", Reason: what + " " + text, Fields: []ringbid.FieldProblem{{Field: field, Text: text}}}
}

// best makes offers of the best bids that stand in the lead's auction, as many as
// the campaign shares.
func (b *bargain) best() []ringbid.Offer {
	var out []ringbid.Offer
	for i := range b.lead.Auction.Bids {
		bid := &b.lead.Auction.Bids[i]
		if bid.Rank == 0 || bid.State != ringbid.BidStanding || len(out) == max(1, b.campaign.Lead.Share) {
			continue
		}
		w := ringbid.Award{Target: bid.Target, Name: bid.Name, BidID: bid.BidID, Rank: bid.Rank, Price: bid.Amount}
		if o, ok := b.offer(w, len(out), out); ok {
			out, bid.State = append(out, o), ringbid.BidWon
		}
	}
	return out
}

// store writes the lead down. Where a target has no room, the next bids are
// tried, as the auction ranked them.
func (b *bargain) store(ctx context.Context, offers []ringbid.Offer) (Answer, error) {
	if b.posting.Test {
		return b.tested(offers), nil
	}
	for {
		if len(offers) == 0 {
			b.lead.State = ringbid.LeadUnsold
			b.lead.Reason = ringbid.Reason{Code: "no_buyer", Text: "no buyer takes it", Fault: ringbid.FaultBuyer}
			b.lead.Auction.Winner = ""
		} else {
			b.lead.Auction.Winner = offers[0].Purchase.Name
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
		b.passOver(full)
		offers = b.best()
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
	switch field := ringbid.FieldOf(err); field {
	case "":
		return Answer{}, err
	case pingField:
		return badPing(pingField, "is unknown, used or has run out"), nil
	default:
		return *b.duplicate(ctx, field), nil
	}
}

// passOver marks the bids that have no room; the others stand again, because
// nothing was written down.
func (b *bargain) passOver(full map[string]string) {
	for i := range b.lead.Auction.Bids {
		bid := &b.lead.Auction.Bids[i]
		if bid.State != ringbid.BidWon && bid.State != ringbid.BidStanding {
			continue
		}
		bid.State = ringbid.BidStanding
		if why, is := full[bid.Target]; is {
			bid.State, bid.Code, bid.Reason = ringbid.BidIneligible, "full", why
		}
	}
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
