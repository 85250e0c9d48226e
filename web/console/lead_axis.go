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

// leadAxis draws what happened to a lead on one line of time: how it came in,
// every bidder from ping to answer, every delivery with its tries, and what
// people did with it.
func leadAxis(l *ringbid.Lead, acts []ringbid.Activity, b *ringbid.Book, now time.Time) *Axis {
	m := &axisMaker{book: b, start: l.Received, auction: l.Auction, currency: l.Sale.Currency, lost: lostLead, axis: &Axis{Say: "Time line of the lead"}, y: 22}
	m.axis.Scale = m.leadScale(l, acts, now)
	m.grid()
	m.received(l, now)
	m.bids()
	for _, d := range l.Deliveries {
		m.delivery(d, now)
	}
	m.activity(acts)
	return m.done()
}

// leadScale gives the first exchange, the tries that follow and what people do
// later a speed of their own each, where they are far apart.
func (m *axisMaker) leadScale(l *ringbid.Lead, acts []ringbid.Activity, now time.Time) scale {
	var first, last int64
	if a := l.Auction; a != nil && a.Closed != nil {
		first = m.at(*a.Closed)
	}
	for i, d := range l.Deliveries {
		for n, t := range d.Tries {
			end := m.at(tryEnd(t, now))
			last = max(last, end)
			if i == 0 && n == 0 {
				first = max(first, end)
			}
		}
		if !d.State.Over() {
			last = max(last, m.at(now))
		}
	}
	last = max(last, first)
	end := last
	for _, a := range acts {
		end = max(end, m.at(a.At))
	}
	early, late := first+max(first/12, 20), last+max(last/12, 20)
	end += max(end/40, 20)
	switch {
	case last > 3*early && end > 3*late:
		return newScale(end, part{early, 0.42}, part{late, 0.36})
	case end > 3*late:
		return newScale(end, part{late, 0.74})
	case last > 3*early:
		return newScale(max(end, late), part{early, 0.5})
	}
	return newScale(max(end, late))
}

func tryEnd(t ringbid.Try, now time.Time) time.Time {
	if t.Ended != nil {
		return *t.Ended
	}
	return later(now, t.Began)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// received draws how long the lead was on its way to a decision.
func (m *axisMaker) received(l *ringbid.Lead, now time.Time) {
	lane := m.lane("Lead", cmp.Or(l.Source, "from a call"))
	end, open := l.Received, l.State == ringbid.LeadSelling
	for _, p := range l.Purchases {
		if p.Decided != nil {
			end = later(end, *p.Decided)
		}
	}
	for _, d := range l.Deliveries {
		if n := len(d.Tries); n > 0 && l.State == ringbid.LeadHeld {
			end = later(end, tryEnd(d.Tries[n-1], now))
		}
	}
	if open {
		end = later(end, now)
	}
	say := "the lead came in by " + cmp.Or(l.Source, "a call")
	if end.After(l.Received) {
		lane.Marks = append(lane.Marks, m.box("up", l.Received, end, say+", and was decided "+web.Span(end.Sub(l.Received))+" later"))
	} else {
		lane.Marks = append(lane.Marks, m.point("dot", "", l.Received, say))
	}
	word := web.LeadStateText(l.State)
	switch {
	case open:
	case l.State == ringbid.LeadSold:
		lane.Marks = append(lane.Marks, m.point("tick", "", end, "sold"))
	case l.State == ringbid.LeadCall:
	default:
		lane.Marks = append(lane.Marks, m.point("cross", "", end, word+suffix(strings.TrimSuffix(l.Reason.Text, "."))))
	}
	m.add(lane)
}

// delivery draws the tries of one delivery, the pauses between them and the
// verdict.
func (m *axisMaker) delivery(d ringbid.Delivery, now time.Time) {
	lane := m.lane("✉ "+cut(d.Method, 20), "")
	at := d.Made
	for _, t := range d.Tries {
		if t.Began.After(at) {
			lane.Marks = append(lane.Marks, m.pause(at, t.Began))
		}
		end := tryEnd(t, now)
		say := fmt.Sprintf("try %d of %s: %s", t.N, d.Method, classText(t.Class))
		if t.Ended != nil {
			say += " after " + web.Span(end.Sub(t.Began))
		}
		if t.Reason != "" && t.Class != "accepted" {
			say += ": " + strings.TrimSuffix(t.Reason, ".")
		}
		if t.Next != "" {
			say += "; " + nextText(t.Next)
		}
		lane.Marks = append(lane.Marks, m.box(tryBox(t.Class), t.Began, end, say))
		at = end
	}
	if d.Next != nil && !d.State.Over() {
		lane.Marks = append(lane.Marks, m.pause(at, later(now, at)))
	}
	word := cmp.Or(web.DeliveryStateText(d.State), string(d.State))
	text := word
	if d.State != ringbid.DeliveryAccepted && d.Reason != "" {
		text += ": " + strings.TrimSuffix(d.Reason, ".")
	}
	if d.Done != nil {
		at = *d.Done
	}
	if d.State.Over() {
		shape := "cross"
		if d.State == ringbid.DeliveryAccepted {
			shape = "tick"
		}
		v := m.point(shape, "", at, d.Method+" "+text)
		v.X += 8
		lane.Marks = append(lane.Marks, v)
	}
	if l, fits := m.beside(lane.Marks, text); fits {
		lane.Marks = append(lane.Marks, l)
	}
	m.add(lane)
}

func (m *axisMaker) pause(from, to time.Time) mark {
	x := m.place(from)
	return mark{Shape: "wait", X: x, Y: m.y + 13, W: m.place(to) - x}
}

// beside places a text behind the marks of a lane, else in front of them.
func (m *axisMaker) beside(marks []mark, text string) (mark, bool) {
	from, to := axisRight, axisLeft
	for _, k := range marks {
		from, to = min(from, k.X), max(to, k.EndX())
	}
	wide := float64(min(len([]rune(text)), 84)) * 5.8
	switch {
	case to+12+wide < axisRight+20:
		return label(text, to+12, m.y+17), true
	case from-8-wide > axisLeft:
		return label(text, from-8-wide, m.y+17), true
	}
	return mark{}, false
}

// tryBox is how a try is drawn.
func tryBox(class string) string {
	switch tryClass(class) {
	case "good":
		return "talk"
	case "warn":
		return "ring"
	case "info":
		return "dial"
	}
	return "failed"
}

// activity draws what people and partners did with the lead.
func (m *axisMaker) activity(acts []ringbid.Activity) {
	if len(acts) == 0 {
		return
	}
	lane := m.lane("Activity", "")
	for _, a := range slices.SortedFunc(slices.Values(acts), func(x, y ringbid.Activity) int { return x.At.Compare(y.At) }) {
		lane.Marks = append(lane.Marks, m.point("dot", "", a.At, a.By+" "+activityText(a.Kind)+suffix(a.Text)))
	}
	m.add(lane)
}

// cut shortens a text to so many characters.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
