package bench

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/ringbid/ringbid/sim/load"
)

// frozen is for how long the relay is stopped.
const frozen = 500 * time.Millisecond

// freeze stops the relay under load and measures how long after it goes on the
// latency is back: a relay that clocks its packets never catches up.
func freeze(ctx context.Context, o Options) ([]Figure, error) {
	n := o.sizes().latency
	var back []float64
	var lost int64
	for range o.Rounds {
		r, after, err := freezeOnce(ctx, o, n)
		if err != nil {
			return nil, err
		}
		back = append(back, ms(after))
		lost += r.Lost + r.Queued
	}
	return []Figure{figure("back under 2 ms after a freeze of 500 ms", "ms", back, nil).atMost(1000).
		noted("%d calls; the last tenth of a second in which more than 1 %% of the packets took longer, counted from the end of the freeze; %d packets lost", n, lost)}, nil
}

func freezeOnce(ctx context.Context, o Options, calls int) (r load.Report, after time.Duration, err error) {
	v, err := load.NewVoice(callerIP, buyerIP, 2*calls)
	if err != nil {
		return r, 0, err
	}
	defer v.Close()
	pids, stop, err := relayThrough(ctx, o, "relay", job{Calls: calls}, v)
	if err != nil {
		return r, 0, err
	}
	defer stop()
	v.Run(ctx, o.sizes().settle)
	v.Start()
	defer v.Stop()
	pause(ctx, o.sizes().settle)
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil {
		return r, 0, err
	}
	pause(ctx, frozen)
	ended := time.Now()
	if err := syscall.Kill(pids[0], syscall.SIGCONT); err != nil {
		return r, 0, err
	}
	pause(ctx, 3*frozen)
	r = v.Stop()
	if r.Back == 0 {
		return r, 0, fmt.Errorf("%d packets went in and none came back", r.Sent)
	}
	return r, r.Settled(ended, 2*time.Millisecond), nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
