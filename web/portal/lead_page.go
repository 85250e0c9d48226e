package portal

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

type leadPage struct {
	web.View
	Row      leadRow
	Buyer    bool
	Mine     bool
	Sentence string
	leadFacts
	Delivered []string
	Money     string
	Call      string // the call that the lead was made of
	History   []deed
	Statuses  []LeadWord
	Reasons   []string
	Agents    []*ringbid.User
	Asked     bool       // to give the lead back
	Typed     url.Values // what was sent and not taken
	Word      string     // for what was done just now
	Did       string     // the same as a sentence
	Wrong     string
}

// lead shows one lead, and notes that the user has seen it.
func (p *Portal) lead(w http.ResponseWriter, r *web.Request) error {
	l, x, err := p.ownLead(r)
	if err != nil {
		return err
	}
	done, err := p.c.Leads.Activity(r.Context(), r.User.Buyer, l.ID)
	if err != nil {
		return err
	}
	if r.Method == http.MethodGet && !fetchedAhead(r.Request) && !taken(r.User, x) && !hasViewed(done, r.User.Name) {
		seen := p.deed(r, l, x, "viewed", "")
		if err := p.c.Leads.Act(r.Context(), r.User.Buyer, seen); err != nil {
			// The next look notes it; the person waits for a call now.
			p.c.Logger.Warn("lead viewed, not noted", slog.String("lead_id", l.ID), slog.Any("error", err))
		} else {
			done = append(done, seen)
		}
	}
	return p.writeLead(w, r, http.StatusOK, p.leadPage(r, l, x, done))
}

// fetchedAhead reports whether a browser asks for a page that nobody looks at
// yet.
func fetchedAhead(r *http.Request) bool {
	for _, h := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		v := strings.ToLower(r.Header.Get(h))
		if strings.Contains(v, "prefetch") || strings.Contains(v, "prerender") || strings.Contains(v, "preview") {
			return true
		}
	}
	return false
}

func hasViewed(done []ringbid.Activity, user string) bool {
	return slices.ContainsFunc(done, func(a ringbid.Activity) bool { return a.Kind == "viewed" && a.By == user })
}

// deed makes the note of something that the user does now.
func (p *Portal) deed(r *web.Request, l *ringbid.Lead, x *ringbid.Purchase, kind, text string) ringbid.Activity {
	return ringbid.Activity{Lead: l.ID, Purchase: x.ID, At: p.c.Now(), By: r.User.Name, Kind: kind, Text: text}
}

func (p *Portal) writeLead(w http.ResponseWriter, r *web.Request, status int, page leadPage) error {
	mayDial(w)
	return p.pages.Write(w, status, "lead.html", page)
}

func (p *Portal) leadPage(r *web.Request, l *ringbid.Lead, x *ringbid.Purchase, done []ringbid.Activity) leadPage {
	book := p.c.Book()
	row := p.leadRow(r, book, l, x)
	page := leadPage{
		View: r.View("Lead "+row.Name, "portal-leads"), Row: row, Buyer: r.Is(ringbid.RoleBuyer), Mine: x.Agent == r.User.Name,
		Typed: url.Values{}, Word: r.URL.Query().Get("did"),
	}
	page.Did = did(page.Word)
	if row.Taken {
		return page
	}
	page.Sentence = leadSentence(row)
	page.leadFacts = sortFacts(book, l, r.Zone)
	page.Delivered, page.Money = deliveries(book, l, x), price(x)
	page.Statuses, page.Reasons = sayable(), returnReasons()
	page.History = history(book, done, x)
	page.Asked = slices.ContainsFunc(done, func(a ringbid.Activity) bool { return a.Kind == "return" })
	if page.Buyer {
		page.Agents, page.Call = agents(book, r.User.Buyer), l.Call
	}
	return page
}

// leadSentence says whether the person was reached, "" where that is not known.
func leadSentence(row leadRow) string {
	switch {
	case row.Returned:
		return "The lead was given back."
	case row.Waits:
		return "Not called yet."
	case row.Contact > 0:
		return "Contacted after " + web.Span(row.Contact) + "."
	}
	return ""
}

// price says what the buyer pays, and nothing of what others earn.
func price(x *ringbid.Purchase) string {
	rule, _, _ := strings.Cut(x.Sale.Rule, "; publisher")
	switch {
	case x.State == ringbid.PurchaseReturned:
		return web.Cash(0, x.Sale.Currency) + ", given back"
	case x.State == ringbid.PurchasePending:
		return web.Cash(x.Sale.Price, x.Sale.Currency) + " once it is delivered"
	case rule != "":
		return web.Cash(x.Sale.Revenue, x.Sale.Currency) + ", " + rule
	}
	return web.Cash(x.Sale.Revenue, x.Sale.Currency)
}
