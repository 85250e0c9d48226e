package sdp

import "errors"

// The reasons a description is refused. The caller maps ErrNoCodec,
// ErrNoAudio, ErrProfile and ErrHost to 488 and ErrMalformed and ErrTooLarge
// to 400 (RFC 3261 section 13.3.1.3).
var (
	ErrMalformed = errors.New("malformed session description")
	ErrTooLarge  = errors.New("session description too large")
	ErrNoAudio   = errors.New("no audio stream")
	ErrNoCodec   = errors.New("no common codec")
	ErrProfile   = errors.New("transport profile not carried")
	ErrHost      = errors.New("no connection address we can send to")
)
