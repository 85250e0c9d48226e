package console

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ringbid/ringbid"
)

// Geometry of the SIP ladder.
const (
	ladderTop  = 44
	ladderStep = 26
	ladderGap  = 190
	ladderLeft = 150
)

// Ladder is the SIP messages of all legs as a sequence diagram.
type Ladder struct {
	Wide, High int
	Sides      []ladderSide
	Rows       []ladderRow
}

type ladderSide struct {
	X         int
	Name, Sub string
}

type ladderRow struct {
	Y, X1, X2, TextX int
	Text, After      string
	Class            string
	Tip              string // points of the arrow's head
	Say              string
}

// newLadder draws caller, ourselves and every buyer leg as a line each, and the
// messages between them in the order they were seen.
func newLadder(c *ringbid.Call) *Ladder {
	l := &Ladder{}
	type seen struct {
		ringbid.Message
		side int
	}
	var all []seen
	l.Sides = []ladderSide{{ladderLeft, "caller", ""}, {ladderLeft + ladderGap, "ringbid", c.Node}}
	for _, g := range c.Legs {
		side := 0
		if g.Side != "caller" {
			side = len(l.Sides)
			l.Sides = append(l.Sides, ladderSide{ladderLeft + ladderGap*side, cmp.Or(g.Target, g.Name, g.Side), g.Peer})
		} else {
			l.Sides[0].Sub = g.Peer
		}
		for _, m := range g.Messages {
			all = append(all, seen{m, side})
		}
	}
	slices.SortStableFunc(all, func(x, y seen) int { return x.At.Compare(y.At) })
	for i, m := range all {
		r := ladderRow{Y: ladderTop + 24 + i*ladderStep, Text: m.Text, After: fmt.Sprintf("+%.3f s", max(m.At.Sub(c.Received).Seconds(), 0))}
		from, to := 1, m.side
		if !m.Sent {
			from, to = m.side, 1
		}
		r.X1, r.X2 = l.Sides[from].X, l.Sides[to].X
		r.TextX = (r.X1 + r.X2) / 2
		if m.side > 1 {
			r.TextX = l.Sides[m.side].X - ladderGap/2 // beside its own line, clear of the others
		}
		head := 7
		if r.X2 > r.X1 {
			head = -7
		}
		r.Tip = fmt.Sprintf("%d,%d %d,%d %d,%d", r.X2, r.Y, r.X2+head, r.Y-4, r.X2+head, r.Y+4)
		if m.Text >= "4" && m.Text < "7" {
			r.Class = "err"
		}
		r.Say = fmt.Sprintf("%s, CSeq %s, %d bytes", m.Text, cmp.Or(m.CSeq, "unknown"), m.Size)
		l.Rows = append(l.Rows, r)
	}
	l.Wide = ladderLeft + ladderGap*(len(l.Sides)-1) + 110
	l.High = ladderTop + 24 + len(all)*ladderStep + 8
	return l
}

// TextY is the base line of a row's time.
func (r ladderRow) TextY() int { return r.Y + 4 }

// LabelY is the base line of a row's message.
func (r ladderRow) LabelY() int { return r.Y - 5 }
