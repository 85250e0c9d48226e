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

// mark is something on a lane: a box, a dot, a tick or a cross, and the
// sentence that is read out for it.
type mark struct {
	Shape   string // box, dot, tick, cross, wait
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

// Axis is the picture of a call or lead on one line of time.
type Axis struct {
	Say         string
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

// zone is a part of the axis that has another speed than the one before it.
type zone struct{ X, W float64 }

// axisMaker gathers the lanes: of a call, or of a lead, which has no call.
type axisMaker struct {
	call     *ringbid.Call
	book     *ringbid.Book
	start    time.Time
	auction  *ringbid.Auction
	currency string
	lost     func(ringbid.Bid, *ringbid.Auction) string // why a bid did not win
	axis     *Axis
	y        float64
}

func newAxis(c *ringbid.Call, b *ringbid.Book, peaks [2][]uint8, now time.Time) *Axis {
	m := &axisMaker{call: c, book: b, start: c.Received, auction: c.Auction, currency: c.Sale.Currency, lost: lost, axis: &Axis{Say: "Time line of the call"}, y: 22}
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
	m.axis.Scale = callScale(end.Sub(c.Received).Milliseconds()+100, connect)
	m.grid()
	m.caller(end)
	m.steps()
	m.bids()
	m.legs(end)
	m.waves(peaks)
	m.pops()
	return m.done()
}

func (m *axisMaker) done() *Axis {
	m.axis.Bottom = m.y
	m.axis.High = m.y + 4
	return m.axis
}

func (m *axisMaker) at(t time.Time) int64      { return t.Sub(m.start).Milliseconds() }
func (m *axisMaker) place(t time.Time) float64 { return m.axis.Scale.x(m.at(t)) }
func (m *axisMaker) offset(t time.Time) string { return "+" + longSeconds(m.at(t)) }
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

// grid draws some round times on each part of the axis.
func (m *axisMaker) grid() {
	knots := m.axis.Scale.Knots
	for i := 1; i < len(knots); i++ {
		from, to := knots[i-1], knots[i]
		step, first := roundStep(to.MS-from.MS, to.X-from.X), from.MS
		if i > 1 {
			first += (to.MS - from.MS) / 12 // clear of the label before
		}
		for t := (first + step - 1) / step * step; t <= to.MS; t += step {
			m.axis.Grid = append(m.axis.Grid, gridLine{m.axis.Scale.x(t), clockLabel(t)})
		}
	}
}

// Zones are the parts of the axis that are shaded, because their speed is
// another one.
func (a *Axis) Zones() []zone {
	var out []zone
	for i := 2; i < len(a.Scale.Knots); i += 2 {
		x := a.Scale.Knots[i-1].X
		out = append(out, zone{x, a.Scale.Knots[i].X - x})
	}
	return out
}

// MarketEnd is where the lanes of the bidders end.
func (a *Axis) MarketEnd() float64 { return a.MarketY + a.MarketH }

// TextY is the base line of a lane's name.
func (l lane) TextY() float64 { return l.Y + l.High/2 + 4 }

// EndX is where a mark ends.
func (m mark) EndX() float64 { return m.X + m.W }

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
