package ringbid

import "strings"

// Phone is a number in E.164 form with its plus sign, such as "+18005550100",
// or "" where the caller withheld it.
type Phone string

// ParsePhone reads a number as carriers and people write it: E.164, a tel: or
// sip: URI's user part, ten digits or eleven with a leading 1 (taken as North
// American), with spaces, dots, dashes and brackets. The error is Invalid.
func ParsePhone(s string) (Phone, error) {
	raw := strings.TrimPrefix(strings.TrimSpace(s), "tel:")
	if i := strings.IndexByte(raw, ';'); i >= 0 {
		raw = raw[:i]
	}
	plus := strings.HasPrefix(raw, "+")
	digits := make([]byte, 0, 16)
	for i := range len(raw) {
		switch c := raw[i]; {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || (c == '+' && i == 0):
		default:
			return "", Errorf(Invalid, "phone number %.40q has characters that are not digits", s)
		}
		if len(digits) > 15 {
			return "", Errorf(Invalid, "phone number %.40q is longer than 15 digits", s)
		}
	}
	switch n := len(digits); {
	case !plus && n == 10:
		return Phone("+1" + string(digits)), nil
	case !plus && n == 11 && digits[0] == '1', plus && n >= 7 && digits[0] != '0':
		return Phone("+" + string(digits)), nil
	}
	return "", Errorf(Invalid, "phone number %.40q is neither E.164 nor ten digits", s)
}

// Mask returns the number as logs and unprivileged pages show it: the country
// code, the area code and the last two digits, "+1800•••••00".
func (p Phone) Mask() string {
	s := string(p)
	if len(s) < 8 {
		return strings.Repeat("•", len(s))
	}
	return s[:5] + strings.Repeat("•", len(s)-7) + s[len(s)-2:]
}

// Digits returns the number without its plus sign.
func (p Phone) Digits() string { return strings.TrimPrefix(string(p), "+") }

// National returns the ten digits of a North American number, else Digits.
func (p Phone) National() string {
	if len(p) == 12 && strings.HasPrefix(string(p), "+1") {
		return string(p[2:])
	}
	return p.Digits()
}

// AreaCode returns the three digits behind +1, or "" outside North America.
func (p Phone) AreaCode() string {
	if len(p) == 12 && strings.HasPrefix(string(p), "+1") {
		return string(p[2:5])
	}
	return ""
}

// UnmarshalText reads the number as ParsePhone does; empty stays empty.
func (p *Phone) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*p = ""
		return nil
	}
	v, err := ParsePhone(string(b))
	if err == nil {
		*p = v
	}
	return err
}
