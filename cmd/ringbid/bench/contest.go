package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringbid/ringbid/sim/load"
)

// sample is what one contender showed in one round, by quantity.
type sample map[string]float64

// contender is one of those that do the same work in turn.
type contender struct {
	name string
	run  func(context.Context) (sample, error)
}

// results are all samples, by contender and quantity, one value a round.
type results map[string]map[string][]float64

// contest has the contenders do their work in turn, round by round. One that is
// not installed is left out.
func contest(ctx context.Context, rounds int, list ...contender) (results, error) {
	out := results{}
	for range rounds {
		for _, c := range list {
			s, err := c.run(ctx)
			if errors.Is(err, load.ErrNotInstalled) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if out[c.name] == nil {
				out[c.name] = map[string][]float64{}
			}
			for what, v := range s {
				out[c.name][what] = append(out[c.name][what], v)
			}
		}
	}
	return out, nil
}

// figure makes a figure of a contender's quantity beside that of another.
func (r results) figure(title, unit, who, what, floor, floorWhat string) Figure {
	if r[who] == nil {
		return Figure{Name: title, Unit: unit, Absent: who + " is not installed: apt-get install " + who}
	}
	return figure(title, unit, r[who][what], r[floor][floorWhat])
}

// sum adds up what a contender showed in all rounds.
func (r results) sum(who, what string) int64 {
	total := 0.0
	for _, v := range r[who][what] {
		total += v
	}
	return int64(total)
}
