package ringbid

import "time"

// Cap limits how much a target takes in a window of its own time zone.
type Cap struct {
	// On says what is counted: "attempt" (dialled), "connect", "convert" or
	// "revenue".
	On string `json:"on"`
	// Per is the window: "hour", "day", "month" or "total".
	Per string `json:"per"`
	// Limit is the most that is counted in the window; for revenue it is
	// Amount instead.
	Limit  int64 `json:"limit,omitempty"`
	Amount Money `json:"amount,omitempty"`
}

func (p Cap) check(c *checker, path string) {
	switch p.On {
	case "attempt", "connect", "convert":
		c.that(p.Limit > 0, path+".limit", "is not above zero")
	case "revenue":
		c.that(p.Amount > 0, path+".amount", "is not above zero")
	default:
		c.addf(path+".on", "%.20q is not attempt, connect, convert or revenue", p.On)
	}
	switch p.Per {
	case "hour", "day", "month", "total":
	default:
		c.addf(path+".per", "%.20q is not hour, day, month or total", p.Per)
	}
}

// Max returns the limit as a count, or in Money for revenue.
func (p Cap) Max() int64 {
	if p.On == "revenue" {
		return int64(p.Amount)
	}
	return p.Limit
}

// Window returns the start of the cap's window that holds the moment, in the
// zone; the zero time for total.
func (p Cap) Window(at time.Time, zone *time.Location) time.Time {
	t := at.In(zone)
	switch p.Per {
	case "hour":
		// An hour repeated by DST is two windows: count back from the moment.
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case "day":
		return startOfDay(t.Year(), t.Month(), t.Day(), zone)
	case "month":
		return startOfDay(t.Year(), t.Month(), 1, zone)
	}
	return time.Time{}
}

// startOfDay returns the first moment of a day. Where the clocks skip midnight
// (Havana, Santiago), that is the change itself; time.Date may give a moment of
// the day before.
func startOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if t.Day() != day {
		_, t = t.ZoneBounds()
	}
	return t.In(zone)
}
