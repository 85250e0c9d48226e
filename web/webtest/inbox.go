package webtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/portal"
)

// Leads of the inbox that tests look for by name. The rich one has the id of the
// rich call.
const (
	OtherLeadID   = "019a0000-0000-7000-8000-00000000b001" // northwind's
	TakenLeadID   = "019a0000-0000-7000-8000-00000000b002" // another agent's
	HostileLeadID = "019a0000-0000-7000-8000-00000000b003"
	RefusedLeadID = "019a0000-0000-7000-8000-00000000b004" // keystone did not take it
)

// Inbox is what buyers have of leads, in memory.
type Inbox struct {
	mu    sync.Mutex
	leads []ringbid.Lead
	done  []ringbid.Activity
	fail  map[string]error
}

// NewInbox makes the leads as they are at the moment now.
func NewInbox(now time.Time) *Inbox {
	x := &Inbox{fail: map[string]error{}}
	x.leads = append(richLeads(now), plainLeads(now)...)
	for i := range x.leads {
		l := &x.leads[i]
		x.done = append(x.done, ringbid.Activity{Lead: l.ID, Purchase: l.Purchases[0].ID, At: l.Received, Kind: "received", Text: "by the portal"})
	}
	return x
}

// Fail makes what follows fail: a kind of activity, or "lead" for reading one.
func (x *Inbox) Fail(what string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fail[what] = err
}

// Add puts a lead into the inbox.
func (x *Inbox) Add(l ringbid.Lead) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.leads = append(x.leads, l)
}

// Done returns what was done with a lead, in its order.
func (x *Inbox) Done(lead string) []ringbid.Activity {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []ringbid.Activity
	for _, a := range x.done {
		if a.Lead == lead {
			out = append(out, a)
		}
	}
	return out
}

// Purchase returns the purchase of a lead as it is now.
func (x *Inbox) Purchase(lead string) ringbid.Purchase {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.leads {
		if x.leads[i].ID == lead {
			return x.leads[i].Purchases[0]
		}
	}
	return ringbid.Purchase{}
}

// Leads returns a page of the leads that match.
func (x *Inbox) Leads(_ context.Context, f web.LeadFilter) (web.LeadListing, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var all []ringbid.Lead
	for i := range x.leads {
		if admits(f, &x.leads[i]) {
			all = append(all, only(&x.leads[i]))
		}
	}
	slices.SortStableFunc(all, func(a, b ringbid.Lead) int {
		switch f.Sort {
		case "oldest":
			return a.Received.Compare(b.Received)
		case "status":
			return cmp.Or(cmp.Compare(slices.Index(ringbid.LeadStatuses(), a.Purchases[0].Status), slices.Index(ringbid.LeadStatuses(), b.Purchases[0].Status)), b.Received.Compare(a.Received))
		}
		return b.Received.Compare(a.Received)
	})
	out := web.LeadListing{Total: web.LeadFigures{Leads: int64(len(all))}}
	from := 0
	if f.Cursor != "" {
		n, err := strconv.Atoi(f.Cursor)
		if err != nil || n < 0 {
			return out, ringbid.FieldError("cursor", "%.40q is not a cursor", f.Cursor)
		}
		from = min(n, len(all))
	}
	to := min(from+max(f.Limit, 1), len(all))
	out.Leads = all[from:to]
	if to < len(all) {
		out.Next = strconv.Itoa(to)
	}
	return out, nil
}

func admits(f web.LeadFilter, l *ringbid.Lead) bool {
	p := &l.Purchases[0]
	text := strings.ToLower(strings.Join([]string{l.ID, l.Facts["first_name"], l.Facts["last_name"], l.Facts["phone"], l.Facts["city"]}, "\n"))
	reached := p.State == ringbid.PurchasePending || p.State == ringbid.PurchaseAccepted || p.State == ringbid.PurchaseReturned
	return reached && p.Buyer == f.Buyer && (f.Status == "" || p.Status == f.Status) && (f.Agent == "" || p.Agent == strings.TrimPrefix(f.Agent, "-")) &&
		(f.Campaign == "" || l.Campaign == f.Campaign) && (f.From.IsZero() || !l.Received.Before(f.From)) && (f.To.IsZero() || l.Received.Before(f.To)) &&
		strings.Contains(text, strings.ToLower(f.Text))
}

// only returns the lead with copies of what changes.
func only(l *ringbid.Lead) ringbid.Lead {
	out := *l
	out.Purchases = slices.Clone(l.Purchases)
	return out
}

func (x *Inbox) own(buyer, id string) *ringbid.Lead {
	for i := range x.leads {
		if x.leads[i].ID == id && x.leads[i].Purchases[0].Buyer == buyer {
			return &x.leads[i]
		}
	}
	return nil
}

