package sim

import (
	"bytes"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

// listen gives sound to an ear, in frames of 20 ms.
func listen(e *ear, ulaw []byte) {
	for ; len(ulaw) >= 160; ulaw = ulaw[160:] {
		e.Frame(media.Rx, 0, ulaw[:160])
	}
}

func TestEarKnowsVoices(t *testing.T) {
	t.Parallel()
	silent := bytes.Repeat([]byte{0xFF}, 4*sampleRate)
	for name, c := range map[string]struct {
		sound []byte
		heard bool
		quiet bool
	}{
		"the buyer":            {voice(BuyerTone).ULaw(), true, false},
		"the caller":           {voice(CallerTone).ULaw(), false, false},
		"another party":        {voice(1700).ULaw(), false, false},
		"ringback":             {media.Ringback().ULaw(), false, false},
		"half a second of it":  {voice(BuyerTone).ULaw()[:sampleRate/2], false, false},
		"silence":              {silent, false, true},
		"a tone far too quiet": {media.Tone([]float64{BuyerTone}, time.Second, 0, time.Second, 0.004).ULaw(), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &ear{tone: BuyerTone}
			listen(e, c.sound)
			if _, heard := e.heard(); heard != c.heard {
				t.Errorf("heard %t, in %d of %d windows", heard, e.tones.Load(), e.windows.Load())
			}
			if _, any := e.quietFor(time.Now()); any == c.quiet {
				t.Errorf("sound noticed: %t", any)
			}
		})
	}
}

func TestEarHearsItsEcho(t *testing.T) {
	t.Parallel()
	e := &ear{tone: BuyerTone, echo: CallerTone}
	listen(e, voice(CallerTone).ULaw())
	if _, heard := e.heard(); !heard {
		t.Error("its own voice coming back is not heard")
	}
}

func TestEarListensToOneSide(t *testing.T) {
	t.Parallel()
	e := &ear{tone: BuyerTone}
	sound := voice(BuyerTone).ULaw()
	for ; len(sound) >= 160; sound = sound[160:] {
		e.Frame(media.Tx, 0, sound[:160])
	}
	if e.windows.Load() != 0 {
		t.Error("it hears itself")
	}
}

func TestEarDoesNotAllocate(t *testing.T) {
	e, sound := &ear{tone: BuyerTone}, voice(BuyerTone).ULaw()[:160]
	if n := testing.AllocsPerRun(500, func() { e.Frame(media.Rx, 0, sound) }); n != 0 {
		t.Errorf("a frame allocates %v times", n)
	}
}

// TestVoice has the voice begin at once, pause now and then, and repeat itself
// without a click.
func TestVoice(t *testing.T) {
	t.Parallel()
	for _, tone := range []float64{CallerTone, BuyerTone, 1700} {
		sound := voice(tone).ULaw()
		e := &ear{tone: tone}
		listen(e, sound[:sampleRate])
		if _, heard := e.heard(); !heard {
			t.Errorf("%.0f Hz: not known after a second", tone)
		}
		listen(e, sound[sampleRate:])
		if share := float64(e.tones.Load()) / float64(e.windows.Load()); share < 0.5 || share > 0.9 {
			t.Errorf("%.0f Hz: talks %.2f of the time", tone, share)
		}
		if first, last := media.DecodeULaw(sound[0]), media.DecodeULaw(sound[len(sound)-1]); max(first, -first, last, -last) > 400 {
			t.Errorf("%.0f Hz: ends with %d and begins with %d", tone, last, first)
		}
	}
	e := &ear{tone: CallerTone}
	listen(e, room().ULaw())
	if _, any := e.quietFor(time.Now()); any {
		t.Error("the room is taken for speech")
	}
}
