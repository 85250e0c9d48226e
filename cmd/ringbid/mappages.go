package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/mapping"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
)

// pageDeliveries is what the console reads and does about deliveries.
type pageDeliveries struct{ a *app }

// Exceptions lists deliveries that a person must look at.
func (p pageDeliveries) Exceptions(ctx context.Context, f web.ExceptionFilter) (web.ExceptionListing, error) {
	var out web.ExceptionListing
	page, err := p.a.store.Exceptions(ctx, store.ExceptionFilter{
		Buyer: f.Buyer, Method: f.Method, Code: f.Code, Campaign: f.Campaign, Cursor: f.Cursor, Limit: f.Limit,
	})
	if err != nil {
		return out, err
	}
	for _, x := range page.Rows {
		out.Rows = append(out.Rows, web.Exception(x))
	}
	out.Next = page.Next
	kinds, err := p.a.store.ExceptionKinds(ctx)
	for _, k := range kinds {
		out.Kinds = append(out.Kinds, web.ExceptionKind(k))
		out.Total += k.Count
	}
	return out, err
}

// Exception returns one delivery with its lead.
func (p pageDeliveries) Exception(ctx context.Context, id string) (web.Exception, error) {
	x, err := p.a.store.Exception(ctx, id)
	return web.Exception(x), err
}

// Retry queues exceptions again.
func (p pageDeliveries) Retry(ctx context.Context, ids []string, facts map[string]string, by string) (done int, refused []web.Refusal, err error) {
	for _, id := range ids {
		err := p.a.store.Retry(ctx, id, facts, by)
		switch ringbid.KindOf(err) {
		case ringbid.Conflict, ringbid.NotFound, ringbid.Invalid:
			refused = append(refused, web.Refusal{ID: id, Why: plainText(err)})
		default:
			if err != nil {
				return done, refused, err
			}
			done++
		}
	}
	return done, refused, nil
}

// Dismiss takes exceptions off the list.
func (p pageDeliveries) Dismiss(ctx context.Context, ids []string, by string) (int, error) {
	return p.a.store.Dismiss(ctx, ids, by)
}

// CloseBreaker lets an endpoint be asked again at once.
func (p pageDeliveries) CloseBreaker(ctx context.Context, method, by string) error {
	p.a.log.Info("breaker closed by hand", "method", method, "user", by)
	return p.a.store.CloseBreaker(ctx, method)
}

// Preview returns what the method would send now.
func (p pageDeliveries) Preview(ctx context.Context, id string, facts map[string]string) (console.MapTrial, error) {
	x, err := p.a.store.Exception(ctx, id)
	if err != nil {
		return console.MapTrial{}, err
	}
	merged := maps.Clone(x.Facts)
	maps.Copy(merged, facts)
	book := p.a.book()
	m := book.Methods[x.Delivery.Method]
	if m == nil {
		return console.MapTrial{}, ringbid.Errorf(ringbid.Conflict, "method %s is not published any more", x.Delivery.Method)
	}
	return trial(book, m, book.Maps[m.Map], ringbid.Lead{ID: x.Delivery.Lead, Campaign: x.Campaign, Received: x.Received, Facts: merged}, x.Person)
}

// trial runs a method's map on a lead and shows what would be sent.
func trial(book *ringbid.Book, m *ringbid.Method, fields *ringbid.FieldMap, l ringbid.Lead, name string) (console.MapTrial, error) {
	out := console.MapTrial{Lead: l.ID, Name: name}
	if m.Type != "http" {
		out.Body = "This method sends no fields."
		return out, nil
	}
	plan, problems := delivery.Compile(m, fields)
	if plan == nil {
		for _, p := range problems {
			out.Problems = append(out.Problems, ringbid.FieldProblem{Field: p.Path, Text: p.Text})
		}
		return out, nil
	}
	body, mapped, err := plan.Preview(connector.Ask{Key: l.ID, Facts: delivery.Facts(ringbid.Work{Lead: l, Facts: l.Facts}, book.Campaigns[l.Campaign])})
	out.Body = body
	for _, p := range mapped.Problems {
		out.Problems = append(out.Problems, ringbid.FieldProblem{Field: p.Path, Text: p.Text})
	}
	if err != nil && len(out.Problems) == 0 {
		out.Problems = append(out.Problems, ringbid.FieldProblem{Text: err.Error()})
	}
	out.Fields, err = remarshal[[]console.FieldNote](mapped.Notes)
	return out, err
}

// pageMaps is what the console asks about maps.
type pageMaps struct{ a *app }

