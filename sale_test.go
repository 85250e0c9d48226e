package ringbid_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	const price = 38 * ringbid.MoneyScale
	minute := ringbid.Duration(time.Minute)
	fixed := &ringbid.Payout{Amount: 20 * ringbid.MoneyScale}
	for name, c := range map[string]struct {
		payout, own *ringbid.Payout
		need        ringbid.Duration
		connected   time.Duration
		converted   bool
		paid        ringbid.Money
	}{
		"never connected":            {fixed, nil, 0, 0, false, 0},
		"connected is enough":        {fixed, nil, 0, time.Millisecond, true, 20 * ringbid.MoneyScale},
		"a millisecond short":        {fixed, nil, minute, time.Minute - time.Millisecond, false, 0},
		"exactly":                    {fixed, nil, minute, time.Minute, true, 20 * ringbid.MoneyScale},
		"no publisher":               {nil, nil, minute, time.Minute, true, 0},
		"the number's own payout":    {fixed, &ringbid.Payout{Amount: 5}, 0, time.Second, true, 5},
		"share":                      {&ringbid.Payout{Share: 85}, nil, 0, time.Second, true, 323000},
		"publisher needs longer":     {&ringbid.Payout{Amount: 1, After: minute}, nil, 0, 59 * time.Second, true, 0},
		"and gets it":                {&ringbid.Payout{Amount: 1, After: minute}, nil, 0, time.Minute, true, 1},
		"buyer does not pay, nor we": {&ringbid.Payout{Amount: 1}, nil, minute, time.Second, false, 0},
	} {
		s := ringbid.Settle(&ringbid.Campaign{Payout: c.payout}, &ringbid.Number{Payout: c.own},
			&ringbid.Target{ConvertAfter: c.need}, price, c.connected)
		want := ringbid.Sale{Currency: "USD", Price: price, Converted: c.converted, Payout: c.paid, Rule: s.Rule}
		if c.converted {
			want.Revenue = price
		}
		if d := cmp.Diff(want, s); d != "" || s.Rule == "" {
			t.Errorf("%s: %s", name, d)
		}
		if s.Margin() != s.Revenue-s.Payout {
			t.Errorf("%s: margin %s", name, s.Margin())
		}
	}
}

// What fell just short of a contract must not read as if it had not.
func TestRuleOfACallJustShort(t *testing.T) {
	t.Parallel()
	got := ringbid.Settle(&ringbid.Campaign{}, nil, &ringbid.Target{ConvertAfter: ringbid.Duration(10 * time.Second)}, 100, 9999*time.Millisecond)
	if want := "not paid: connected 9.9 s, needs 10.0 s"; got.Rule != want || got.Converted {
		t.Errorf("%q, converted %t", got.Rule, got.Converted)
	}
}
