package media

// The bounds of alignment, in samples.
const (
	alignSlack  = frameSamples // how far the audio may be from the wall clock
	alignStep   = sampleRate   // later than this is a clock that stood still
	alignWindow = 50           // packets that must all be late before the clock is shifted
)

// aligner places packets on the wall clock of a tap by their timestamps, so
// that jitter does not show and drift does not add up.
type aligner struct {
	set  bool
	ts   uint32
	pos  int64 // place of ts
	late int64 // least lateness in the window
	n    int
}

// place returns the position of a packet that arrives at wall (samples).
func (a *aligner) place(ts uint32, marker bool, wall int64) int64 {
	if !a.set {
		return a.anchor(ts, wall)
	}
	moved := int64(int32(ts - a.ts))
	pos := a.pos + moved
	if moved <= 0 && moved > -alignStep {
		return max(0, pos) // out of order: late by nature
	}
	late := wall - pos
	switch {
	case late < -alignSlack: // nothing arrives before it is spoken
		return a.anchor(ts, wall)
	case late > alignStep, marker && late > alignSlack:
		return a.anchor(ts, wall)
	}
	if a.n == 0 || late < a.late {
		a.late = late
	}
	if a.n++; a.n >= alignWindow {
		if a.late > alignSlack {
			pos += a.late
		}
		a.n = 0
	}
	a.ts, a.pos = ts, pos
	return max(0, pos)
}

func (a *aligner) anchor(ts uint32, wall int64) int64 {
	*a = aligner{set: true, ts: ts, pos: wall}
	return wall
}
