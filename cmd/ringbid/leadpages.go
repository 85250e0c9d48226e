package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cmd/ringbid/document"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/portal"
)

// pageLeads is what the console reads of leads.
type pageLeads struct{ a *app }

// Leads lists leads with their sums.
func (p pageLeads) Leads(ctx context.Context, f web.LeadFilter) (web.LeadListing, error) {
	return p.list(ctx, leadFilter(f))
}

func (p pageLeads) list(ctx context.Context, q store.LeadFilter) (web.LeadListing, error) {
	var out web.LeadListing
	want := q.Limit
	for { // the store answers in pages, an export wants more
		page, err := p.a.store.Leads(ctx, q)
		if err != nil {
			return out, err
		}
		out.Leads, out.Next = append(out.Leads, page.Leads...), page.Next
		if page.Next == "" || len(out.Leads) >= want {
			break
		}
		q.Cursor, q.Limit = page.Next, want-len(out.Leads)
	}
	total, err := p.a.store.LeadTotal(ctx, q)
	out.Total = leadFigures(total)
	return out, err
}

// Lead returns one lead whole.
func (p pageLeads) Lead(ctx context.Context, id string) (*ringbid.Lead, error) {
	return p.a.store.Lead(ctx, id)
}

// Activity returns what people and partners did with a lead.
func (p pageLeads) Activity(ctx context.Context, id string) ([]ringbid.Activity, error) {
	return p.a.store.Activity(ctx, "", id)
}

// Returns lists buyers' wishes to give leads back.
func (p pageLeads) Returns(ctx context.Context, state string) ([]web.Return, error) {
	list, err := p.a.store.Returns(ctx, state)
	out := make([]web.Return, len(list))
	for i, r := range list {
		out[i] = web.Return(r)
	}
	return out, err
}

// Decide grants or refuses a return.
func (p pageLeads) Decide(ctx context.Context, purchase string, grant bool, by string) error {
	return p.a.store.DecideReturn(ctx, purchase, grant, by)
}

func leadFilter(f web.LeadFilter) store.LeadFilter {
	return store.LeadFilter{
		From: f.From, To: f.To, Campaign: f.Campaign, Publisher: f.Publisher, Source: f.Source, Buyer: f.Buyer, State: f.State,
		Status: f.Status, Agent: f.Agent, Text: f.Text, Sort: f.Sort, Cursor: f.Cursor, Limit: min(max(f.Limit, 1), web.ExportRows),
	}
}

// leadFigures keeps the currency with the most revenue: the pages speak one.
func leadFigures(f store.LeadFigures) web.LeadFigures {
	out := web.LeadFigures{
		Leads: f.Leads, Refused: f.Refused, Sold: f.Sold, Unsold: f.Unsold, Held: f.Held, Recovered: f.Recovered, Returned: f.Returned,
	}
	for _, code := range slices.Sorted(maps.Keys(f.Sales)) {
		if s := f.Sales[code]; out.Currency == "" || s.Revenue > out.Revenue {
			out.Currency, out.Revenue, out.Payout, out.RecoveredRevenue = code, s.Revenue, s.Payout, f.RecoveredRevenue[code]
		}
	}
	return out
}

// inbox is what the portal reads and does.
type inbox struct{ a *app }

// Leads lists the leads of the filter's buyer.
func (p inbox) Leads(ctx context.Context, f web.LeadFilter) (web.LeadListing, error) {
	q := leadFilter(f)
	q.Own = true
	if q.Buyer == "" {
		return web.LeadListing{}, ringbid.Errorf(ringbid.Denied, "your user belongs to no buyer")
	}
	return pageLeads(p).list(ctx, q)
}

// Lead returns one lead as its buyer may see it.
func (p inbox) Lead(ctx context.Context, buyer, id string) (*ringbid.Lead, error) {
	return p.a.store.LeadOf(ctx, buyer, id)
}

// Activity returns what was done with a lead.
func (p inbox) Activity(ctx context.Context, buyer, id string) ([]ringbid.Activity, error) {
	return p.a.store.Activity(ctx, buyer, id)
}

// Act logs what was done with a lead.
func (p inbox) Act(ctx context.Context, buyer string, a ringbid.Activity) error {
	return p.a.store.Act(ctx, buyer, a)
}

// Work says how a buyer's people do.
func (p inbox) Work(ctx context.Context, buyer string, from, to time.Time) ([]portal.AgentWork, error) {
	list, err := p.a.store.Work(ctx, buyer, from, to)
	out := make([]portal.AgentWork, len(list))
	for i, w := range list {
		out[i] = portal.AgentWork(w)
	}
	return out, err
}

// pageDocuments is what the console reads and publishes of documents.
type pageDocuments struct{ a *app }

// Versions returns a document's versions, the newest first.
func (p pageDocuments) Versions(ctx context.Context, k ringbid.Key) ([]web.DocumentVersion, error) {
	list, err := p.a.store.History(ctx, k)
	out := make([]web.DocumentVersion, len(list))
	for i, v := range list {
		out[i] = web.DocumentVersion{Version: v.Version, State: v.State, Created: v.Created, By: v.By}
	}
	return out, err
}

// At returns one version of a document.
func (p pageDocuments) At(ctx context.Context, k ringbid.Key, version int) (ringbid.Document, error) {
	return p.a.store.DocumentAt(ctx, k, version)
}

// Publish publishes a document, once it is checked beside the others.
func (p pageDocuments) Publish(ctx context.Context, d ringbid.Document, by string) (int, []ringbid.Problem, error) {
	published, err := p.a.store.Documents(ctx)
	if err != nil {
		return 0, nil, err
	}
	all := []ringbid.Document{d}
	for _, x := range published {
		if x.Key() != d.Key() {
			all = append(all, x)
		}
	}
	var problems []ringbid.Problem
	for _, x := range document.Check(all) {
		if x.Key == d.Key() {
			problems = append(problems, x)
		}
	}
	if len(problems) > 0 {
		return 0, problems, nil
	}
	changes, problems, err := p.a.store.Apply(ctx, []ringbid.Document{d}, false, by)
	if err != nil || len(problems) > 0 {
		return 0, problems, err
	}
	for _, c := range slices.Concat(changes.Create, changes.Update, changes.Same) {
		if c.Key == d.Key() {
			p.a.useBook(ctx)
			return c.Version, nil, nil
		}
	}
	return 0, nil, nil
}

// remarshal turns a value into another type of the same JSON.
func remarshal[T any](v any) (out T, err error) {
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}
