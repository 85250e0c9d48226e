package recording

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/ringbid/ringbid/sip/media"
)

// maxBuckets bounds a waveform.
const maxBuckets = 10_000

// Waveform reads the recording at path and returns the loudest moment of each
// of so many equal spans (1 to 10,000), caller first: 0 is silence, 255 full
// scale, in between on a scale of 48 dB, so that quiet speech shows.
func Waveform(path string, buckets int) ([2][]uint8, error) {
	f, err := os.Open(path)
	if err != nil {
		return [2][]uint8{}, fmt.Errorf("draw recording: %w", err)
	}
	defer f.Close()
	return Peaks(f, buckets)
}

// Peaks is Waveform for a recording that is open, wherever it is kept.
func Peaks(recording io.ReadSeeker, buckets int) ([2][]uint8, error) {
	buckets = max(1, min(buckets, maxBuckets))
	frames, err := length(recording)
	if err != nil {
		return [2][]uint8{}, err
	}
	out := [2][]uint8{make([]uint8, buckets), make([]uint8, buckets)}
	if frames == 0 {
		return out, nil
	}
	if _, err := recording.Seek(headerBytes, io.SeekStart); err != nil {
		return out, fmt.Errorf("draw recording: %w", err)
	}
	scale := loudness()
	r := bufio.NewReaderSize(recording, 64<<10)
	for pos := range frames {
		at := pos * int64(buckets) / frames
		for ch := range out {
			u, err := r.ReadByte()
			if err != nil {
				return out, fmt.Errorf("draw recording: %w", err)
			}
			out[ch][at] = max(out[ch][at], scale[u])
		}
	}
	return out, nil
}

// loudness maps µ-law bytes to 0..255 over 48 dB.
func loudness() *[256]uint8 {
	var t [256]uint8
	for u := range t {
		level := math.Abs(float64(media.DecodeULaw(byte(u)))) / 32124
		if level > 0 {
			t[u] = uint8(255 * max(0, min(1, 1+20*math.Log10(level)/48)))
		}
	}
	return &t
}
