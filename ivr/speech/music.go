package speech

import "math"

const (
	rate     = 8000 // samples a second
	noteLen  = rate / 2
	tailLen  = 2 * rate // how long a note rings
	maxMusic = 120      // seconds
	loudest  = 9000     // of 32767: about 11 dB below full scale, under a voice
)

// chords are four broken chords, as MIDI notes: C, A minor, F and G.
var chords = [4][4]int{{60, 64, 67, 72}, {57, 60, 64, 69}, {53, 57, 60, 65}, {55, 59, 62, 67}}

// Music returns a calm hold tune of so many seconds as the telephone carries
// it: 8 kHz mono µ-law, one byte a sample. Its end runs into its beginning, so
// that it can be looped without a break. It is the same every time; zero or
// less is nothing, and no tune is longer than two minutes.
func Music(seconds int) []byte {
	if seconds <= 0 {
		return nil
	}
	sum := make([]float64, min(seconds, maxMusic)*rate)
	for n := 0; n*noteLen < len(sum); n++ {
		chord := chords[n/4%len(chords)]
		pluck(sum, n*noteLen, chord[[4]int{0, 2, 1, 3}[n%4]], 1)
		if n%4 == 0 {
			pluck(sum, n*noteLen, chord[0]-12, 0.8)
		}
	}
	peak := 0.0
	for _, v := range sum {
		peak = max(peak, math.Abs(v))
	}
	out := make([]byte, len(sum))
	for i, v := range sum {
		out[i] = ulaw(int(v / peak * loudest))
	}
	return out
}

// pluck adds a soft string at the place; what rings over the end rings on at
// the beginning.
func pluck(sum []float64, at, note int, level float64) {
	step := 2 * math.Pi * 440 * math.Pow(2, float64(note-69)/12) / rate
	for i := range tailLen {
		t := float64(i) / rate
		attack := min(1, t/0.012)
		release := min(1, float64(tailLen-i)/(0.1*rate))
		phase := step * float64(i)
		v := math.Sin(phase)*math.Exp(-2.2*t) + 0.35*math.Sin(2*phase)*math.Exp(-4*t) + 0.12*math.Sin(3*phase)*math.Exp(-7*t)
		sum[(at+i)%len(sum)] += level * attack * release * v
	}
}

// ulaw encodes a 16-bit sample (ITU-T G.711, table 2a).
func ulaw(v int) byte {
	const bias, clip = 0x84, 32635
	sign := byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, clip) + bias
	exponent := 7
	for mask := 0x4000; v&mask == 0 && exponent > 0; mask >>= 1 {
		exponent--
	}
	return ^(sign | byte(exponent)<<4 | byte(v>>(exponent+3))&0x0f)
}
