package media

import (
	"math"
	"time"
)

// maxTone bounds the length of a generated clip.
const maxTone = 10 * time.Minute

// Tone makes a clip of total length (at most 10 minutes) in which the sum of
// the sines freqs (Hz) sounds for on, rests for off, and so on; off 0 is a
// steady tone. level is the peak of the sum, 0..1 of full scale.
func Tone(freqs []float64, on, off, total time.Duration, level float64) *Clip {
	samples := make([]float64, samplesIn(max(0, min(total, maxTone))))
	sound, period := samplesIn(on), samplesIn(on+off)
	level = max(0, min(1, level))
	for i := range samples {
		if period > 0 && i%period >= sound {
			continue
		}
		for _, f := range freqs {
			samples[i] += math.Sin(2*math.Pi*f*float64(i)/sampleRate) * level / float64(len(freqs))
		}
	}
	return clipFromLinear(samples)
}

// Ringback is one period of the North American ringing tone: 440 and 480 Hz,
// 2 s on, 4 s off. Play it in a loop.
func Ringback() *Clip {
	return Tone([]float64{440, 480}, 2*time.Second, 4*time.Second, 6*time.Second, 0.2)
}

// TonePower returns the share, 0..1, of the energy of 8 kHz µ-law audio that
// lies at the frequency hz (Goertzel). Silence has share 0.
func TonePower(ulaw []byte, hz float64) float64 {
	coeff := 2 * math.Cos(2*math.Pi*hz/sampleRate)
	var s1, s2, energy float64
	for _, u := range ulaw {
		x := float64(DecodeULaw(u))
		energy += x * x
		s1, s2 = x+coeff*s1-s2, s1
	}
	if energy == 0 {
		return 0
	}
	power := s1*s1 + s2*s2 - coeff*s1*s2
	return max(0, min(1, 2*power/(float64(len(ulaw))*energy)))
}

func samplesIn(d time.Duration) int { return int(d * sampleRate / time.Second) }
