package speech

import (
	"bytes"
	"math"
	"testing"
)

// linear decodes µ-law (ITU-T G.711).
func linear(b byte) int {
	b = ^b
	v := (int(b&0x0f)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		return -v
	}
	return v
}

func TestMusic(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int{1, 7, 24} {
		tune := Music(seconds)
		if len(tune) != seconds*rate || !bytes.Equal(tune, Music(seconds)) {
			t.Fatalf("%d seconds: %d samples", seconds, len(tune))
		}
		peak, step, energy := 0, 0, make([]float64, seconds*5) // of a fifth of a second each
		for i := range tune {
			v := linear(tune[i])
			peak, step = max(peak, abs(v)), max(step, abs(v-linear(tune[(i+1)%len(tune)])))
			energy[i*5/rate] += float64(v) * float64(v)
		}
		if peak < loudest*9/10 || peak > loudest*11/10 {
			t.Errorf("%d seconds: peak %d", seconds, peak)
		}
		if seam := abs(linear(tune[0]) - linear(tune[len(tune)-1])); seam > step/2 {
			t.Errorf("%d seconds: a click of %d at the seam, steps up to %d", seconds, seam, step)
		}
		for i, e := range energy {
			if level := math.Sqrt(e / (rate / 5)); level < 300 || level > 6000 {
				t.Errorf("%d seconds: level %.0f at %.1f s", seconds, level, float64(i)/5)
			}
		}
	}
}

func TestMusicBounds(t *testing.T) {
	t.Parallel()
	if Music(0) != nil || Music(-1) != nil {
		t.Error("there is a tune of no length")
	}
	if n := len(Music(maxMusic + 1)); n != maxMusic*rate {
		t.Errorf("%d samples", n)
	}
}

// TestULaw holds the encoder against the decoder: every code comes back as
// itself, but for the two zeros, and no sample is further off than its step.
func TestULaw(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		if got := ulaw(linear(byte(code))); got != byte(code) && code != 0x7f {
			t.Errorf("code %#x becomes %d and then %#x", code, linear(byte(code)), got)
		}
	}
	for v := -32768; v <= 32767; v++ {
		if got := linear(ulaw(v)); abs(got-v) > (abs(v)+132)/32 && abs(v) < 32636 {
			t.Fatalf("%d becomes %d", v, got)
		}
	}
}

func abs(v int) int { return max(v, -v) }
