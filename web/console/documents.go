package console

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

type documentsPage struct {
	web.View
	Book       *ringbid.Book
	Campaigns  []*ringbid.Campaign
	Flows      []*ringbid.Flow
	Buyers     []*ringbid.Buyer
	Publishers []*ringbid.Publisher
	Numbers    []*ringbid.Number
}

// sorted returns a Book's documents by name.
func sorted[K comparable, D ringbid.Document](m map[K]D) []D {
	return slices.SortedFunc(maps.Values(m), func(a, b D) int { return cmp.Compare(a.Key().Name, b.Key().Name) })
}

func (c *Console) campaigns(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	return c.pages.Write(w, http.StatusOK, "campaigns.html", documentsPage{View: c.view(r, "Campaigns", "campaigns"), Book: b, Campaigns: sorted(b.Campaigns)})
}

func (c *Console) flows(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	return c.pages.Write(w, http.StatusOK, "flows.html", documentsPage{View: c.view(r, "Flows", "flows"), Book: b, Flows: sorted(b.Flows)})
}

func (c *Console) buyers(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	return c.pages.Write(w, http.StatusOK, "buyers.html", documentsPage{View: c.view(r, "Buyers", "buyers"), Book: b, Buyers: sorted(b.Buyers)})
}

func (c *Console) publishers(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	return c.pages.Write(w, http.StatusOK, "publishers.html", documentsPage{View: c.view(r, "Publishers", "publishers"), Book: b, Publishers: sorted(b.Publishers)})
}

func (c *Console) numbers(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	return c.pages.Write(w, http.StatusOK, "numbers.html", documentsPage{View: c.view(r, "Numbers", "numbers"), Book: b, Numbers: sorted(b.Numbers)})
}

// NumbersOf returns the numbers of a campaign or publisher.
func (p documentsPage) NumbersOf(field, name string) int {
	n := 0
	for _, x := range p.Book.Numbers {
		if field == "campaign" && x.Campaign == name || field == "publisher" && x.Publisher == name {
			n++
		}
	}
	return n
}

// TargetsOf returns how many targets a buyer has, and how many calls they take
// at once.
func (p documentsPage) TargetsOf(buyer string) (out struct{ Count, Most int }) {
	for _, t := range p.Book.Targets {
		if t.Buyer == buyer {
			out.Count++
			out.Most += t.Concurrency
		}
	}
	return out
}

// UsersOf returns which campaigns use a flow.
func (p documentsPage) UsersOf(flow string) []string {
	var out []string
	for _, x := range sorted(p.Book.Campaigns) {
		if x.Flow == flow {
			out = append(out, x.Name)
		}
	}
	return out
}
