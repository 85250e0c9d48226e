package intake

import (
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// waiting are the publishers who wait for what becomes of their lead.
type waiting struct {
	mu   sync.Mutex
	asks map[string]chan ringbid.LeadResult
}

// Settled tells whoever waits for the lead; it never blocks.
func (d *Desk) Settled(r ringbid.LeadResult) {
	d.waiting.mu.Lock()
	defer d.waiting.mu.Unlock()
	if ch := d.waiting.asks[r.Lead]; ch != nil {
		select {
		case ch <- r:
		default:
		}
	}
}

// expect begins to wait for a lead.
func (d *Desk) expect(lead string) (result <-chan ringbid.LeadResult, stop func()) {
	ch := make(chan ringbid.LeadResult, 4)
	d.waiting.mu.Lock()
	defer d.waiting.mu.Unlock()
	d.waiting.asks[lead] = ch
	return ch, func() {
		d.waiting.mu.Lock()
		defer d.waiting.mu.Unlock()
		delete(d.waiting.asks, lead)
	}
}

// pause is a timer that ends with stop.
func pause(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
