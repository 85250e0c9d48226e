package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Bounds of selling: how many leads may wait, how many go into one transaction,
// and how many transactions run at once.
const (
	maxSales  = 2048
	saleGroup = 32
	sellers   = 2
)

// sale is a lead on its way into the database.
type sale struct {
	lead   *ringbid.Lead
	offers []ringbid.Offer
	repeat *Repeat
	row    []byte   // of leads
	made   []byte   // the offers' rows
	ids    []string // of its deliveries
	done   chan<- saleResult
}

// saleResult is what sell_lead says.
type saleResult struct {
	Stored bool              `json:"stored"`
	Full   map[string]string `json:"full"`
	Known  string            `json:"known"`
	Unpaid bool              `json:"unpaid"`
	err    error
}

// Sell writes a lead down together with its purchases, their caps, deliveries
// and jobs: all or nothing. Leads that come at the same moment share a
// transaction. Where an offer has no room nothing is written, stored is false and
// full says which targets are full, and why. The error is Conflict where the
// source's external id, or (with repeat.Refuse) the person, is known already, or
// the lead's ping was used; Busy where too many leads wait. Where ctx ends first,
// the lead may have been written all the same.
func (s *Store) Sell(ctx context.Context, l *ringbid.Lead, offers []ringbid.Offer, repeat *Repeat) (full map[string]string, stored bool, err error) {
	x, err := s.newSale(l, offers, repeat)
	if err != nil {
		return nil, false, fmt.Errorf("sell lead %s: %w", l.ID, err)
	}
	done := make(chan saleResult, 1)
	x.done = done
	if s.sales == nil { // attached
		s.sellGroup(ctx, []*sale{x})
	} else {
		select {
		case s.sales <- x:
		default:
			return nil, false, ringbid.Errorf(ringbid.Busy, "sell lead %s: %d leads are waiting", l.ID, maxSales)
		}
	}
	select {
	case r := <-done:
		return s.sold(l, r)
	case <-ctx.Done():
		return nil, false, fmt.Errorf("sell lead %s: %w", l.ID, kinded(ctx.Err()))
	}
}

// sold reads the answer.
func (s *Store) sold(l *ringbid.Lead, r saleResult) (map[string]string, bool, error) {
	switch {
	case r.err != nil:
		return nil, false, fmt.Errorf("sell lead %s: %w", l.ID, kinded(r.err))
	case r.Known == "id":
		return nil, false, ringbid.Errorf(ringbid.Conflict, "sell lead %s: it is known already", l.ID)
	case r.Known == "ping_id":
		return nil, false, fmt.Errorf("sell lead %s: %w", l.ID, errPingUsed)
	case r.Known != "":
		return nil, false, fmt.Errorf("sell lead %s: %w", l.ID, ringbid.FieldConflict(r.Known, "is a repeat: this person was posted before"))
	}
	l.Unpaid = l.Unpaid || r.Unpaid
	full := map[string]string{}
	for target, why := range r.Full {
		full[target] = s.capWords(why, target)
	}
	return full, r.Stored, nil
}

// newSale writes the rows of a lead as JSON.
func (s *Store) newSale(l *ringbid.Lead, offers []ringbid.Offer, repeat *Repeat) (x *sale, err error) {
	x = &sale{lead: l, offers: offers, repeat: repeat}
	if x.row, err = s.leadRow(l); err != nil {
		return nil, err
	}
	rows := make([]offerRow, 0, len(offers))
	n := 0
	for _, o := range offers {
		r := offerRow{Purchase: newPurchaseRow(l, o)}
		for _, d := range firstDeliveries(l, o) {
			r.Deliveries = append(r.Deliveries, newDeliveryRow(d, n))
			x.ids = append(x.ids, d.ID)
			n++
		}
		rows = append(rows, r)
	}
	b, err := json.Marshal(rows)
	x.made = scrubNUL(b)
	return x, err
}

// sellLoop sells what waits, as much as there is at once, until ctx ends.
func (s *Store) sellLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-s.sales:
			group := []*sale{x}
			for len(group) < saleGroup {
				select {
				case x := <-s.sales:
					group = append(group, x)
					continue
				default:
				}
				break
			}
			s.sellGroup(ctx, group)
		}
	}
}

