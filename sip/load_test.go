package sip

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// TestManyCallsAtOnce bridges calls side by side, every third one given up half
// way, and leaves nothing behind.
func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	const calls = 40
	buyer := newPhone(t, func(x *siptest.Line) {
		x.Ring()
		x.Answer()
		x.Want(leg.Terminated)
	})
	var mu sync.Mutex
	ends := map[string]int{}
	r := bareRig(t)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		a := c.Dial(ctx, dialOf(c, r.target(buyer)))
		by := string(a.Verdict)
		if a.Verdict == ringbid.VerdictAnswered {
			by = c.Bridge(ctx, 0).EndedBy
		}
		mu.Lock()
		ends[by]++
		mu.Unlock()
	})
	p := newPhone(t, nil)
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			x := r.call(p, "+18005550100").Talk()
			if i%3 > 0 {
				x.Hum(1000)
				siptest.Eventually(t, "the other side", func() bool { return x.Stream.Stats().Received > 20 })
			}
			x.HangUp()
			x.Want(leg.Terminated)
		})
	}
	wg.Wait()
	r.idle()
	mu.Lock()
	defer mu.Unlock()
	if n := ends["caller"] + ends["cancelled"]; n != calls || ends["caller"] < calls/3 {
		t.Errorf("ends %v", ends)
	}
	r.quiet()
	if n := r.s.limits.calls("carrier") + r.s.limits.calls("buyers"); n != 0 {
		t.Errorf("%d places on trunks still taken", n)
	}
	for addr, peer := range r.s.filter.peers {
		if peer.legs != 0 {
			t.Errorf("%v still expected %d times", addr, peer.legs)
		}
	}
}

// TestCallsLeaveNoGoroutines is not parallel: it counts goroutines.
func TestCallsLeaveNoGoroutines(t *testing.T) {
	r := newRig(t, answerAndWait)
	p := newPhone(t, nil)
	r.call(p, "+18005550100").Talk().HangUp()
	r.idle()
	before := runtime.NumGoroutine()
	for range 20 {
		x := r.call(p, "+18005550100").Talk()
		x.HangUp()
		x.Want(leg.Terminated)
	}
	r.idle()
	limit := time.Now().Add(siptest.Patience)
	siptest.Eventually(t, "goroutines to end", func() bool {
		if time.Now().After(limit.Add(-time.Second)) {
			t.Logf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		return runtime.NumGoroutine() <= before+10 // transactions of the last calls linger for their timers
	})
}
