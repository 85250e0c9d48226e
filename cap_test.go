package ringbid_test

import (
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

func TestCapWindow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ per, zone, at, want string }{
		"hour":                      {"hour", "UTC", "2026-03-02T10:59:59Z", "2026-03-02T10:00:00Z"},
		"hour of a half-hour zone":  {"hour", "Asia/Kolkata", "2026-03-02T10:45:00Z", "2026-03-02T10:30:00Z"},
		"first of a repeated hour":  {"hour", "America/New_York", "2026-11-01T05:59:00Z", "2026-11-01T05:00:00Z"},
		"second of a repeated hour": {"hour", "America/New_York", "2026-11-01T06:01:00Z", "2026-11-01T06:00:00Z"},
		"day":                       {"day", "America/Los_Angeles", "2026-07-02T06:59:59Z", "2026-07-01T07:00:00Z"},
		"next day":                  {"day", "America/Los_Angeles", "2026-07-02T07:00:00Z", "2026-07-02T07:00:00Z"},
		"day of 23 hours":           {"day", "America/New_York", "2026-03-09T03:59:59Z", "2026-03-08T05:00:00Z"},
		"day of 25 hours":           {"day", "America/New_York", "2026-11-02T04:59:59Z", "2026-11-01T04:00:00Z"},
		"day without midnight":      {"day", "America/Havana", "2026-03-08T20:00:00Z", "2026-03-08T05:00:00Z"},
		"day before it":             {"day", "America/Havana", "2026-03-08T04:59:59Z", "2026-03-07T05:00:00Z"},
		"another without midnight":  {"day", "Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z"},
		"month":                     {"month", "America/New_York", "2026-04-01T03:59:59Z", "2026-03-01T05:00:00Z"},
		"month in its zone":         {"month", "Asia/Tokyo", "2026-03-31T15:00:00Z", "2026-03-31T15:00:00Z"},
		"total":                     {"total", "UTC", "2026-03-31T15:00:00Z", "0001-01-01T00:00:00Z"},
	} {
		got := ringbid.Cap{Per: c.per}.Window(utc(t, c.at), zone(t, c.zone))
		if !got.Equal(utc(t, c.want)) {
			t.Errorf("%s: %s, want %s", name, got.UTC().Format(time.RFC3339), c.want)
		}
	}
}

// A window holds its moment, and every moment in it has the same window.
func TestCapWindowsDoNotOverlap(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"America/Havana", "America/Santiago", "Africa/Cairo", "America/New_York", "Australia/Lord_Howe"} {
		z := zone(t, name)
		for _, per := range []string{"hour", "day", "month"} {
			p := ringbid.Cap{Per: per}
			last := time.Time{}
			for at := utc(t, "2026-01-01T00:10:00Z"); at.Year() == 2026; at = at.Add(47 * time.Minute) {
				w := p.Window(at, z)
				if w.After(at) || w.Before(last) || !p.Window(w, z).Equal(w) {
					t.Fatalf("%s, %s: %s is in the window from %s, after one from %s", name, per, at, w, last)
				}
				last = w
			}
		}
	}
}

func TestCapMax(t *testing.T) {
	t.Parallel()
	if (ringbid.Cap{On: "connect", Limit: 7, Amount: 9}).Max() != 7 || (ringbid.Cap{On: "revenue", Limit: 7, Amount: 9}).Max() != 9 {
		t.Error("Max takes the wrong limit")
	}
}
