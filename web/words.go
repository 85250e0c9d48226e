package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Cash writes an amount with its currency: "$38.00", "€38.00", "38.00 CHF"; parts
// of a cent where there are any: "$33.215".
func Cash(m ringbid.Money, currency string) string {
	sign, s := "", m.String()
	if rest, neg := strings.CutPrefix(s, "-"); neg {
		sign, s = "−", rest
	}
	whole, part, _ := strings.Cut(s, ".")
	if len(part) == 4 {
		part = part[:2] + strings.TrimRight(part[2:], "0")
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	s = whole + "." + part
	switch currency {
	case "", "USD":
		return sign + "$" + s
	case "EUR":
		return sign + "€" + s
	case "GBP":
		return sign + "£" + s
	}
	return sign + s + " " + currency
}

// Cents is Cash to the cent, for sums and lists; what is less than half a cent
// stays exact.
func Cents(m ringbid.Money, currency string) string {
	const cent = ringbid.MoneyScale / 100
	rounded := m + cent/2
	if m < 0 {
		rounded = m - cent/2
	}
	if rounded -= rounded % cent; rounded != 0 {
		m = rounded
	}
	return Cash(m, currency)
}

// Span writes a length of time as people say it: "850 ms", "14 s", "3 m 12 s",
// "1 h 04 m".
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "−" + Span(-d)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		s := strings.TrimSuffix(fmt.Sprintf("%.1f", d.Truncate(100*time.Millisecond).Seconds()), ".0")
		return s + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		if s := int(d.Seconds()) % 60; s != 0 {
			return fmt.Sprintf("%d m %02d s", int(d.Minutes()), s)
		}
		return fmt.Sprintf("%d m", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
}

// PhoneText writes a number for reading: "+1 (800) 555-0100". A masked number
// stays as it is, an empty one is "withheld".
func PhoneText(p ringbid.Phone) string {
	if p == "" {
		return "withheld"
	}
	if n := p.National(); len(n) == 10 && len(p) == 12 {
		return "+1 (" + n[:3] + ") " + n[3:6] + "-" + n[6:]
	}
	return string(p)
}

// PhoneShort writes a number for narrow places: "800-555-0100".
func PhoneShort(p ringbid.Phone) string {
	if n := p.National(); len(n) == 10 && len(p) == 12 {
		return n[:3] + "-" + n[3:6] + "-" + n[6:]
	}
	return PhoneText(p)
}

// Count writes a number with separators.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Cell makes a text safe as a spreadsheet's cell: one that would be read as a
// formula gets an apostrophe in front.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n|", rune(s[0])) {
		return "'" + s
	}
	return s
}
