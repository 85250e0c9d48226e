package recording

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

const frame = 160

// sample is what the test parties say at a position: never silence, never 0.
func sample(ch media.Channel, pos int64) byte {
	return byte(1 + (pos/frame*7+pos%13+int64(ch)*101)%250)
}

// say puts frames [from, to) of both channels into f, at the pace of the disk.
func say(t *testing.T, f *File, from, to int64) {
	t.Helper()
	for n := from; n < to; n++ {
		until(t, "the ring has room", func() bool { return (n+1)*frame <= f.ring.tail.Load()+ringFrames })
		speak(f, n)
	}
}

// speak puts frame n of both channels into f.
func speak(f *File, n int64) {
	var b [frame]byte
	for _, ch := range []media.Channel{media.Rx, media.Tx} {
		for i := range b {
			b[i] = sample(ch, n*frame+int64(i))
		}
		f.Frame(ch, n*frame, b[:])
	}
}

// until waits for ok, at most 20 s.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if ok() {
		return
	}
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if ok() {
				return
			}
		case <-deadline.C:
			t.Fatalf("waited 20 s until %s", what)
		}
	}
}

// sound is the data of a recording of frames [0, n), silent where mute says.
func sound(frames int64, mute func(ch media.Channel, pos int64) bool) []byte {
	b := make([]byte, frames*frame*2)
	for pos := range frames * frame {
		for _, ch := range []media.Channel{media.Rx, media.Tx} {
			b[2*pos+int64(ch)] = sample(ch, pos)
			if mute != nil && mute(ch, pos) {
				b[2*pos+int64(ch)] = silence
			}
		}
	}
	return b
}

func setup(t *testing.T, c Config) *Recorder {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.flow == 0 {
		c.flow = 2 * time.Millisecond
	}
	r, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Error("close:", err)
		}
	})
	return r
}

