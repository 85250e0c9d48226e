package bench

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// openLoop starts one do after another at a rate, whatever they take.
func openLoop(ctx context.Context, rate, seconds int, do func() error) ([]float64, error) {
	var (
		mu   sync.Mutex
		took []float64
		bad  error
		wg   sync.WaitGroup
	)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for range rate * seconds {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		wg.Go(func() {
			began := time.Now()
			err := do()
			mu.Lock()
			defer mu.Unlock()
			if took = append(took, float64(time.Since(began).Microseconds())/1000); err != nil {
				bad = err
			}
		})
	}
	wg.Wait()
	return took, bad
}

// closedLoop repeats do by several workers for so long and returns how often a
// second it was done.
func closedLoop(ctx context.Context, d time.Duration, do func() error) (float64, error) {
	var n atomic.Int64
	var mu sync.Mutex
	var bad error
	began := time.Now()
	var wg sync.WaitGroup
	for range leadQueuers {
		wg.Go(func() {
			for time.Since(began) < d && ctx.Err() == nil {
				if err := do(); err != nil {
					mu.Lock()
					bad = err
					mu.Unlock()
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(began).Seconds(), bad
}

func percentile(v []float64, p int) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return s[min(len(s)-1, len(s)*p/100)]
}
