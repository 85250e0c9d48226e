package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ringbid/ringbid/sim/load"
)

// memory measures how much a call that is up adds to the process, bridged and
// recorded, with audio both ways, in a process that has taken a few calls.
func memory(ctx context.Context, o Options) ([]Figure, error) {
	r, err := contest(ctx, o.Rounds, memoryContender(o, "bridged", false), memoryContender(o, "recorded", true))
	if err != nil {
		return nil, err
	}
	return []Figure{
		r.figure("memory of a bridged call", "KB", "bridged", "kb", "", "").atMost(60).
			noted("%d calls up with audio in a fresh process; how much more of it is resident than after 5 calls, ÷ calls", o.sizes().memory),
		r.figure("memory of a recorded call", "KB", "recorded", "kb", "", "").atMost(80),
		r.figure("in use by a bridged call", "KB", "bridged", "use", "", "").
			noted("live heap and stacks, after a collection: it does not depend on when the last one was"),
		r.figure("in use by a recorded call", "KB", "recorded", "use", "", ""),
	}, nil
}

// house is calls that stay up, with their audio, through an edge.
type house struct {
	voice  *load.Voice
	phones *load.Phones
	edge   *child
	dir    string
}

// openHouse starts an edge for so many calls with audio.
func openHouse(ctx context.Context, o Options, calls int, record bool, j job) (_ *house, err error) {
	h := &house{}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.dir, err = os.MkdirTemp("", "ringbid-bench"); err != nil {
		return nil, err
	}
	if record {
		j.Record = h.dir
	}
	if h.voice, err = load.NewVoice(callerIP, buyerIP, 2*calls); err != nil {
		return nil, err
	}
	if h.phones, err = load.NewPhones(callerIP, buyerIP, h.voice); err != nil {
		return nil, err
	}
	j.To = h.phones.Buyers()
	edge, at, err := startEdge(ctx, o, "edge", j)
	if err != nil {
		return nil, err
	}
	h.edge = edge
	h.phones.Dial(at)
	return h, nil
}

func (h *house) close() {
	if h.edge != nil {
		h.edge.stop()
	}
	if h.phones != nil {
		h.phones.Close()
	}
	if h.voice != nil {
		h.voice.Close()
	}
	_ = os.RemoveAll(h.dir)
}

// fill brings n calls up, so many a second, and leaves them up.
func (h *house) fill(ctx context.Context, n, rate int) error {
	bounded, cancel := context.WithTimeout(ctx, time.Duration(n)*time.Second/time.Duration(rate)+10*time.Second)
	defer cancel()
	var calls []*load.Call
	for range n {
		c, err := h.phones.Place(false)
		if err != nil {
			return err
		}
		calls = append(calls, c)
		pause(bounded, time.Second/time.Duration(rate))
	}
	for i, c := range calls {
		if status := c.Answered(bounded); status != 200 || !c.Bridged(bounded) {
			return fmt.Errorf("call %d of %d is not up: %d", i+1, n, status)
		}
	}
	return nil
}

func memoryContender(o Options, name string, record bool) contender {
	return contender{name, func(ctx context.Context) (sample, error) {
		n := o.sizes().memory
		h, err := openHouse(ctx, o, n, record, job{})
		if err != nil {
			return nil, err
		}
		defer h.close()
		if _, failed := placeCalls(ctx, h.phones, 5, 50); failed > 0 {
			return nil, fmt.Errorf("%d of 5 calls failed", failed)
		}
		pause(ctx, o.sizes().settle)
		before, empty, err := h.weigh()
		if err != nil {
			return nil, err
		}
		h.voice.Start()
		if err := h.fill(ctx, n, 50); err != nil {
			return nil, err
		}
		pause(ctx, 2*o.sizes().settle)
		after, full, err := h.weigh()
		each := func(more uint64) float64 { return float64(int64(more)) / 1024 / float64(n) }
		return sample{"kb": each(uint64(after - before)), "use": each(full.Heap + full.Stacks - empty.Heap - empty.Stacks)}, err
	}}
}

// weigh returns what of the edge is resident, in bytes, and then what of that is
// in use.
func (h *house) weigh() (resident int64, in holding, err error) {
	if resident, err = load.Resident(h.edge.pid()); err != nil {
		return 0, in, err
	}
	in, err = h.edge.held()
	return resident, in, err
}
