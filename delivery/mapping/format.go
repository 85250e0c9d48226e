package mapping

import (
	"fmt"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
)

const maxPlaces = 8

// apply formats a value that is not empty.
func (f Format) apply(v string, n *Note) (string, error) {
	out, err := f.write(v)
	if err == nil && out != v {
		n.why("%s: %q", strings.TrimSpace(f.As+" "+f.To), out)
	}
	return out, err
}

func (f Format) write(v string) (string, error) {
	switch f.As {
	case "phone":
		return phone(v, f.To)
	case "date":
		return f.date(v)
	case "amount":
		return f.amount(v)
	case "case":
		return letterCase(v, f.To), nil
	case "boolean":
		return f.boolean(v)
	case "state":
		code, name := ringbid.USState(v)
		if code == "" {
			return "", fmt.Errorf("%.40q is not a state", v)
		}
		if f.To == "name" {
			return name, nil
		}
		return code, nil
	case "trim":
		return strings.Join(strings.Fields(v), " "), nil
	case "digits":
		return digits(v), nil
	case "max":
		return cut(v, f.Length), nil
	}
	return "", fmt.Errorf("format %q is not known", f.As)
}

// phone writes a number. North American forms refuse numbers from elsewhere.
func phone(v, to string) (string, error) {
	s := strings.TrimPrefix(strings.TrimSpace(v), "tel:")
	if strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789+-.() /", r) }) ||
		strings.LastIndexByte(s, '+') > 0 {
		return "", fmt.Errorf("%.40q is not a phone number", v)
	}
	d, plus := digits(s), strings.HasPrefix(s, "+")
	if !plus && len(d) == 10 {
		d = "1" + d
	} else if !plus && (len(d) != 11 || d[0] != '1') || len(d) < 7 || len(d) > 15 || d[0] == '0' {
		return "", fmt.Errorf("%.40q is neither an international number nor ten digits", v)
	}
	if to == "e164" {
		return "+" + d, nil
	}
	if len(d) != 11 || d[0] != '1' {
		return "", fmt.Errorf("%.40q is not a North American number", v)
	}
	switch to {
	case "1nnn":
		return d, nil
	case "10":
		return d[1:], nil
	case "dash":
		return d[1:4] + "-" + d[4:7] + "-" + d[7:], nil
	case "paren":
		return "(" + d[1:4] + ") " + d[4:7] + "-" + d[7:], nil
	}
	return "", fmt.Errorf("phone form %q is not known", to)
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// amount reads "$1,234.5" and writes it with the given places. Commas are read
// as thousands only where they stand in threes.
func (f Format) amount(v string) (string, error) {
	s := strings.TrimSpace(v)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	s = strings.TrimSpace(strings.TrimPrefix(s, "$"))
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(s, "USD"), "$"))
	whole, part, _ := strings.Cut(s, ".")
	groups := strings.Split(whole, ",")
	for i, g := range groups {
		if i > 0 && len(g) != 3 || i == 0 && len(groups) > 1 && (g == "" || len(g) > 3) {
			return "", fmt.Errorf("%.40q is not an amount", v)
		}
	}
	if digits(part) != part || s == "" {
		return "", fmt.Errorf("%.40q is not an amount", v)
	}
	r, ok := decimal(sign + strings.Join(groups, "") + "." + part)
	if !ok || f.Places < 0 || f.Places > maxPlaces {
		return "", fmt.Errorf("%.40q is not an amount", v)
	}
	return f.writeAmount(r), nil
}

func (f Format) writeAmount(r *big.Rat) string {
	if f.To == "minor" {
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(f.Places)), nil)
		return unsigned(new(big.Rat).Mul(r, new(big.Rat).SetInt(scale)).FloatString(0))
	}
	s := unsigned(r.FloatString(f.Places))
	if f.To != "thousands" {
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	whole, part, dot := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		whole += "." + part
	}
	return sign + whole
}

// unsigned takes the sign off a zero.
func unsigned(s string) string {
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

func letterCase(v, to string) string {
	switch to {
	case "upper":
		return strings.ToUpper(v)
	case "lower":
		return strings.ToLower(v)
	case "title":
		before := ' '
		return strings.Map(func(r rune) rune {
			start := !unicode.IsLetter(before) && !unicode.IsDigit(before) && before != '\''
			before = r
			if start {
				return unicode.ToTitle(r)
			}
			return unicode.ToLower(r)
		}, v)
	}
	return v
}

func (f Format) boolean(v string) (string, error) {
	b, ok := boolean(v)
	if !ok {
		return "", fmt.Errorf("%.40q is neither yes nor no", v)
	}
	yes, no := f.Yes, f.No
	if yes == "" && no == "" {
		yes, no = "true", "false"
	}
	if b {
		return yes, nil
	}
	return no, nil
}

// boolean reads the words people use for yes and no.
func boolean(v string) (value, ok bool) {
	switch fold(v) {
	case "true", "yes", "y", "t", "1", "on":
		return true, true
	case "false", "no", "n", "f", "0", "off":
		return false, true
	}
	return false, false
}

// cut keeps the first n characters.
func cut(v string, n int) string {
	if utf8.RuneCountInString(v) <= n {
		return v
	}
	for i := range v {
		if n == 0 {
			return v[:i]
		}
		n--
	}
	return v
}
