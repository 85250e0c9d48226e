package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Sales is money in one currency.
type Sales struct {
	Revenue, Payout ringbid.Money
}

// Margin returns revenue less payout.
func (s Sales) Margin() ringbid.Money { return s.Revenue - s.Payout }

// Figures are sums over calls that ended.
type Figures struct {
	Calls       int64
	Answered    int64 // by us
	Dialled     int64 // a buyer was called
	Connected   int64 // a buyer took it
	Converted   int64 // paid for
	Lost        int64 // the node died
	ConnectedMS int64
	Sales       map[string]Sales // by currency
}

// AnswerRate returns which part of the calls that were offered to buyers was
// taken by one, 0 to 1; 0 where there were none.
func (f Figures) AnswerRate() float64 {
	if f.Dialled == 0 {
		return 0
	}
	return float64(f.Connected) / float64(f.Dialled)
}

// Row is the figures of one campaign, publisher or buyer.
type Row struct {
	Name string // "" for calls without one
	Figures
}

// sums are what both sources of figures give, in this order, after name and
// currency.
const hourlySums = `sum(calls)::bigint, sum(answered)::bigint, sum(dialled)::bigint, sum(connected)::bigint, sum(converted)::bigint,
	sum(lost)::bigint, sum(connected_ms)::bigint, sum(revenue)::bigint, sum(payout)::bigint`

const callSums = `count(*), count(c.answered), count(*) FILTER (WHERE c.dialled), count(c.connected), count(*) FILTER (WHERE c.converted),
	count(*) FILTER (WHERE c.outcome = 'lost'), coalesce(sum(c.connected_ms), 0)::bigint, coalesce(sum(c.revenue), 0)::bigint, coalesce(sum(c.payout), 0)::bigint`

// Figures returns the sums of the calls received since the moment: from the
// hourly sums, and from the calls themselves for the hour that has begun then.
func (s *Store) Figures(ctx context.Context, since time.Time) (Figures, error) {
	full := since.UTC().Truncate(time.Hour)
	if full.Before(since) {
		full = full.Add(time.Hour)
	}
	rows, err := s.figures(ctx, `
		SELECT '', currency, `+hourlySums+` FROM hourly WHERE hour >= $1 GROUP BY currency
		UNION ALL
		SELECT '', c.currency, `+callSums+` FROM calls c WHERE c.received >= $2 AND c.received < $1 AND c.counted GROUP BY c.currency`, full, since)
	if err != nil || len(rows) == 0 {
		return Figures{Sales: map[string]Sales{}}, err
	}
	return rows[0].Figures, nil
}

// Total returns the sums of the calls the filter asks for, its limit and cursor
// left aside.
func (s *Store) Total(ctx context.Context, f CallFilter) (Figures, error) {
	w := f.where()
	rows, err := s.figures(ctx, `SELECT '', c.currency, `+callSums+` FROM calls c WHERE `+w.String()+` GROUP BY c.currency`, w.args...)
	if err != nil || len(rows) == 0 {
		return Figures{Sales: map[string]Sales{}}, err
	}
	return rows[0].Figures, nil
}

// TotalBy returns the sums of the calls the filter asks for by "campaign",
// "publisher" or "buyer", in order of name.
func (s *Store) TotalBy(ctx context.Context, f CallFilter, by string) ([]Row, error) {
	if by != "campaign" && by != "publisher" && by != "buyer" {
		return nil, ringbid.FieldError("by", "%.40q is not campaign, publisher or buyer", by)
	}
	w := f.where()
	return s.figures(ctx, `SELECT c.`+by+`, c.currency, `+callSums+` FROM calls c WHERE `+w.String()+`
		GROUP BY c.`+by+`, c.currency ORDER BY c.`+by+`, c.currency`, w.args...)
}

// Report returns the figures of the whole hours from until to by "campaign",
// "publisher" or "buyer", in order of name.
func (s *Store) Report(ctx context.Context, from, to time.Time, by string) ([]Row, error) {
	if by != "campaign" && by != "publisher" && by != "buyer" {
		return nil, ringbid.FieldError("by", "%.40q is not campaign, publisher or buyer", by)
	}
	return s.figures(ctx, `
		SELECT `+by+`, currency, `+hourlySums+` FROM hourly WHERE hour >= date_trunc('hour', $1::timestamptz, 'UTC') AND hour < $2
		GROUP BY `+by+`, currency ORDER BY `+by+`, currency`, from, to)
}

// figures runs a query of name, currency and sums, and adds up what has one
// name.
func (s *Store) figures(ctx context.Context, sql string, args ...any) ([]Row, error) {
	rows, err := s.pages.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read figures: %w", kinded(err))
	}
	var out []Row
	var name, currency string
	var f Figures
	var m Sales
	_, err = pgx.ForEachRow(rows, []any{&name, &currency, &f.Calls, &f.Answered, &f.Dialled, &f.Connected, &f.Converted, &f.Lost, &f.ConnectedMS, (*int64)(&m.Revenue), (*int64)(&m.Payout)}, func() error {
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, Row{Name: name, Figures: Figures{Sales: map[string]Sales{}}})
		}
		out[len(out)-1].add(f, currency, m)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read figures: %w", kinded(err))
	}
	return out, nil
}

func (f *Figures) add(g Figures, currency string, m Sales) {
	f.Calls += g.Calls
	f.Answered += g.Answered
	f.Dialled += g.Dialled
	f.Connected += g.Connected
	f.Converted += g.Converted
	f.Lost += g.Lost
	f.ConnectedMS += g.ConnectedMS
	if m != (Sales{}) {
		x := f.Sales[currency]
		f.Sales[currency] = Sales{x.Revenue + m.Revenue, x.Payout + m.Payout}
	}
}
