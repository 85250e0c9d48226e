package webtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
)

// LeadDesk is the operator's side of data leads in memory: leads and their
// deliveries, exceptions that can be retried, maps that can be published.
type LeadDesk struct {
	mu         sync.Mutex
	now        time.Time
	book       *ringbid.Book
	docs       []ringbid.Document
	leads      []ringbid.Lead
	activity   map[string][]ringbid.Activity
	exceptions []web.Exception
	breakers   map[string]string // why they are open
	returns    []web.Return
	versions   map[ringbid.Key][]keptVersion
	Retried    []string // ids of deliveries that were queued again
	Dismissed  []string
}

type keptVersion struct {
	web.DocumentVersion
	doc ringbid.Document
}

// NewLeadDesk makes the desk of an installation that has the documents.
func NewLeadDesk(now time.Time, base *ringbid.Book) *LeadDesk {
	d := &LeadDesk{now: now, activity: map[string][]ringbid.Activity{}, versions: map[ringbid.Key][]keptVersion{}, breakers: map[string]string{"northwind-crm": "10 failures in a row: the certificate does not hold"}}
	own := map[ringbid.Key]bool{}
	for _, x := range deskDocuments() {
		own[x.Key()] = true
		d.docs = append(d.docs, x)
	}
	for _, x := range documents() {
		if !own[x.Key()] {
			d.docs = append(d.docs, x)
		}
	}
	for i, m := range deskMapVersions() {
		state := "superseded"
		if i == len(deskMapVersions())-1 {
			state = "published"
		}
		k := m.Key()
		d.versions[k] = append(d.versions[k], keptVersion{web.DocumentVersion{Version: len(d.versions[k]) + 1, State: state, Created: now.AddDate(0, 0, 3*i-12), By: "operator"}, m})
	}
	d.rebook(base)
	d.leads = deskLeads(now)
	d.exceptions = deskExceptions(now, &d.leads)
	d.activity[DeskLeadID] = deskActivity(now)
	d.returns = deskReturns(now, d.leads)
	return d
}

// EmptyLeadDesk makes a desk without leads.
func EmptyLeadDesk(base *ringbid.Book) *LeadDesk { return &LeadDesk{book: base, now: time.Now()} }

func (d *LeadDesk) rebook(base *ringbid.Book) {
	b, _ := ringbid.NewBook(d.docs)
	b.Revision, b.FlowVersions = base.Revision, base.FlowVersions
	for k, list := range d.versions {
		b.MapVersions[k.Name] = len(list)
	}
	d.book = b
}

// Book returns the configuration as it is published now.
func (d *LeadDesk) Book() *ringbid.Book {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.book
}

// Leads returns a page of the leads that match.
func (d *LeadDesk) Leads(_ context.Context, f web.LeadFilter) (web.LeadListing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []ringbid.Lead
	for _, l := range d.leads {
		if leadMatches(&l, f) {
			all = append(all, l)
		}
	}
	slices.SortStableFunc(all, func(a, b ringbid.Lead) int {
		switch f.Sort {
		case "oldest":
			return a.Received.Compare(b.Received)
		case "revenue":
			return cmp.Compare(b.Sale.Revenue, a.Sale.Revenue)
		}
		return b.Received.Compare(a.Received)
	})
	l := web.LeadListing{Total: sumLeads(all)}
	from, err := strconv.Atoi(cmp.Or(f.Cursor, "0"))
	if err != nil || from < 0 {
		return l, ringbid.FieldError("cursor", "%.40q is not a cursor", f.Cursor)
	}
	from = min(from, len(all))
	to := min(from+max(f.Limit, 1), len(all))
	for _, x := range all[from:to] {
		x.Auction = nil
		x.Deliveries = slices.Clone(x.Deliveries)
		for i := range x.Deliveries {
			x.Deliveries[i].Tries = nil
		}
		l.Leads = append(l.Leads, x)
	}
	if to < len(all) {
		l.Next = strconv.Itoa(to)
	}
	return l, nil
}

func leadMatches(l *ringbid.Lead, f web.LeadFilter) bool {
	words := []string{l.ID, l.External, l.Reason.Text}
	words = append(words, slices.Collect(maps.Values(l.Facts))...)
	bought := f.Buyer == "" || slices.ContainsFunc(l.Purchases, func(p ringbid.Purchase) bool { return p.Buyer == f.Buyer })
	return bought && (f.From.IsZero() || !l.Received.Before(f.From)) && (f.To.IsZero() || l.Received.Before(f.To)) &&
		(f.Campaign == "" || l.Campaign == f.Campaign) && (f.Publisher == "" || l.Publisher == f.Publisher) && (f.Source == "" || l.Source == f.Source) &&
		(f.State == "" || l.State == f.State) && strings.Contains(strings.ToLower(strings.Join(words, "\n")), strings.ToLower(f.Text))
}

func sumLeads(leads []ringbid.Lead) web.LeadFigures {
	s := web.LeadFigures{Currency: "USD"}
	for _, l := range leads {
		s.Leads++
		switch l.State {
		case ringbid.LeadSold:
			s.Sold++
		case ringbid.LeadRefused:
			s.Refused++
		case ringbid.LeadUnsold:
			s.Unsold++
		case ringbid.LeadHeld:
			s.Held++
		}
		if l.Recovered {
			s.Recovered++
			s.RecoveredRevenue += l.Sale.Revenue
		}
		if slices.ContainsFunc(l.Purchases, func(p ringbid.Purchase) bool { return p.State == ringbid.PurchaseReturned }) {
			s.Returned++
		}
		s.Revenue += l.Sale.Revenue
		s.Payout += l.Sale.Payout
	}
	return s
}

// Lead returns one lead whole.
func (d *LeadDesk) Lead(_ context.Context, id string) (*ringbid.Lead, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.leads {
		if d.leads[i].ID == id {
			l := d.leads[i]
			return &l, nil
		}
	}
	return nil, ringbid.Errorf(ringbid.NotFound, "there is no lead %.40q", id)
}

// Activity returns what was done with a lead.
func (d *LeadDesk) Activity(_ context.Context, id string) ([]ringbid.Activity, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.activity[id], nil
}

// Returns lists wishes to give leads back.
func (d *LeadDesk) Returns(_ context.Context, state string) ([]web.Return, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.returns), func(r web.Return) bool { return state != "" && r.State != state }), nil
}

// Decide grants or refuses one of them, once.
func (d *LeadDesk) Decide(_ context.Context, purchase string, grant bool, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.returns {
		if r := &d.returns[i]; r.Purchase.ID == purchase {
			if r.State != "asked" {
				return ringbid.Errorf(ringbid.Conflict, "the return was decided before")
			}
			r.State = map[bool]string{true: "granted", false: "refused"}[grant]
			return nil
		}
	}
	return ringbid.Errorf(ringbid.NotFound, "nobody asked to give purchase %.40q back", purchase)
}

var _ console.Leads = (*LeadDesk)(nil)
