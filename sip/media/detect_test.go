package media

import (
	"math"
	"math/rand/v2"
	"testing"
)

// voiced makes speech-like audio: syllables of a quarter second, each the
// harmonics of a pitch that moves, shaped by two formants, with dips between
// them and breath noise over all.
type voiced struct {
	pitch, level float64
	r            *rand.Rand
}

func (v voiced) speak(out []float64, seconds float64) []float64 {
	phase, n := 0.0, int(seconds*sampleRate)
	f1, f2 := 500.0, 1500.0
	for i := range n {
		at := float64(i) / sampleRate
		if i%2000 == 0 {
			f1, f2 = 300+500*v.r.Float64(), 900+1400*v.r.Float64()
		}
		pitch := v.pitch * (1 + 0.12*math.Sin(2*math.Pi*0.9*at) + 0.03*math.Sin(2*math.Pi*5*at))
		phase += 2 * math.Pi * pitch / sampleRate
		var sum float64
		for h := 1.0; h*pitch < 3400; h++ {
			f := h * pitch
			gain := 1/(1+math.Pow((f-f1)/120, 2)) + 0.5/(1+math.Pow((f-f2)/200, 2)) + 0.02
			sum += gain * math.Sin(h*phase)
		}
		shape := 0.12 + 0.88*math.Pow(math.Sin(math.Pi*math.Mod(at, 0.25)/0.25), 2)
		out = append(out, v.level*(shape*sum/2+0.01*v.r.NormFloat64()))
	}
	return out
}

func quietly(r *rand.Rand, out []float64, seconds, level float64) []float64 {
	for range int(seconds * sampleRate) {
		out = append(out, level*r.NormFloat64())
	}
	return out
}

func toneOf(out []float64, hz, seconds, level float64) []float64 {
	for i := range int(seconds * sampleRate) {
		out = append(out, level*math.Sin(2*math.Pi*hz*float64(i)/sampleRate))
	}
	return out
}

// findings plays samples to a detector in packets of 20 ms.
func findings(samples []float64) []Finding {
	var out []Finding
	d := &detector{found: func(f Finding) { out = append(out, f) }}
	ulaw := clipFromLinear(samples).ulaw
	for at := 0; at+160 <= len(ulaw); at += 160 {
		d.Frame(Rx, int64(at), ulaw[at:at+160])
		d.Frame(Tx, int64(at), ulaw[at:at+160]) // what we say does not count
	}
	return out
}

func lastOf(f []Finding) Finding {
	if len(f) == 0 {
		return NotFound
	}
	return f[len(f)-1]
}

func TestDetectorTellsMachines(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		man := voiced{90 + 40*r.Float64(), 0.05 + 0.4*r.Float64(), r}
		woman := voiced{180 + 70*r.Float64(), 0.05 + 0.4*r.Float64(), r}
		tests := []struct {
			name string
			want Finding
			made func() []float64
		}{
			{"greeting", Greeting, func() []float64 { return man.speak(quietly(r, nil, 0.4, 0.001), 4.5) }},
			{"greeting with short pauses", Greeting, func() []float64 {
				x := woman.speak(nil, 1.2)
				x = quietly(r, x, 0.3, 0.001)
				x = woman.speak(x, 1.5)
				x = quietly(r, x, 0.3, 0.001)
				return woman.speak(x, 1.5)
			}},
			{"greeting in a noisy line", Greeting, func() []float64 {
				x := man.speak(quietly(r, nil, 0.5, 0.006), 4.5)
				for i := range x {
					x[i] += 0.006 * r.NormFloat64()
				}
				return x
			}},
			{"beep of 1000 Hz after a word", Beep, func() []float64 { return toneOf(woman.speak(nil, 0.8), 1000, 0.3, 0.3) }},
			{"low beep", Beep, func() []float64 { return toneOf(nil, 360, 0.3, 0.2) }},
			{"beep in noise", Beep, func() []float64 {
				x := toneOf(nil, 440+500*r.Float64(), 0.4, 0.2)
				for i := range x {
					x[i] += 0.005 * r.NormFloat64()
				}
				return x
			}},
			{"fax that calls", Fax, func() []float64 { return toneOf(nil, 1100, 0.5, 0.2) }},
			{"fax that answers", Fax, func() []float64 { return toneOf(quietly(r, nil, 0.3, 0.001), 2100, 0.6, 0.2) }},
		}
		for _, tt := range tests {
			if got := findings(tt.made()); lastOf(got) != tt.want {
				t.Errorf("%s, seed %d: %v, want %v", tt.name, seed, got, tt.want)
			}
		}
	}
}

