package speech_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ringbid/ringbid/ivr/speech"
)

// TestEspeak speaks with the real program.
func TestEspeak(t *testing.T) {
	t.Parallel()
	var e speech.Espeak
	long, err := e.Say(t.Context(), "-v fr Please enter your five digit zip code.", "")
	if err != nil {
		t.Fatal(err)
	}
	short, err := e.Say(t.Context(), "Hello.", "en-us")
	if err != nil {
		t.Fatal(err)
	}
	channels, rate, bits := binary.LittleEndian.Uint16(long[22:]), binary.LittleEndian.Uint32(long[24:]), binary.LittleEndian.Uint16(long[34:])
	if channels != 1 || rate < 8000 || bits != 16 {
		t.Errorf("%d channels at %d Hz of %d bits", channels, rate, bits)
	}
	if seconds := float64(len(long)-44) / 2 / float64(rate); seconds < 2 || seconds > 8 || len(short) >= len(long) {
		t.Errorf("%.1f seconds; %d bytes for the short text, %d for the long one", seconds, len(short), len(long))
	}
	loud := 0
	for i := 44; i+1 < len(long); i += 2 {
		if v := int16(binary.LittleEndian.Uint16(long[i:])); v > 3000 || v < -3000 {
			loud++
		}
	}
	if loud < 1000 {
		t.Errorf("%d loud samples: is anything said?", loud)
	}
}

func TestEspeakRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, voice, want string }{
		"nothing":       {" \n", "", "there is no text"},
		"too long":      {strings.Repeat("a", speech.MaxText+1), "", "longer than 4000 bytes"},
		"option":        {"hello", "-w/tmp/x", "not the name of a voice"},
		"path":          {"hello", "../../etc/passwd", "not the name of a voice"},
		"unknown voice": {"hello", "nosuchvoice", "voice nosuchvoice"},
	} {
		_, err := new(speech.Espeak).Say(t.Context(), c.text, c.voice)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestEspeakMissing(t *testing.T) {
	t.Parallel()
	e := speech.Espeak{Command: "espeak-ng-of-another-name"}
	_, err := e.Say(t.Context(), "hello", "")
	if !errors.Is(err, speech.ErrMissing) || !strings.Contains(err.Error(), "install the Debian package espeak-ng") {
		t.Errorf("error %v", err)
	}
}

func TestEspeakStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(speech.Espeak).Say(ctx, "hello", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// parrot says a text as a WAV of its bytes, and counts.
type parrot struct {
	said atomic.Int64
	err  error
}

func (p *parrot) Say(_ context.Context, text, voice string) ([]byte, error) {
	p.said.Add(1)
	if p.err != nil {
		return nil, p.err
	}
	body := voice + ": " + text
	b := make([]byte, 44, 44+len(body))
	copy(b, "RIFF")
	binary.LittleEndian.PutUint32(b[4:], uint32(36+len(body)))
	copy(b[8:], "WAVE")
	return append(b, body...), nil
}

func say(t *testing.T, v speech.Voice, text, voice string) []byte {
	t.Helper()
	wav, err := v.Say(t.Context(), text, voice)
	if err != nil {
		t.Fatal(err)
	}
	return wav
}

func TestCache(t *testing.T) {
	t.Parallel()
	dir, p := filepath.Join(t.TempDir(), "a", "b"), &parrot{}
	c := speech.NewCache(dir, p)
	first := say(t, c, "hello", "en-us")
	if again := say(t, speech.NewCache(dir, p), "hello", "en-us"); !bytes.Equal(first, again) || p.said.Load() != 1 {
		t.Errorf("said %d times: %q, then %q", p.said.Load(), first, again)
	}
	say(t, c, "hello", "en-gb")
	say(t, c, "hello!", "en-us")
	if p.said.Load() != 3 {
		t.Errorf("said %d times, want 3", p.said.Load())
	}

	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 3 {
		t.Fatalf("files %q, %v", files, err)
	}
	for _, f := range files {
		if err := os.Truncate(f, 50); err != nil {
			t.Fatal(err)
		}
	}
	if again := say(t, c, "hello", "en-us"); !bytes.Equal(first, again) || p.said.Load() != 4 {
		t.Errorf("after half a file was left, said %d times: %q", p.said.Load(), again)
	}
}

func TestCacheKeepsNoFailure(t *testing.T) {
	t.Parallel()
	p := &parrot{err: errors.New("hoarse")}
	c := speech.NewCache(t.TempDir(), p)
	if _, err := c.Say(t.Context(), "hello", ""); !errors.Is(err, p.err) {
		t.Errorf("error %v", err)
	}
	p.err = nil
	say(t, c, "hello", "")
	if p.said.Load() != 2 {
		t.Errorf("said %d times, want 2", p.said.Load())
	}
}

// TestCacheWithoutFolder: what cannot be kept is said all the same.
func TestCacheWithoutFolder(t *testing.T) {
	t.Parallel()
	file, p := filepath.Join(t.TempDir(), "file"), &parrot{}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := speech.NewCache(file, p)
	say(t, c, "hello", "")
	say(t, c, "hello", "")
	if p.said.Load() != 2 {
		t.Errorf("said %d times, want 2", p.said.Load())
	}
}

// TestNewEspeak holds that the two are joined: the second time nothing is run.
func TestNewEspeak(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := say(t, speech.NewEspeak(dir), "hello", "")
	files, err := filepath.Glob(filepath.Join(dir, "*.wav"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q, %v", files, err)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil || !bytes.Equal(kept, first) {
		t.Errorf("%d bytes kept of %d, %v", len(kept), len(first), err)
	}
}
