package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// MaxLead bounds one lead's row, in bytes of JSON.
const MaxLead = 512 << 10

func boundAuction(a ringbid.Auction) ringbid.Auction {
	c := bound(ringbid.Call{Auction: &a})
	return *c.Auction
}

// Person returns what people call a lead: the name, else the phone or e-mail.
func Person(l *ringbid.Lead) string {
	name := strings.TrimSpace(l.Facts["first_name"] + " " + l.Facts["last_name"])
	return cut(or(or(or(name, l.Facts["name"]), l.Facts["phone"]), l.Facts["email"]), 200)
}

// leadWords is what the text search looks at.
func leadWords(l *ringbid.Lead) string {
	list := []string{l.ID, l.External, l.Campaign, l.Publisher, l.Source, Person(l), l.Facts["phone"], l.Facts["email"], l.Facts["city"],
		l.Facts["state"], l.Facts["zip"], l.Reason.Text}
	return cut(strings.ToLower(strings.Join(list, "\n")), 4096)
}

// Repeat says when a lead is a repeat of a person: known in the campaign since
// the moment by one of the fields.
type Repeat struct {
	Since  time.Time
	By     []string // "phone", "email"
	Refuse bool     // else the publisher is not paid
}

func repeated(ctx context.Context, q querier, campaign, by, value string, since time.Time) (known bool, err error) {
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM leads WHERE campaign = $1 AND `+by+` = $2 AND received >= $3 AND state <> 'refused')`,
		campaign, value, since).Scan(&known)
	return known, err
}

// Repeated reports whether the person was posted to the campaign before, and by
// which field it is known; "" where it is new.
func (s *Store) Repeated(ctx context.Context, campaign string, facts ringbid.TagMap, r Repeat) (by string, err error) {
	for _, by := range r.By {
		v := strings.ToLower(facts[by])
		if v == "" || by != "phone" && by != "email" {
			continue
		}
		known, err := repeated(ctx, s.leads, campaign, by, v, r.Since)
		if err != nil {
			return "", fmt.Errorf("look for repeats: %w", kinded(err))
		}
		if known {
			return by, nil
		}
	}
	return "", nil
}

// Bought returns which buyers bought the person lately, and when last.
func (s *Store) Bought(ctx context.Context, phone, email string, since time.Time) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	rows, err := s.leads.Query(ctx, `
		SELECT buyer, max(made) FROM (
			SELECT buyer, made FROM purchases WHERE phone <> '' AND phone = $1 AND made >= $3 AND state IN ('pending', 'accepted', 'held')
			UNION ALL
			SELECT buyer, made FROM purchases WHERE email <> '' AND email = $2 AND made >= $3 AND state IN ('pending', 'accepted', 'held')
		) p GROUP BY buyer`, phone, strings.ToLower(email), since)
	if err != nil {
		return nil, fmt.Errorf("look for buyers of the person: %w", kinded(err))
	}
	var buyer string
	var at time.Time
	if _, err = pgx.ForEachRow(rows, []any{&buyer, &at}, func() error { out[buyer] = at; return nil }); err != nil {
		return nil, fmt.Errorf("look for buyers of the person: %w", kinded(err))
	}
	return out, nil
}

// LeadByExternal returns the lead a source posted under its own id, without
// tries, or a NotFound error.
func (s *Store) LeadByExternal(ctx context.Context, source, external string) (*ringbid.Lead, error) {
	var id string
	err := s.leads.QueryRow(ctx, `SELECT id FROM leads WHERE source = $1 AND external_id = $2 AND external_id <> ''`, source, clean(external)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound("lead", external)
	}
	if err != nil {
		return nil, fmt.Errorf("read lead by external id: %w", kinded(err))
	}
	return s.LeadNow(ctx, id)
}

// LeadNow returns a lead's state, money and purchases, without auction and
// deliveries.
func (s *Store) LeadNow(ctx context.Context, id string) (*ringbid.Lead, error) {
	l, err := readLead(ctx, s.leads, id, false)
	if err != nil {
		return nil, s.leadError(id, err)
	}
	return l, nil
}

// Lead returns all that is known of a lead, or a NotFound error.
func (s *Store) Lead(ctx context.Context, id string) (*ringbid.Lead, error) {
	var l *ringbid.Lead
	err := pgx.BeginTxFunc(ctx, s.pages, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if l, err = readLead(ctx, tx, clean(id), true); err != nil {
			return err
		}
		l.Deliveries, err = readDeliveries(ctx, tx, `d.lead_id = $1`, l.ID)
		if err != nil {
			return err
		}
		for i := range l.Deliveries {
			d := &l.Deliveries[i]
			if d.Tries, err = bodies[ringbid.Try](ctx, tx, `SELECT body FROM tries WHERE delivery_id = $1 ORDER BY n`, d.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.leadError(id, err)
	}
	return l, nil
}

func (s *Store) leadError(id string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound("lead", id)
	}
	return fmt.Errorf("read lead %.64q: %w", id, kinded(err))
}

// readLead reads a lead with its purchases.
func readLead(ctx context.Context, q querier, id string, whole bool) (*ringbid.Lead, error) {
	var l ringbid.Lead
	var body, auction []byte
	columns := `body, NULL::jsonb`
	if whole {
		columns = `body, auction`
	}
	var revenue, payout int64
	var state ringbid.LeadState
	var unpaid, recovered bool
	var code, text, currency string
	err := q.QueryRow(ctx, `SELECT `+columns+`, state, revenue, payout, currency, unpaid, recovered, reason_code, reason_text FROM leads WHERE id = $1`, id).
		Scan(&body, &auction, &state, &revenue, &payout, &currency, &unpaid, &recovered, &code, &text)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &l); err != nil {
		return nil, err
	}
	// The columns are what is so now; the body is as it was posted.
	l.State, l.Sale.Revenue, l.Sale.Payout, l.Sale.Currency = state, ringbid.Money(revenue), ringbid.Money(payout), currency
	l.Unpaid, l.Recovered, l.Reason.Code, l.Reason.Text = unpaid, recovered, code, text
	l.Received = l.Received.UTC()
	if auction != nil {
		l.Auction = new(ringbid.Auction)
		if err := json.Unmarshal(auction, l.Auction); err != nil {
			return nil, err
		}
	}
	l.Purchases, err = readPurchases(ctx, q, `lead_id = $1 ORDER BY made, place, rank`, id)
	return &l, err
}
