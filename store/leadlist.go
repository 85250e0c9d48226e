package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// LeadFilter says which leads are asked for; a zero field asks for any.
type LeadFilter struct {
	From, To  time.Time
	Campaign  string
	Publisher string
	Source    string
	// Buyer lists what reached that buyer only; with Own the rows are as the buyer
	// may see them.
	Buyer  string
	Own    bool
	State  ringbid.LeadState
	Status string // of the buyer's purchase
	Agent  string // of the buyer's purchase; "-" for nobody
	Person string // two-letter state of the person
	Text   string
	Sort   string // "", "oldest", "revenue", "status"
	Limit  int    // up to MaxPage; default 50
	Cursor string
}

// LeadPage is one answer of a list of leads.
type LeadPage struct {
	Leads []ringbid.Lead
	Next  string
}

func (f LeadFilter) where() *where {
	w := &where{}
	if !f.From.IsZero() {
		w.add("l.received >= %s", f.From)
	}
	if !f.To.IsZero() {
		w.add("l.received < %s", f.To)
	}
	for _, x := range []struct{ column, value string }{
		{"campaign", f.Campaign}, {"publisher", f.Publisher}, {"source", f.Source}, {"state", string(f.State)},
	} {
		if x.value != "" {
			w.add("l."+x.column+" = %s", clean(x.value))
		}
	}
	if f.Person != "" {
		w.add("l.body->'facts'->>'state' = %s", clean(f.Person))
	}
	if f.Buyer != "" {
		f.whereBuyer(w)
	}
	if text := strings.ToLower(cut(clean(f.Text), 100)); text != "" {
		words := "l.words"
		if f.Own { // nothing of who sent the lead, or of who else had it
			words = "lower(concat_ws(E'\\n', l.id, l.campaign, f->>'first_name', f->>'last_name', f->>'name', f->>'phone', f->>'email', f->>'city', f->>'state', f->>'zip'))"
			words = "(SELECT " + words + " FROM (SELECT l.body->'facts' AS f) facts)"
		}
		w.add(words+" LIKE %s", "%"+escapeLike(text)+"%")
	}
	return w
}

func (f LeadFilter) whereBuyer(w *where) {
	inner, args := "p.lead_id = l.id AND p.buyer = %s", []any{clean(f.Buyer)}
	if f.Own {
		inner += " AND p.state IN ('pending', 'accepted', 'held', 'returned')"
	}
	if f.Status != "" {
		inner, args = inner+" AND p.status = %s", append(args, clean(f.Status))
	}
	switch f.Agent {
	case "":
	case "-":
		inner += " AND p.agent = ''"
	default:
		inner, args = inner+" AND p.agent = %s", append(args, clean(f.Agent))
	}
	w.add("EXISTS (SELECT FROM purchases p WHERE "+inner+")", args...)
}

// order returns what the list is ordered by, and how a place compares with what
// comes after. By status it is that of the first purchase, with Own of the buyer's.
func (f LeadFilter) order(w *where) (columns, place, beyond string) {
	switch f.Sort {
	case "oldest":
		return "l.received, l.id", "0::bigint", "(%s::bigint = 0 AND (l.received, l.id) > (%s, %s))"
	case "revenue":
		return "l.revenue DESC, l.received DESC, l.id DESC", "l.revenue", "(l.revenue, l.received, l.id) < (%s, %s, %s)"
	case "status":
		rank := "(SELECT CASE p.status WHEN 'new' THEN 9 WHEN 'no_contact' THEN 8 WHEN 'contacted' THEN 7 WHEN 'appointment' THEN 6 WHEN 'quoted' THEN 5 WHEN 'converted' THEN 4 ELSE 1 END FROM purchases p WHERE p.lead_id = l.id" + f.ownOnly(w) + " ORDER BY p.place, p.made DESC LIMIT 1)::bigint"
		rank = "coalesce(" + rank + ", 0)"
		return rank + " DESC, l.received DESC, l.id DESC", rank, "(" + rank + ", l.received, l.id) < (%s, %s, %s)"
	}
	return "l.received DESC, l.id DESC", "0::bigint", "(%s::bigint = 0 AND (l.received, l.id) < (%s, %s))"
}

// ownOnly is a condition on purchases p: those of the buyer, with Own.
func (f LeadFilter) ownOnly(w *where) string {
	if !f.Own {
		return ""
	}
	w.args = append(w.args, clean(f.Buyer))
	return " AND p.buyer = $" + strconv.Itoa(len(w.args))
}

// Leads returns leads with their purchases, without auctions, deliveries and
// what was posted.
func (s *Store) Leads(ctx context.Context, f LeadFilter) (LeadPage, error) {
	limit := min(max(or(f.Limit, 50), 1), MaxPage)
	w := f.where()
	order, place, beyond := f.order(w)
	if f.Cursor != "" {
		from, at, id, err := parseCursor(f.Cursor)
		if err != nil {
			return LeadPage{}, err
		}
		w.add(beyond, from, at, id)
	}
	rows, err := s.pages.Query(ctx, fmt.Sprintf(`
		SELECT l.body, l.state, l.revenue, l.payout, l.currency, l.unpaid, l.recovered, l.reason_code, l.reason_text, %s
		FROM leads l WHERE %s ORDER BY %s LIMIT %d`, place, w, order, limit+1), w.args...)
	if err != nil {
		return LeadPage{}, fmt.Errorf("list leads: %w", kinded(err))
	}
	var places []int64
	leads, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (l ringbid.Lead, err error) {
		var body []byte
		var at int64
		row := ringbid.Lead{}
		if err = r.Scan(&body, &row.State, (*int64)(&row.Sale.Revenue), (*int64)(&row.Sale.Payout), &row.Sale.Currency, &row.Unpaid, &row.Recovered,
			&row.Reason.Code, &row.Reason.Text, &at); err == nil {
			err = json.Unmarshal(body, &l)
		}
		l.State, l.Sale, l.Unpaid, l.Recovered, l.Reason, l.Posted = row.State, row.Sale, row.Unpaid, row.Recovered, row.Reason, nil
		places = append(places, at)
		return l, err
	})
	if err != nil {
		return LeadPage{}, fmt.Errorf("list leads: %w", kinded(err))
	}
	p := LeadPage{Leads: leads}
	if len(leads) > limit {
		p.Leads = leads[:limit]
		last := p.Leads[limit-1]
		p.Next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s %s", places[limit-1], last.Received.UTC().Format(time.RFC3339Nano), last.ID))
	}
	return p, s.withPurchases(ctx, p.Leads, f)
}

