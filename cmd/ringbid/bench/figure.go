package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
)

// Figure is one measurement, beside its floor where it has one.
type Figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Value  Spread  `json:"value"`
	Floor  *Spread `json:"floor,omitempty"` // of the same run
	Ratio  *Spread `json:"ratio,omitempty"` // of each round, value ÷ floor
	Want   *Want   `json:"want,omitempty"`  // nil = only shown
	Note   string  `json:"note,omitempty"`
	Absent string  `json:"absent,omitempty"` // why there is no measurement
}

// Want is what a figure is to stay within.
type Want struct {
	Most  float64 `json:"most"`
	Ratio bool    `json:"ratio"` // of the ratio to the floor, else of the value
}

// Spread is the least, the median and the greatest of several rounds.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// steadyFloor is how far a floor may move for its figures to mean something.
const steadyFloor = 0.15

// figure sums up rounds of values beside those of a floor.
func figure(name, unit string, values, floors []float64) Figure {
	f := Figure{Name: name, Unit: unit, Value: spread(values)}
	if len(floors) != len(values) || slices.Contains(floors, 0) {
		return f
	}
	ratios := make([]float64, len(values))
	for i := range values {
		ratios[i] = values[i] / floors[i]
	}
	floor, ratio := spread(floors), spread(ratios)
	f.Floor, f.Ratio = &floor, &ratio
	return f
}

// atMost gives the value a limit.
func (f Figure) atMost(v float64) Figure { f.Want = &Want{Most: v}; return f }

// withinFloor gives the ratio to the floor a limit.
func (f Figure) withinFloor(v float64) Figure { f.Want = &Want{Most: v, Ratio: true}; return f }

func (f Figure) noted(note string, args ...any) Figure { f.Note = fmt.Sprintf(note, args...); return f }

// Steady reports whether the floor moved by at most 15 % of its median.
func (f Figure) Steady() bool {
	return f.Floor == nil || f.Floor.Max-f.Floor.Min <= steadyFloor*f.Floor.Median
}

// Verdict says how the figure stands: met, not met, no verdict, or nothing where
// there is no target.
func (f Figure) Verdict() string {
	switch {
	case f.Want == nil || f.Absent != "":
		return ""
	case !f.Steady(), f.Want.Ratio && f.Ratio == nil:
		return "no verdict"
	}
	got := f.Value.Median
	if f.Want.Ratio {
		got = f.Ratio.Median
	}
	if got <= f.Want.Most {
		return "met"
	}
	return "not met"
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
	const row = "%-42s %-8s %-22s %-22s %-19s %-13s %s\n"
	fmt.Fprintf(w, row, "figure", "unit", "median [min..max]", "floor of the same run", "ratio of each round", "target", "verdict")
	note := ""
	for _, f := range figures {
		if f.Absent != "" {
			fmt.Fprintf(w, "%-42s %s\n", f.Name, f.Absent)
			continue
		}
		floor, ratio, want := "-", "-", "-"
		if f.Floor != nil {
			floor, ratio = f.Floor.String(), f.Ratio.String()
		}
		if f.Want != nil {
			want = "≤ " + plain(f.Want.Most)
			if f.Want.Ratio {
				want = "ratio " + want
			}
		}
		verdict := f.Verdict()
		if verdict == "no verdict" {
			verdict += ": the floor moved"
		}
		fmt.Fprintf(w, row, f.Name, f.Unit, f.Value, floor, ratio, want, verdict)
		if f.Note != "" && f.Note != note {
			fmt.Fprintf(w, "    %s\n", f.Note)
			note = f.Note
		}
	}
	return nil
}

func (s Spread) String() string {
	return fmt.Sprintf("%s [%s..%s]", plain(s.Median), plain(s.Min), plain(s.Max))
}

// plain writes three significant digits without an exponent.
func plain(v float64) string {
	digits := 2
	if a := math.Abs(v); a >= 100 || a == math.Trunc(a) {
		digits = 0
	} else if a >= 10 {
		digits = 1
	} else if a < 0.995 {
		digits = 3
	}
	return fmt.Sprintf("%.*f", digits, v)
}
