package media

import "math"

// resampleLobes is the half-width of the low-pass filter in zero crossings: its
// transition band is about 500 Hz wide, its stop band 70 dB down.
const resampleLobes = 24

// resample brings samples from rate, 8 kHz or more, to 8 kHz by a windowed
// sinc filter, evaluated at every output instant. rate/8000 is reduced to a
// fraction, so that the filter repeats after few phases.
func resample(samples []float64, rate int) []float64 {
	if rate == sampleRate {
		return samples
	}
	common := gcd(rate, sampleRate)
	up, down := sampleRate/common, rate/common // out = in * up/down
	filter := polyphase{scale: float64(rate) / sampleRate, phases: make([][]float64, up), up: up}
	out := make([]float64, int(int64(len(samples))*int64(up)/int64(down)))
	for i := range out {
		at := int64(i) * int64(down)
		out[i] = filter.at(samples, int(at/int64(up)), int(at%int64(up)))
	}
	return out
}

// polyphase is the filter, one set of coefficients per fraction of a sample,
// computed when first needed.
type polyphase struct {
	scale  float64 // input samples per output sample, at least 1
	up     int
	phases [][]float64
}

// at returns the value at the instant whole + phase/up.
func (p *polyphase) at(samples []float64, whole, phase int) float64 {
	taps := p.phases[phase]
	if taps == nil {
		taps = p.taps(float64(phase) / float64(p.up))
		p.phases[phase] = taps
	}
	first := whole - len(taps)/2 + 1
	sum := 0.0
	for i := max(0, -first); i < len(taps) && first+i < len(samples); i++ {
		sum += taps[i] * samples[first+i]
	}
	return sum
}

// taps are a sinc with its cut-off just below 4 kHz under a Blackman window,
// normalised so that a constant keeps its value.
func (p *polyphase) taps(fraction float64) []float64 {
	const cutoff = 0.95
	half := int(math.Ceil(resampleLobes * p.scale))
	out, sum := make([]float64, 2*half), 0.0
	for i := range out {
		x := (float64(i-half+1) - fraction) / p.scale // in output samples
		w := x / resampleLobes
		if w <= -1 || w >= 1 {
			continue
		}
		window := 0.42 + 0.5*math.Cos(math.Pi*w) + 0.08*math.Cos(2*math.Pi*w)
		out[i] = window * sinc(cutoff*x)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
