package console

import (
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

type listPage struct {
	web.View
	Values   url.Values
	Rows     []callRow
	Total    web.Figures
	Book     *ringbid.Book
	Outcomes []ringbid.Outcome
	Older    string // address of the next page
	Newest   string // address of the first page, when this is not it
	Export   string
	Filtered bool
	Wrong    string
	Money    bool
}

// callRow is one call of a list.
type callRow struct {
	ringbid.Call
	BuyerTitle string
	Class      string
	Word       string
	Talk       time.Duration
	Why        string
}

func (c *Console) list(w http.ResponseWriter, r *web.Request) error {
	q := r.URL.Query()
	f, err := web.ParseFilter(q, r.Zone)
	book := c.c.Book()
	p := listPage{View: c.view(r, "Calls", "calls"), Values: q, Book: book, Outcomes: web.Outcomes(), Money: r.Is(ringbid.RoleOperator)}
	p.Filtered = len(q) > 0
	status := http.StatusOK
	if err != nil {
		p.Wrong, status = err.Error(), http.StatusBadRequest
		return c.pages.Write(w, status, "calls.html", p)
	}
	l, err := c.c.Calls.Calls(r.Context(), f)
	if err != nil {
		return err
	}
	p.Total = l.Total
	for i := range l.Calls {
		p.Rows = append(p.Rows, c.row(r, &l.Calls[i], book))
	}
	if l.Next != "" {
		p.Older = r.With("cursor", l.Next)
	}
	if f.Cursor != "" {
		p.Newest = r.With("cursor", "")
	}
	export := *r.URL
	export.Path = "/calls.csv"
	p.Export = export.RequestURI()
	return c.pages.Write(w, status, "calls.html", p)
}

func (c *Console) row(r *web.Request, call *ringbid.Call, book *ringbid.Book) callRow {
	row := callRow{Call: *call, BuyerTitle: "", Class: outcomeClass(call.Outcome), Word: web.OutcomeText(call.Outcome), Talk: time.Duration(call.ConnectedMS) * time.Millisecond}
	if call.Buyer != "" {
		row.BuyerTitle = buyerTitle(book, call.Buyer)
	}
	if call.State == ringbid.StateLive {
		row.Word, row.Class = "live", "info"
	}
	if call.Outcome != ringbid.OutcomeBridged && call.State != ringbid.StateLive {
		row.Why = reasonText(call.Reason)
	}
	if !web.SeesCallers(r.User) {
		row.Caller = ringbid.Phone(call.Caller.Mask())
	}
	return row
}

// Selected reports whether the query has the value, for the filter's lists.
func (p listPage) Selected(name, value string) bool { return p.Values.Get(name) == value }

// Get returns a value of the query.
func (p listPage) Get(name string) string { return p.Values.Get(name) }

// Word says an outcome.
func (p listPage) Word(o ringbid.Outcome) string { return web.OutcomeText(o) }

func (c *Console) export(w http.ResponseWriter, r *web.Request) error {
	f, err := web.ParseFilter(r.URL.Query(), r.Zone)
	if err != nil {
		return err
	}
	f.Limit, f.Cursor = web.ExportRows, ""
	l, err := c.c.Calls.Calls(r.Context(), f)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="calls-%s.csv"`, c.c.Now().UTC().Format("20060102-150405")))
	out := csv.NewWriter(w)
	head := []string{"id", "received", "number", "caller", "campaign", "publisher", "buyer", "outcome", "reason", "connected_s"}
	if r.Is(ringbid.RoleOperator) {
		head = append(head, "currency", "revenue", "payout")
	}
	_ = out.Write(head)
	for i := range l.Calls {
		_ = out.Write(c.csvRow(r, &l.Calls[i]))
	}
	out.Flush()
	return nil
}

func (c *Console) csvRow(r *web.Request, call *ringbid.Call) []string {
	caller := string(call.Caller)
	if !web.SeesCallers(r.User) {
		caller = call.Caller.Mask()
	}
	cells := []string{call.ID, call.Received.In(r.Zone).Format(time.RFC3339), call.Number.Digits(), strings.TrimPrefix(caller, "+"), call.Campaign,
		call.Publisher, call.Buyer, string(call.Outcome), reasonText(call.Reason), strconv.FormatFloat(float64(call.ConnectedMS)/1000, 'f', 3, 64)}
	if r.Is(ringbid.RoleOperator) {
		cells = append(cells, call.Sale.Currency, call.Sale.Revenue.String(), call.Sale.Payout.String())
	}
	for i := range cells[:10] {
		cells[i] = web.Cell(cells[i])
	}
	return cells
}
