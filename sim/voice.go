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

// voiceLength is how long a voice talks before it repeats itself.
const voiceLength = 12 * sampleRate

// voice makes a loop of phrases and pauses: in a phrase, syllables of a voiced
// source with moving formants over a steady tone; in a pause, the room. It
// begins with a phrase. The pitch follows the tone, so that parties sound
// different.
func voice(tone float64) *media.Clip {
	rnd := rand.New(rand.NewPCG(uint64(tone), 7))
	out := murmur(rnd, voiceLength)
	for at := 0; at < voiceLength-2*sampleRate; {
		n := min(between(rnd, 1500, 2800), voiceLength-sampleRate/2-at)
		phrase(rnd, out[at:at+n], tone)
		at += n + between(rnd, 700, 1500)
	}
	ulaw := make([]byte, len(out))
	for i, s := range out {
		ulaw[i] = media.EncodeULaw(int16(32000 * max(-1, min(1, s))))
	}
	return media.ClipFromULaw(ulaw)
}

// room makes a loop of what is heard of somebody who listens.
func room() *media.Clip {
	out := murmur(rand.New(rand.NewPCG(3, 5)), 4*sampleRate)
	ulaw := make([]byte, len(out))
	for i, s := range out {
		ulaw[i] = media.EncodeULaw(int16(32000 * s))
	}
	return media.ClipFromULaw(ulaw)
}

// murmur is the noise of a quiet room, about 46 dB below full scale.
func murmur(rnd *rand.Rand, samples int) []float64 {
	out, last := make([]float64, samples), 0.0
	for i := range out {
		last = 0.7*last + 0.3*(rnd.Float64()-0.5)*0.02
		out[i] = last
	}
	return out
}

// phrase adds speech and tone to out.
func phrase(rnd *rand.Rand, out []float64, tone float64) {
	pitch := 95 + math.Mod(tone, 80)
	for at := 0; at < len(out); {
		n := min(len(out)-at, between(rnd, 120, 280))
		first, second := 350+rnd.Float64()*400, 900+rnd.Float64()*450
		level := 0.12 + 0.14*rnd.Float64()
		for i := range n {
			t := float64(at+i) / sampleRate
			out[at+i] += level * math.Sin(math.Pi*float64(i)/float64(n)) * speech(t, pitch, first, second)
		}
		at += n
	}
	fade := sampleRate / 100
	for i := range out {
		edge := min(1, float64(i)/float64(fade), float64(len(out)-1-i)/float64(fade))
		out[i] += 0.28 * edge * math.Sin(2*math.Pi*tone*float64(i)/sampleRate)
	}
}

// between returns how many samples a random span of so many milliseconds has.
func between(rnd *rand.Rand, least, most int) int {
	return (least + rnd.IntN(most-least)) * sampleRate / 1000
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
