package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrWAV is wrapped by the errors of ReadWAV about a file that is not usable audio.
var ErrWAV = errors.New("unusable wav file")

// Format tags of the fmt chunk.
const (
	wavPCM        = 1
	wavALaw       = 6
	wavULaw       = 7
	wavExtensible = 0xFFFE
)

// wavFormat is the fmt chunk.
type wavFormat struct{ tag, channels, rate, bits int }

// ReadWAV reads a RIFF/WAVE file of at most limit bytes (2 GiB at the most): PCM of 8 or 16 bits,
// µ-law or A-law, mono or stereo (which is mixed), 8 to 48 kHz (which is
// resampled to 8 kHz). A data chunk that promises more than the file holds, as
// streaming writers leave it, is taken as far as it goes.
func ReadWAV(r io.Reader, limit int64) (*Clip, error) {
	limit = max(0, min(limit, 1<<31))
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read wav: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrWAV, limit)
	}
	format, audio, err := wavChunks(data)
	if err != nil {
		return nil, err
	}
	if err := format.check(); err != nil {
		return nil, err
	}
	if format.channels == 1 && format.rate == sampleRate && format.tag == wavULaw {
		return ClipFromULaw(audio), nil
	}
	samples := format.linear(audio)
	if len(samples) == 0 {
		return nil, fmt.Errorf("%w: no audio", ErrWAV)
	}
	return clipFromLinear(resample(samples, format.rate)), nil
}

// wavChunks finds the format and the audio.
func wavChunks(b []byte) (f wavFormat, audio []byte, err error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return f, nil, fmt.Errorf("%w: not RIFF/WAVE", ErrWAV)
	}
	known := false
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		body := b[8:min(int64(len(b)), 8+size)]
		switch id {
		case "fmt ":
			if f, err = parseWAVFormat(body); err != nil {
				return f, nil, err
			}
			known = true
		case "data":
			if !known {
				return f, nil, fmt.Errorf("%w: audio before its format", ErrWAV)
			}
			if len(body) == 0 {
				return f, nil, fmt.Errorf("%w: no audio", ErrWAV)
			}
			return f, body, nil
		}
		b = b[min(int64(len(b)), 8+size+size%2):]
	}
	return f, nil, fmt.Errorf("%w: no audio", ErrWAV)
}

func parseWAVFormat(b []byte) (f wavFormat, err error) {
	if len(b) < 16 {
		return f, fmt.Errorf("%w: format chunk of %d bytes", ErrWAV, len(b))
	}
	f.tag = int(binary.LittleEndian.Uint16(b))
	f.channels = int(binary.LittleEndian.Uint16(b[2:]))
	f.rate = int(binary.LittleEndian.Uint32(b[4:]))
	f.bits = int(binary.LittleEndian.Uint16(b[14:]))
	if f.tag == wavExtensible && len(b) >= 26 {
		f.tag = int(binary.LittleEndian.Uint16(b[24:])) // the first bytes of the sub-format
	}
	return f, nil
}

func (f wavFormat) check() error {
	switch {
	case f.channels != 1 && f.channels != 2:
		return fmt.Errorf("%w: %d channels, not 1 or 2", ErrWAV, f.channels)
	case f.rate < 8000 || f.rate > 48000:
		return fmt.Errorf("%w: %d Hz, not 8000-48000", ErrWAV, f.rate)
	case f.tag == wavPCM && (f.bits == 8 || f.bits == 16):
		return nil
	case (f.tag == wavULaw || f.tag == wavALaw) && f.bits == 8:
		return nil
	}
	return fmt.Errorf("%w: format %d with %d bits, not PCM of 8 or 16 bits, µ-law or A-law", ErrWAV, f.tag, f.bits)
}

// linear returns the samples of b as -1..1, mixed to mono.
func (f wavFormat) linear(b []byte) []float64 {
	width := f.bits / 8
	frame := width * f.channels
	out := make([]float64, len(b)/frame)
	for i := range out {
		for c := range f.channels {
			out[i] += f.sample(b[i*frame+c*width:]) / float64(f.channels)
		}
	}
	return out
}

func (f wavFormat) sample(b []byte) float64 {
	switch {
	case f.tag == wavULaw:
		return float64(DecodeULaw(b[0])) / 32768
	case f.tag == wavALaw:
		return float64(DecodeALaw(b[0])) / 32768
	case f.bits == 8:
		return (float64(b[0]) - 128) / 128
	}
	return float64(int16(binary.LittleEndian.Uint16(b))) / 32768
}
