package console

import (
	"cmp"
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
	p := documentPage{View: r.View(title, section), Key: d.Key(), Name: d.Key().Name, Text: text, Book: c.c.Book()}
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
	today, err := c.c.Reports.Figures(r.Context(), f)
	if err != nil && ringbid.KindOf(err) != ringbid.Unavailable {
		return p, err
	}
	if err == nil {
		p.Today = &today
	}
	return p, nil
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
