package portal

import (
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// maxColumns bounds how many facts an export has columns for.
const maxColumns = 200

// exportLeads answers with the leads of the list as a spreadsheet, every fact a
// column, consent among them.
func (p *Portal) exportLeads(w http.ResponseWriter, r *web.Request) error {
	if err := p.inbox(r.User); err != nil {
		return err
	}
	q, err := parseLeads(r)
	if err != nil {
		return err
	}
	q.Limit, q.Cursor = web.ExportRows, ""
	l, err := p.find(r.Context(), r.User, q, 1)
	if err != nil {
		return err
	}
	names := factColumns(r.User, l.Leads)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="leads-%s.csv"`, p.c.Now().UTC().Format("20060102-150405")))
	out := csv.NewWriter(w)
	write := func(cells []string) {
		for i := range cells {
			cells[i] = web.Cell(cells[i])
		}
		_ = out.Write(cells) // the reader went away: Flush ends it
	}
	write(append([]string{"id", "received", "campaign", "state_of_purchase", "status", "agent", "viewed", "contacted", "currency", "charged"}, names...))
	for i := range l.Leads {
		if x := bought(&l.Leads[i], r.User.Buyer); !taken(r.User, x) {
			write(leadCells(r, &l.Leads[i], x, names))
		}
	}
	out.Flush()
	return nil
}

// factColumns are the names of all facts that the user may read, in order.
func factColumns(u *ringbid.User, list []ringbid.Lead) []string {
	seen := map[string]bool{}
	for i := range list {
		if taken(u, bought(&list[i], u.Buyer)) {
			continue
		}
		for name := range list[i].Facts {
			if len(seen) < maxColumns {
				seen[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func leadCells(r *web.Request, l *ringbid.Lead, x *ringbid.Purchase, names []string) []string {
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.In(r.Zone).Format(time.RFC3339)
	}
	cells := []string{
		l.ID, at(&l.Received), l.Campaign, string(x.State), statusOf(x).Value, x.Agent, at(x.Viewed), at(x.Contacted), x.Sale.Currency, charged(x).String(),
	}
	for _, n := range names {
		v := l.Facts[n]
		if number, err := ringbid.ParsePhone(v); err == nil && strings.HasPrefix(v, "+") {
			v = number.Digits() // a plus sign would have to be quoted
		}
		cells = append(cells, v)
	}
	return cells
}

// charged returns what the buyer pays for a purchase as it stands.
func charged(x *ringbid.Purchase) ringbid.Money {
	if x.State != ringbid.PurchaseAccepted {
		return 0
	}
	return x.Sale.Revenue
}