// withPurchases adds the purchases of all leads by one query.
func (s *Store) withPurchases(ctx context.Context, leads []ringbid.Lead, f LeadFilter) error {
	ids := make([]string, len(leads))
	for i := range leads {
		ids[i] = leads[i].ID
	}
	list, err := readPurchases(ctx, s.pages, `lead_id = ANY($1) ORDER BY made, place, rank`, ids)
	if err != nil {
		return fmt.Errorf("list purchases: %w", kinded(err))
	}
	for i := range leads {
		l := &leads[i]
		for _, p := range list {
			if p.Lead == l.ID && (!f.Own || p.Buyer == f.Buyer && reached(p.State)) {
				l.Purchases = append(l.Purchases, p)
			}
		}
		if f.Own && len(l.Purchases) > 0 {
			leads[i] = *forBuyer(l, l.Purchases)
		}
	}
	return nil
}

// LeadFigures are sums over leads, by currency.
type LeadFigures struct {
	Leads, Refused, Sold, Unsold, Held, Recovered, Returned int64
	Sales                                                   map[string]Sales
	RecoveredRevenue                                        map[string]ringbid.Money
}

// LeadTotal sums up the leads the filter asks for, its limit and cursor left
// aside. With Own, only the buyer's purchases count.
func (s *Store) LeadTotal(ctx context.Context, f LeadFilter) (LeadFigures, error) {
	w := f.where()
	own := f.ownOnly(w)
	of := func(what, state string) string {
		return "(SELECT " + what + " FROM purchases p WHERE p.lead_id = l.id AND p.state = '" + state + "'" + own + ")"
	}
	revenue, payout := "sum(l.revenue)::bigint", "sum(l.payout)::bigint"
	if f.Own {
		revenue, payout = "sum("+of("coalesce(sum(p.revenue), 0)", "accepted")+")::bigint", "0::bigint"
	}
	rows, err := s.pages.Query(ctx, `
		SELECT l.currency, count(*), count(*) FILTER (WHERE l.state = 'refused'), count(*) FILTER (WHERE l.state = 'sold'),
			count(*) FILTER (WHERE l.state = 'unsold'), count(*) FILTER (WHERE l.state = 'held'), count(*) FILTER (WHERE l.recovered),
			count(*) FILTER (WHERE EXISTS `+of("", "returned")+`), `+revenue+`, `+payout+`,
			coalesce(sum(CASE WHEN l.recovered THEN `+of("sum(p.revenue) FILTER (WHERE p.recovery)", "accepted")+` END), 0)::bigint
		FROM leads l WHERE `+w.String()+` GROUP BY l.currency ORDER BY 2 DESC`, w.args...)
	out := LeadFigures{Sales: map[string]Sales{}, RecoveredRevenue: map[string]ringbid.Money{}}
	if err != nil {
		return out, fmt.Errorf("sum up leads: %w", kinded(err))
	}
	var currency string
	var g LeadFigures
	var m Sales
	var recovered ringbid.Money
	_, err = pgx.ForEachRow(rows, []any{&currency, &g.Leads, &g.Refused, &g.Sold, &g.Unsold, &g.Held, &g.Recovered, &g.Returned,
		(*int64)(&m.Revenue), (*int64)(&m.Payout), (*int64)(&recovered)}, func() error {
		out.Leads, out.Refused, out.Sold, out.Unsold = out.Leads+g.Leads, out.Refused+g.Refused, out.Sold+g.Sold, out.Unsold+g.Unsold
		out.Held, out.Recovered, out.Returned = out.Held+g.Held, out.Recovered+g.Recovered, out.Returned+g.Returned
		out.Sales[currency], out.RecoveredRevenue[currency] = m, recovered
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("sum up leads: %w", kinded(err))
	}
	return out, nil
}

// Samples returns the facts of the newest leads of a campaign, or of all, for
// trying a map on.
func (s *Store) Samples(ctx context.Context, campaigns []string, n int) ([]ringbid.Lead, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT body FROM leads WHERE (cardinality($1::text[]) = 0 OR campaign = ANY($1)) AND state <> 'refused' ORDER BY received DESC, id DESC LIMIT $2`,
		slices.Clip(campaigns), min(max(n, 1), 100))
	if err != nil {
		return nil, fmt.Errorf("read samples: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (l ringbid.Lead, err error) {
		var b []byte
		if err = r.Scan(&b); err == nil {
			err = json.Unmarshal(b, &l)
		}
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read samples: %w", kinded(err))
	}
	return list, nil
}
