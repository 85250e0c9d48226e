package ringbid

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// Money is an exact amount in ten-thousandths of the currency's main unit:
// 38.00 is 380000. The currency stands beside it, on the buyer or the call.
// Range: ±922 trillion; arithmetic that would leave it is refused by Add.
type Money int64

// MoneyScale is how many Money make one main unit.
const MoneyScale = 10_000

// maxMoneyText bounds what ParseMoney reads, in bytes.
const maxMoneyText = 32

// ParseMoney reads a plain decimal such as "38", "38.5" or "-0.0125", with at
// most four places. Exponents, thousands separators and currency signs are
// refused. The error is Invalid.
func ParseMoney(s string) (Money, error) {
	if s == "" || len(s) > maxMoneyText || strings.Trim(s, "+-0123456789.") != "" {
		return 0, Errorf(Invalid, "amount %.40q is not a plain decimal", s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, Errorf(Invalid, "amount %.40q is not a plain decimal", s)
	}
	r.Mul(r, big.NewRat(MoneyScale, 1))
	if !r.IsInt() {
		return 0, Errorf(Invalid, "amount %s has more than four places", s)
	}
	if !r.Num().IsInt64() {
		return 0, Errorf(Invalid, "amount %s is out of range", s)
	}
	return Money(r.Num().Int64()), nil
}

// Add returns m+n, or an Invalid error where the sum leaves the range.
func (m Money) Add(n Money) (Money, error) {
	sum := m + n
	if (n > 0 && sum < m) || (n < 0 && sum > m) {
		return 0, Errorf(Invalid, "amounts %s and %s add up out of range", m, n)
	}
	return sum, nil
}

// Share returns the given part of m in basis points (hundredths of a percent),
// rounded half away from zero to a whole Money. A share beyond the range is the
// end of the range.
func (m Money) Share(basisPoints int) Money {
	n := new(big.Int).Mul(big.NewInt(int64(m)), big.NewInt(int64(basisPoints)))
	half := big.NewInt(5000)
	if n.Sign() < 0 {
		half.Neg(half)
	}
	n.Add(n, half).Quo(n, big.NewInt(10_000))
	switch {
	case n.IsInt64():
		return Money(n.Int64())
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// String writes the amount with two places, or with four where they matter:
// "38.00", "-0.0125".
func (m Money) String() string {
	sign, u := "", uint64(m)
	if m < 0 {
		sign, u = "-", uint64(-m)
	}
	whole, part := u/MoneyScale, u%MoneyScale
	if part%100 == 0 {
		return fmt.Sprintf("%s%d.%02d", sign, whole, part/100)
	}
	return fmt.Sprintf("%s%d.%04d", sign, whole, part)
}

// MarshalText writes the amount as String does.
func (m Money) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads the amount as ParseMoney does.
func (m *Money) UnmarshalText(b []byte) error {
	v, err := ParseMoney(string(b))
	if err == nil {
		*m = v
	}
	return err
}

// UnmarshalJSON reads a JSON string or number; a number is taken by its digits
// and never passes through a float.
func (m *Money) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) >= 2 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	return m.UnmarshalText(b)
}
