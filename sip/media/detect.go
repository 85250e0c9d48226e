package media

import (
	"math"
	"time"
)

// Finding is who or what answers a leg, as far as its audio tells.
type Finding uint8

// The findings of Stream.Detect.
const (
	NotFound Finding = iota
	Person           // said something short and waits
	Greeting         // speaks on without a pause
	Beep             // a pure tone of 350 to 1100 Hz
	Fax              // CNG, 1100 Hz, or CED, 2100 Hz (ITU-T T.30 section 4)
)

// String says the finding in words.
func (f Finding) String() string {
	switch f {
	case Person:
		return "a person"
	case Greeting:
		return "a long greeting"
	case Beep:
		return "a beep"
	case Fax:
		return "a fax tone"
	}
	return "nothing"
}

// What counts, in blocks of 20 ms.
const (
	blockSamples   = 160
	greetingBlocks = 175 // more than 3.5 s of speech
	pauseBlocks    = 25  // 0.5 s of quiet ends what was said
	waitBlocks     = 45  // 0.9 s of quiet after a few words is somebody who waits
	helloBlocks    = 4   // the least that is a word
	helloMost      = 125 // the most that still is a hello, 2.5 s
	beepBlocks     = 10  // 0.2 s
	faxBlocks      = 15  // 0.3 s
)

const (
	quietest  = 200.0 * 200.0 // mean square below which nothing is said, about -44 dBFS
	aboveBase = 4.0           // speech is 6 dB above the noise at least
	baseRise  = 1.02          // how fast the noise is believed to rise, a block
	purest    = 0.9           // the share of a block that a pure tone explains
	steady    = 20.0          // how far a pure tone may move, Hz
)

// Detect listens to the peer from now on, in place of the stream's tap, and
// sends one Found with a Person, or one with a machine, or first the one and
// then the other. It ends with the machine, with Tap, and with the stream. What
// it takes for a machine is a guess by ear: hold music counts as a greeting, and
// a single ringing tone of one frequency as a beep.
func (s *Stream) Detect() {
	d := &detector{}
	d.found = func(f Finding) {
		ev := Event{Stream: s, Kind: Found, Found: f, At: time.Now()}
		select {
		case s.events <- ev:
		default: // the owner has other worries
		}
	}
	s.Tap(d)
}

// detector is a tap that tells machines from persons. It allocates nothing.
type detector struct {
	found func(Finding)
	over  bool // a machine was found
	hello bool // a person was found

	x    [blockSamples]float64
	n    int
	next int64 // position of the sample that is expected

	base   float64 // mean square of the noise, 0 before the first block
	speech int     // blocks of the last thing said, short pauses included
	quiet  int     // blocks of quiet since its last word
	tone   float64 // Hz of the pure tone that lasts, 0 for none
	pure   int     // blocks it has lasted
}

// Frame is part of Tap.
func (d *detector) Frame(ch Channel, pos int64, ulaw []byte) {
	if ch != Rx || d.over {
		return
	}
	for ; d.next > 0 && pos-d.next >= blockSamples && d.quiet < waitBlocks; d.next += blockSamples {
		d.n, d.x = 0, [blockSamples]float64{} // a peer that sends no silence
		d.block()
	}
	d.next = pos + int64(len(ulaw))
	for _, u := range ulaw {
		d.x[d.n] = float64(DecodeULaw(u))
		if d.n++; d.n == blockSamples {
			d.n = 0
			d.block()
		}
	}
}

// block looks at 20 ms.
func (d *detector) block() {
	power, hz := measure(&d.x)
	if power < quietest {
		hz = 0
	}
	d.follow(hz)
	if d.over || hz > 0 {
		return // a tone is not speech
	}
	if d.base == 0 || power < d.base {
		d.base = max(power, 1)
	} else {
		d.base *= baseRise
	}
	if power < quietest || power < aboveBase*d.base {
		if d.quiet++; d.quiet == waitBlocks && !d.hello && d.speech >= helloBlocks && d.speech <= helloMost {
			d.tell(Person)
		}
		return
	}
	switch {
	case d.quiet >= pauseBlocks:
		d.speech = 0
	case d.speech > 0:
		d.speech += d.quiet
	}
	d.quiet = 0
	if d.speech++; d.speech > greetingBlocks {
		d.tell(Greeting)
	}
}

// follow watches a pure tone from block to block.
func (d *detector) follow(hz float64) {
	if hz == 0 || d.pure > 0 && math.Abs(hz-d.tone) > steady {
		d.pure = 0
	}
	if hz == 0 {
		return
	}
	if d.pure == 0 {
		d.tone = hz
	}
	d.pure++
	fax := math.Abs(d.tone-1100) <= 38 || math.Abs(d.tone-2100) <= 15
	switch {
	case fax && d.pure >= faxBlocks:
		d.tell(Fax)
	case !fax && d.tone >= 350 && d.tone <= 1100 && d.pure >= beepBlocks:
		d.tell(Beep)
	}
}

func (d *detector) tell(f Finding) {
	if f == Person {
		d.hello = true
	} else {
		d.over = true
	}
	d.found(f)
}

// measure returns the mean square of a block and, if it is one pure tone, its
// frequency in Hz, else 0. A sine obeys x[n]+x[n-2] = 2·cos(w)·x[n-1]: the factor
// that fits best gives the frequency, and Goertzel's filter at it the purity.
func measure(x *[blockSamples]float64) (power, hz float64) {
	energy := x[0]*x[0] + x[1]*x[1]
	var cross, square float64
	for n := 2; n < blockSamples; n++ {
		cross += (x[n] + x[n-2]) * x[n-1]
		square += x[n-1] * x[n-1]
		energy += x[n] * x[n]
	}
	power = energy / blockSamples
	if power < quietest || square == 0 {
		return power, 0
	}
	factor := cross / square
	if math.Abs(factor) >= 2 {
		return power, 0
	}
	var s1, s2 float64
	for _, v := range x {
		s1, s2 = v+factor*s1-s2, s1
	}
	if 2*(s1*s1+s2*s2-factor*s1*s2) < purest*blockSamples*energy {
		return power, 0
	}
	return power, math.Acos(factor/2) * sampleRate / (2 * math.Pi)
}
