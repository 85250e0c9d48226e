package ringbid_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestMoneyText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		money ringbid.Money
		back  string
	}{
		"38":                    {380000, "38.00"},
		"38.5":                  {385000, "38.50"},
		"+0.01":                 {100, "0.01"},
		"-0.0125":               {-125, "-0.0125"},
		".5":                    {5000, "0.50"},
		"0":                     {0, "0.00"},
		"1.23450000":            {12345, "1.2345"},
		"922337203685477.5807":  {math.MaxInt64, "922337203685477.5807"},
		"-922337203685477.5808": {math.MinInt64, "-922337203685477.5808"},
	} {
		got, err := ringbid.ParseMoney(text)
		if err != nil || got != want.money || got.String() != want.back {
			t.Errorf("%s: %d, %s, %v", text, got, got, err)
		}
	}
	for _, text := range []string{
		"", " ", "1,000", "$5", "1e3", "0x10", "1/2", "NaN", "Inf", "--1", "1.2.3", "1-2", "+", ".", "0.00001",
		"922337203685477.5808", "999999999999999999999999999999999", "１",
	} {
		if got, err := ringbid.ParseMoney(text); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%q is read as %s, %v", text, got, err)
		}
	}
}

func TestMoneyArithmetic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b, sum ringbid.Money
		ok        bool
	}{
		{1, 2, 3, true}, {-5, 2, -3, true}, {math.MaxInt64, 0, math.MaxInt64, true},
		{math.MaxInt64, 1, 0, false}, {math.MinInt64, -1, 0, false}, {math.MinInt64, math.MaxInt64, -1, true},
	} {
		if got, err := c.a.Add(c.b); (err == nil) != c.ok || got != c.sum {
			t.Errorf("%d + %d = %d, %v", c.a, c.b, got, err)
		}
	}
	for _, c := range []struct {
		m      ringbid.Money
		points int
		want   ringbid.Money
	}{
		{380000, 8500, 323000}, {1, 5000, 1}, {-1, 5000, -1}, {1, 4999, 0}, {3, 5000, 2}, {-3, 5000, -2},
		{math.MaxInt64, 10_000, math.MaxInt64}, {math.MaxInt64, 20_000, math.MaxInt64}, {math.MinInt64, 20_000, math.MinInt64},
	} {
		if got := c.m.Share(c.points); got != c.want {
			t.Errorf("%d basis points of %d = %d, want %d", c.points, c.m, got, c.want)
		}
	}
}

func TestMoneyJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ringbid.Money{`"38.25"`: 382500, `38.25`: 382500, `0.1`: 1000, `null`: 7, `-3`: -30000} {
		got := ringbid.Money(7)
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{`"x"`, `1e2`, `true`, `{}`, `""`, `"null"`} {
		var got ringbid.Money
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %s", text, got)
		}
	}
	if b, err := json.Marshal(ringbid.Money(382500)); err != nil || string(b) != `"38.25"` {
		t.Errorf("%s, %v", b, err)
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"38", "-0.0125", "1e9", "+.5", "922337203685477.5808", "1_0", "0000000000000000000000000000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ringbid.ParseMoney(s)
		if err != nil {
			return
		}
		again, err := ringbid.ParseMoney(m.String())
		if err != nil || again != m {
			t.Fatalf("%q is %d, written %s, read %d, %v", s, m, m, again, err)
		}
	})
}
