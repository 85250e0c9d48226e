package recording

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

// record writes a file of ours with the two channels.
func record(t *testing.T, left, right []byte) string {
	t.Helper()
	h := header(int64(len(left)))
	b := h[:]
	for i := range left {
		b = append(b, left[i], right[i])
	}
	path := filepath.Join(t.TempDir(), "x.wav")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestPCM(t *testing.T) {
	t.Parallel()
	left, right := make([]byte, 20_000), make([]byte, 20_000)
	var want []byte
	for i := range left {
		left[i], right[i] = sample(media.Rx, int64(i)), byte(i)
		for _, u := range []byte{left[i], right[i]} {
			v := uint16(media.DecodeULaw(u))
			want = append(want, byte(v), byte(v>>8))
		}
	}
	shown, err := PCM(openFile(t, record(t, left, right)))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(iotest.OneByteReader(shown))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(whole[pcmHeader:], want) {
		t.Fatal("not the samples that were recorded")
	}
	if _, err := shown.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(shown, whole); err != nil {
		t.Errorf("%.200s", err)
	}
	if clip, err := media.ReadWAV(bytes.NewReader(whole), 1<<20); err != nil || clip.Duration() != 2500*time.Millisecond {
		t.Error("not a wav file of 2.5 s:", err)
	}
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("Range", "bytes=10001-12346")
	res := httptest.NewRecorder()
	http.ServeContent(res, req, "x.wav", time.Time{}, shown)
	if res.Code != http.StatusPartialContent || !bytes.Equal(res.Body.Bytes(), whole[10001:12347]) {
		t.Errorf("range answered with %d and %d bytes", res.Code, res.Body.Len())
	}
}

func TestPCMRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"empty": nil, "short": make([]byte, 57), "zeros": make([]byte, 100), "text": bytes.Repeat([]byte("RIFF"), 50),
	} {
		if _, err := PCM(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: taken for a recording", name)
		}
	}
}

func TestWaveform(t *testing.T) {
	t.Parallel()
	tone := func(level float64) []byte {
		return media.Tone([]float64{440}, time.Second, 0, time.Second, level).ULaw()
	}
	quiet := bytes.Repeat([]byte{silence}, 8000)
	got, err := Waveform(record(t, append(tone(1), quiet...), append(quiet, tone(0.1)...)), 4)
	if err != nil {
		t.Fatal(err)
	}
	tenth := 255 * (1 + 20*math.Log10(0.1)/48)
	for ch, want := range [2][]float64{{255, 255, 0, 0}, {0, 0, tenth, tenth}} {
		for i, w := range want {
			if math.Abs(float64(got[ch][i])-w) > 4 {
				t.Errorf("channel %d: %v, want %v", ch, got[ch], want)
				break
			}
		}
	}
	for _, buckets := range []int{-1, 0, 1, 7, 16_001, 1 << 40} {
		got, err := Waveform(record(t, quiet, tone(1)), buckets)
		if want := max(1, min(buckets, maxBuckets)); err != nil || len(got[0]) != want || len(got[1]) != want {
			t.Errorf("%d buckets: %d and %d, %v", buckets, len(got[0]), len(got[1]), err)
		}
	}
	if got, err := Waveform(record(t, nil, nil), 3); err != nil || !bytes.Equal(got[0], make([]byte, 3)) {
		t.Error("an empty recording:", got, err)
	}
	if _, err := Waveform(filepath.Join(t.TempDir(), "none"), 3); err == nil {
		t.Error("a missing file was drawn")
	}
}
