package ringbid

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// normalForms bring a value into the one form of its type; the errors are words
// for the publisher.
var normalForms = map[string]func(string) (string, error){
	"phone": normalPhone, "email": normalEmail, "state": normalState, "zip": normalZIP, "time": normalTime,
	"number": normalNumber, "amount": normalAmount, "boolean": normalBoolean, "url": normalURL, "ip": normalIP,
	"trustedform": normalTrustedForm, "leadid": normalLeadID,
}

// cleanText takes out what no field may hold and refuses what is too long.
func cleanText(v string, most int) (string, error) {
	if !utf8.ValidString(v) {
		return "", errors.New("is not UTF-8")
	}
	v = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, v)
	v = strings.TrimSpace(v)
	if utf8.RuneCountInString(v) > most {
		return "", fmt.Errorf("is longer than %d characters", most)
	}
	return v, nil
}

// normalPhone writes E.164. A North American number needs an area code and an
// exchange that do not begin with 0 or 1 (NANP numbering rules).
func normalPhone(v string) (string, error) {
	p, err := ParsePhone(v)
	if err != nil {
		return "", errors.New("is neither ten digits nor an international number with its plus sign")
	}
	if n := p.National(); len(p) == 12 && len(n) == 10 && (n[0] < '2' || n[3] < '2') {
		return "", errors.New("is not a number that exists: area code and exchange begin with 2 to 9")
	}
	return string(p), nil
}

func normalEmail(v string) (string, error) {
	a, err := mail.ParseAddress(v)
	if err != nil || !MailAddress(a.Address) {
		return "", errors.New("is not an e-mail address")
	}
	at := strings.LastIndexByte(a.Address, '@')
	return a.Address[:at] + strings.ToLower(a.Address[at:]), nil
}

func normalState(v string) (string, error) {
	if code, _ := USState(v); code != "" {
		return code, nil
	}
	return "", fmt.Errorf("%.40q is not a US state", v)
}

var zipForm = regexp.MustCompile(`^(\d{5})(?:[- ]?(\d{4}))?$`)

// normalZIP keeps the five digits (USPS Publication 28); a spreadsheet that has
// eaten leading zeros is not guessed at.
func normalZIP(v string) (string, error) {
	m := zipForm.FindStringSubmatch(v)
	if m == nil || m[1] == "00000" {
		return "", fmt.Errorf("%.20q is not a US ZIP code of five digits", v)
	}
	return m[1], nil
}

// dateLayout turns "MM/DD/YYYY" into Go's way of writing it.
func dateLayout(l string) (string, error) {
	out := strings.NewReplacer("YYYY", "2006", "YY", "06", "MM", "01", "DD", "02", "M", "1", "D", "2").Replace(l)
	if out == l || strings.ContainsAny(strings.Trim(out, "0123456789"), "YMD") {
		return "", fmt.Errorf("%q is not a layout", l)
	}
	return out, nil
}

// normalDate writes YYYY-MM-DD. Beside ISO 8601 only the named layouts are
// read: nobody can tell 03/04 from 04/03.
func normalDate(v string, layouts []string) (string, error) {
	for _, l := range []string{time.DateOnly, "20060102", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(l, v); err == nil {
			return soundYear(t)
		}
	}
	for _, l := range layouts {
		if g, err := dateLayout(l); err == nil {
			if t, err := time.Parse(g, v); err == nil {
				return soundYear(t)
			}
		}
	}
	return "", fmt.Errorf("%.30q is not a date such as 1980-12-31", v)
}

func soundYear(t time.Time) (string, error) {
	if t.Year() < 1875 || t.Year() > 2200 {
		return "", fmt.Errorf("year %d is out of range", t.Year())
	}
	return t.Format(time.DateOnly), nil
}

// normalTime writes RFC 3339 in UTC; Unix seconds are read too.
func normalTime(v string) (string, error) {
	for _, l := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(l, v); err == nil {
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && n > 0 && n < 1<<33 {
		return time.Unix(n, 0).UTC().Format(time.RFC3339), nil
	}
	return "", fmt.Errorf("%.40q is not a time such as 2026-03-09T15:04:05Z", v)
}

var numberForm = regexp.MustCompile(`^[+-]?\d{1,15}(\.\d{1,9})?$`)

func normalNumber(v string) (string, error) {
	if !numberForm.MatchString(v) {
		return "", fmt.Errorf("%.40q is not a number", v)
	}
	return strings.TrimPrefix(v, "+"), nil
}

func normalAmount(v string) (string, error) {
	plain := strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(v, "$")), ",", "")
	m, err := ParseMoney(plain)
	if err != nil {
		return "", fmt.Errorf("%.40q is not an amount", v)
	}
	return m.String(), nil
}

func normalBoolean(v string) (string, error) {
	switch strings.ToLower(v) {
	case "true", "yes", "y", "t", "1", "on":
		return "yes", nil
	case "false", "no", "n", "f", "0", "off":
		return "no", nil
	}
	return "", fmt.Errorf("%.40q is neither yes nor no", v)
}

func normalURL(v string) (string, error) {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(v, " <>\"") {
		return "", errors.New("is not an http or https address")
	}
	return v, nil
}

func normalIP(v string) (string, error) {
	a, err := netip.ParseAddr(v)
	if err != nil || a.Zone() != "" {
		return "", fmt.Errorf("%.50q is not an IP address", v)
	}
	return a.Unmap().String(), nil
}

var (
	trustedForm = regexp.MustCompile(`^https://cert\.(staging\.)?trustedform\.com/[A-Za-z0-9._-]{1,255}$`)
	leadIDForm  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// normalTrustedForm takes a certificate's address on the vendor's own hosts
// only; of a list the first counts.
func normalTrustedForm(v string) (string, error) {
	v, _, _ = strings.Cut(v, ",")
	v = strings.TrimSuffix(strings.TrimSpace(v), "/")
	if rest, ok := strings.CutPrefix(v, "http://"); ok {
		v = "https://" + rest
	}
	if !trustedForm.MatchString(v) {
		return "", errors.New("is not a certificate at cert.trustedform.com")
	}
	return v, nil
}

func normalLeadID(v string) (string, error) {
	v = strings.ToLower(v)
	if !leadIDForm.MatchString(v) {
		return "", errors.New("is not a LeadiD token of 36 characters")
	}
	return v, nil
}
