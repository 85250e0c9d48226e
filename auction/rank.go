package auction

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Replay runs a stored auction again: it returns the bids that took part in the
// ranking, in their order, with Draw and Rank computed anew from the record's
// seed. The same record always gives the same order.
func Replay(a ringbid.Auction) []ringbid.Bid {
	var bids []ringbid.Bid
	for _, b := range a.Bids {
		if b.Rank > 0 {
			b.Draw = draw(a.Seed, b.Name, b.Weight)
			bids = append(bids, b)
		}
	}
	slices.SortFunc(bids, func(x, y ringbid.Bid) int { return order(&x, &y) })
	for i := range bids {
		bids[i].Rank = i + 1
	}
	return bids
}

// order puts the better of two bids first.
func order(x, y *ringbid.Bid) int {
	return cmp.Or(
		cmp.Compare(y.Amount, x.Amount),
		cmp.Compare(x.Priority, y.Priority),
		cmp.Compare(y.Draw, x.Draw),
		cmp.Compare(latency(x), latency(y)),
		strings.Compare(x.Name, y.Name),
	)
}

// latency is how long the bidder took to answer; 0 for a fixed price.
func latency(b *ringbid.Bid) time.Duration {
	if b.Pinged == nil || b.Replied == nil {
		return 0
	}
	return b.Replied.Sub(*b.Pinged)
}

// draw returns the number, above 0 and up to 1, by which ties are broken, the
// higher first. Raising a uniform number to 1/weight makes the chance of having
// the highest proportional to the weight (Efraimidis and Spirakis 2006).
func draw(seed uint64, name string, weight int) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	z := mix(seed ^ mix(h.Sum64()))
	u := (float64(z>>11) + 0.5) / (1 << 53)
	return math.Pow(u, 1/float64(max(1, weight)))
}

// mix is the finaliser of SplitMix64: written out, because a stored auction
// must be drawn the same way for years.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
