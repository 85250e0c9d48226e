package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

func (m *axisMaker) caller(end time.Time) {
	c := m.call
	l := m.lane("Caller", web.PhoneShort(c.Caller))
	l.Marks = append(l.Marks, m.box("up", c.Received, end, "the call came in on "+cmp.Or(c.Trunk, "a trunk")+" for "+web.PhoneText(c.Number)))
	if c.Answered != nil {
		l.Marks = append(l.Marks, m.point("dot", "", *c.Answered, "we answered"))
	}
	if c.Connected != nil {
		l.Marks = append(l.Marks, m.point("tick", "", *c.Connected, "caller and buyer are connected"))
	}
	if c.Ended != nil {
		by := cmp.Or(c.EndedBy, "ringbid")
		l.Marks = append(l.Marks, m.point("cross", "", *c.Ended, by+" ended the call: "+reasonText(c.Reason)))
	}
	m.add(l)
}

func (m *axisMaker) steps() {
	if len(m.call.Steps) == 0 {
		return
	}
	l := m.lane("Flow", fmt.Sprintf("%s v%d", m.call.Flow, m.call.FlowVersion))
	for _, s := range m.call.Steps {
		say := fmt.Sprintf("step %s (%s) took %s", s.Node, s.Type, web.Span(time.Duration(s.MS)*time.Millisecond))
		label := s.Node
		if s.Answer != "" {
			say, label = say+", answered "+s.Answer, s.Answer
		}
		if s.Tries > 1 {
			say += fmt.Sprintf(" in %d tries", s.Tries)
		}
		b := m.box("step", s.At, s.At.Add(time.Duration(s.MS)*time.Millisecond), say)
		if b.W > float64(len(label))*6.4+6 {
			b.Label, b.LabelX = label, b.X+5
		}
		l.Marks = append(l.Marks, b)
	}
	m.add(l)
}

func (m *axisMaker) bids() {
	a := m.auction
	if a == nil {
		return
	}
	closed := a.Opened
	if a.Closed != nil {
		closed = *a.Closed
	}
	m.axis.MarketX, m.axis.MarketY = m.place(a.Opened), m.y
	m.axis.MarketW = max(m.place(closed)-m.axis.MarketX, 1)
	m.axis.CloseX = m.place(closed)
	for _, b := range sortedBids(a) {
		m.bid(a, b)
	}
	m.axis.MarketH = m.y - m.axis.MarketY
}

func (m *axisMaker) bid(a *ringbid.Auction, b ringbid.Bid) {
	l := m.lane(b.Name, "")
	cash := web.Cash(b.Amount, m.currency)
	from, to := a.Opened, a.Opened
	if b.Pinged != nil {
		from, to = *b.Pinged, *b.Pinged
	}
	if b.Replied != nil {
		to = *b.Replied
	} else if b.Pinged != nil && a.Closed != nil && a.Closed.After(to) {
		to = *a.Closed
	}
	class, text := "bid lost", cash+", "+m.lost(b, a)
	switch b.State {
	case ringbid.BidWon:
		class, text = "bid won", cash
	case ringbid.BidStanding, ringbid.BidTried, ringbid.BidExpired:
		class = "bid"
	default:
		text = m.lost(b, a)
	}
	say := b.Name + " " + text
	if b.Pinged != nil {
		say = fmt.Sprintf("%s was asked, %s after %s", b.Name, text, web.Span(to.Sub(from)))
		l.Marks = append(l.Marks, m.box(class, from, to, say))
	}
	x := m.place(to)
	switch {
	case b.State == ringbid.BidWon:
		t := m.point("tick", "", to, b.Name+" won with "+cash)
		t.X += 8
		l.Marks = append(l.Marks, t)
		x += 16
	case b.Amount == 0 || b.State == ringbid.BidTried:
		t := m.point("cross", "", to, say)
		t.X += 8
		l.Marks = append(l.Marks, t)
		x += 16
	case b.Static:
		l.Marks = append(l.Marks, m.point("dot", "", to, b.Name+" stands at its fixed price, "+text))
		x += 8
	}
	l.Marks = append(l.Marks, label(text, x+4, m.y+17))
	m.add(l)
}

// label places a text beside a mark, or before it where there is no room.
func label(text string, x, y float64) mark {
	r := []rune(text)
	if len(r) > 84 {
		text = string(r[:83]) + "…"
	}
	if wide := float64(len([]rune(text))) * 5.8; x+wide > axisRight+20 {
		x = max(axisRight+20-wide, axisLeft)
	}
	return mark{Shape: "label", Label: text, LabelX: x, Y: y}
}

func sortedBids(a *ringbid.Auction) []ringbid.Bid {
	bids := slices.Clone(a.Bids)
	slices.SortStableFunc(bids, func(x, y ringbid.Bid) int {
		rank := func(b ringbid.Bid) int {
			if b.Rank == 0 {
				return 1 << 20
			}
			return b.Rank
		}
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(y.Amount, x.Amount))
	})
	return bids
}

