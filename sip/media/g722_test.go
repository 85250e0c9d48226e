package media

import (
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"
)

// sine returns n samples of a tone, level 0..1 of full scale.
func sine(n int, hz, level float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(32767 * level * math.Sin(2*math.Pi*hz*float64(i)/sampleRate))
	}
	return out
}

// roundTrip encodes and decodes.
func roundTrip(in []int16) (codes []byte, out []int16) {
	enc, dec := newG722Encoder(), newG722Decoder()
	for _, s := range in {
		c := enc.encode(s)
		codes, out = append(codes, c), append(out, dec.decode(c))
	}
	return codes, out
}

// snr compares two signals in dB.
func snr(want, got []int16) float64 {
	signal, noise := 0.0, 1.0
	for i := range want {
		d := float64(want[i]) - float64(got[i])
		signal += float64(want[i]) * float64(want[i])
		noise += d * d
	}
	return 10 * math.Log10(signal/noise)
}

func TestG722BringsTonesBack(t *testing.T) {
	t.Parallel()
	for _, hz := range []float64{200, 440, 1004, 2100, 3400} {
		for _, level := range []float64{0.01, 0.1, 0.5, 0.9} {
			in := sine(8000, hz, level)
			_, out := roundTrip(in)
			if got := snr(in[800:], out[800:]); got < 28 {
				t.Errorf("%v Hz at %v: %.1f dB above the noise", hz, level, got)
			}
		}
	}
}

func TestG722KeepsSilenceSilent(t *testing.T) {
	t.Parallel()
	in := append(sine(4000, 1004, 0.9), make([]int16, 8000)...)
	_, out := roundTrip(in)
	for i, s := range out[6000:] {
		if s < -16 || s > 16 {
			t.Fatalf("sample %d of silence is %d", i, s)
		}
	}
}

// The sums were taken when another implementation, built on the standard's
// reference code, gave the same bytes and samples for these signals.
func TestG722IsTheStandards(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	in := sine(8000, 440, 0.4)
	for range 8000 {
		in = append(in, int16(random.IntN(65536)-32768))
	}
	for i := range 4000 {
		in = append(in, int16(32767-65535*(i/20%2)))
	}
	codes, out := roundTrip(in)
	wide := make([]byte, 0, 2*len(out))
	for _, s := range out {
		wide = append(wide, byte(s), byte(s>>8))
	}
	if got := [2]uint32{crc32.ChecksumIEEE(codes), crc32.ChecksumIEEE(wide)}; got != [2]uint32{0xaf48c920, 0x7cfabcfc} {
		t.Errorf("sums %#x", got)
	}
}

// A decoder that missed packets, or listens in from the middle, comes back
// into step with the encoder.
func TestG722RecoversFromLoss(t *testing.T) {
	t.Parallel()
	in := sine(16000, 700, 0.3)
	codes, _ := roundTrip(in)
	dec := newG722Decoder()
	out := make([]int16, 0, 12000)
	for _, c := range codes[4000:] {
		out = append(out, dec.decode(c))
	}
	if got := snr(in[12000:], out[8000:]); got < 28 {
		t.Errorf("a second after the loss the tone is %.1f dB above the noise", got)
	}
}

func FuzzG722(f *testing.F) {
	f.Add([]byte{0, 1, 0x3F, 0x40, 0xFF, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		dec, enc := newG722Decoder(), newG722Encoder()
		for _, c := range b {
			enc.encode(dec.decode(c))
			if dec.low.det < 0 || dec.low.nb > 18432 || enc.high.nb > 22528 {
				t.Fatalf("state out of bounds: %+v", dec.low)
			}
		}
	})
}

func BenchmarkG722(b *testing.B) {
	in := sine(frameSamples, 440, 0.4)
	enc, dec := newG722Encoder(), newG722Decoder()
	var frame [frameSamples]byte
	b.Run("encode 20 ms", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i, s := range in {
				frame[i] = enc.encode(s)
			}
		}
	})
	b.Run("decode 20 ms", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i, c := range frame {
				in[i] = dec.decode(c)
			}
		}
	})
}
