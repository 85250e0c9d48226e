package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestToneAndPower(t *testing.T) {
	t.Parallel()
	c := Tone([]float64{1000}, 100*time.Millisecond, 100*time.Millisecond, time.Second, 0.5)
	if c.Duration() != time.Second {
		t.Errorf("duration %v, want 1s", c.Duration())
	}
	u := c.ULaw()
	if p := TonePower(u[:800], 1000); p < 0.98 {
		t.Errorf("share of 1000 Hz in its own tone: %.3f", p)
	}
	if p := TonePower(u[:800], 1400); p > 0.01 {
		t.Errorf("share of 1400 Hz in a tone of 1000 Hz: %.3f", p)
	}
	if p := TonePower(u[800:1600], 1000); p != 0 {
		t.Errorf("share in the pause: %.3f, want 0", p)
	}
	peak := int16(0)
	for _, b := range u {
		peak = max(peak, DecodeULaw(b))
	}
	if peak < 15500 || peak > 17000 {
		t.Errorf("peak %d, want about 16384", peak)
	}
	r := Ringback().ULaw()
	if a, b := TonePower(r[:8000], 440), TonePower(r[:8000], 480); a < 0.45 || b < 0.45 {
		t.Errorf("ringback holds %.2f of 440 Hz and %.2f of 480 Hz, want half each", a, b)
	}
	if n := len(Tone(nil, time.Hour, 0, 24*time.Hour, 1).ulaw); n != samplesIn(maxTone) {
		t.Errorf("endless tone has %d samples", n)
	}
}

func TestClipIsImmutable(t *testing.T) {
	t.Parallel()
	in := []byte{1, 2, 3}
	c := ClipFromULaw(in)
	in[0] = 9
	c.ULaw()[1] = 9
	if got := c.ULaw(); !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("clip changed to % x", got)
	}
}

// wavFile builds a file of one format.
func wavFile(f wavFormat, audio []byte) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVELIST\x05\x00\x00\x00abcde\x00fmt \x10\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(f.tag))
	b = binary.LittleEndian.AppendUint16(b, uint16(f.channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.rate*f.channels*f.bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(f.channels*f.bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(f.bits))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(audio)))
	return append(b, audio...)
}

// wavTone is one second of hz in a format.
func wavTone(f wavFormat, hz float64) []byte {
	var audio []byte
	for i := range f.rate {
		v := int16(12000 * math.Sin(2*math.Pi*hz*float64(i)/float64(f.rate)))
		for range f.channels {
			switch {
			case f.tag == wavULaw:
				audio = append(audio, EncodeULaw(v))
			case f.tag == wavALaw:
				audio = append(audio, EncodeALaw(v))
			case f.bits == 8:
				audio = append(audio, byte(v>>8)+128)
			default:
				audio = binary.LittleEndian.AppendUint16(audio, uint16(v))
			}
		}
	}
	return wavFile(f, audio)
}

func TestReadWAVFormats(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]wavFormat{
		"pcm16 8k":         {wavPCM, 1, 8000, 16},
		"pcm8 8k":          {wavPCM, 1, 8000, 8},
		"ulaw":             {wavULaw, 1, 8000, 8},
		"alaw":             {wavALaw, 1, 8000, 8},
		"ulaw stereo":      {wavULaw, 2, 8000, 8},
		"pcm16 16k":        {wavPCM, 1, 16000, 16},
		"pcm16 44.1k st":   {wavPCM, 2, 44100, 16},
		"pcm16 48k stereo": {wavPCM, 2, 48000, 16},
		"pcm16 odd rate":   {wavPCM, 1, 11127, 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := ReadWAV(bytes.NewReader(wavTone(f, 700)), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if d := c.Duration() - time.Second; d < -time.Millisecond || d > time.Millisecond {
				t.Errorf("lasts %v, want 1s", c.Duration())
			}
			if p := TonePower(c.ULaw()[400:7600], 700); p < 0.98 {
				t.Errorf("700 Hz has %.3f of the energy", p)
			}
		})
	}
}

// What 8 kHz cannot hold must be gone, not folded down.
func TestReadWAVFiltersBeforeDecimation(t *testing.T) {
	t.Parallel()
	c, err := ReadWAV(bytes.NewReader(wavTone(wavFormat{wavPCM, 1, 48000, 16}, 5000)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	peak := int16(0)
	for _, b := range c.ULaw()[400:7600] {
		peak = max(peak, DecodeULaw(b))
	}
	if peak > 24 { // of 12000: 54 dB down, near the last µ-law steps
		t.Errorf("5 kHz leaves a peak of %d", peak)
	}
	pass, err := ReadWAV(bytes.NewReader(wavTone(wavFormat{wavPCM, 1, 48000, 16}, 3400)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	peak = 0
	for _, b := range pass.ULaw()[400:7600] {
		peak = max(peak, DecodeULaw(b))
	}
	if peak < 11000 {
		t.Errorf("3.4 kHz is weakened to %d of 12000", peak)
	}
}

func TestReadWAVRefuses(t *testing.T) {
	t.Parallel()
	good := wavTone(wavFormat{wavPCM, 1, 8000, 16}, 700)
	for name, b := range map[string][]byte{
		"empty":       nil,
		"text":        []byte("not a wav file at all"),
		"no data":     good[:50],
		"five points": wavFile(wavFormat{wavPCM, 6, 8000, 16}, make([]byte, 96)),
		"96 kHz":      wavFile(wavFormat{wavPCM, 1, 96000, 16}, make([]byte, 96)),
		"float":       wavFile(wavFormat{3, 1, 8000, 32}, make([]byte, 96)),
		"0 Hz":        wavFile(wavFormat{wavPCM, 1, 0, 16}, make([]byte, 96)),
		"half frame":  wavFile(wavFormat{wavPCM, 1, 8000, 16}, make([]byte, 1)),
		"no audio":    wavFile(wavFormat{wavULaw, 1, 8000, 8}, nil),
	} {
		if _, err := ReadWAV(bytes.NewReader(b), 1<<20); !errors.Is(err, ErrWAV) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadWAV(bytes.NewReader(good), 1000); err == nil || !strings.Contains(err.Error(), "longer than 1000 bytes") {
		t.Errorf("over the limit: %v", err)
	}
	cut := bytes.Clone(good)
	binary.LittleEndian.PutUint32(cut[bytes.Index(cut, []byte("data"))+4:], 0xFFFFFFFF)
	if c, err := ReadWAV(bytes.NewReader(cut), 1<<20); err != nil || c.Duration() != time.Second {
		t.Errorf("streamed file: %v", err)
	}
}

func FuzzReadWAV(f *testing.F) {
	f.Add(wavTone(wavFormat{wavPCM, 1, 8000, 16}, 700)[:400])
	f.Add(wavTone(wavFormat{wavPCM, 2, 44100, 16}, 700)[:400])
	f.Add(wavTone(wavFormat{wavULaw, 2, 8000, 8}, 700)[:400])
	f.Add(wavTone(wavFormat{wavALaw, 1, 47999, 8}, 700)[:400])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ReadWAV(bytes.NewReader(b), 1<<16)
		if err != nil {
			if !errors.Is(err, ErrWAV) {
				t.Fatalf("unclassified error: %v", err)
			}
			return
		}
		if len(c.ulaw) > len(b) || len(c.ulaw) != len(c.alaw) {
			t.Fatalf("%d µ-law and %d A-law samples from %d bytes", len(c.ulaw), len(c.alaw), len(b))
		}
	})
}
