package dialect

import (
	"math/big"
	"strings"

	"github.com/ringbid/ringbid"
)

// maxNumber bounds the text of a number, in bytes. Amounts that went through a
// bidder's floating point come with some twenty digits.
const maxNumber = 40

// amount reads a decimal as bidders write it, "38", "38.50", "4.199999999999999"
// or "$38.50", and rounds it to the nearest ten-thousandth.
func amount(s string) (ringbid.Money, bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "$")
	// Exponents are refused: a few bytes of them are a very large number.
	if s == "" || len(s) > maxNumber || strings.Trim(s, "+-0123456789.") != "" {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, false
	}
	m, err := ringbid.ParseMoney(r.FloatString(4))
	return m, err == nil
}

// whole reads an integer that may be written with a fraction of zeros; ok is
// false for anything else and beyond ±10^15.
func whole(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxNumber || strings.Trim(s, "+-0123456789.") != "" {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() || r.Num().CmpAbs(big.NewInt(1e15)) > 0 {
		return 0, false
	}
	return r.Num().Int64(), true
}
