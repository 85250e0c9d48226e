package console

import (
	"fmt"
	"time"

	"github.com/ringbid/ringbid"
)

// Geometry of the time axis, in its own units.
const (
	axisLeft  = 148.0
	axisRight = 1090.0
	laneHigh  = 26.0
	waveHigh  = 44.0
)

// scale maps moments to places. A long talk would squeeze the seconds before it
// into nothing, so that the axis may have two speeds; the break is drawn.
type scale struct {
	Total int64 // ms shown
	Break int64 // ms at which the speed changes, 0 for none
	Mid   float64
}

func newScale(total, connect int64) scale {
	s := scale{Total: max(total, 1000)}
	if connect > 0 && s.Total > 3*connect {
		s.Break, s.Mid = connect+min(1000, connect/8), axisLeft+(axisRight-axisLeft)*0.62
	}
	return s
}

// x returns the place of a moment, ms from the start.
func (s scale) x(ms int64) float64 {
	ms = min(max(ms, 0), s.Total)
	switch {
	case s.Break == 0:
		return axisLeft + (axisRight-axisLeft)*float64(ms)/float64(s.Total)
	case ms <= s.Break:
		return axisLeft + (s.Mid-axisLeft)*float64(ms)/float64(s.Break)
	}
	return s.Mid + (axisRight-s.Mid)*float64(ms-s.Break)/float64(s.Total-s.Break)
}

// ms returns the moment at a place.
func (s scale) ms(x float64) int64 {
	switch {
	case s.Break == 0:
		return int64((x - axisLeft) / (axisRight - axisLeft) * float64(s.Total))
	case x <= s.Mid:
		return int64((x - axisLeft) / (s.Mid - axisLeft) * float64(s.Break))
	}
	return s.Break + int64((x-s.Mid)/(axisRight-s.Mid)*float64(s.Total-s.Break))
}

// mark is something on a lane: a box, a dot, a tick or a cross, and the
// sentence that is read out for it.
type mark struct {
	Shape   string // box, dot, tick, cross
	Class   string
	X, Y, W float64
	Label   string // drawn beside or inside
	LabelX  float64
	MS      int64
	Say     string
}

type lane struct {
	Name, Sub string
	Y, High   float64
	Marks     []mark
	Wave      string // points of a polygon
	Class     string
}

type gridLine struct {
	X     float64
	Label string
}

// Axis is the picture of a call on one line of time.
type Axis struct {
	Scale       scale
	High        float64
	Lanes       []lane
	Grid        []gridLine
	MarketX     float64 // where the auction was open
	MarketW     float64
	MarketY     float64
	MarketH     float64
	CloseX      float64
	RecordingMS int64 // where on the axis the recording begins
	Bottom      float64
}

// axisMaker gathers the lanes.
type axisMaker struct {
	call *ringbid.Call
	book *ringbid.Book
	axis *Axis
	y    float64
}

func newAxis(c *ringbid.Call, b *ringbid.Book, peaks [2][]uint8, now time.Time) *Axis {
	m := &axisMaker{call: c, book: b, axis: &Axis{}, y: 22}
	end := now
	if c.Ended != nil {
		end = *c.Ended
	}
	for _, l := range c.Legs {
		if l.Ended != nil && l.Ended.After(end) {
			end = *l.Ended
		}
	}
	connect := int64(0)
	if c.Connected != nil {
		connect = c.Connected.Sub(c.Received).Milliseconds()
	}
	m.axis.Scale = newScale(end.Sub(c.Received).Milliseconds()+100, connect)
	m.grid()
	m.caller(end)
	m.steps()
	m.bids()
	m.legs(end)
	m.waves(peaks)
	m.pops()
	m.axis.Bottom = m.y
	m.axis.High = m.y + 4
	return m.axis
}

func (m *axisMaker) at(t time.Time) int64      { return t.Sub(m.call.Received).Milliseconds() }
func (m *axisMaker) place(t time.Time) float64 { return m.axis.Scale.x(m.at(t)) }
func (m *axisMaker) offset(t time.Time) string { return "+" + seconds(m.at(t)) }
func seconds(ms int64) string                  { return fmt.Sprintf("%.2f s", float64(ms)/1000) }
func (m *axisMaker) lane(name, sub string) lane {
	return lane{Name: name, Sub: sub, Y: m.y, High: laneHigh}
}

func (m *axisMaker) add(l lane) {
	m.axis.Lanes = append(m.axis.Lanes, l)
	m.y += l.High
}

// box makes a mark from one moment to another.
func (m *axisMaker) box(class string, from, to time.Time, say string) mark {
	x := m.place(from)
	return mark{Shape: "box", Class: class, X: x, Y: m.y + 5, W: max(m.place(to)-x, 2), MS: m.at(from), Say: m.offset(from) + ": " + say}
}

func (m *axisMaker) point(shape, class string, t time.Time, say string) mark {
	return mark{Shape: shape, Class: class, X: m.place(t), Y: m.y + 13, MS: m.at(t), Say: m.offset(t) + ": " + say}
}

// grid draws five to eight round times on each half of the axis.
func (m *axisMaker) grid() {
	s := m.axis.Scale
	lines := func(from, to int64, room float64) {
		step := roundStep(to-from, room)
		for t := (from + step - 1) / step * step; t <= to; t += step {
			m.axis.Grid = append(m.axis.Grid, gridLine{s.x(t), clockLabel(t)})
		}
	}
	if s.Break == 0 {
		lines(0, s.Total, axisRight-axisLeft)
		return
	}
	lines(0, s.Break, s.Mid-axisLeft)
	lines(s.Break+(s.Total-s.Break)/12, s.Total, axisRight-s.Mid)
}

func roundStep(ms int64, room float64) int64 {
	want := max(int64(float64(ms)/(room/70)), 1)
	for _, s := range []int64{100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000} {
		if s >= want {
			return s
		}
	}
	return 3_600_000
}

func clockLabel(ms int64) string {
	if ms%1000 != 0 {
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	if ms < 60_000 {
		return fmt.Sprintf("%d s", ms/1000)
	}
	return fmt.Sprintf("%d:%02d", ms/60_000, ms/1000%60)
}

// Rest is how wide the slower part of the axis is.
func (a *Axis) Rest() float64 { return axisRight - a.Scale.Mid }

// MarketEnd is where the lanes of the bidders end.
func (a *Axis) MarketEnd() float64 { return a.MarketY + a.MarketH }

// TextY is the base line of a lane's name.
func (l lane) TextY() float64 { return l.Y + l.High/2 + 4 }

// TextY is the base line of a text inside a box.
func (m mark) TextY() float64 { return m.Y + 12 }

// Tick is a tick's path.
func (m mark) Tick() string {
	return fmt.Sprintf("M%.1f %.1f l3 4 l6 -8", m.X-4, m.Y)
}

// Cross is a cross's path.
func (m mark) Cross() string {
	return fmt.Sprintf("M%.1f %.1f l7 7 m0 -7 l-7 7", m.X-3.5, m.Y-3.5)
}
