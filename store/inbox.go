package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// LeadOf returns a lead as one buyer may see it: its own purchase only, no
// auction, no payout. NotFound for a lead the buyer did not get.
func (s *Store) LeadOf(ctx context.Context, buyer, id string) (*ringbid.Lead, error) {
	l, err := readLead(ctx, s.pages, clean(id), false)
	if err != nil {
		return nil, s.leadError(id, err)
	}
	own := slices.DeleteFunc(l.Purchases, func(p ringbid.Purchase) bool { return p.Buyer != buyer || !reached(p.State) })
	if len(own) == 0 {
		return nil, notFound("lead", id)
	}
	if l.Deliveries, err = readDeliveries(ctx, s.pages, `d.purchase_id = $1`, own[0].ID); err != nil {
		return nil, s.leadError(id, err)
	}
	return forBuyer(l, own), nil
}

// reached reports whether a purchase of the state is the buyer's to see.
func reached(p ringbid.PurchaseState) bool {
	return p == ringbid.PurchasePending || p == ringbid.PurchaseAccepted || p == ringbid.PurchaseReturned || p == ringbid.PurchaseHeld
}

// forBuyer takes off a lead what is between us and others: the publisher, the
// auction, who had it before and what became of it there.
func forBuyer(l *ringbid.Lead, own []ringbid.Purchase) *ringbid.Lead {
	p := own[0]
	p.Sale.Payout, p.Rank, p.Place, p.Recovery = 0, 0, 0, false
	p.Sale.Rule, _, _ = strings.Cut(p.Sale.Rule, "; publisher")
	return &ringbid.Lead{
		ID: l.ID, State: stateFor(p.State), Received: l.Received, Campaign: l.Campaign, Call: l.Call, Facts: l.Facts,
		Purchases: []ringbid.Purchase{p}, Deliveries: l.Deliveries,
		Sale: ringbid.Sale{Currency: p.Sale.Currency, Price: p.Sale.Price, Revenue: p.Sale.Revenue},
	}
}

// stateFor is where a lead stands for the buyer of a purchase.
func stateFor(p ringbid.PurchaseState) ringbid.LeadState {
	switch p {
	case ringbid.PurchasePending:
		return ringbid.LeadSelling
	case ringbid.PurchaseHeld:
		return ringbid.LeadHeld
	}
	return ringbid.LeadSold
}

// Activity returns what people and partners did with a lead, the oldest first;
// a buyer's own only, where one is named.
func (s *Store) Activity(ctx context.Context, buyer, lead string) ([]ringbid.Activity, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT a.lead_id, a.purchase_id, a.at, a.by, a.kind, a.text FROM lead_activity a JOIN purchases p ON p.id = a.purchase_id
		WHERE a.lead_id = $1 AND ($2 = '' OR p.buyer = $2) ORDER BY a.at, a.id LIMIT 500`, clean(lead), buyer)
	if err != nil {
		return nil, fmt.Errorf("read activity: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ringbid.Activity])
	if err != nil {
		return nil, fmt.Errorf("read activity: %w", kinded(err))
	}
	return list, nil
}

// Act logs what a buyer's people did with a lead and changes the purchase
// accordingly: viewed, call, status, note, assigned, return.
func (s *Store) Act(ctx context.Context, buyer string, a ringbid.Activity) error {
	err := inTx(ctx, s.leads, func(tx pgx.Tx) error {
		list, err := readPurchases(ctx, tx, `lead_id = $1 AND buyer = $2 FOR UPDATE`, clean(a.Lead), buyer)
		if err != nil {
			return err
		}
		if len(list) == 0 || !reached(list[0].State) {
			return notFound("lead", a.Lead)
		}
		p := list[0]
		a.Purchase, a.At = p.ID, a.At.UTC()
		again, err := s.act(ctx, tx, p, a)
		if err != nil || again {
			return err
		}
		return logActivity(ctx, tx, a)
	})
	if err != nil {
		return fmt.Errorf("log %s of lead %.64q: %w", a.Kind, a.Lead, kinded(err))
	}
	return nil
}

// act changes the purchase; again says that there is nothing new to log.
func (s *Store) act(ctx context.Context, tx pgx.Tx, p ringbid.Purchase, a ringbid.Activity) (again bool, err error) {
	set := func(sql string, args ...any) error {
		_, err := tx.Exec(ctx, `UPDATE purchases SET `+sql+` WHERE id = $1`, append([]any{p.ID}, args...)...)
		return err
	}
	switch a.Kind {
	case "viewed":
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM lead_activity WHERE purchase_id = $1 AND by = $2 AND kind = 'viewed')`, p.ID, a.By).Scan(&again); err != nil || again {
			return again, err
		}
		return false, set(`viewed = coalesce(viewed, $2)`, a.At)
	case "call":
		return false, set(`contacted = coalesce(contacted, $2), viewed = coalesce(viewed, $2)`, a.At)
	case "status":
		return p.Status == a.Text, s.setStatus(ctx, tx, p, a.Text, a.At)
	case "note":
		return false, nil
	case "assigned":
		if a.Text != "" && p.Agent != "" && p.Agent != a.Text && a.By == a.Text {
			return false, ringbid.Errorf(ringbid.Conflict, "%s has taken it meanwhile", p.Agent)
		}
		return p.Agent == a.Text, set(`agent = $2`, cut(clean(a.Text), 64))
	case "return":
		return false, askReturn(ctx, tx, p, a)
	}
	return false, ringbid.FieldError("kind", "%.32q is not something one does with a lead", a.Kind)
}

