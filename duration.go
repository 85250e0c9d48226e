package ringbid

import (
	"time"
)

// Duration is a span of time written in documents as Go writes it: "30s",
// "1m30s", "250ms".
type Duration time.Duration

// D returns the span as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Or returns d, or other where d is zero.
func (d Duration) Or(other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return time.Duration(d)
}

// String writes the span as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the span as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a span; negative ones and ones over 24 days are Invalid.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 || v > 24*24*time.Hour {
		return Errorf(Invalid, `duration %.40q is not a span such as "30s" or "1m30s"`, b)
	}
	*d = Duration(v)
	return nil
}
