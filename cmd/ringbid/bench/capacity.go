package bench

import (
	"context"
	"fmt"
	"time"
)

// capacity fills the edge with recorded calls on the processors that it shares
// with the generator, and then asks for more: nobody who talks may lose a
// packet, and nobody else may get in.
func capacity(ctx context.Context, o Options) ([]Figure, error) {
	n := o.sizes().capacity
	r, err := contest(ctx, o.Rounds, contender{"ringbid", func(ctx context.Context) (sample, error) { return capacityRound(ctx, o, n) }})
	if err != nil {
		return nil, err
	}
	figure := func(title, unit, what string) Figure { return r.figure(title, unit, "ringbid", what, "", "") }
	return []Figure{
		figure("packets lost, full", "packets", "lost").atMost(0).
			noted("%d calls bridged and recorded, 50 packets/s each way, the generator on the same processors; generator late: %d times", n, r.sum("ringbid", "late")),
		figure("relay latency p99, full", "ms", "p99"),
		figure("processor, full", "cores", "cores"),
		figure("packets lost, beyond capacity", "packets", "lostBeyond").atMost(0).
			noted("%d more calls at %d/s, each to be refused with 503", n/5, beyondRate(n)),
		figure("calls beyond capacity not refused with 503", "calls", "wrong").atMost(0),
		figure("relay latency p99, beyond capacity", "ms", "p99Beyond"),
	}, nil
}

func beyondRate(n int) int { return max(10, n/10) }

func capacityRound(ctx context.Context, o Options, n int) (sample, error) {
	h, err := openHouse(ctx, o, n, true, job{Limit: n})
	if err != nil {
		return nil, err
	}
	defer h.close()
	h.voice.Start()
	if err := h.fill(ctx, n, beyondRate(n)); err != nil {
		return nil, err
	}
	pause(ctx, o.sizes().settle)
	h.voice.Stop()
	pids := []int{h.edge.pid()}
	full, err := window(ctx, h.voice, o.sizes().window, pids)
	if err != nil {
		return nil, err
	}
	h.voice.Start()
	wrong := h.refused(ctx, n/5, beyondRate(n))
	beyond := h.voice.Stop()
	if beyond.Back == 0 {
		return nil, fmt.Errorf("no audio beyond capacity: %+v", beyond)
	}
	took := beyond.Latency()
	return sample{
		"lost": full["missing"], "late": full["late"], "p99": full["p99"], "cores": full["cpu"] * float64(n) * 100 / 1e6,
		"lostBeyond": float64(beyond.Lost + beyond.Queued), "p99Beyond": ms(took.Quantile(.99)), "wrong": float64(wrong),
	}, nil
}

// refused places calls that are to be refused and returns how many were not.
func (h *house) refused(ctx context.Context, n, rate int) (wrong int) {
	bounded, cancel := context.WithTimeout(ctx, time.Duration(n)*time.Second/time.Duration(rate)+10*time.Second)
	defer cancel()
	for range n {
		c, err := h.phones.Place(true)
		if err != nil || c.Answered(bounded) != 503 {
			wrong++
		}
		pause(bounded, time.Second/time.Duration(rate))
	}
	return wrong
}