// setStatus moves a purchase's status; contact is what all but the first two
// words imply.
func (s *Store) setStatus(ctx context.Context, tx pgx.Tx, p ringbid.Purchase, status string, at time.Time) error {
	if err := knownStatus(status); err != nil {
		return err
	}
	contact := status == "contacted" || status == "appointment" || status == "quoted" || status == "converted"
	_, err := tx.Exec(ctx, `
		UPDATE purchases SET status = $2, status_at = $3, contacted = CASE WHEN $4 THEN coalesce(contacted, $3) ELSE contacted END WHERE id = $1`,
		p.ID, status, at.UTC(), contact)
	return err
}

func knownStatus(status string) error {
	if !slices.Contains(ringbid.LeadStatuses(), status) {
		return ringbid.FieldError("status", "%.32q is not one of the statuses of a lead", status)
	}
	return nil
}

// AgentFigures are what one agent made of the leads of some time.
type AgentFigures struct {
	Agent                                 string
	Taken, Contacted, Converted, Returned int64
	Response                              time.Duration // median, from receipt to the first contact
}

// Work sums up what a buyer's agents made of the leads bought in [from, to).
func (s *Store) Work(ctx context.Context, buyer string, from, to time.Time) ([]AgentFigures, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT agent, count(*), count(contacted), count(*) FILTER (WHERE status = 'converted'), count(*) FILTER (WHERE state = 'returned'),
			coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM contacted - made)) FILTER (WHERE contacted IS NOT NULL), 0)
		FROM purchases WHERE buyer = $1 AND made >= $2 AND made < $3 AND state IN ('pending', 'accepted', 'returned', 'held')
		GROUP BY agent ORDER BY agent`, buyer, from, to)
	if err != nil {
		return nil, fmt.Errorf("sum up work of %s: %w", buyer, kinded(err))
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (f AgentFigures, err error) {
		var seconds float64
		err = r.Scan(&f.Agent, &f.Taken, &f.Contacted, &f.Converted, &f.Returned, &seconds)
		f.Response = time.Duration(seconds * float64(time.Second))
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("sum up work of %s: %w", buyer, kinded(err))
	}
	return list, nil
}

// maxTurns is how far back, in things done with leads, is looked for who was given
// one last.
const maxTurns = 5000

// Assign gives a purchase to one of the agents of a buyer's inbox where nobody has
// it: to whom one was given the longest ago, whenever it was made. Of a buyer's
// purchases one is given at a time.
func (s *Store) Assign(ctx context.Context, buyer, purchase string, agents []string) error {
	err := inTx(ctx, s.leads, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 19))`, buyer); err != nil {
			return err
		}
		a := ringbid.Activity{Purchase: purchase, At: s.cfg.Now(), By: "ringbid", Kind: "assigned"}
		err := tx.QueryRow(ctx, `
			SELECT a FROM unnest($2::text[]) WITH ORDINALITY AS t (a, n)
			LEFT JOIN (
				SELECT text, max(id) AS last FROM (SELECT id, kind, text FROM lead_activity ORDER BY id DESC LIMIT $3) latest WHERE kind = 'assigned' GROUP BY text
			) g ON g.text = t.a
			ORDER BY g.last NULLS FIRST, (SELECT max(made) FROM purchases p WHERE p.buyer = $1 AND p.agent = t.a) NULLS FIRST, n LIMIT 1`,
			buyer, agents, maxTurns).Scan(&a.Text)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `UPDATE purchases SET agent = $2 WHERE id = $1 AND agent = '' RETURNING lead_id`, purchase, a.Text).Scan(&a.Lead)
		if err != nil {
			return err
		}
		return logActivity(ctx, tx, a)
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) { // no agents, or somebody has it
		return fmt.Errorf("assign purchase %.64q: %w", purchase, kinded(err))
	}
	return nil
}
