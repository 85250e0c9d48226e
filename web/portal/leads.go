package portal

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Leads reads and works the leads that a buyer bought and that reached it: those
// that wait in its inbox, that it accepted, and that it gave back. Each comes
// with that buyer's purchase alone, without auction and payout.
type Leads interface {
	// Leads lists the leads of the filter's buyer.
	Leads(ctx context.Context, f web.LeadFilter) (web.LeadListing, error)
	// Lead returns one lead; somebody else's is NotFound.
	Lead(ctx context.Context, buyer, id string) (*ringbid.Lead, error)
	// Activity returns what was done with a lead.
	Activity(ctx context.Context, buyer, id string) ([]ringbid.Activity, error)
	// Act logs what was done with a lead and changes the purchase accordingly, in
	// one transaction. The kinds are viewed, of which only a user's first counts;
	// call, whose Text is the number; status, whose Text is the new one; note;
	// assigned, whose Text is the agent, or "" to give the lead back; and return,
	// whose Text is the reason. The error is Conflict where an agent takes what
	// somebody else has taken (Text and By are the same), and where a return was
	// asked for already.
	Act(ctx context.Context, buyer string, a ringbid.Activity) error
	// Work says how the buyer's people did with the leads received in [from, to).
	Work(ctx context.Context, buyer string, from, to time.Time) ([]AgentWork, error)
}

// AgentWork is what one agent made of the leads it took.
type AgentWork struct {
	Agent                                 string
	Taken, Contacted, Converted, Returned int64
	Response                              time.Duration // median to the first contact; 0 without any
}

// Bounds of what may be said of a lead.
const (
	maxLeadID = 64
	maxReason = 2000 // bytes of a return's reason
)

func (p *Portal) leadRoutes() []web.Route {
	team := []ringbid.Role{ringbid.RoleBuyer, ringbid.RoleAgent}
	return []web.Route{
		{Pattern: "GET /portal/leads", Roles: team, Handle: p.leads},
		{Pattern: "GET /portal/leads.csv", Roles: team, Handle: p.exportLeads},
		{Pattern: "GET /portal/leads/{id}", Roles: team, Handle: p.lead},
		{Pattern: "POST /portal/leads/{id}/call", Roles: team, Handle: p.callLead},
		{Pattern: "POST /portal/leads/{id}/status", Roles: team, Handle: p.sayStatus},
		{Pattern: "POST /portal/leads/{id}/note", Roles: team, Handle: p.noteLead},
		{Pattern: "POST /portal/leads/{id}/claim", Roles: team, Handle: p.claimLead},
		{Pattern: "POST /portal/leads/{id}/release", Roles: team, Handle: p.releaseLead},
		{Pattern: "POST /portal/leads/{id}/assign", Roles: []ringbid.Role{ringbid.RoleBuyer}, Handle: p.assignLead},
		{Pattern: "POST /portal/leads/{id}/return", Roles: team, Handle: p.returnLead},
		{Pattern: "GET /portal/manifest.webmanifest", Public: true, Handle: p.manifest},
	}
}

// inbox says why the user has no leads here.
func (p *Portal) inbox(u *ringbid.User) error {
	switch {
	case p.c.Leads == nil:
		return ringbid.Errorf(ringbid.NotFound, "there are no leads here")
	case u.Buyer == "":
		return ringbid.Errorf(ringbid.Denied, "your user belongs to no buyer; ask the operator")
	}
	return nil
}

// ownLead returns the lead of the address and the purchase that makes it the
// user's; others do not exist here.
func (p *Portal) ownLead(r *web.Request) (*ringbid.Lead, *ringbid.Purchase, error) {
	if err := p.inbox(r.User); err != nil {
		return nil, nil, err
	}
	id := r.PathValue("id")
	if len(id) > maxLeadID || !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return nil, nil, ringbid.Errorf(ringbid.NotFound, "there is no such lead")
	}
	l, err := p.c.Leads.Lead(r.Context(), r.User.Buyer, id)
	if err != nil {
		return nil, nil, err
	}
	own := bought(l, r.User.Buyer)
	if own == nil {
		return nil, nil, ringbid.Errorf(ringbid.NotFound, "there is no lead %.40q", id)
	}
	return l, own, nil
}

// bought returns the buyer's purchase of a lead that reached it, or nil.
func bought(l *ringbid.Lead, buyer string) *ringbid.Purchase {
	for i := range l.Purchases {
		x := &l.Purchases[i]
		reached := x.State == ringbid.PurchasePending || x.State == ringbid.PurchaseAccepted || x.State == ringbid.PurchaseReturned
		if reached && x.Buyer == buyer && buyer != "" {
			return x
		}
	}
	return nil
}

// taken reports whether the lead is in other hands than the agent's. A buyer
// sees all of its own.
func taken(u *ringbid.User, x *ringbid.Purchase) bool {
	return u.Role != ringbid.RoleBuyer && x.Agent != "" && x.Agent != u.Name
}

// agents are the buyer's people who may be given a lead, by name.
func agents(b *ringbid.Book, buyer string) []*ringbid.User {
	var out []*ringbid.User
	for _, u := range b.Users {
		if u.Role == ringbid.RoleAgent && u.Buyer == buyer && buyer != "" && !u.Disabled {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b *ringbid.User) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// mayDial lets the forms of a page lead to a telephone: browsers hold the
// address a form is answered with against the page's policy (CSP 3, 6.4.1).
func mayDial(w http.ResponseWriter) {
	const policy, forms = "Content-Security-Policy", "form-action 'self'"
	w.Header().Set(policy, strings.Replace(w.Header().Get(policy), forms, forms+" tel:", 1))
}
