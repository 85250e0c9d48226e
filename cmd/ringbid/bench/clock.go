package bench

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/ringbid/ringbid/sim/load"
	"github.com/ringbid/ringbid/sip/media"
)

// clock measures how late the packets of prompts are while the same process
// makes garbage beside a heap full of pointers.
func clock(ctx context.Context, o Options) ([]Figure, error) {
	n := o.sizes().prompts
	r, err := contest(ctx, o.Rounds, contender{"ringbid", func(ctx context.Context) (sample, error) { return clockRound(ctx, o, n) }})
	if err != nil {
		return nil, err
	}
	return []Figure{
		r.figure("prompt packet late, p50", "ms", "ringbid", "p50", "", "").
			noted("%d prompts at once beside 50 MB/s of garbage and a heap of 100 MB in the same process; behind a clock of 20 ms that goes by the earliest packet of each", n),
		r.figure("prompt packet late, p99", "ms", "ringbid", "p99", "", "").atMost(0.5),
		r.figure("prompt packet late, p99.9", "ms", "ringbid", "p999", "", ""),
	}, nil
}

func clockRound(ctx context.Context, o Options, n int) (sample, error) {
	v, err := load.NewVoice(callerIP, callerIP, n)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	j := job{}
	for i := range n {
		j.Peers = append(j.Peers, v.Addr(i).String())
	}
	c, err := startChild(ctx, o, "clock", j)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	v.Run(ctx, o.sizes().settle)
	report := v.Run(ctx, o.sizes().window)
	late := report.Lateness()
	if want := int(o.sizes().window/(20*time.Millisecond)) * n; len(late) < want/2 {
		return nil, fmt.Errorf("%d of %d packets came", len(late), want)
	}
	return sample{"p50": ms(late.Quantile(.5)), "p99": ms(late.Quantile(.99)), "p999": ms(late.Quantile(.999))}, nil
}

// clockChild plays a prompt to each peer and makes garbage.
func clockChild(j job) ([]string, func(), error) {
	Tune()
	plane, err := media.Open(media.Config{Bind: serverIP, PortMin: portMin, PortMax: portMax, Rest: time.Second})
	if err != nil {
		return nil, nil, err
	}
	prompt := media.Tone([]float64{440}, time.Second, 0, 4*time.Second, 0.3)
	for _, p := range j.Peers {
		peer, err := netip.ParseAddrPort(p)
		if err != nil {
			return nil, nil, err
		}
		s, err := plane.NewStream(nil)
		if err != nil {
			return nil, nil, err
		}
		s.Apply(media.Params{Remote: peer, Send: true, Recv: true, Codec: media.PCMU})
		s.Play(prompt, true)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); litter(stop) }()
	return nil, func() { close(stop); <-done; _ = plane.Close() }, nil
}

// knot is a piece of a heap that the collector must walk.
type knot struct {
	next *knot
	_    [6]uint64
}

// litter holds 100 MB of small pieces and throws 50 MB a second away.
func litter(stop <-chan struct{}) {
	heap := make([]*knot, 100<<20/64)
	for i := range heap {
		heap[i] = &knot{next: heap[max(0, i-1)]}
	}
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for at := 0; ; {
		select {
		case <-stop:
			return
		case <-beat.C:
		}
		for range (50 << 20) / 100 / 64 {
			heap[at] = &knot{}
			at = (at + 1) % len(heap)
		}
	}
}
