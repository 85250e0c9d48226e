package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// namedDates are the forms of a date that are no layout.
func namedDates() []string { return []string{"rfc3339", "unix", "unix_ms"} }

// layout translates YYYY-MM-DD and the like into Go's layout. Separators are
// spaces and -/.,:T; other letters are refused, so that a slip is found early.
func layout(s string) (string, error) {
	var b strings.Builder
	day := false
	for i := 0; i < len(s); {
		token, goes := dateToken(s[i:])
		if token == "" {
			return "", fmt.Errorf("date layout %q is not understood at %q", s, s[i:])
		}
		if token == "D" || token == "DD" || token == "M" || token == "MM" || token == "HH" || token == "hh" {
			day = true
		}
		b.WriteString(goes)
		i += len(token)
	}
	if !day {
		return "", fmt.Errorf("date layout %q has no day, month or hour", s)
	}
	return b.String(), nil
}

// dateToken returns the longest token s begins with, and Go's word for it.
func dateToken(s string) (token, goes string) {
	for _, t := range [...][2]string{
		{"YYYY", "2006"}, {"YY", "06"}, {"MM", "01"}, {"M", "1"}, {"DD", "02"}, {"D", "2"}, {"HH", "15"}, {"hh", "03"},
		{"mm", "04"}, {"SSS", "000"}, {"ss", "05"}, {"AM", "PM"}, {"Z", "Z07:00"}, {"T", "T"},
	} {
		if strings.HasPrefix(s, t[0]) {
			return t[0], t[1]
		}
	}
	if strings.IndexByte(" -/.,:", s[0]) >= 0 {
		return s[:1], s[:1]
	}
	return "", ""
}

// date reads a date in one of the forms it may come in, and writes it. A date
// without a time of day stays on its day in every zone.
func (f Format) date(v string) (string, error) {
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		return "", fmt.Errorf("%q is not a zone", f.Zone)
	}
	t, err := f.readDate(strings.TrimSpace(v), zone)
	if err != nil {
		return "", err
	}
	switch f.To {
	case "rfc3339":
		return t.Format(time.RFC3339), nil
	case "unix":
		return strconv.FormatInt(t.Unix(), 10), nil
	case "unix_ms":
		return strconv.FormatInt(t.UnixMilli(), 10), nil
	}
	l, err := layout(f.To)
	if err != nil {
		return "", err
	}
	return t.Format(l), nil
}

func (f Format) readDate(v string, zone *time.Location) (time.Time, error) {
	for _, name := range f.From {
		switch name {
		case "unix", "unix_ms":
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				if name == "unix" {
					n *= 1000
				}
				return time.UnixMilli(n).In(zone), nil
			}
			continue
		case "rfc3339":
			continue // always understood
		}
		l, err := layout(name)
		if err != nil {
			return time.Time{}, err
		}
		if t, err := time.ParseInLocation(l, v, zone); err == nil {
			return t.In(zone), nil
		}
	}
	for _, l := range [...]string{
		time.RFC3339Nano, "2006-01-02", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04",
		"2006-01-02 15:04", "2006-01-02 15:04:05Z07:00",
	} {
		if t, err := time.ParseInLocation(l, v, zone); err == nil {
			return t.In(zone), nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is not a date in a form that was named", v)
}
