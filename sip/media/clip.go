package media

import (
	"bytes"
	"sync/atomic"
	"time"
)

// sampleRate is the one sampling rate of the plane, in Hz.
const sampleRate = 8000

// Clip is immutable 8 kHz mono audio, ready to be played in either law, and in
// G.722 once a stream asked for that. One clip may play on any number of
// streams at once.
type Clip struct {
	ulaw, alaw []byte
	wide       atomic.Pointer[encoded]
}

// ClipFromULaw makes a clip of 8 kHz µ-law samples, which are copied.
func ClipFromULaw(ulaw []byte) *Clip {
	c := &Clip{ulaw: bytes.Clone(ulaw), alaw: make([]byte, len(ulaw))}
	for i, u := range c.ulaw {
		c.alaw[i] = EncodeALaw(DecodeULaw(u))
	}
	return c
}

// clipFromLinear makes a clip of 8 kHz linear samples between -1 and 1.
func clipFromLinear(samples []float64) *Clip {
	c := &Clip{ulaw: make([]byte, len(samples)), alaw: make([]byte, len(samples))}
	for i, s := range samples {
		v := int16(max(-1, min(1, s)) * 32767)
		c.ulaw[i], c.alaw[i] = EncodeULaw(v), EncodeALaw(v)
	}
	return c
}

// Duration returns how long the clip plays once.
func (c *Clip) Duration() time.Duration {
	return time.Duration(len(c.ulaw)) * time.Second / sampleRate
}

// ULaw returns a copy of the clip's samples as µ-law bytes.
func (c *Clip) ULaw() []byte { return bytes.Clone(c.ulaw) }

// in returns the samples in the law of codec, which is one of G.711.
func (c *Clip) in(codec Codec) []byte {
	if codec == PCMA {
		return c.alaw
	}
	return c.ulaw
}
