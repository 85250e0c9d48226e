package console

import "github.com/ringbid/ringbid"

// soundRow is one direction of a leg's audio, in the table of how it sounded.
type soundRow struct {
	ringbid.Quality
	Leg         string
	By          string // who heard it
	Class       string
	RoundTripMS float64
	Codec       string
	SRTP        string
}

// Sound are the two directions of each leg that had audio.
func (p callPage) Sound() []soundRow {
	var out []soundRow
	for _, l := range p.Call.Legs {
		if l.Media.In.Packets == 0 && l.Media.Out.Packets == 0 {
			continue
		}
		name := l.Side
		if l.Target != "" {
			name += " " + l.Target
		}
		out = append(out, newSoundRow(l, name, "ringbid", l.Media.In), newSoundRow(l, name, l.Side, l.Media.Out))
	}
	return out
}

func newSoundRow(l ringbid.Leg, name, by string, q ringbid.Quality) soundRow {
	class := map[string]string{"good": "good", "fair": "warn", "poor": "bad"}[q.Word()]
	return soundRow{Quality: q, Leg: name, By: by, Class: class, RoundTripMS: l.Media.RoundTripMS, Codec: l.Codec, SRTP: l.Media.SRTP}
}
