package sim

import (
	"sync/atomic"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

const (
	window    = sampleRate / 5 // what a tone is looked for in: 200 ms
	clearly   = 0.25           // share of the energy from which a tone counts as heard
	loud      = 350            // mean amplitude of 20 ms from which there is sound
	needTones = 3              // windows that must hold the tone
)

// ear listens to what a peer says: whether there is sound, and whether a
// certain tone is in it. It runs on the media thread and keeps nothing.
type ear struct {
	tone float64
	echo float64 // one's own tone, which comes back from who answers with an echo; 0 = not listened for
	buf  [window]byte
	n    int

	tones    atomic.Int64 // windows with the tone in them
	windows  atomic.Int64
	first    atomic.Int64 // Unix nanoseconds of the third such window; 0 = not yet
	lastTone atomic.Int64 // of the last one
	lastLoud atomic.Int64 // Unix nanoseconds of the last sound; 0 = none yet
}

// Frame is media.Tap.
func (e *ear) Frame(ch media.Channel, _ int64, ulaw []byte) {
	if ch != media.Rx || len(ulaw) == 0 {
		return
	}
	sum := 0
	for _, u := range ulaw {
		sum += max(int(media.DecodeULaw(u)), -int(media.DecodeULaw(u)))
	}
	if sum/len(ulaw) >= loud {
		e.lastLoud.Store(time.Now().UnixNano())
	}
	for len(ulaw) > 0 {
		n := copy(e.buf[e.n:], ulaw)
		ulaw, e.n = ulaw[n:], e.n+n
		if e.n == window {
			e.n = 0
			e.measure()
		}
	}
}

func (e *ear) measure() {
	e.windows.Add(1)
	if !e.hears(e.tone) && (e.echo == 0 || !e.hears(e.echo)) {
		return
	}
	now := time.Now().UnixNano()
	e.lastTone.Store(now)
	if e.tones.Add(1) == needTones {
		e.first.Store(now)
	}
}

func (e *ear) hears(tone float64) bool { return media.TonePower(e.buf[:], tone) >= clearly }

// heard reports whether the tone has been heard for more than half a second,
// and since when.
func (e *ear) heard() (time.Time, bool) {
	at := e.first.Load()
	return time.Unix(0, at), at != 0
}

// heardFor returns for how long the tone was there.
func (e *ear) heardFor() time.Duration { return span(int(e.tones.Load()) * window) }

// quietFor returns how long there has been no sound; ok is false before the
// first sound.
func (e *ear) quietFor(now time.Time) (d time.Duration, ok bool) {
	last := e.lastLoud.Load()
	return now.Sub(time.Unix(0, last)), last != 0
}
