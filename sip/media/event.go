package media

import "time"

// EventKind says what an [Event] reports.
type EventKind uint8

// The kinds of events a stream reports.
const (
	// Digit is a key pressed by the peer, reported once, when the press starts.
	Digit EventKind = iota + 1
	// PlayDone is the end of a clip that was not looped, stopped or replaced.
	PlayDone
	// DigitsSent says that the queue of SendDigits has been sent.
	DigitsSent
	// Latched says that media arrives from a source which is now the only one heard.
	Latched
	// Inactive says that nothing arrived for Params.Timeout.
	Inactive
	// Resumed says that packets arrive again after Inactive.
	Resumed
	// Unsupervised says that the call which this stream supervised is over, or
	// has another supervisor.
	Unsupervised
	// Found is what Stream.Detect has found out.
	Found
)

// String returns the lower-case name used in logs.
func (k EventKind) String() string {
	switch k {
	case Digit:
		return "digit"
	case PlayDone:
		return "play done"
	case DigitsSent:
		return "digits sent"
	case Latched:
		return "latched"
	case Inactive:
		return "inactive"
	case Resumed:
		return "resumed"
	case Found:
		return "found"
	case Unsupervised:
		return "unsupervised"
	}
	return "unknown"
}

// PlayID names one call of Stream.Play; it is unique within its stream and never 0.
type PlayID uint64

// Event is something that happened on a stream.
type Event struct {
	Stream *Stream       // where it happened
	Kind   EventKind     // what happened
	Tone   bool          // Digit: found in the audio (in-band)
	Digit  byte          // Digit: one of 0-9 * # A-D
	ID     PlayID        // PlayDone: which clip ended
	At     time.Time     // when the media thread saw it
	Found  Finding       // Found: who or what speaks
	Wait   time.Duration // Inactive, Resumed: how long nothing had arrived
}
