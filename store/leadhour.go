package store

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// hourShards are how many rows an hour's sums are spread over, so that
// transactions at once seldom wait for one another.
const hourShards = 16

func shard() int16 { return int16(rand.N(hourShards)) }

// leadHour is what one transaction adds to the sums of leads.
type leadHour struct {
	at                                                                       time.Time
	campaign, publisher, buyer, currency                                     string
	leads, refused, offered, accepted, rejected, failed, returned, recovered int64
	revenue, payout, recoveredRevenue                                        ringbid.Money
}

func hourOfLead(l *ringbid.Lead) leadHour {
	return leadHour{at: l.Received.UTC().Truncate(time.Hour), campaign: l.Campaign, publisher: l.Publisher, currency: or(l.Sale.Currency, ringbid.DefaultCurrency)}
}

// putLeadHours adds to the sums, in the order in which all transactions do, so that
// no two wait for each other.
func putLeadHours(ctx context.Context, tx pgx.Tx, hours ...leadHour) error {
	slices.SortFunc(hours, func(a, b leadHour) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.campaign, b.campaign), cmp.Compare(a.publisher, b.publisher),
			cmp.Compare(a.buyer, b.buyer), cmp.Compare(a.currency, b.currency))
	})
	b, shard := &pgx.Batch{}, shard()
	for _, h := range hours {
		b.Queue(`
			INSERT INTO lead_hours AS h (hour, campaign, publisher, buyer, currency, leads, refused, offered, accepted, rejected, failed, returned,
				recovered, revenue, payout, recovered_revenue, shard)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
			ON CONFLICT (hour, campaign, publisher, buyer, currency, shard) DO UPDATE SET leads = h.leads + excluded.leads,
				refused = h.refused + excluded.refused, offered = h.offered + excluded.offered, accepted = h.accepted + excluded.accepted,
				rejected = h.rejected + excluded.rejected, failed = h.failed + excluded.failed, returned = h.returned + excluded.returned,
				recovered = h.recovered + excluded.recovered, revenue = h.revenue + excluded.revenue, payout = h.payout + excluded.payout,
				recovered_revenue = h.recovered_revenue + excluded.recovered_revenue`,
			h.at, h.campaign, h.publisher, h.buyer, h.currency, h.leads, h.refused, h.offered, h.accepted, h.rejected, h.failed, h.returned,
			h.recovered, int64(h.revenue), int64(h.payout), int64(h.recoveredRevenue), shard)
	}
	return tx.SendBatch(ctx, b).Close()
}

// addEndpointHour counts a try that has ended.
func addEndpointHour(ctx context.Context, tx pgx.Tx, d ringbid.Delivery, t ringbid.Try) error {
	at := t.Began
	if t.Ended != nil {
		at = *t.Ended
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO endpoint_hours AS h (hour, method, buyer, class, code, n, ms, slowest, shard) VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7)
		ON CONFLICT (hour, method, buyer, class, code, shard) DO UPDATE SET n = h.n + 1, ms = h.ms + excluded.ms, slowest = greatest(h.slowest, excluded.slowest)`,
		at.UTC().Truncate(time.Hour), d.Method, d.Buyer, t.Class, t.Code, t.MS, shard())
	return err
}
