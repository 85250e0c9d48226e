package media

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// press is a key as a line brings it.
type press struct {
	key       byte
	ms, gap   int
	low, high float64 // dBm0
	off       float64 // frequency error, share
	noise     float64 // dBm0, 0 = none
	broken    int     // ms of interruption in the middle
}

func level(dbm float64) float64 { return 32124 * math.Pow(10, (dbm-3.14)/20) }

func (p press) samples(random *rand.Rand) []float64 {
	at := strings.IndexByte(toneKeys, p.key)
	lo, hi := toneFrequencies[at/4]*(1+p.off), toneFrequencies[4+at%4]*(1+p.off)
	out := make([]float64, (p.ms+p.gap)*8)
	for i := range out {
		if mid := p.ms * 4; i < p.ms*8 && (i < mid || i >= mid+p.broken*8) {
			w := 2 * math.Pi * float64(i) / sampleRate
			out[i] = level(p.low)*math.Sin(lo*w+1) + level(p.high)*math.Sin(hi*w)
		}
		if p.noise != 0 {
			out[i] += random.NormFloat64() * level(p.noise) / math.Sqrt2
		}
	}
	return out
}

// keysIn listens to audio that passed µ-law, as it does in life.
func keysIn(audio []float64) string {
	d, out := keyTones{}, ""
	for _, s := range audio {
		if k := d.feed(DecodeULaw(EncodeULaw(int16(max(-32768, min(32767, s)))))); k != 0 {
			out += string(rune(k))
		}
	}
	return out
}

func TestDetectorFindsKeysWithinTheLimits(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]press{
		"plain":              {ms: 100, gap: 100, low: -10, high: -8},
		"shortest":           {ms: 40, gap: 40, low: -10, high: -8},
		"faint":              {ms: 50, gap: 50, low: -27, high: -27},
		"loud":               {ms: 50, gap: 50, low: -3, high: -3},
		"high tone 7 dB up":  {ms: 50, gap: 50, low: -17, high: -10},
		"low tone 3.5 dB up": {ms: 50, gap: 50, low: -10, high: -13.5},
		"1.5 % high":         {ms: 60, gap: 60, low: -10, high: -10, off: 0.015},
		"1.5 % low":          {ms: 60, gap: 60, low: -10, high: -10, off: -0.015},
		"noisy":              {ms: 60, gap: 60, low: -10, high: -10, noise: -25},
		"long":               {ms: 2000, gap: 50, low: -10, high: -8},
		"broken for 8 ms":    {ms: 120, gap: 60, low: -10, high: -10, broken: 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			for shift := range 10 { // against the blocks
				audio := make([]float64, shift*11)
				for _, k := range []byte(toneKeys) {
					p.key = k
					audio = append(audio, p.samples(random)...)
				}
				if got := keysIn(audio); got != toneKeys {
					t.Errorf("shifted by %d: %q", shift*11, got)
				}
			}
		})
	}
}

func TestDetectorLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for name, p := range map[string]press{
		"too short":           {ms: 20, gap: 80, low: -10, high: -8},
		"too faint":           {ms: 100, gap: 50, low: -36, high: -36},
		"high tone 12 dB up":  {ms: 100, gap: 50, low: -22, high: -10},
		"low tone 8 dB up":    {ms: 100, gap: 50, low: -10, high: -18},
		"buried in noise":     {ms: 100, gap: 50, low: -20, high: -20, noise: -12},
		"off by 5 %":          {ms: 100, gap: 50, low: -10, high: -10, off: 0.05},
		"one tone only, low":  {ms: 100, gap: 50, low: -10, high: -90},
		"one tone only, high": {ms: 100, gap: 50, low: -90, high: -10},
	} {
		for _, k := range []byte("159D") {
			p.key = k
			if got := keysIn(p.samples(random)); got != "" {
				t.Errorf("%s: %c heard as %q", name, k, got)
			}
		}
	}
}