// Try runs a map on stored leads.
func (p pageMaps) Try(ctx context.Context, m ringbid.FieldMap, method string) ([]console.MapTrial, []ringbid.Problem, error) {
	if problems := append(m.Validate(), delivery.Check([]ringbid.Document{&m})...); len(problems) > 0 {
		return nil, problems, nil
	}
	now, err := delivery.Fields(&m)
	if err != nil {
		return nil, nil, err
	}
	samples, err := p.samples(ctx, m.Name, method)
	if err != nil {
		return nil, nil, err
	}
	var inUse *mapping.Map
	if old := p.a.book().Maps[m.Name]; old != nil {
		if f, err := delivery.Fields(old); err == nil {
			inUse = &f
		}
	}
	var schema *mapping.Schema
	if len(m.Schema) > 0 {
		schema, _ = mapping.ParseSchema(m.Schema) // it was checked above
	}
	var out []console.MapTrial
	for _, t := range mapping.Preview(now, samples, inUse, schema) {
		x := console.MapTrial{Name: t.Name, Changed: t.Changed}
		for _, q := range t.Problems {
			x.Problems = append(x.Problems, ringbid.FieldProblem{Field: q.Path, Text: q.Text})
		}
		if x.Fields, err = remarshal[[]console.FieldNote](t.Result.Notes); err != nil {
			return nil, nil, err
		}
		if doc, err := mapping.Tree(t.Result.Fields); err == nil {
			x.Body = string(doc.JSON())
		}
		out = append(out, x)
	}
	return out, nil, nil
}

const trials = 5

// samples are open exceptions of the method and the newest leads of the
// campaigns that use the map.
func (p pageMaps) samples(ctx context.Context, name, method string) ([]mapping.Sample, error) {
	var out []mapping.Sample
	add := func(person, id, campaign string, received time.Time, facts ringbid.TagMap) {
		if len(out) < trials {
			l := ringbid.Lead{ID: id, Campaign: campaign, Received: received}
			out = append(out, mapping.Sample{Name: person, Facts: delivery.Facts(ringbid.Work{Lead: l, Facts: facts}, p.a.book().Campaigns[campaign])})
		}
	}
	for _, m := range p.methods(name, method) {
		page, err := p.a.store.Exceptions(ctx, store.ExceptionFilter{Method: m, Limit: 2})
		if err != nil {
			return nil, err
		}
		for _, x := range page.Rows {
			add(x.Person+" (exception)", x.Delivery.Lead, x.Campaign, x.Received, x.Facts)
		}
	}
	leads, err := p.a.store.Samples(ctx, p.campaigns(name, method), trials)
	for i := range leads {
		l := &leads[i]
		add(store.Person(l), l.ID, l.Campaign, l.Received, l.Facts)
	}
	return out, err
}

// methods are those that use the map.
func (p pageMaps) methods(name, method string) []string {
	if method != "" {
		return []string{method}
	}
	var out []string
	for _, m := range p.a.book().Methods {
		if m.Map == name {
			out = append(out, m.Name)
		}
	}
	slices.Sort(out)
	return out
}

// campaigns are those whose leads may go by the methods.
func (p pageMaps) campaigns(name, method string) []string {
	methods, book := p.methods(name, method), p.a.book()
	out := []string{}
	for _, c := range book.Campaigns {
		if c.Lead == nil {
			continue
		}
		for _, b := range book.Buyings(c.Name) {
			if slices.ContainsFunc(b.Target.Methods, func(w ringbid.Way) bool { return slices.Contains(methods, w.Method) }) {
				out = append(out, c.Name)
				break
			}
		}
	}
	return out
}

// Changes returns what differs between two maps, field by field.
func (p pageMaps) Changes(old, now ringbid.FieldMap) ([]console.MapChange, error) {
	a, err := delivery.Fields(&old)
	if err != nil {
		a = mapping.Map{} // there was none before
	}
	b, err := delivery.Fields(&now)
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "%w", err)
	}
	var out []console.MapChange
	for _, c := range mapping.Diff(a, b) {
		out = append(out, console.MapChange{Path: c.Path, Field: c.Key, Kind: c.Kind, Old: c.Old, New: c.New})
	}
	return out, nil
}

// Drift holds a map against its schema.
func (p pageMaps) Drift(m ringbid.FieldMap) ([]console.MapDrift, error) {
	if len(m.Schema) == 0 {
		return nil, nil
	}
	fields, err := delivery.Fields(&m)
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "%w", err)
	}
	schema, err := mapping.ParseSchema(m.Schema)
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "schema: %w", err)
	}
	var out []console.MapDrift
	for _, f := range fields.Drift(schema) {
		out = append(out, console.MapDrift{Path: f.Path, Kind: f.Code, Text: f.Text, Fatal: f.Sure})
	}
	return out, nil
}
