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

// NextOpen returns the next moment at or after at when the hours open, looking
// eight days ahead, and whether there is one.
func (h Hours) NextOpen(at time.Time, zone *time.Location) (time.Time, bool) {
	t := at.Truncate(time.Minute)
	for range 8 * 24 * 60 {
		if h.Open(t, zone) {
			return t.In(zone), true
		}
		t = t.Add(time.Minute)
	}
	return time.Time{}, false
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
