package ringbid

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is. The edges translate kinds into
// their own words: web into HTTP statuses, sip into SIP statuses, store out of
// SQLSTATEs. An error without a kind is Internal and its text stays inside.
type Kind uint8

// The kinds of failure.
const (
	Internal    Kind = iota // ours; the text is not shown outside
	Invalid                 // the asker sent something unsound
	NotFound                // no such thing
	Conflict                // the thing is in another state than the asker thinks
	Denied                  // the asker may not
	Busy                    // over a limit; trying again later may succeed
	Unavailable             // something we depend on is away
)

var kindNames = [...]string{"internal", "invalid", "not found", "conflict", "denied", "busy", "unavailable"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Error is a failure whose meaning is decided. Field names the input field it
// is about, when there is one. Text says everything; Err is kept for errors.Is.
type Error struct {
	Kind  Kind
	Field string
	Text  string
	Err   error
}

// Error returns the text, with the field in front.
func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Text
	}
	return e.Text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind. As with fmt.Errorf, %w keeps a cause, and
// several keep several.
func Errorf(kind Kind, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	e := &Error{Kind: kind, Text: err.Error(), Err: errors.Unwrap(err)}
	if _, several := err.(interface{ Unwrap() []error }); several {
		e.Err = err
	}
	return e
}

// FieldError makes an Invalid error about one input field.
func FieldError(field, format string, args ...any) error {
	return &Error{Kind: Invalid, Field: field, Text: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of the first Error in err's chain, else Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// FieldConflict makes a Conflict error about one input field.
func FieldConflict(field, format string, args ...any) error {
	return &Error{Kind: Conflict, Field: field, Text: fmt.Sprintf(format, args...)}
}

// FieldOf returns the input field that the first Error in err's chain is about,
// or "".
func FieldOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}
