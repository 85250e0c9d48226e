package ivr

import (
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// eldest is the first year of birth that is believed.
const eldest = 1900

// leastZIP is the lowest ZIP code there is, of Holtsville, New York.
const leastZIP = "00501"

// naturalLength is how many digits an answer of the kind has.
func naturalLength(kind string) (least, most int) {
	switch kind {
	case "zip":
		return 5, 5
	case "date_of_birth":
		return 8, 8
	case "phone":
		return 10, 11 // with or without the leading 1
	case "number":
		return 1, 10
	}
	return 1, 1
}

// valid reads an answer of a kind and returns it as it is kept: a ZIP as five
// digits, a date of birth keyed MMDDYYYY as YYYY-MM-DD (ISO 8601), a phone
// number in E.164, a number without leading zeros. Any other answer is kept as
// it was keyed.
func valid(kind, digits string, now time.Time) (value string, ok bool) {
	if kind == "" {
		return digits, digits != ""
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	switch kind {
	case "zip":
		if len(digits) != len(leastZIP) || digits < leastZIP {
			return "", false
		}
		return digits, true
	case "date_of_birth":
		return dateOfBirth(digits, now)
	case "phone":
		return phone(digits)
	case "number":
		if digits = strings.TrimLeft(digits, "0"); digits == "" {
			digits = "0"
		}
		return digits, true
	}
	return "", false
}

func dateOfBirth(digits string, now time.Time) (string, bool) {
	if len(digits) != 8 {
		return "", false
	}
	born, err := time.Parse("01022006", digits)
	today := now.UTC().Truncate(24 * time.Hour)
	if err != nil || !born.Before(today) || born.Year() < eldest {
		return "", false
	}
	return born.Format(time.DateOnly), true
}

// phone reads a North American number. Area codes and exchanges begin with 2
// to 9 there, which catches most slips of the finger.
func phone(digits string) (string, bool) {
	p, err := ringbid.ParsePhone(digits)
	if err != nil {
		return "", false
	}
	national := p.National()
	if len(national) != 10 || national[0] < '2' || national[3] < '2' {
		return "", false
	}
	return string(p), true
}
