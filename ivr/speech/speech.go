// Package speech makes what callers hear: prompts spoken by the local
// synthesiser, and a hold tune for installations without one of their own.
//
// It makes sound ahead of calls and never during one; it neither plays it nor
// converts it for the telephone, which is the business of the packet plane. A
// [Voice] speaks; [Espeak] is the one every Debian machine can have, and a
// [Cache] around a Voice keeps what was said, so that a restart says nothing
// twice. [Music] needs no voice. The package imports nothing of this module.
package speech

import "context"

// MaxText is the longest text that is spoken, in bytes.
const MaxText = 4000

// Voice speaks a text.
type Voice interface {
	// Say returns the text as a WAV file of 16-bit mono samples. Voice is the
	// synthesiser's own name for a voice, such as "en-us"; "" is its default.
	Say(ctx context.Context, text, voice string) (wav []byte, err error)
}