func start(t testing.TB, r *Recorder, id string) *File {
	t.Helper()
	f, err := r.Start(ringbid.Invite{CallID: id, Received: time.Date(2026, 3, 4, 23, 59, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func seal(t testing.TB, f *File) ringbid.Recording {
	t.Helper()
	rec, err := f.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// load returns the data of a recording after comparing file and record.
func load(t testing.TB, rec ringbid.Recording) []byte {
	t.Helper()
	b, err := os.ReadFile(rec.Path)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := framesIn(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := hash(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	want := ringbid.Recording{
		ID: strings.TrimSuffix(filepath.Base(rec.Path), ".wav"), Path: rec.Path,
		MS: frames / 8, Bytes: int64(len(b)), Channels: 2, SHA256: sum,
	}
	if diff := cmp.Diff(want, rec, cmpopts.IgnoreFields(ringbid.Recording{}, "Started", "Dropped")); diff != "" {
		t.Fatal("the record is not that of the file:", diff)
	}
	if len(b) != int(offset(frames)) {
		t.Fatalf("%d bytes in a file of %d frames", len(b), frames)
	}
	return b[headerBytes:]
}

func TestRecordWholeCall(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{Registerer: prometheus.NewRegistry()})
	began := time.Now()
	f := start(t, r, "call-1")
	say(t, f, 0, 500)
	rec := seal(t, f)
	if got := load(t, rec); !bytes.Equal(got, sound(500, nil)) {
		t.Fatal("the recording is not what was said")
	}
	if want := filepath.Join(r.cfg.Dir, "2026/03/04/call-1.wav"); rec.Path != want {
		t.Errorf("path %s, want %s", rec.Path, want)
	}
	if rec.Started.Before(began) || time.Since(rec.Started) < 0 || rec.Dropped != 0 {
		t.Errorf("started %s, dropped %d", rec.Started, rec.Dropped)
	}
	if again := seal(t, f); again != rec {
		t.Error("sealing twice gives", again, "after", rec)
	}
	if _, there := r.File("call-1"); there {
		t.Error("the call is still being recorded")
	}
	if left, err := parts(r.cfg.Dir); err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
}

// TestGapsAndOrder loses some packets and delays others: gaps are silent, late
// packets are where they belong, nothing shifts.
func TestGapsAndOrder(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{})
	f := start(t, r, "call")
	order := []int64{1, 0, 2, 3, 7, 5, 4, 9, 10, 8, 22, 30}
	there := map[int64]bool{}
	for _, n := range order {
		speak(f, n)
		there[n] = true
	}
	rec := seal(t, f)
	want := sound(31, func(_ media.Channel, pos int64) bool { return !there[pos/frame] })
	if !bytes.Equal(load(t, rec), want) {
		t.Fatal("frames are not where they belong")
	}
}

func TestPauseAndSecret(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{})
	f := start(t, r, "call")
	say(t, f, 0, 50)
	f.Pause()
	say(t, f, 50, 99)
	f.Resume()
	speak(f, 98)        // said during the pause, arrives after it
	say(t, f, 99, 150)  // heard
	f.Secret(true)      // keys
	say(t, f, 150, 175) // agent heard only
	f.Pause()           // both
	say(t, f, 175, 180) //
	f.Secret(false)     //
	say(t, f, 180, 190) //
	f.Resume()          //
	say(t, f, 190, 200) // heard
	got := load(t, seal(t, f))
	want := sound(200, func(ch media.Channel, pos int64) bool {
		switch n := pos / frame; {
		case n >= 50 && n < 99, n >= 175 && n < 190:
			return true
		case n >= 150 && n < 175:
			return ch == media.Rx
		}
		return false
	})
	if !bytes.Equal(got, want) {
		t.Fatal("what was to be kept out is heard, or the other way round")
	}
}

func TestNothingRecorded(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{})
	f := start(t, r, "call")
	f.Frame(media.Rx, -5, []byte{1})
	f.Frame(media.Channel(7), 0, []byte{1})
	if _, err := f.Seal(t.Context()); !errors.Is(err, ErrEmpty) {
		t.Fatal("error", err)
	}
	f.Close()
	f.Frame(media.Rx, 0, []byte{1}) // after the end: nothing happens
}

func TestStartRefusals(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{})
	start(t, r, "twice")
	for id, want := range map[string]ringbid.Kind{
		"": ringbid.Invalid, "../x": ringbid.Invalid, "a b": ringbid.Invalid, "a\x00": ringbid.Invalid,
		strings.Repeat("x", 101): ringbid.Invalid, "twice": ringbid.Conflict,
	} {
		if _, err := r.Start(ringbid.Invite{CallID: id}); ringbid.KindOf(err) != want {
			t.Errorf("start %.20q: %v", id, err)
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(ringbid.Invite{CallID: "late"}); !errors.Is(err, ErrClosed) {
		t.Error("start after close:", err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{})
	if _, err := Open(Config{Dir: r.cfg.Dir}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatal("error", err)
	}
}

// TestCloseSealsWhatIsLeft also proves that a file is right at every sync: its
// header is read while it grows.
func TestCloseSealsWhatIsLeft(t *testing.T) {
	t.Parallel()
	var found shelf
	r := setup(t, Config{Found: found.put, Sync: time.Millisecond})
	f := start(t, r, "call")
	say(t, f, 0, 400)
	until(t, "the header says so", func() bool {
		h, err := os.Open(f.path + partSuffix)
		if err != nil {
			return false
		}
		defer h.Close()
		frames, err := framesIn(h)
		return err == nil && frames >= whole(400*frame-slack)
	})
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := load(t, found.take(t, "call")); !bytes.Equal(got, sound(400, nil)) {
		t.Fatal("the recording is not what was said")
	}
}

// shelf collects what a recorder finds.
type shelf struct {
	mu sync.Mutex
	by map[string]ringbid.Recording
}

func (s *shelf) put(r ringbid.Recording, callID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string]ringbid.Recording{}
	}
	s.by[callID] = r
}

func (s *shelf) has(callID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.by[callID]
	return ok
}

func (s *shelf) take(t testing.TB, callID string) ringbid.Recording {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.by[callID]
	if !ok {
		t.Fatalf("no recording of %s was found", callID)
	}
	return r
}

func TestUnclaimed(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{})
	var sealed []ringbid.Recording
	for _, id := range []string{"known", "lost", "grows"} {
		f := start(t, r, id)
		say(t, f, 0, 50)
		if id != "grows" {
			sealed = append(sealed, seal(t, f))
		}
	}
	if err := os.WriteFile(filepath.Join(r.cfg.Dir, "other.wav"), []byte("no recording"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := r.Unclaimed(t.Context(), func(callID string) bool { return callID == "known" })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sealed[1:], got, cmpopts.IgnoreFields(ringbid.Recording{}, "Started")); diff != "" {
		t.Error(diff)
	}
}

func TestStoreIsNotTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(Config{Dir: dir, Blobs: Folder(dir + "/.")}); ringbid.KindOf(err) != ringbid.Invalid {
		t.Fatal(err)
	}
}
