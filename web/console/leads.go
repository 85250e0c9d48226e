package console

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Leads reads stored leads.
type Leads interface {
	Leads(ctx context.Context, f web.LeadFilter) (web.LeadListing, error)
	// Lead returns one lead whole: auction, purchases, deliveries with their tries
	// and copies. The error of an unknown id is NotFound.
	Lead(ctx context.Context, id string) (*ringbid.Lead, error)
	// Activity returns what people and partners did with a lead, the oldest first.
	Activity(ctx context.Context, leadID string) ([]ringbid.Activity, error)
}

type leadsPage struct {
	web.View
	Values   url.Values
	Rows     []leadRow
	Total    web.LeadFigures
	Book     *ringbid.Book
	States   []ringbid.LeadState
	Older    string
	Newest   string
	Export   string
	Filtered bool
	Wrong    string
	Money    bool
}

// leadRow is one lead of a list.
type leadRow struct {
	ringbid.Lead
	Person, Phone, Email string
	Class, Word          string
	Buyers, Why          string
	Exception            bool
}

func (c *Console) leads(w http.ResponseWriter, r *web.Request) error {
	q := r.URL.Query()
	p := leadsPage{View: c.view(r, "Leads", "leads"), Values: q, Book: c.c.Book(), States: ringbid.LeadStates(), Money: r.Is(ringbid.RoleOperator), Filtered: len(q) > 0}
	f, err := web.ParseLeadFilter(q, r.Zone)
	if err != nil {
		p.Wrong = err.Error()
		return c.pages.Write(w, http.StatusBadRequest, "leads.html", p)
	}
	l, err := c.c.Leads.Leads(r.Context(), f)
	if err != nil {
		return err
	}
	p.Total = l.Total
	for i := range l.Leads {
		p.Rows = append(p.Rows, newLeadRow(r, &l.Leads[i], p.Book))
	}
	if l.Next != "" {
		p.Older = r.With("cursor", l.Next)
	}
	if f.Cursor != "" {
		p.Newest = r.With("cursor", "")
	}
	export := *r.URL
	export.Path = "/leads.csv"
	p.Export = export.RequestURI()
	return c.pages.Write(w, http.StatusOK, "leads.html", p)
}

// newLeadRow makes a row; who may not know the person gets initials.
func newLeadRow(r *web.Request, l *ringbid.Lead, b *ringbid.Book) leadRow {
	row := leadRow{Lead: *l, Person: leadPerson(l.Facts), Phone: l.Facts["phone"], Email: l.Facts["email"], Class: leadClass(l.State), Word: web.LeadStateText(l.State)}
	for _, d := range l.Deliveries {
		row.Exception = row.Exception || d.Exception
	}
	if has := purchasesIn(l, ringbid.PurchaseAccepted, ringbid.PurchasePending, ringbid.PurchaseHeld); len(has) > 0 {
		row.Buyers = names(has, b)
	}
	if row.Buyers == "" || l.State == ringbid.LeadHeld {
		row.Why = leadWhy(l)
	}
	if row.Person == row.Email || row.Person == web.PhoneText(ringbid.Phone(row.Phone)) {
		row.Person = "" // another column has it
	}
	if !web.SeesCallers(r.User) {
		m := web.NewLeadMask(l)
		row.Person, row.Phone, row.Email = web.MaskName(row.Person), maskPhone(row.Phone), web.MaskEmail(row.Email)
		row.Why, row.External = m.Text(row.Why), m.Text(row.External)
	}
	return row
}

func maskPhone(s string) string {
	if p, err := ringbid.ParsePhone(s); err == nil {
		return p.Mask()
	}
	return ringbid.Phone(s).Mask()
}

// Number is the phone number for a narrow column.
func (r leadRow) Number() string {
	if r.Phone == "" {
		return "–"
	}
	return web.PhoneShort(ringbid.Phone(r.Phone))
}

// leadWhy says why a lead is not sold, where there is a reason.
func leadWhy(l *ringbid.Lead) string {
	if l.Reason.Text != "" || l.Reason.Code != "" {
		return reasonText(l.Reason)
	}
	for _, p := range l.Purchases {
		if p.Reason != "" {
			return strings.TrimSuffix(p.Reason, ".")
		}
	}
	return ""
}

// Selected reports whether the query has the value, for the filter's lists.
func (p leadsPage) Selected(name, value string) bool { return p.Values.Get(name) == value }

// Get returns a value of the query.
func (p leadsPage) Get(name string) string { return p.Values.Get(name) }

// Word says a state.
func (p leadsPage) Word(s ringbid.LeadState) string { return web.LeadStateText(s) }

// Sold returns how many of a hundred leads were sold.
func (p leadsPage) Sold() string { return percent(p.Total.Sold, p.Total.Leads) }

// In returns the address of this list narrowed to a state.
func (p leadsPage) In(state string) string {
	q := url.Values{}
	for k, v := range p.Values {
		if k != "cursor" && k != "state" {
			q[k] = v
		}
	}
	q.Set("state", state)
	return "/leads?" + q.Encode()
}

// percent writes a share of a whole, to a tenth where it is not whole.
func percent(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	return strings.TrimSuffix(strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64), ".0") + " %"
}

// leadExport writes the list as CSV.
func (c *Console) leadExport(w http.ResponseWriter, r *web.Request) error {
	f, err := web.ParseLeadFilter(r.URL.Query(), r.Zone)
	if err != nil {
		return err
	}
	f.Limit, f.Cursor = web.ExportRows, ""
	l, err := c.c.Leads.Leads(r.Context(), f)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="leads-%s.csv"`, c.c.Now().UTC().Format("20060102-150405")))
	out := csv.NewWriter(w)
	head := []string{"id", "received", "state", "source", "campaign", "publisher", "external_id", "person", "phone", "email", "buyers", "reason", "recovered", "publisher_unpaid"}
	if r.Is(ringbid.RoleOperator) {
		head = append(head, "currency", "revenue", "payout")
	}
	_ = out.Write(head)
	book := c.c.Book()
	for i := range l.Leads {
		_ = out.Write(leadCells(r, newLeadRow(r, &l.Leads[i], book)))
	}
	out.Flush()
	return nil
}

func leadCells(r *web.Request, row leadRow) []string {
	cells := []string{row.ID, row.Received.In(r.Zone).Format(time.RFC3339), string(row.State), row.Source, row.Campaign, row.Publisher, row.External,
		row.Person, strings.TrimPrefix(row.Phone, "+"), row.Email, cmp.Or(row.Buyers, ""), row.Why, strconv.FormatBool(row.Recovered), strconv.FormatBool(row.Unpaid)}
	for i := range cells {
		cells[i] = web.Cell(cells[i])
	}
	if r.Is(ringbid.RoleOperator) {
		cells = append(cells, web.Cell(row.Sale.Currency), row.Sale.Revenue.String(), row.Sale.Payout.String())
	}
	return cells
}