func (m *axisMaker) legs(end time.Time) {
	for _, g := range m.call.Legs {
		if g.Side != "buyer" {
			continue
		}
		l := m.lane("☎ "+cmp.Or(g.Target, g.Name), "")
		stop := end
		if g.Ended != nil {
			stop = *g.Ended
		}
		ring, answer := stop, stop
		if g.Answered != nil {
			ring, answer = *g.Answered, *g.Answered
		}
		if g.Ringing != nil {
			ring = *g.Ringing
		}
		name := cmp.Or(legBuyer(m.book, g), g.Name)
		first := "dial"
		if g.Ringing == nil && g.Answered == nil {
			first = "failed"
		}
		l.Marks = append(l.Marks, m.box(first, g.Started, ring, "dialling "+name))
		if g.Ringing != nil {
			l.Marks = append(l.Marks, m.box("ring", *g.Ringing, answer, name+" rings for "+web.Span(answer.Sub(*g.Ringing))))
		}
		if g.Answered == nil {
			text := VerdictText(g.Verdict)
			if g.Status != 0 {
				text += fmt.Sprintf(" (%d)", g.Status)
			}
			x := m.point("cross", "", stop, name+" "+text)
			x.X += 8
			l.Marks = append(l.Marks, x, label(text, x.X+8, m.y+17))
			m.add(l)
			continue
		}
		t := m.box("talk", *g.Answered, stop, name+" answered and stayed "+web.Span(stop.Sub(*g.Answered)))
		text := "talked " + web.Span(stop.Sub(*g.Answered))
		if g.EndedBy != "" {
			text += ", " + g.EndedBy + " hung up"
		}
		if t.W > float64(len(text))*6.2 {
			t.Label, t.LabelX = text, t.X+6
		}
		l.Marks = append(l.Marks, t)
		if g.Ended != nil {
			l.Marks = append(l.Marks, m.point("cross", "", stop, cmp.Or(g.EndedBy, "ringbid")+" ended the leg"))
		}
		m.add(l)
	}
}

// waves draws both channels as they sounded, on the axis' own speed.
func (m *axisMaker) waves(peaks [2][]uint8) {
	r := m.call.Recording
	if r == nil || r.MS <= 0 || len(peaks[0]) == 0 {
		return
	}
	m.axis.RecordingMS = m.at(r.Started)
	for i, name := range []string{"Caller’s voice", "Agent, prompts"} {
		l := lane{Name: name, Y: m.y, High: waveHigh, Class: [2]string{"wave", "wave b"}[i]}
		l.Wave = m.polygon(peaks[i], m.y+waveHigh/2)
		m.add(l)
	}
}

func (m *axisMaker) polygon(peaks []uint8, middle float64) string {
	r := m.call.Recording
	var top, low strings.Builder
	points := make([]string, 0, 512)
	for x := axisLeft; x <= axisRight; x += 2 {
		from, to := m.axis.Scale.ms(x)-m.axis.RecordingMS, m.axis.Scale.ms(x+2)-m.axis.RecordingMS
		if to <= 0 || from >= r.MS {
			continue
		}
		a := int(max(from, 0) * int64(len(peaks)) / r.MS)
		b := min(int(to*int64(len(peaks))/r.MS)+1, len(peaks))
		if a >= b {
			continue
		}
		h := float64(slices.Max(peaks[a:b]))/255*(waveHigh/2-3) + 0.6
		fmt.Fprintf(&top, "%.0f,%.1f ", x, middle-h)
		points = append(points, fmt.Sprintf("%.0f,%.1f", x, middle+h))
	}
	slices.Reverse(points)
	low.WriteString(strings.Join(points, " "))
	return top.String() + low.String()
}

// pops draws what reached a screen, and what else is worth a mark.
func (m *axisMaker) pops() {
	l := m.lane("Pops, events", "")
	for _, e := range m.call.Events {
		switch e.Kind {
		case ringbid.EventPop:
			l.Marks = append(l.Marks, m.point("dot", "", e.At, cmp.Or(e.Text, "screen pop sent to "+e.Data["agents"])))
		case ringbid.EventHold:
			l.Marks = append(l.Marks, m.point("dot", "", e.At, cmp.Or(e.Text, "hold "+e.Data["on"])))
		case ringbid.EventTransfer:
			l.Marks = append(l.Marks, m.point("dot", "", e.At, cmp.Or(e.Text, "transfer to "+e.Data["to"])))
		case ringbid.EventDigit:
			l.Marks = append(l.Marks, m.point("dot", "", e.At, "the caller pressed "+e.Data["digit"]))
		}
	}
	if len(l.Marks) > 0 {
		m.add(l)
	}
}
