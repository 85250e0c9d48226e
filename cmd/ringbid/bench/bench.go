// Package bench measures what a call costs: the processor time of a relayed
// packet, of one that is recorded as well, of a call's set-up, and the time an
// auction adds to its slowest useful bidder. Each figure stands beside a floor
// that is measured in the same run, on the same machine, in turn with it, and
// only their ratio is worth comparing with another machine's.
//
// What is measured runs in a child process, so that its processor time is its
// own; the load comes from the parent over loopback, bounded in count and time.
// It refuses to judge: it prints medians and spreads, and says so where the
// floor itself moved by more than 15 % between rounds.
package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Options sets the size of a run.
type Options struct {
	Calls  int // concurrent calls of the relay figures; default 200
	Rounds int // default 5
	// Self is the program and arguments that start a child of a given role.
	Self func(role string) []string
	// Program is the ringbid command, for what is measured on a whole node.
	Program string
}

// Figure is one measurement beside its floor.
type Figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Value  Spread  `json:"value"`
	Floor  Spread  `json:"floor"`
	Ratio  Spread  `json:"ratio"` // of each round, value ÷ floor
	Target float64 `json:"target,omitempty"`
	Steady bool    `json:"steady"` // the floor moved by at most 15 %
	Note   string  `json:"note,omitempty"`
}

// Spread is the least, the median and the greatest of several rounds.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// steadyFloor is how far a floor may move for its ratios to mean something.
const steadyFloor = 0.15

// benchmark is one entry of the list.
type benchmark struct {
	name string
	run  func(context.Context, Options) ([]Figure, error)
}

func benchmarks() []benchmark {
	return []benchmark{{"relay", relay}, {"setup", setup}, {"auction", auctions}, {"leads", leads}}
}

// Names lists what Run can measure.
func Names() []string {
	var out []string
	for _, b := range benchmarks() {
		out = append(out, b.name)
	}
	return out
}

// Run measures what is named, everything without names.
func Run(ctx context.Context, names []string, o Options) ([]Figure, error) {
	o.Calls, o.Rounds = cmp.Or(o.Calls, 200), cmp.Or(o.Rounds, 5)
	for _, n := range names {
		if !slices.Contains(Names(), n) {
			return nil, fmt.Errorf("there is no benchmark %q; there are %v", n, Names())
		}
	}
	var out []Figure
	for _, b := range benchmarks() {
		if len(names) > 0 && !slices.Contains(names, b.name) {
			continue
		}
		figures, err := b.run(ctx, o)
		if err != nil {
			return out, fmt.Errorf("measure %s: %w", b.name, err)
		}
		out = append(out, figures...)
	}
	return out, nil
}

// figure sums up rounds of values and floors.
func figure(name, unit string, values, floors []float64) Figure {
	ratios := make([]float64, len(values))
	for i := range values {
		ratios[i] = values[i] / floors[i]
	}
	f := Figure{Name: name, Unit: unit, Value: spread(values), Floor: spread(floors), Ratio: spread(ratios)}
	f.Steady = f.Floor.Max-f.Floor.Min <= steadyFloor*f.Floor.Median
	return f
}

func spread(v []float64) Spread {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return Spread{}
	}
	return Spread{s[0], s[len(s)/2], s[len(s)-1]}
}

// Print writes the figures as a table, or as JSON.
func Print(w io.Writer, figures []Figure, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(figures)
	}
	fmt.Fprintf(w, "%-34s %-10s %22s %22s %20s\n", "", "unit", "median [min..max]", "floor", "ratio")
	for _, f := range figures {
		ratio := fmt.Sprintf("%.2f [%.2f..%.2f]", f.Ratio.Median, f.Ratio.Min, f.Ratio.Max)
		if f.Target > 0 {
			ratio += fmt.Sprintf(" want ≤ %.2f", f.Target)
		}
		if !f.Steady {
			ratio += "  (floor moved: no verdict)"
		}
		fmt.Fprintf(w, "%-34s %-10s %22s %22s  %s\n", f.Name, f.Unit, show(f.Value), show(f.Floor), ratio)
		if f.Note != "" {
			fmt.Fprintf(w, "    %s\n", f.Note)
		}
	}
	return nil
}

func show(s Spread) string { return fmt.Sprintf("%.3g [%.3g..%.3g]", s.Median, s.Min, s.Max) }