// Lead returns one lead of the buyer's, also such as never reached it: the pages
// have to look.
func (x *Inbox) Lead(_ context.Context, buyer, id string) (*ringbid.Lead, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.fail["lead"]; err != nil {
		return nil, err
	}
	l := x.own(buyer, id)
	if l == nil {
		return nil, ringbid.Errorf(ringbid.NotFound, "there is no lead %.40q", id)
	}
	out := only(l)
	return &out, nil
}

// Activity returns what was done with a lead.
func (x *Inbox) Activity(_ context.Context, buyer, id string) ([]ringbid.Activity, error) {
	x.mu.Lock()
	known := x.own(buyer, id) != nil
	x.mu.Unlock()
	if !known {
		return nil, ringbid.Errorf(ringbid.NotFound, "there is no lead %.40q", id)
	}
	return x.Done(id), nil
}

// Act does something with a lead.
func (x *Inbox) Act(_ context.Context, buyer string, a ringbid.Activity) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.fail[a.Kind]; err != nil {
		return err
	}
	l := x.own(buyer, a.Lead)
	if l == nil {
		return ringbid.Errorf(ringbid.NotFound, "there is no lead %.40q", a.Lead)
	}
	p := &l.Purchases[0]
	before := func(by string) bool {
		return slices.ContainsFunc(x.done, func(d ringbid.Activity) bool {
			return d.Lead == a.Lead && d.Kind == a.Kind && (by == "" || d.By == by)
		})
	}
	switch a.Kind {
	case "viewed":
		if before(a.By) {
			return nil
		}
		p.Viewed = cmp.Or(p.Viewed, &a.At)
	case "call":
		p.Contacted = cmp.Or(p.Contacted, &a.At)
	case "status":
		p.Status = a.Text
	case "assigned":
		if a.Text == a.By && p.Agent != "" && p.Agent != a.By {
			return ringbid.Errorf(ringbid.Conflict, "somebody else has taken the lead meanwhile")
		}
		p.Agent = a.Text
	case "return":
		if before("") {
			return ringbid.Errorf(ringbid.Conflict, "a return of this lead was asked for already")
		}
	}
	x.done = append(x.done, a)
	return nil
}

// Work sums what the buyer's people did.
func (x *Inbox) Work(_ context.Context, buyer string, from, to time.Time) ([]portal.AgentWork, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	rows := map[string]*portal.AgentWork{}
	for i := range x.leads {
		l, p := &x.leads[i], &x.leads[i].Purchases[0]
		if p.Buyer != buyer || p.Agent == "" || l.Received.Before(from) || !l.Received.Before(to) {
			continue
		}
		w := cmp.Or(rows[p.Agent], &portal.AgentWork{Agent: p.Agent})
		rows[p.Agent] = w
		w.Taken++
		if p.Contacted != nil {
			w.Contacted++
			w.Response = p.Contacted.Sub(l.Received)
		}
		if p.Status == "converted" {
			w.Converted++
		}
	}
	var out []portal.AgentWork
	for _, w := range rows {
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b portal.AgentWork) int { return strings.Compare(a.Agent, b.Agent) })
	return out, nil
}

// newLead makes a lead that keystone bought so long ago.
func newLead(id string, now time.Time, age time.Duration, facts ringbid.TagMap) ringbid.Lead {
	at := now.Add(-age)
	decided := at.Add(400 * time.Millisecond)
	return ringbid.Lead{
		ID: id, State: ringbid.LeadSold, Received: at, Campaign: "auto-insurance", Publisher: "brightleads", Source: "bright-auto", Facts: facts,
		Sale: ringbid.Sale{Currency: "USD", Revenue: dollars(77.77), Payout: dollars(7.81)},
		Purchases: []ringbid.Purchase{{
			ID: "p-" + id, Lead: id, Buyer: "keystone-insurance", Target: "keystone-agents", State: ringbid.PurchaseAccepted, Made: at, Decided: &decided, Status: "new",
			Sale: ringbid.Sale{Currency: "USD", Price: dollars(12), Revenue: dollars(12), Payout: dollars(7.81), Converted: true, Rule: "paid: accepted; publisher earns 65 % of revenue"},
		}},
		Deliveries: []ringbid.Delivery{{ID: "d-" + id, Lead: id, Purchase: "p-" + id, Method: "keystone-inbox", Role: ringbid.RolePrimary, State: ringbid.DeliveryAccepted, Made: at, Done: &decided,
			Tries: []ringbid.Try{{N: 1, Request: "never-shown-3", Response: "never-shown-3"}}}},
	}
}

// NewLead makes one more lead, received at the moment now.
func NewLead(n int, now time.Time) ringbid.Lead {
	return newLead(fmt.Sprintf("019a0000-0000-7000-8000-00000000c%03d", n), now, 0, ringbid.TagMap{"first_name": "Fresh", "last_name": "Lead", "phone": "+13125550177", "state": "IL"})
}
