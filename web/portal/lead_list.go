package portal

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// leadQuery says which leads are asked for: what the store sifts, and what is
// sifted here.
type leadQuery struct {
	web.LeadFilter
	Home string // the person's state, by its postal code
}

// maxSifted is how many pages of the store are looked through for one page of
// leads.
const maxSifted = 20

type leadsPage struct {
	web.View
	Buyer     bool
	Values    url.Values
	Rows      []leadRow
	Count     int64 // of all that match; -1 where that is not known
	Statuses  []LeadWord
	Agents    []*ringbid.User
	Campaigns []*ringbid.Campaign
	Whose     []whose
	Filtered  bool
	Older     string
	Newest    string
	Export    string
	Wrong     string
}

// whose is a way to look at the list: everybody's, the user's own, nobody's.
type whose struct {
	Word, Path string
	On         bool
}

// Selected reports whether the query has the value, for the filter's lists.
func (p leadsPage) Selected(name, value string) bool { return p.Values.Get(name) == value }

// Get returns a value of the query.
func (p leadsPage) Get(name string) string { return p.Values.Get(name) }

// parseLeads reads what the address asks for. The error is Invalid and names
// the field.
func parseLeads(r *web.Request) (leadQuery, error) {
	all, plain := r.URL.Query(), url.Values{}
	for _, n := range []string{"from", "to", "campaign", "status", "text", "sort", "cursor"} {
		plain[n] = all[n]
	}
	f, err := web.ParseLeadFilter(plain, r.Zone)
	f.Buyer = r.User.Buyer
	q := leadQuery{LeadFilter: f}
	if err != nil {
		return q, err
	}
	if q.Sort == "revenue" { // it would tell what other buyers of a shared lead pay
		return q, ringbid.FieldError("sort", "%.40q is not oldest or status", q.Sort)
	}
	if v := strings.TrimSpace(all.Get("state")); v != "" {
		if q.Home, _ = ringbid.USState(v); q.Home == "" {
			return q, ringbid.FieldError("state", "%.40q is not a US state such as CA", v)
		}
	}
	switch a := all.Get("agent"); {
	case a == "" || a == "all":
	case a == "none":
		q.Agent = "-"
	case a == "mine":
		q.Agent = r.User.Name
	case r.Is(ringbid.RoleBuyer) && len(a) <= 64 && !strings.ContainsRune(a, 0) && a != "-":
		q.Agent = strings.ToValidUTF8(a, "")
	default:
		return q, ringbid.FieldError("agent", "%.40q is not all, mine or none", a)
	}
	return q, nil
}

// admits reports whether the user may see the lead in the list. What somebody
// else has taken is not found by what an agent does not see of it.
func (q leadQuery) admits(u *ringbid.User, l *ringbid.Lead) bool {
	x := bought(l, u.Buyer)
	if x == nil {
		return false
	}
	if taken(u, x) && (q.Text != "" || q.Home != "") {
		return false
	}
	return q.Home == "" || strings.EqualFold(l.Facts["state"], q.Home)
}

// find returns one page of leads, looked for in so many pages of the store.
func (p *Portal) find(ctx context.Context, u *ringbid.User, q leadQuery, pages int) (web.LeadListing, error) {
	var out web.LeadListing
	f := q.LeadFilter
	for range pages {
		l, err := p.c.Leads.Leads(ctx, f)
		if err != nil {
			return out, err
		}
		for i := range l.Leads {
			if q.admits(u, &l.Leads[i]) {
				out.Leads = append(out.Leads, l.Leads[i])
			}
		}
		out.Next, out.Total = l.Next, l.Total
		if l.Next == "" || len(out.Leads) >= q.Limit {
			break
		}
		f.Cursor = l.Next
	}
	return out, nil
}

// leads lists what the user's buyer bought.
func (p *Portal) leads(w http.ResponseWriter, r *web.Request) error {
	if err := p.inbox(r.User); err != nil {
		return err
	}
	page := p.leadsPage(r)
	q, err := parseLeads(r)
	if err != nil {
		page.Wrong = err.Error()
		return p.pages.Write(w, http.StatusBadRequest, "leads.html", page)
	}
	l, err := p.find(r.Context(), r.User, q, maxSifted)
	if err != nil {
		return err
	}
	page.Rows = p.leadRows(r, l.Leads)
	if page.Count = l.Total.Leads; q.Home != "" || q.Text != "" && !page.Buyer {
		page.Count = -1
	}
	if l.Next != "" {
		page.Older = r.With("cursor", l.Next)
	}
	if q.Cursor != "" {
		page.Newest = r.With("cursor", "")
	}
	mayDial(w)
	return p.pages.Write(w, http.StatusOK, "leads.html", page)
}

func (p *Portal) leadsPage(r *web.Request) leadsPage {
	book, q := p.c.Book(), r.URL.Query()
	page := leadsPage{
		View: r.View("Leads", "portal-leads"), Buyer: r.Is(ringbid.RoleBuyer), Values: q, Statuses: leadWords(),
		Campaigns: campaigns(book, r.User.Buyer), Count: -1,
	}
	if page.Buyer {
		page.Agents = agents(book, r.User.Buyer)
	}
	for _, n := range []string{"status", "campaign", "state", "from", "to", "text", "sort"} {
		page.Filtered = page.Filtered || q.Get(n) != ""
	}
	who := q.Get("agent")
	page.Whose = []whose{
		{"All", r.With("agent", "", "cursor", ""), who == "" || who == "all"},
		{"Mine", r.With("agent", "mine", "cursor", ""), who == "mine"},
		{"Nobody’s", r.With("agent", "none", "cursor", ""), who == "none"},
	}
	export := *r.URL
	export.Path = "/portal/leads.csv"
	page.Export = export.RequestURI()
	return page
}

func (p *Portal) leadRows(r *web.Request, list []ringbid.Lead) []leadRow {
	book := p.c.Book()
	out := make([]leadRow, 0, len(list))
	for i := range list {
		if x := bought(&list[i], r.User.Buyer); x != nil {
			out = append(out, p.leadRow(r, book, &list[i], x))
		}
	}
	return out
}

// campaigns are those in which the buyer buys.
func campaigns(b *ringbid.Book, buyer string) []*ringbid.Campaign {
	var out []*ringbid.Campaign
	for name, c := range b.Campaigns {
		if slices.ContainsFunc(b.Buyings(name), func(x ringbid.Buying) bool { return x.Target.Buyer == buyer }) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *ringbid.Campaign) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// OtherCampaign returns the campaign that is asked for and not in the list.
func (p leadsPage) OtherCampaign() string {
	asked := p.Get("campaign")
	if slices.ContainsFunc(p.Campaigns, func(c *ringbid.Campaign) bool { return c.Name == asked }) {
		return ""
	}
	return asked
}

// OtherAgent returns the agent that is asked for and not in the list.
func (p leadsPage) OtherAgent() string {
	asked := p.Get("agent")
	known := asked == "" || asked == "all" || asked == "mine" || asked == "none"
	if known || slices.ContainsFunc(p.Agents, func(u *ringbid.User) bool { return u.Name == asked }) {
		return ""
	}
	return asked
}
