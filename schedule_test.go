package ringbid_test

import (
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := ringbid.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func utc(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestHours(t *testing.T) {
	t.Parallel()
	week := ringbid.Hours{{Days: "mon-fri", From: "09:00", To: "17:00"}}
	night := ringbid.Hours{{Days: "fri", From: "22:00", To: "02:00"}}
	for name, c := range map[string]struct {
		hours ringbid.Hours
		zone  string
		at    string
		open  bool
		next  string // "" for never
	}{
		"none is always":            {nil, "UTC", "2026-03-02T03:00:00Z", true, "2026-03-02T03:00:00Z"},
		"first minute":              {week, "America/New_York", "2026-03-02T14:00:00Z", true, "2026-03-02T14:00:00Z"},
		"a second before":           {week, "America/New_York", "2026-03-02T13:59:59Z", false, "2026-03-02T14:00:00Z"},
		"last second":               {week, "America/New_York", "2026-03-02T21:59:59Z", true, "2026-03-02T21:59:59Z"},
		"closing time":              {week, "America/New_York", "2026-03-02T22:00:00Z", false, "2026-03-03T14:00:00Z"},
		"over the weekend":          {week, "America/New_York", "2026-03-06T22:00:00Z", false, "2026-03-09T13:00:00Z"}, // DST began on Sunday
		"after DST began":           {week, "America/New_York", "2026-03-09T13:00:00Z", true, "2026-03-09T13:00:00Z"},
		"before the new nine":       {week, "America/New_York", "2026-03-09T12:59:59Z", false, "2026-03-09T13:00:00Z"},
		"after DST ended":           {week, "America/New_York", "2026-11-02T13:30:00Z", false, "2026-11-02T14:00:00Z"},
		"half-hour zone":            {week, "Asia/Kolkata", "2026-03-02T03:29:00Z", false, "2026-03-02T03:30:00Z"},
		"overnight, before":         {night, "UTC", "2026-03-06T21:59:59Z", false, "2026-03-06T22:00:00Z"},
		"overnight, evening":        {night, "UTC", "2026-03-06T23:00:00Z", true, "2026-03-06T23:00:00Z"},
		"overnight, next morning":   {night, "UTC", "2026-03-07T01:59:59Z", true, "2026-03-07T01:59:59Z"},
		"overnight, over":           {night, "UTC", "2026-03-07T02:00:00Z", false, "2026-03-13T22:00:00Z"},
		"overnight, not the day":    {night, "UTC", "2026-03-06T01:00:00Z", false, "2026-03-06T22:00:00Z"},
		"whole day":                 {ringbid.Hours{{Days: "sun", From: "00:00", To: "24:00"}}, "UTC", "2026-03-07T23:59:59Z", false, "2026-03-08T00:00:00Z"},
		"round the clock":           {ringbid.Hours{{Days: "all", From: "00:00", To: "00:00"}}, "UTC", "2026-03-07T23:59:59Z", true, "2026-03-07T23:59:59Z"},
		"days round the week":       {ringbid.Hours{{Days: "sat-mon", From: "08:00", To: "09:00"}}, "UTC", "2026-03-03T08:00:00Z", false, "2026-03-07T08:00:00Z"},
		"of two spans the earlier":  {ringbid.Hours{{Days: "wed", From: "08:00", To: "09:00"}, {Days: "tue", From: "20:00", To: "21:00"}}, "UTC", "2026-03-02T10:00:00Z", false, "2026-03-03T20:00:00Z"},
		"unsound is never":          {ringbid.Hours{{Days: "someday", From: "08:00", To: "09:00"}}, "UTC", "2026-03-02T10:00:00Z", false, ""},
		"a start the clocks skip":   {ringbid.Hours{{Days: "sun", From: "02:30", To: "04:00"}}, "America/New_York", "2026-03-08T06:00:00Z", false, "2026-03-08T07:00:00Z"},
		"a span the clocks skip":    {ringbid.Hours{{Days: "sun", From: "02:10", To: "02:50"}}, "America/New_York", "2026-03-08T06:00:00Z", false, "2026-03-15T06:10:00Z"},
		"a start shown twice":       {ringbid.Hours{{Days: "sun", From: "01:30", To: "01:40"}}, "America/New_York", "2026-11-01T05:00:00Z", false, "2026-11-01T05:30:00Z"},
		"the second time of it":     {ringbid.Hours{{Days: "sun", From: "01:30", To: "01:40"}}, "America/New_York", "2026-11-01T05:45:00Z", false, "2026-11-01T06:30:00Z"},
		"a clock that moves by 30m": {ringbid.Hours{{Days: "sun", From: "01:45", To: "01:50"}}, "Australia/Lord_Howe", "2026-04-04T14:52:00Z", false, "2026-04-04T15:15:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z, at := zone(t, c.zone), utc(t, c.at)
			if got := c.hours.Open(at, z); got != c.open {
				t.Errorf("Open = %v", got)
			}
			next, ok := c.hours.NextOpen(at, z)
			if ok != (c.next != "") || ok && !next.Equal(utc(t, c.next)) {
				t.Errorf("NextOpen = %s, %v; want %s", next.UTC().Format(time.RFC3339), ok, c.next)
			}
		})
	}
}

// NextOpen agrees with looking at every minute.
func TestNextOpenMinuteByMinute(t *testing.T) {
	t.Parallel()
	hours := ringbid.Hours{{Days: "sun", From: "01:15", To: "01:20"}, {Days: "sat", From: "23:50", To: "00:05"}, {Days: "wed", From: "02:30", To: "02:31"}}
	for _, name := range []string{"America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata"} {
		z := zone(t, name)
		for _, start := range []string{"2026-03-06T00:00:30Z", "2026-10-30T00:00:30Z", "2026-04-03T00:00:30Z"} {
			at := utc(t, start)
			for range 20 {
				want, found := at, hours.Open(at, z)
				for m := at.Truncate(time.Minute).Add(time.Minute); !found && m.Before(at.AddDate(0, 0, 8)); m = m.Add(time.Minute) {
					want, found = m, hours.Open(m, z)
				}
				if got, ok := hours.NextOpen(at, z); ok != found || ok && !got.Equal(want) {
					t.Fatalf("%s after %s: %s, want %s", name, at, got.UTC(), want.UTC())
				}
				at = at.Add(271 * time.Minute)
			}
		}
	}
}

func TestLoadZone(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"": true, "America/Denver": true, "Local": false, "Mars/Olympus": false, "../etc/passwd": false} {
		if _, err := ringbid.LoadZone(name); (err == nil) != ok {
			t.Errorf("LoadZone(%q): %v", name, err)
		}
	}
}
