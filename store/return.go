package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Return is a buyer's wish to give a lead back.
type Return struct {
	Purchase ringbid.Purchase
	Person   string
	Campaign string
	Asked    time.Time
	By       string
	Reason   string
	State    string // asked, granted, refused
}

// askReturn notes the wish, once.
func askReturn(ctx context.Context, tx pgx.Tx, p ringbid.Purchase, a ringbid.Activity) error {
	if p.State != ringbid.PurchaseAccepted {
		return ringbid.Errorf(ringbid.Conflict, "only a lead that was accepted can be given back")
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO returns (purchase_id, buyer, asked, asked_by, reason, state, decided_by) VALUES ($1, $2, $3, $4, $5, 'asked', '')
		ON CONFLICT DO NOTHING`, p.ID, p.Buyer, a.At, cut(clean(a.By), 100), cut(clean(a.Text), 2000))
	if err == nil && tag.RowsAffected() == 0 {
		return ringbid.Errorf(ringbid.Conflict, "a return was asked for already")
	}
	return err
}

// Returns lists wishes of the state, the oldest first; "" for all, the newest
// first. At most 500.
func (s *Store) Returns(ctx context.Context, state string) ([]Return, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT r.purchase_id, l.person, l.campaign, r.asked, r.asked_by, r.reason, r.state FROM returns r
		JOIN purchases p ON p.id = r.purchase_id JOIN leads l ON l.id = p.lead_id
		WHERE $1 = '' OR r.state = $1 ORDER BY (r.state = 'asked') DESC, CASE WHEN r.state = 'asked' THEN r.asked END, r.asked DESC LIMIT 500`, state)
	if err != nil {
		return nil, fmt.Errorf("list returns: %w", kinded(err))
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (x Return, err error) {
		err = r.Scan(&x.Purchase.ID, &x.Person, &x.Campaign, &x.Asked, &x.By, &x.Reason, &x.State)
		return x, err
	})
	for i := range list {
		if err != nil {
			break
		}
		var p []ringbid.Purchase
		if p, err = readPurchases(ctx, s.pages, `id = $1`, list[i].Purchase.ID); len(p) > 0 {
			list[i].Purchase = p[0]
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list returns: %w", kinded(err))
	}
	return list, nil
}

// DecideReturn grants or refuses a return. Granting turns the purchase's lines
// of the ledger round, gives its caps back and takes its money off the lead.
func (s *Store) DecideReturn(ctx context.Context, purchase string, grant bool, by string) error {
	err := inTx(ctx, s.leads, func(tx pgx.Tx) error { return s.decideReturn(ctx, tx, purchase, grant, by) })
	if err != nil {
		return fmt.Errorf("decide return of %.64q: %w", purchase, kinded(err))
	}
	return nil
}

func (s *Store) decideReturn(ctx context.Context, tx pgx.Tx, purchase string, grant bool, by string) error {
	list, err := readPurchases(ctx, tx, `id = $1`, clean(purchase))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return notFound("purchase", purchase)
	}
	if _, err := tx.Exec(ctx, `SELECT FROM leads WHERE id = $1 FOR NO KEY UPDATE`, list[0].Lead); err != nil {
		return err
	}
	if list, err = readPurchases(ctx, tx, `id = $1`, list[0].ID); err != nil { // as it is now that nobody else is at it
		return err
	}
	p := list[0]
	now, state := s.cfg.Now().UTC(), "refused"
	if grant {
		state = "granted"
	}
	var asked string
	err = tx.QueryRow(ctx, `UPDATE returns SET state = $2, decided = $3, decided_by = $4 WHERE purchase_id = $1 AND state = 'asked' RETURNING asked_by`,
		p.ID, state, now, cut(clean(by), 100)).Scan(&asked)
	if errors.Is(err, pgx.ErrNoRows) {
		return ringbid.Errorf(ringbid.Conflict, "the return was decided already")
	}
	if err == nil && grant {
		err = s.giveBack(ctx, tx, p, now)
	}
	if err != nil {
		return err
	}
	return logActivity(ctx, tx, ringbid.Activity{Lead: p.Lead, Purchase: p.ID, At: now, By: by, Kind: "return_decided", Text: state})
}

// giveBack undoes an accepted purchase.
func (s *Store) giveBack(ctx context.Context, tx pgx.Tx, p ringbid.Purchase, now time.Time) error {
	l, err := readLead(ctx, tx, p.Lead, false)
	if err != nil {
		return err
	}
	var uses []byte
	err = tx.QueryRow(ctx, `UPDATE purchases SET state = 'returned', status = 'returned', status_at = $2, decided = $2 WHERE id = $1 AND state = 'accepted' RETURNING uses`, p.ID, now).Scan(&uses)
	if errors.Is(err, pgx.ErrNoRows) {
		return ringbid.Errorf(ringbid.Conflict, "the purchase was not accepted")
	}
	if err == nil {
		err = giveCaps(ctx, tx, p.Target, uses)
	}
	if err == nil {
		err = bookPurchase(ctx, tx, p, l.Publisher, "return", now)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE leads SET revenue = revenue - $2, payout = payout - $3 WHERE id = $1`, l.ID, int64(p.Sale.Revenue), int64(p.Sale.Payout))
	}
	if err != nil {
		return err
	}
	h := hourOfLead(l)
	h.buyer, h.returned, h.revenue, h.payout = p.Buyer, 1, -p.Sale.Revenue, -p.Sale.Payout
	if p.Recovery {
		h.recoveredRevenue = -p.Sale.Revenue
	}
	return putLeadHours(ctx, tx, h)
}
