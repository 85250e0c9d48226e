package web_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

func TestCash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m    ringbid.Money
		cur  string
		want string
	}{
		{380_000, "USD", "$38.00"}, {380_000, "", "$38.00"}, {332_150, "", "$33.215"}, {332_101, "", "$33.2101"}, {-125, "USD", "−$0.0125"}, {12_345_678_9000, "EUR", "€12,345,678.90"},
		{10_000, "CHF", "1.00 CHF"}, {0, "GBP", "£0.00"}, {9_990_000, "", "$999.00"}, {10_000_000, "", "$1,000.00"},
	} {
		if got := web.Cash(c.m, c.cur); got != c.want {
			t.Errorf("Cash(%d, %q) = %q, want %q", c.m, c.cur, got, c.want)
		}
	}
}

func TestCents(t *testing.T) {
	t.Parallel()
	for m, want := range map[ringbid.Money]string{
		332_150: "$33.22", 332_149: "$33.21", 332_100: "$33.21", -332_150: "−$33.22", 0: "$0.00", 49: "$0.0049", 50: "$0.01", -125: "−$0.01",
	} {
		if got := web.Cents(m, "USD"); got != want {
			t.Errorf("Cents(%d) = %q, want %q", m, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 ms", 850 * time.Millisecond: "850 ms", 1400 * time.Millisecond: "1.4 s", 2 * time.Second: "2 s", 14 * time.Second: "14 s",
		192 * time.Second: "3 m 12 s", time.Minute: "1 m", 64 * time.Minute: "1 h 04 m", 9990 * time.Millisecond: "9.9 s", -time.Second: "−1 s",
	} {
		if got := web.Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestCellDefusesFormulas(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|calc"} {
		if got := web.Cell(s); got != "'"+s {
			t.Errorf("Cell(%q) = %q", s, got)
		}
	}
	if got := web.Cell("plain, text"); got != "plain, text" {
		t.Errorf("Cell changed a plain text to %q", got)
	}
}

func TestParseFilter(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	q, _ := url.ParseQuery("from=2026-03-08&to=2026-03-08&caller=(310)+555&number=8005550100&outcome=no_buyer&rows=20&sort=longest&campaign=auto")
	got, err := web.ParseFilter(q, zone)
	if err != nil {
		t.Fatal(err)
	}
	want := web.Filter{
		// A day of 23 hours: the clocks go forward.
		From: time.Date(2026, 3, 8, 5, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 9, 4, 0, 0, 0, time.UTC),
		Caller: "310555", Number: "+18005550100", Outcome: ringbid.OutcomeNoBuyer, Limit: 20, Sort: "longest", Campaign: "auto",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("filter (-want +got):\n%s", d)
	}
	for _, bad := range []string{"from=yesterday", "to=2026-13-01", "caller=abc", "number=12", "outcome=x", "sort=x", "rows=0", "rows=501", "rows=x", "text=" + string(make([]byte, 1)), "campaign=" + string(make([]byte, 201))} {
		q, err := url.ParseQuery(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := web.ParseFilter(q, time.UTC); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%q: got %v, want an Invalid error", bad, err)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"", "from=2026-01-01", "caller=%00", "text=' OR 1=1", "number=+1800", "from=9999999-01-01", "outcome=bridged&rows=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		got, err := web.ParseFilter(q, time.UTC)
		if err != nil && ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%q: %v is not Invalid", s, err)
		}
		if err == nil && (got.Limit < 1 || got.Limit > web.MaxRows) {
			t.Errorf("%q: %d rows", s, got.Limit)
		}
	})
}

func TestMasked(t *testing.T) {
	t.Parallel()
	c := &ringbid.Call{
		Caller: "+13105550142", Number: "+18005550100", Tags: ringbid.TagMap{"phone": "3105550142"},
		Auction: &ringbid.Auction{Bids: []ringbid.Bid{{Request: "GET /?CID=%2B13105550142"}}},
		Events:  []ringbid.Event{{Text: "call from +13105550142", Data: map[string]string{"caller": "+13105550142", "number": "+18005550100"}}},
	}
	got, err := web.Masked(c)
	if err != nil {
		t.Fatal(err)
	}
	masked := "+1310•••••42"
	want := &ringbid.Call{
		Caller: ringbid.Phone(masked), Number: "+18005550100", Tags: ringbid.TagMap{"phone": masked},
		Auction: &ringbid.Auction{Bids: []ringbid.Bid{{Request: "GET /?CID=%2B" + masked}}},
		Events:  []ringbid.Event{{Text: "call from " + masked, Data: map[string]string{"caller": masked, "number": "+18005550100"}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("masked call (-want +got):\n%s", d)
	}
	if c.Caller != "+13105550142" {
		t.Error("the call itself was changed")
	}
}
