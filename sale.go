package ringbid

import (
	"fmt"
	"time"
)

// Settle applies the rules of a contract to a call that a target took at the
// given price and that stayed connected for so long: the buyer pays the price
// from the target's ConvertAfter on, the publisher earns its payout from its
// own After on. Both are decided on the unrounded duration.
func Settle(c *Campaign, n *Number, t *Target, price Money, connected time.Duration) Sale {
	s := Sale{Currency: c.CurrencyCode(), Price: price}
	need := t.ConvertAfter.D()
	if connected < need || connected <= 0 {
		s.Rule = fmt.Sprintf("not paid: connected %s, needs %s", seconds(connected), seconds(need))
		return s
	}
	s.Converted, s.Revenue = true, price
	s.Rule = fmt.Sprintf("paid: connected %s, needs %s", seconds(connected), seconds(need))

	p := c.Payout
	if n != nil && n.Payout != nil {
		p = n.Payout
	}
	if p == nil {
		return s
	}
	if connected < p.After.D() {
		s.Rule += fmt.Sprintf("; publisher not paid before %s", seconds(p.After.D()))
		return s
	}
	s.Payout = p.Amount
	if p.Share > 0 {
		s.Payout = s.Revenue.Share(p.Share * 100)
		s.Rule += fmt.Sprintf("; publisher earns %d %% of revenue", p.Share)
	}
	return s
}

// seconds writes a span cut to a tenth, so that what fell short never reads as
// if it had not.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
}
