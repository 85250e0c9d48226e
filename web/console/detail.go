package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// documentPage shows one document and what hangs on it.
type documentPage struct {
	web.View
	Key      ringbid.Key
	Name     string
	Paused   bool
	Text     string
	Book     *ringbid.Book
	Today    *web.Figures
	Calls    string // address of its calls
	Diagram  *Diagram
	Version  int
	Campaign *ringbid.Campaign
	Routes   []ringbid.Buying
	Targets  []targetRow
	Numbers  []*ringbid.Number
	UsedBy   []*ringbid.Campaign
	Deliver  bool             // methods have pages
	Leads    string           // address of its leads
	Sold     *web.LeadFigures // of its leads today
	Sources  []sourceRow
}

// sourceRow is a posting address of a campaign's leads.
type sourceRow struct {
	*ringbid.Source
	Address string
	Payout  *ringbid.Payout // of the source, else of the campaign
}

type targetRow struct {
	*ringbid.Target
	Bidders []*ringbid.Bidder
	Text    string
}

// newDetail makes the page of a document; the filter names its calls, whose
// figures of today are shown, and is empty where it has none.
func (c *Console) newDetail(r *web.Request, section string, d ringbid.Document, title string) (documentPage, error) {
	text, err := documentText(d)
	if err != nil {
		return documentPage{}, err
	}
	p := documentPage{View: c.view(r, title, section), Key: d.Key(), Name: d.Key().Name, Text: text, Book: c.c.Book(), Deliver: c.c.Deliveries != nil}
	f := web.Filter{From: startOfDay(c.c.Now().In(r.Zone))}
	kind := strings.ToLower(string(d.Key().Kind))
	switch d.(type) {
	case *ringbid.Campaign:
		f.Campaign = p.Name
	case *ringbid.Buyer:
		f.Buyer = p.Name
	case *ringbid.Publisher:
		f.Publisher = p.Name
	default:
		return p, nil
	}
	p.Calls = "/calls?" + url.Values{kind: {p.Name}}.Encode()
	if err := c.leadsToday(r, &p, web.LeadFilter{From: f.From, Campaign: f.Campaign, Buyer: f.Buyer, Publisher: f.Publisher, Limit: 1}, kind); err != nil {
		return p, err
	}
	today, err := c.c.Reports.Figures(r.Context(), f)
	if err != nil && ringbid.KindOf(err) != ringbid.Unavailable {
		return p, err
	}
	if err == nil {
		p.Today = &today
	}
	return p, nil
}

// leadsToday adds the figures of the document's leads, where there are leads.
func (c *Console) leadsToday(r *web.Request, p *documentPage, f web.LeadFilter, kind string) error {
	if c.c.Leads == nil {
		return nil
	}
	p.Leads = "/leads?" + url.Values{kind: {p.Name}}.Encode()
	l, err := c.c.Leads.Leads(r.Context(), f)
	if err == nil && l.Total.Leads > 0 {
		p.Sold = &l.Total
	}
	if ringbid.KindOf(err) == ringbid.Unavailable {
		return nil
	}
	return err
}

// sources are the addresses where publishers post leads of the campaign.
func sources(r *web.Request, b *ringbid.Book, d *ringbid.Campaign) []sourceRow {
	var out []sourceRow
	for _, s := range sorted(b.Sources) {
		if s.Campaign == d.Name {
			row := sourceRow{s, r.Base() + "/leads/" + s.Name, d.Payout}
			if s.Payout != nil {
				row.Payout = s.Payout
			}
			out = append(out, row)
		}
	}
	return out
}

// ByPhone reports whether the document is about calls; a campaign may be of leads
// only.
func (p documentPage) ByPhone() bool { return p.Campaign == nil || p.Campaign.Flow != "" }

// Deadline is how long a publisher may wait for the buyer's word.
func (p documentPage) Deadline() time.Duration {
	if d := p.Campaign.Lead.AnswerWithin.D(); d > 0 {
		return d
	}
	return ringbid.DefaultAnswerWithin
}

// Takes says of a lead's field what it may hold.
func (p documentPage) Takes(f ringbid.LeadField) string {
	s := cmp.Or(f.Type, "text")
	if len(f.Values) > 0 {
		shown := f.Values[:min(len(f.Values), 8)]
		s += ": " + strings.Join(shown, ", ")
		if more := len(f.Values) - len(shown); more > 0 {
			s += fmt.Sprintf(" and %d more", more)
		}
	}
	return s
}

func startOfDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// absent is the answer for a name that no document has.
func absent(what, name string) error {
	return ringbid.Errorf(ringbid.NotFound, "there is no %s %.64q", what, name)
}

func (c *Console) campaign(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	d := b.Campaigns[r.PathValue("name")]
	if d == nil {
		return absent("campaign", r.PathValue("name"))
	}
	p, err := c.newDetail(r, "campaigns", d, cmp.Or(d.Title, d.Name))
	if err != nil {
		return err
	}
	p.Paused, p.Campaign, p.Routes = d.Paused, d, b.Buyings(d.Name)
	for _, n := range sorted(b.Numbers) {
		if n.Campaign == d.Name {
			p.Numbers = append(p.Numbers, n)
		}
	}
	if d.Lead != nil {
		p.Sources = sources(r, b, d)
	}
	return c.pages.Write(w, http.StatusOK, "document.html", p)
}

func (c *Console) flow(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	d := b.Flows[r.PathValue("name")]
	if d == nil {
		return absent("flow", r.PathValue("name"))
	}
	p, err := c.newDetail(r, "flows", d, cmp.Or(d.Title, d.Name))
	if err != nil {
		return err
	}
	p.Diagram, p.Version = newDiagram(d), b.FlowVersions[d.Name]
	for _, x := range sorted(b.Campaigns) {
		if x.Flow == d.Name {
			p.UsedBy = append(p.UsedBy, x)
		}
	}
	return c.pages.Write(w, http.StatusOK, "document.html", p)
}

func (c *Console) buyer(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	d := b.Buyers[r.PathValue("name")]
	if d == nil {
		return absent("buyer", r.PathValue("name"))
	}
	p, err := c.newDetail(r, "buyers", d, cmp.Or(d.Title, d.Name))
	if err != nil {
		return err
	}
	p.Paused = d.Paused
	for _, t := range sorted(b.Targets) {
		if t.Buyer != d.Name {
			continue
		}
		row := targetRow{Target: t}
		texts := []string{}
		for _, x := range sorted(b.Bidders) {
			if x.Target == t.Name {
				row.Bidders = append(row.Bidders, x)
			}
		}
		if text, err := documentText(t); err == nil {
			texts = append(texts, text)
		}
		for _, x := range row.Bidders {
			if text, err := documentText(x); err == nil {
				texts = append(texts, text)
			}
		}
		row.Text = strings.Join(texts, "\n---\n")
		p.Targets = append(p.Targets, row)
	}
	return c.pages.Write(w, http.StatusOK, "document.html", p)
}

func (c *Console) publisher(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	d := b.Publishers[r.PathValue("name")]
	if d == nil {
		return absent("publisher", r.PathValue("name"))
	}
	p, err := c.newDetail(r, "publishers", d, cmp.Or(d.Title, d.Name))
	if err != nil {
		return err
	}
	p.Paused = d.Paused
	for _, n := range sorted(b.Numbers) {
		if n.Publisher == d.Name {
			p.Numbers = append(p.Numbers, n)
		}
	}
	return c.pages.Write(w, http.StatusOK, "document.html", p)
}