func TestDetectorLeavesPersonsAlone(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 2))
		v := voiced{85 + 170*r.Float64(), 0.03 + 0.5*r.Float64(), r}
		tests := []struct {
			name string
			want Finding
			made func() []float64
		}{
			{"hello?", Person, func() []float64 {
				return quietly(r, v.speak(quietly(r, nil, 0.3+r.Float64(), 0.001), 0.4+0.6*r.Float64()), 1.5, 0.001)
			}},
			{"acme, Ann speaking, how can I help?", Person, func() []float64 {
				return quietly(r, v.speak(quietly(r, nil, 0.4, 0.001), 2.2), 1.5, 0.001)
			}},
			{"hello, and hello again", Person, func() []float64 {
				x := quietly(r, v.speak(nil, 0.5), 1.2, 0.001)
				return quietly(r, v.speak(x, 0.6), 2, 0.001)
			}},
			{"talks on and breathes", NotFound, func() []float64 {
				x := v.speak(nil, 3)
				x = quietly(r, x, 0.7, 0.001)
				return v.speak(x, 3)
			}},
			{"a noisy office", NotFound, func() []float64 { return quietly(r, nil, 6, 0.02) }},
			{"silence", NotFound, func() []float64 { return make([]float64, 6*sampleRate) }},
			{"ringback of two tones", NotFound, func() []float64 {
				a, b := toneOf(nil, 440, 1, 0.1), toneOf(nil, 480, 1, 0.1)
				for i := range a {
					a[i] += b[i]
				}
				return a
			}},
			{"a blip", NotFound, func() []float64 { return quietly(r, toneOf(nil, 900, 0.12, 0.3), 0.5, 0.001) }},
		}
		for _, tt := range tests {
			got := findings(tt.made())
			if lastOf(got) != tt.want || len(got) > 1 {
				t.Errorf("%s, seed %d: %v, want %v", tt.name, seed, got, tt.want)
			}
		}
	}
}

func TestDetectorCountsWhatIsNotSent(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 3))
	var got []Finding
	d := &detector{found: func(f Finding) { got = append(got, f) }}
	hello := clipFromLinear(voiced{120, 0.3, r}.speak(nil, 0.8)).ulaw
	d.Frame(Rx, 0, hello)
	d.Frame(Rx, int64(len(hello))+1<<40, hello[:160]) // a bounded walk, however far the gap
	if len(got) != 1 || got[0] != Person {
		t.Errorf("found %v", got)
	}
}

func TestDetectorDoesNotAllocate(t *testing.T) {
	d := &detector{found: func(Finding) {}}
	frame := clipFromLinear(voiced{120, 0.3, rand.New(rand.NewPCG(1, 4))}.speak(nil, 1)).ulaw
	pos := int64(0)
	if n := testing.AllocsPerRun(100, func() { d.Frame(Rx, pos, frame); pos += int64(len(frame)) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkDetect(b *testing.B) {
	d := &detector{found: func(Finding) {}}
	hello := clipFromLinear(voiced{120, 0.3, rand.New(rand.NewPCG(1, 5))}.speak(nil, 0.02)).ulaw
	for pos := int64(0); b.Loop(); pos += 160 {
		d.over = false
		d.Frame(Rx, pos, hello)
	}
}
