package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

const sampleRate = 8000

// The tones by which the parties know each other, in Hz: high enough that
// neither prompts nor music are taken for one.
const (
	CallerTone = 1530.0
	BuyerTone  = 1970.0
)

// voice makes a loop of speech-like sound, syllables of a voiced source with
// moving formants, under which a steady tone lies. The pitch follows the tone,
// so that parties sound different.
func voice(tone float64) *media.Clip {
	const length = 4 * sampleRate
	rnd := rand.New(rand.NewPCG(uint64(tone), 7))
	pitch := 95 + math.Mod(tone, 80)
	out := make([]byte, length)
	// Whole periods fit the loop, so that the tone has no click in it.
	tone = math.Round(tone*length/sampleRate) * sampleRate / length
	for at := 0; at < length; {
		n := min(length-at, (120+rnd.IntN(160))*sampleRate/1000)
		pause := rnd.IntN(5) == 0
		first, second := 350+rnd.Float64()*400, 900+rnd.Float64()*450
		for i := range n {
			t := float64(at+i) / sampleRate
			s := 0.30 * math.Sin(2*math.Pi*tone*t)
			if !pause {
				s += 0.22 * math.Sin(math.Pi*float64(i)/float64(n)) * speech(t, pitch, first, second)
			}
			out[at+i] = media.EncodeULaw(int16(32000 * max(-1, min(1, s))))
		}
		at += n
	}
	return media.ClipFromULaw(out)
}

// speech is the sum of the harmonics of a pitch, strongest near two formants,
// about 1 at the most.
func speech(t, pitch, first, second float64) float64 {
	var s float64
	for h := 1.0; h*pitch < 1400; h++ {
		f := h * pitch
		near := math.Exp(-math.Abs(f-first)/150) + 0.6*math.Exp(-math.Abs(f-second)/200)
		s += near * math.Sin(2*math.Pi*f*t)
	}
	return s / 3
}

// span returns how long so many samples last.
func span(samples int) time.Duration { return time.Duration(samples) * time.Second / sampleRate }
