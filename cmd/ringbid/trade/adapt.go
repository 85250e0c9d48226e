package trade

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/store"
)

// market lets the desk open auctions.
type market struct{ *auction.Market }

// Open starts an auction.
func (m market) Open(ctx context.Context, ask ringbid.Ask) intake.Auction {
	return m.Market.Open(ctx, ask)
}

// shelf is the store, in the desk's words.
type shelf struct{ *store.Store }

// Repeated returns by which field the person is known.
func (s shelf) Repeated(ctx context.Context, campaign string, facts ringbid.TagMap, since time.Time, by []string) (string, error) {
	return s.Store.Repeated(ctx, campaign, facts, store.Repeat{Since: since, By: by})
}

// Sell writes a lead down with its offers.
func (s shelf) Sell(ctx context.Context, l *ringbid.Lead, offers []ringbid.Offer, since time.Time, by []string, refuse bool) (map[string]string, bool, error) {
	if len(by) == 0 {
		return s.Store.Sell(ctx, l, offers, nil)
	}
	return s.Store.Sell(ctx, l, offers, &store.Repeat{Since: since, By: by, Refuse: refuse})
}

// KeepPing keeps a ping until it is used or has run out.
func (s shelf) KeepPing(ctx context.Context, p intake.Ping) error {
	return s.Store.KeepPing(ctx, store.LeadPing{ID: p.ID, Source: p.Source, At: p.At, Expires: p.Expires, Facts: p.Facts, Auction: p.Auction, Test: p.Test})
}

// TakePing uses a ping for a lead.
func (s shelf) TakePing(ctx context.Context, source, id, lead string) (intake.Ping, error) {
	p, err := s.Store.TakePing(ctx, source, id, lead)
	return intake.Ping{ID: p.ID, Source: p.Source, At: p.At, Expires: p.Expires, Facts: p.Facts, Auction: p.Auction, Test: p.Test}, err
}

// digests is the store, in the engine's words.
type digests struct{ *store.Store }

// Due returns the leads of a method whose letter is due.
func (d digests) Due(ctx context.Context, method string, n int) (ids []string, leads []ringbid.Lead, err error) {
	list, err := d.DueDigests(ctx, method, n)
	for _, x := range list {
		ids, leads = append(ids, x.Delivery), append(leads, x.Lead)
	}
	return ids, leads, err
}

// Sent runs send while nobody else sends the method's letter.
func (d digests) Sent(ctx context.Context, method string, send func() ([]string, error)) error {
	return d.DigestSent(ctx, method, send)
}

// Refused gives up deliveries whose letter is refused for good.
func (d digests) Refused(ctx context.Context, deliveries []string, why string) error {
	return d.DigestRefused(ctx, deliveries, why)
}