// sellGroup sells leads in one transaction. Where that does not succeed and it
// may be one of them that is to blame, each is tried by itself.
func (s *Store) sellGroup(ctx context.Context, group []*sale) {
	bounded, cancel := context.WithTimeout(ctx, pageBudget)
	defer cancel()
	results, err := s.sellTogether(bounded, group)
	if err != nil && len(group) > 1 && !lost(err) {
		for _, x := range group {
			s.sellGroup(ctx, []*sale{x})
		}
		return
	}
	for i, x := range group {
		if err != nil {
			x.done <- saleResult{err: err}
			continue
		}
		x.done <- results[i]
	}
}

func (s *Store) sellTogether(ctx context.Context, group []*sale) (results []saleResult, err error) {
	err = inTx(ctx, s.leads, func(tx pgx.Tx) error {
		results = results[:0]
		b := &pgx.Batch{}
		queueLocks(b, group)
		for _, x := range group {
			by, since, refuse := []string{}, x.lead.Received, false
			if x.repeat != nil {
				by, since, refuse = x.repeat.By, x.repeat.Since, x.repeat.Refuse
			}
			b.Queue(`SELECT sell_lead($1, $2, $3, $4, $5)`, x.row, x.made, by, since, refuse).QueryRow(func(row pgx.Row) error {
				var answer []byte
				var r saleResult
				err := row.Scan(&answer)
				if err == nil {
					err = json.Unmarshal(answer, &r)
				}
				results = append(results, r)
				return err
			})
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if err := s.enqueue(ctx, tx, deliveriesOf(group, results)); err != nil {
			return err
		}
		return putLeadHours(ctx, tx, hoursOf(group, results)...) // last: others wait for these rows
	})
	return results, err
}

// queueLocks takes the locks of persons, of external ids and of targets with
// caps, all in one order, so that no two groups wait for each other.
func queueLocks(b *pgx.Batch, group []*sale) {
	keys, targets := map[string]bool{}, map[string]bool{}
	for _, x := range group {
		if x.lead.External != "" {
			keys["id "+x.lead.Source+" "+x.lead.External] = true
		}
		if x.repeat != nil {
			for _, by := range x.repeat.By {
				if v := strings.ToLower(x.lead.Facts[by]); v != "" {
					keys[x.lead.Campaign+" "+by+" "+v] = true
				}
			}
		}
		for _, o := range x.offers {
			if len(o.Uses) > 0 {
				targets[o.Purchase.Target] = true
			}
		}
	}
	if len(keys) > 0 {
		b.Queue(`SELECT pg_advisory_xact_lock(k) FROM (SELECT DISTINCT hashtextextended(p, 7) AS k FROM unnest($1::text[]) AS p ORDER BY k) AS l`, slices.Collect(maps.Keys(keys)))
	}
	if len(targets) > 0 {
		sorted := slices.Sorted(maps.Keys(targets))
		b.Queue(`INSERT INTO slots (target) SELECT t FROM unnest($1::text[]) AS t ON CONFLICT DO NOTHING`, sorted)
		b.Queue(`SELECT FROM slots WHERE target = ANY($1) ORDER BY target FOR UPDATE`, sorted)
	}
}

// deliveriesOf are those of the purchases that were made.
func deliveriesOf(group []*sale, results []saleResult) (ids []string) {
	for i, x := range group {
		if !results[i].Stored {
			continue
		}
		ids = append(ids, x.ids...)
	}
	return ids
}

// hoursOf are the sums of what was stored.
func hoursOf(group []*sale, results []saleResult) []leadHour {
	sums := map[leadHour]leadHour{}
	for i, x := range group {
		if !results[i].Stored {
			continue
		}
		k := hourOfLead(x.lead)
		h, ok := sums[k]
		if !ok {
			h = k
		}
		h.leads++
		h.offered += int64(len(x.offers))
		if x.lead.State == ringbid.LeadRefused {
			h.refused++
		}
		sums[k] = h
	}
	return slices.Collect(maps.Values(sums))
}