// Minutes of something like speech (a voice with gliding pitch and formants,
// pauses, hisses) and of music makes no keys to speak of.
func TestDetectorIsNotTalkedOff(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	minutes := 1
	if v, err := strconv.Atoi(os.Getenv("TALK_MINUTES")); err == nil {
		minutes = v
	}
	d, keys := keyTones{}, 0
	for range minutes * 60 * 4 { // syllables of a quarter of a second
		pitch, glide := 80+random.Float64()*200, (random.Float64()-0.5)*120
		formants := [3]float64{250 + random.Float64()*700, 900 + random.Float64()*1500, 2200 + random.Float64()*1000}
		loud := 2000 + random.Float64()*9000
		phase := 0.0
		for i := range sampleRate / 4 {
			at := float64(i) / (sampleRate / 4)
			hz := pitch + glide*at
			phase += 2 * math.Pi * hz / sampleRate
			v := 0.0
			for h := 1; float64(h)*hz < 3400; h++ {
				gain := 0.02
				for n, f := range formants {
					x := (float64(h)*hz - f) / (60 + 40*float64(n))
					gain += 1 / (1 + x*x) / float64(n+1)
				}
				v += gain * math.Sin(float64(h)*phase)
			}
			v = v*loud/3*math.Sin(math.Pi*at) + random.NormFloat64()*60
			if d.feed(DecodeULaw(EncodeULaw(int16(max(-32768, min(32767, v)))))) != 0 {
				keys++
			}
		}
	}
	t.Logf("%d keys in %d minutes", keys, minutes)
	if keys > minutes/20 {
		t.Errorf("%d keys in %d minutes of speech", keys, minutes)
	}
}

// Chords and single notes of the telephone's range are not keys.
func TestDetectorIsNotSungOff(t *testing.T) {
	t.Parallel()
	for note := 48; note < 96; note++ {
		for _, chord := range [][]int{{0}, {0, 4, 7}, {0, 3, 7}, {0, 12}} {
			var freqs []float64
			for _, n := range chord {
				for h := 1; h <= 4; h++ {
					freqs = append(freqs, 440*math.Pow(2, float64(note+n-69)/12)*float64(h))
				}
			}
			audio := make([]float64, 4000)
			for i := range audio {
				for j, f := range freqs {
					if f < 3800 {
						audio[i] += 6000 / float64(j%4+1) / float64(len(chord)) * math.Sin(2*math.Pi*f*float64(i)/sampleRate)
					}
				}
			}
			if got := keysIn(audio); got != "" {
				t.Errorf("note %d, chord %v: %q", note, chord, got)
			}
		}
	}
}

// Keys that we send as tones, in each codec and packet time, are found by the
// same session's listener at the other end, each once, also when packets are
// lost and change places.
func TestTonesArriveOnce(t *testing.T) {
	t.Parallel()
	const digits = "0123456789*#ABCD5577"
	for _, codec := range []Codec{PCMU, PCMA, G722} {
		for _, ms := range []int{10, 20, 30, 60} {
			for _, bad := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v %d ms bad=%v", codec, ms, bad), func(t *testing.T) {
					t.Parallel()
					if got := tonesOver(t, codec, ms, bad, digits); got != digits {
						t.Errorf("%q of %q", got, digits)
					}
				})
			}
		}
	}
}

func tonesOver(t *testing.T, codec Codec, ms int, bad bool, digits string) string {
	t.Helper()
	events := make(chan Event, 64)
	shL, listens, _ := stillShard(Params{Codec: codec, Recv: true, Send: true, Detect: true}, Params{}, nil)
	listens.peer, listens.to, listens.s.events = nil, nil, events
	var held [][]byte
	n := 0
	take := func(b []byte) {
		p, _ := parseRTP(b)
		arrive(shL, listens, p, b[p.from:p.to])
	}
	sent := func(b []byte) {
		n++
		b = append([]byte(nil), b...)
		switch {
		case bad && ms <= 20 && n%40 == 13: // lost
		case bad && n%7 == 3: // one after the next
			held = append(held, b)
			return
		default:
			take(b)
		}
		for _, h := range held {
			take(h)
		}
		held = nil
	}
	sh, says, _ := stillShard(Params{Codec: codec, Recv: true, Send: true, Tones: true, Ptime: ms}, Params{}, sent)
	says.peer = nil
	says.dialler.push(digits)
	for range len(digits)*keyTicks + 10 {
		sh.now += 20 * tick
		shL.now = sh.now
		says.serve(sh, sh.now)
	}
	return digitsIn(events)
}

func FuzzDetector(f *testing.F) {
	f.Add([]byte{0, 0x7F, 0x80, 0xFF}, uint32(5))
	f.Fuzz(func(t *testing.T, ulaw []byte, ts uint32) {
		d := keyTones{}
		d.gap(ts, len(ulaw))
		for _, u := range ulaw {
			if k := d.feed(DecodeULaw(u)); k != 0 && !strings.ContainsRune(toneKeys, rune(k)) {
				t.Fatalf("key %d", k)
			}
		}
	})
}
