package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

const purchaseColumns = `id, lead_id, buyer, target, name, bid_id, rank, place, state, reason, made, decided, partner_id,
	currency, price, revenue, payout, rule, recovery, status, agent, viewed, contacted`

func scanPurchase(r pgx.CollectableRow) (p ringbid.Purchase, err error) {
	var bid string
	err = r.Scan(&p.ID, &p.Lead, &p.Buyer, &p.Target, &p.Name, &bid, &p.Rank, &p.Place, &p.State, &p.Reason, &p.Made, &p.Decided, &p.Partner,
		&p.Sale.Currency, (*int64)(&p.Sale.Price), (*int64)(&p.Sale.Revenue), (*int64)(&p.Sale.Payout), &p.Sale.Rule, &p.Recovery,
		&p.Status, &p.Agent, &p.Viewed, &p.Contacted)
	p.BidID, p.Made = bid, p.Made.UTC()
	p.Sale.Converted = p.State == ringbid.PurchaseAccepted
	for _, t := range []*time.Time{p.Decided, p.Viewed, p.Contacted} {
		if t != nil {
			*t = t.UTC()
		}
	}
	return p, err
}

func readPurchases(ctx context.Context, q querier, where string, args ...any) ([]ringbid.Purchase, error) {
	rows, err := q.Query(ctx, `SELECT `+purchaseColumns+` FROM purchases WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanPurchase)
	if len(list) == 0 {
		list = nil
	}
	return list, err
}

// putOffer makes an offer of a lead that is there already: it counts it against
// its target's caps and writes the purchase, its first deliveries and their jobs.
// why says what keeps it from being made; nothing is written then.
func (s *Store) putOffer(ctx context.Context, tx pgx.Tx, l *ringbid.Lead, o ringbid.Offer) (why string, err error) {
	var taken bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM purchases WHERE lead_id = $1 AND buyer = $2)`, l.ID, o.Purchase.Buyer).Scan(&taken); err != nil || taken {
		return "has had this lead already", err
	}
	if why, err = takeCaps(ctx, tx, o.Purchase.Target, o.Uses); err != nil || why != "" {
		return s.capWords(why, o.Purchase.Target), err
	}
	row, err := json.Marshal(newPurchaseRow(l, o))
	if err != nil {
		return "", err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO purchases SELECT * FROM jsonb_populate_record(NULL::purchases, $1)`, scrubNUL(row)); err != nil {
		return "", err
	}
	return "", s.putDeliveries(ctx, tx, firstDeliveries(l, o)...)
}

// putDeliveries writes deliveries of a lead that is there already, and their
// jobs.
func (s *Store) putDeliveries(ctx context.Context, tx pgx.Tx, list ...ringbid.Delivery) error {
	var rows []deliveryRow
	var ids []string
	for _, d := range list {
		rows, ids = append(rows, newDeliveryRow(d, laterN)), append(ids, d.ID)
	}
	b, err := json.Marshal(nonNil(rows))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO deliveries SELECT * FROM jsonb_populate_recordset(NULL::deliveries, $1)`, scrubNUL(b)); err != nil {
		return err
	}
	return s.enqueue(ctx, tx, ids)
}

// laterN orders deliveries that came after a lead's first ones by their time.
const laterN = 1000

// enqueue lets deliveries be tried at once.
func (s *Store) enqueue(ctx context.Context, tx pgx.Tx, ids []string) error {
	if s.cfg.Outbox == nil || len(ids) == 0 {
		return nil
	}
	return s.cfg.Outbox.DeliverTx(ctx, tx, ids, time.Time{})
}

// takeCaps counts uses where all have room; else it returns which has none.
func takeCaps(ctx context.Context, tx pgx.Tx, target string, uses []ringbid.CapUse) (string, error) {
	if len(uses) == 0 {
		return "", nil
	}
	uses = slices.SortedFunc(slices.Values(uses), func(a, b ringbid.CapUse) int { return compareUses(useOf(target, a), useOf(target, b)) })
	n := len(uses)
	counts, per, start, most, by := make([]string, n), make([]string, n), make([]time.Time, n), make([]int64, n), make([]int64, n)
	for i, u := range uses {
		counts[i], per[i], start[i], most[i], by[i] = u.On, u.Per, u.Start, u.Max, u.N
	}
	var why string
	err := tx.QueryRow(ctx, `SELECT take_caps($1, $2, $3, $4, $5, $6)`, target, counts, per, start, most, by).Scan(&why)
	return why, err
}

// lockCaps locks the caps of a target and of those that may come after it, in the
// one order in which all transactions lock targets.
func lockCaps(ctx context.Context, tx pgx.Tx, target string, next []ringbid.Offer) error {
	names := []string{target}
	for _, o := range next {
		if len(o.Uses) > 0 {
			names = append(names, o.Purchase.Target)
		}
	}
	if len(names) == 1 {
		return nil // nobody to wait for in a circle
	}
	b := &pgx.Batch{}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		b.Queue(`INSERT INTO slots (target) VALUES ($1) ON CONFLICT DO NOTHING`, n)
		b.Queue(`SELECT FROM slots WHERE target = $1 FOR UPDATE`, n)
	}
	return tx.SendBatch(ctx, b).Close()
}

func useOf(target string, u ringbid.CapUse) use {
	return use{Target: target, On: u.On, Per: u.Per, Start: u.Start, N: u.N}
}

func (s *Store) capWords(reason, target string) string {
	t := s.Book().Targets[target]
	if reason == "" || t == nil {
		return reason
	}
	return inWords(reason, t)
}

// giveCaps takes back what a purchase counted, all but the attempt.
func giveCaps(ctx context.Context, tx pgx.Tx, target string, raw []byte) error {
	var uses []ringbid.CapUse
	if err := json.Unmarshal(raw, &uses); err != nil {
		return err
	}
	slices.SortFunc(uses, func(a, b ringbid.CapUse) int { return compareUses(useOf(target, a), useOf(target, b)) })
	b := &pgx.Batch{}
	for _, u := range uses {
		if u.On != "attempt" {
			b.Queue(`UPDATE cap_counters SET used = greatest(0, used - $5) WHERE target = $1 AND counts = $2 AND per = $3 AND window_start = $4`,
				target, u.On, u.Per, u.Start, u.N)
		}
	}
	return tx.SendBatch(ctx, b).Close()
}

// bookPurchase writes the lines of the ledger: the buyer owes the revenue, the
// publisher is owed the payout, the rest is ours; a return is the same with the
// signs turned.
func bookPurchase(ctx context.Context, tx pgx.Tx, p ringbid.Purchase, publisher, cause string, at time.Time) error {
	sign := ringbid.Money(1)
	if cause == "return" {
		sign = -1
	}
	b := &pgx.Batch{}
	for _, e := range []struct {
		account, party string
		amount         ringbid.Money
	}{
		{"receivable", p.Buyer, p.Sale.Revenue}, {"payable", publisher, -p.Sale.Payout}, {"margin", "", -p.Sale.Margin()},
	} {
		if e.amount != 0 {
			b.Queue(`INSERT INTO entries (purchase_id, cause, account, party, currency, amount, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				p.ID, cause, e.account, e.party, or(p.Sale.Currency, ringbid.DefaultCurrency), int64(sign*e.amount), at)
		}
	}
	return tx.SendBatch(ctx, b).Close()
}
