package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringbid/ringbid/web"
)

// knot is a moment, ms from the start, and where it stands.
type knot struct {
	MS int64
	X  float64
}

// scale maps moments to places. A long talk or pause would squeeze the seconds
// before it into nothing, so that the axis may change its speed at each knot; the
// breaks are drawn.
type scale struct{ Knots []knot }

// part says when a part of the axis ends, ms from the start, and which share of
// the width it gets.
type part struct {
	End   int64
	Share float64
}

// newScale makes an axis of so many ms, in parts; what they leave goes to the
// rest.
func newScale(total int64, parts ...part) scale {
	s := scale{Knots: []knot{{0, axisLeft}}}
	at := axisLeft
	for _, p := range parts {
		at += (axisRight - axisLeft) * p.Share
		s.Knots = append(s.Knots, knot{p.End, at})
	}
	last := s.Knots[len(s.Knots)-1].MS
	s.Knots = append(s.Knots, knot{max(total, last+1, 1000), axisRight})
	return s
}

// callScale gives the time before the talk most of the room where the talk is
// long.
func callScale(total, connect int64) scale {
	if connect > 0 && total > 3*connect {
		return newScale(total, part{connect + min(1000, connect/8), 0.62})
	}
	return newScale(total)
}

// Total is how much time is shown, in ms.
func (s scale) Total() int64 { return s.Knots[len(s.Knots)-1].MS }

// x returns the place of a moment, ms from the start.
func (s scale) x(ms int64) float64 {
	ms = min(max(ms, 0), s.Total())
	a, b := s.Knots[0], s.Knots[1]
	for i := 2; i < len(s.Knots) && ms > b.MS; i++ {
		a, b = b, s.Knots[i]
	}
	return a.X + (b.X-a.X)*float64(ms-a.MS)/float64(b.MS-a.MS)
}

// ms returns the moment at a place.
func (s scale) ms(x float64) int64 {
	a, b := s.Knots[0], s.Knots[1]
	for i := 2; i < len(s.Knots) && x > b.X; i++ {
		a, b = b, s.Knots[i]
	}
	return a.MS + int64((x-a.X)/(b.X-a.X)*float64(b.MS-a.MS))
}

// String writes the knots as the page's script reads them.
func (s scale) String() string {
	parts := make([]string, len(s.Knots))
	for i, k := range s.Knots {
		parts[i] = fmt.Sprintf("%d:%.1f", k.MS, k.X)
	}
	return strings.Join(parts, " ")
}

func roundStep(ms int64, room float64) int64 {
	want := max(int64(float64(ms)/(room/70)), 1)
	for _, s := range []int64{100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
		hourMS, 2 * hourMS, 6 * hourMS, 12 * hourMS, dayMS, 2 * dayMS, 7 * dayMS, 30 * dayMS} {
		if s >= want {
			return s
		}
	}
	return (want + 365*dayMS - 1) / (365 * dayMS) * 365 * dayMS
}

const (
	hourMS = 3_600_000
	dayMS  = 24 * hourMS
)

func clockLabel(ms int64) string {
	if ms%1000 != 0 {
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	if ms < 60_000 {
		return fmt.Sprintf("%d s", ms/1000)
	}
	switch {
	case ms < hourMS:
		return fmt.Sprintf("%d:%02d", ms/60_000, ms/1000%60)
	case ms < 2*dayMS && ms%hourMS == 0:
		return fmt.Sprintf("%d h", ms/hourMS)
	case ms < 2*dayMS:
		return fmt.Sprintf("%d h %02d", ms/hourMS, ms/60_000%60)
	}
	return fmt.Sprintf("%d d", ms/dayMS)
}

// longSeconds is seconds as long as these can be grasped.
func longSeconds(ms int64) string {
	if ms < hourMS {
		return seconds(ms)
	}
	return web.Span(time.Duration(ms) * time.Millisecond)
}
