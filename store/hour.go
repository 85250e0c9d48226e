package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// hour is what one call adds to the hourly sums.
type hour struct {
	at                                   time.Time
	campaign, publisher, buyer, currency string

	calls, answered, dialled, connected, converted, lost int64
	ms, revenue, payout                                  int64
}

func hourOf(c ringbid.Call) hour {
	return hour{
		at: c.Received.UTC().Truncate(time.Hour), campaign: c.Campaign, publisher: c.Publisher, buyer: c.Buyer, currency: c.Sale.Currency,
		calls: 1, answered: one(c.Answered != nil), dialled: one(dialled(c)), connected: one(c.Connected != nil),
		converted: one(c.Sale.Converted), lost: one(c.Outcome == ringbid.OutcomeLost),
		ms: c.ConnectedMS, revenue: int64(c.Sale.Revenue), payout: int64(c.Sale.Payout),
	}
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// addHour adds the sums, or takes them away where sign is -1.
func addHour(ctx context.Context, tx pgx.Tx, h hour, sign int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO hourly AS h (hour, campaign, publisher, buyer, currency, calls, answered, dialled, connected, converted, lost, connected_ms, revenue, payout)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (hour, campaign, publisher, buyer, currency) DO UPDATE SET
			calls = h.calls + excluded.calls, answered = h.answered + excluded.answered, dialled = h.dialled + excluded.dialled,
			connected = h.connected + excluded.connected, converted = h.converted + excluded.converted, lost = h.lost + excluded.lost,
			connected_ms = h.connected_ms + excluded.connected_ms, revenue = h.revenue + excluded.revenue, payout = h.payout + excluded.payout`,
		h.at, h.campaign, h.publisher, h.buyer, h.currency, sign*h.calls, sign*h.answered, sign*h.dialled, sign*h.connected, sign*h.converted,
		sign*h.lost, sign*h.ms, sign*h.revenue, sign*h.payout)
	return err
}
