package ringbid

import (
	"strings"
	"time"
)

// Span is one stretch of opening hours on the given days. From and To are
// "15:04" on the target's clock; a To at or before From ends the next day.
type Span struct {
	Days string `json:"days"` // "mon-fri", "sat,sun", "all"
	From string `json:"from"`
	To   string `json:"to"`
}

// Hours are the spans in which a target is open; none means always.
type Hours []Span

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (h Hours) check(c *checker, path string) {
	c.that(len(h) <= 64, path, "has more than 64 spans")
	for i, s := range h {
		_, ok := parseDays(s.Days)
		c.that(ok, index(path, i)+".days", `%.40q is not days such as "mon-fri", "sat,sun" or "all"`, s.Days)
		for _, f := range [...]struct{ name, v string }{{".from", s.From}, {".to", s.To}} {
			_, ok := parseClock(f.v)
			c.that(ok, index(path, i)+f.name, `%.20q is not a time such as "09:00"`, f.v)
		}
	}
}

// LoadZone loads an IANA zone; "" is UTC. "Local" is refused.
func LoadZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, Errorf(Invalid, "zone %q is not an IANA zone", name)
	}
	return time.LoadLocation(name)
}

// Open reports whether the hours include the moment, read in the zone. The
// wall clock decides, so that a span keeps its times across DST changes.
func (h Hours) Open(at time.Time, zone *time.Location) bool {
	if len(h) == 0 {
		return true
	}
	t := at.In(zone)
	minute, today := t.Hour()*60+t.Minute(), int(t.Weekday())
	for _, s := range h {
		days, ok := parseDays(s.Days)
		from, okFrom := parseClock(s.From)
		to, okTo := parseClock(s.To)
		if !ok || !okFrom || !okTo {
			continue
		}
		if from < to {
			if days[today] && minute >= from && minute < to {
				return true
			}
			continue
		}
		if days[today] && minute >= from || days[(today+6)%7] && minute < to {
			return true
		}
	}
	return false
}

// NextOpen returns the next moment at or after at when the hours are open,
// looking eight days ahead, and whether there is one.
func (h Hours) NextOpen(at time.Time, zone *time.Location) (time.Time, bool) {
	at = at.In(zone)
	var first time.Time
	for _, t := range h.openings(at, zone) {
		if !t.Before(at) && h.Open(t, zone) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first, !first.IsZero()
}

// openings returns every moment within eight days at which the hours can begin:
// now, the start of a span on each day, and a change of the clocks. A start that
// the clocks show twice is given twice; one that they skip comes out beside the
// change, where Open decides.
func (h Hours) openings(at time.Time, zone *time.Location) []time.Time {
	out := []time.Time{at}
	until := at.AddDate(0, 0, 8)
	shifts := []time.Duration{0}
	for t := at.AddDate(0, 0, -1); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || end.After(until) {
			break
		}
		_, before := t.Zone()
		_, after := end.Zone()
		shift := time.Duration(after-before) * time.Second
		out, shifts = append(out, end), append(shifts, shift, -shift)
		t = end
	}
	for day := -1; day <= 8; day++ {
		for _, s := range h {
			from, ok := parseClock(s.From)
			if !ok {
				continue
			}
			start := time.Date(at.Year(), at.Month(), at.Day()+day, from/60, from%60, 0, 0, zone)
			for _, shift := range shifts {
				out = append(out, start.Add(shift))
			}
		}
	}
	return out
}

func parseDays(s string) (days [7]bool, ok bool) {
	if s == "all" || s == "" {
		return [7]bool{true, true, true, true, true, true, true}, s != ""
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, b := dayIndex(first), dayIndex(first)
		if isRange {
			b = dayIndex(last)
		}
		if a < 0 || b < 0 {
			return days, false
		}
		for d := a; ; d = (d + 1) % 7 {
			days[d] = true
			if d == b {
				break
			}
		}
	}
	return days, true
}

func dayIndex(s string) int {
	for i, n := range dayNames {
		if strings.EqualFold(s, n) {
			return i
		}
	}
	return -1
}

// parseClock returns the minutes since midnight of "15:04"; "24:00" is 1440.
func parseClock(s string) (int, bool) {
	if s == "24:00" {
		return 1440, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == 5
}
