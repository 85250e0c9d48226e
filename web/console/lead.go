package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

type leadPage struct {
	web.View
	Lead      *ringbid.Lead
	Person    string
	Sentence  string
	Class     string
	Word      string
	Axis      *Axis
	Table     fieldTable
	Purchases []purchaseRow
	Bids      []bidRow
	Ways      []deliveryRow
	Consent   []consentRow
	Activity  []activityRow
	Raw       string
	Money     bool
}

type purchaseRow struct {
	ringbid.Purchase
	Title, Class, Word string
}

type deliveryRow struct {
	ringbid.Delivery
	Title, Class, Word, Part, Type string
	Tries                          []tryRow
}

type tryRow struct {
	ringbid.Try
	Class, Word, Why, Then, Way string
	Took                        time.Duration
}

type activityRow struct {
	ringbid.Activity
	Word, Buyer string
}

// readLead returns the lead and what was done with it, as the user may see them.
func (c *Console) readLead(r *web.Request) (*ringbid.Lead, []ringbid.Activity, error) {
	id := r.PathValue("id")
	if id == "" || len(id) > 64 || strings.Trim(id, "0123456789abcdefABCDEF-") != "" {
		return nil, nil, ringbid.Errorf(ringbid.NotFound, "there is no lead %.40q", id)
	}
	lead, err := c.c.Leads.Lead(r.Context(), id)
	if err != nil {
		return nil, nil, err
	}
	acts, err := c.c.Leads.Activity(r.Context(), lead.ID)
	if err != nil || web.SeesCallers(r.User) {
		return lead, acts, err
	}
	acts = web.NewLeadMask(lead).Activity(acts)
	lead, err = web.MaskedLead(lead)
	return lead, acts, err
}

func (c *Console) lead(w http.ResponseWriter, r *web.Request) error {
	lead, acts, err := c.readLead(r)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(lead, "", "  ")
	if err != nil {
		return err
	}
	book, now := c.c.Book(), c.c.Now()
	var rules *ringbid.LeadRules
	if d := book.Campaigns[lead.Campaign]; d != nil {
		rules = d.Lead
	}
	p := leadPage{
		Lead: lead, Person: leadPerson(lead.Facts), Sentence: LeadSentence(lead, book, now), Class: leadClass(lead.State), Word: web.LeadStateText(lead.State),
		Axis: leadAxis(lead, acts, book, now), Table: newFieldTable(lead, rules), Bids: bidRows(lead.Auction, lostLead), Consent: consentRows(lead, rules),
		Raw: string(raw), Money: r.Is(ringbid.RoleOperator),
	}
	if p.Person == "" {
		p.Person = "Lead without a name"
	}
	p.View = c.view(r, "Lead "+p.Person, "leads")
	for _, x := range lead.Purchases {
		p.Purchases = append(p.Purchases, purchaseRow{x, buyerTitle(book, x.Buyer), purchaseClass(x.State), web.PurchaseStateText(x.State)})
	}
	for _, d := range lead.Deliveries {
		p.Ways = append(p.Ways, newDeliveryRow(d, book, now))
	}
	for _, a := range acts {
		p.Activity = append(p.Activity, activityRow{a, activityText(a.Kind), p.buyerOf(a.Purchase)})
	}
	return c.pages.Write(w, http.StatusOK, "lead.html", p)
}

func newDeliveryRow(d ringbid.Delivery, b *ringbid.Book, now time.Time) deliveryRow {
	row := deliveryRow{Delivery: d, Class: deliveryClass(d.State), Word: web.DeliveryStateText(d.State), Part: roleText(d.Role), Type: methodType(b, d.Method)}
	if d.Buyer != "" {
		row.Title = buyerTitle(b, d.Buyer)
	}
	for _, t := range d.Tries {
		x := tryRow{Try: t, Class: tryClass(t.Class), Word: classText(t.Class), Then: nextText(t.Next), Way: sentText(t.Sent), Took: time.Duration(t.MS) * time.Millisecond}
		if t.Ended == nil {
			x.Took = max(now.Sub(t.Began), 0).Truncate(time.Second)
		}
		if t.Code != "" {
			x.Why = codeText(t.Code)
		}
		row.Tries = append(row.Tries, x)
	}
	return row
}

func (p leadPage) buyerOf(purchase string) string {
	for _, x := range p.Purchases {
		if x.ID == purchase {
			return x.Title
		}
	}
	return ""
}

// Sold is the auction, for the part of the page that shows it.
func (p leadPage) Sold() *ringbid.Auction { return p.Lead.Auction }

// Currency is what the bids are in.
func (p leadPage) Currency() string { return p.Lead.Sale.Currency }

// After writes how long after the lead came in something happened.
func (p leadPage) After(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	d := max(t.Sub(p.Lead.Received), 0)
	if d >= time.Minute {
		return "+" + web.Span(d)
	}
	return fmt.Sprintf("+%.2f s", d.Seconds())
}

// Since is After for moments that may never have come.
func (p leadPage) Since(t *time.Time) string {
	if t == nil {
		return "–"
	}
	return p.After(*t)
}

func (c *Console) leadFacts(w http.ResponseWriter, r *web.Request) error {
	lead, _, err := c.readLead(r)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, lead)
}
