package recording

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// faulty is a real disk whose operations fail as fails says, by their number
// from 1.
type faulty struct {
	realDisk
	n     atomic.Int64
	fails func(n int64, op string) error
}

func (d *faulty) try(op string) error { return d.fails(d.n.Add(1), op) }

func (d *faulty) create(path string) (handle, error) {
	if err := d.try("create"); err != nil {
		return nil, err
	}
	h, err := d.realDisk.create(path)
	return faultyHandle{h, d}, err
}

func (d *faulty) open(path string) (handle, error) {
	if err := d.try("open"); err != nil {
		return nil, err
	}
	h, err := d.realDisk.open(path)
	return faultyHandle{h, d}, err
}

func (d *faulty) rename(from, to string) error {
	if err := d.try("rename"); err != nil {
		return err
	}
	return d.realDisk.rename(from, to)
}

func (d *faulty) remove(path string) error {
	if err := d.try("remove"); err != nil {
		return err
	}
	return d.realDisk.remove(path)
}

type faultyHandle struct {
	handle
	d *faulty
}

// WriteAt writes half when it fails, as a disk that fills up does.
func (h faultyHandle) WriteAt(p []byte, off int64) (int, error) {
	if err := h.d.try("write"); err != nil {
		n, _ := h.handle.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return h.handle.WriteAt(p, off)
}

func (h faultyHandle) Truncate(size int64) error {
	if err := h.d.try("truncate"); err != nil {
		return err
	}
	return h.handle.Truncate(size)
}

func (h faultyHandle) Stat() (fs.FileInfo, error) {
	if err := h.d.try("stat"); err != nil {
		return nil, err
	}
	return h.handle.Stat()
}

func (h faultyHandle) sync() error {
	if err := h.d.try("sync"); err != nil {
		return err
	}
	return h.handle.sync()
}

func (h faultyHandle) syncAll() error {
	if err := h.d.try("syncfs"); err != nil {
		return err
	}
	return h.handle.syncAll()
}

// TestEveryOperationFails lets a call's n-th file operation fail, for every n,
// alone and as the first of five. Whatever happens nothing hangs, and in the
// end, after a restart on a sound disk at the latest, the recording is there and
// holds what was said, or silence that was counted.
func TestEveryOperationFails(t *testing.T) {
	t.Parallel()
	for _, run := range []int64{1, 5} {
		for n := int64(1); ; n++ {
			d := &faulty{fails: func(i int64, op string) error {
				if i >= n && i < n+run {
					return fmt.Errorf("%s: %w", op, syscall.ENOSPC)
				}
				return nil
			}}
			callWithFaults(t, d, fmt.Sprintf("%d from %d", run, n))
			if d.n.Load() < n {
				break
			}
			if n > 200 {
				t.Fatal("a call of two seconds takes 200 file operations")
			}
		}
	}
}

func callWithFaults(t *testing.T, d *faulty, name string) {
	t.Helper()
	const frames = 150
	var found shelf
	dir := t.TempDir()
	c := Config{Dir: dir, Found: found.put, disk: d, flow: time.Millisecond, retry: time.Millisecond, Sync: 5 * time.Millisecond}
	r, err := Open(c)
	if err != nil {
		t.Fatal(name, err)
	}
	f := start(t, r, "call")
	for n := range int64(frames) {
		speak(f, n)
		if n == 60 {
			until(t, "something is written", func() bool { return f.ring.tail.Load() >= 50*frame-slack })
		}
	}
	rec, err := f.Seal(t.Context())
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(name, "close:", err)
	}
	if err != nil && !found.has("call") {
		c.disk = nil
		again, err := Open(c)
		if err != nil {
			t.Fatal(name, err)
		}
		<-again.Settled()
		if err := again.Close(t.Context()); err != nil {
			t.Fatal(name, "close again:", err)
		}
	}
	if err != nil {
		rec = found.take(t, "call")
	}
	got, want := load(t, rec), sound(frames, nil)
	for i, b := range want[:len(got)] {
		if got[i] != b && got[i] != silence {
			t.Fatalf("%s: position %d holds %x, which nobody said", name, i/2, got[i])
		}
	}
	if missing := int64(len(want) - bytesEqual(got, want)); err == nil && missing > rec.Dropped {
		t.Fatalf("%s: %d samples are missing and %d counted", name, missing, rec.Dropped)
	}
	if left, err := parts(dir); err != nil || len(left) > 0 {
		t.Fatal(name, "left behind:", left, err)
	}
}

// bytesEqual counts the places where both hold the same.
func bytesEqual(a, b []byte) int {
	n := 0
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			n++
		}
	}
	return n
}

// TestDiskFull fills the disk in mid-call and frees it later: the gap is silent
// and counted, what follows is at its place, and the operator is told once.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	d := &faulty{fails: func(int64, string) error {
		if full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}}
	var log told
	r := setup(t, Config{disk: d, retry: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	files := []*File{start(t, r, "a"), start(t, r, "b"), start(t, r, "c")}
	for _, f := range files {
		say(t, f, 0, 100)
	}
	full.Store(true)
	for n := int64(100); n < 900; n++ { // 16 s, four times what a ring holds
		for _, f := range files {
			speak(f, n)
		}
	}
	until(t, "every file is known to fail", func() bool { return r.trouble.failing.Load() == 3 })
	full.Store(false)
	for _, f := range files {
		say(t, f, 900, 1000)
	}
	for _, f := range files {
		rec := seal(t, f)
		got, want := load(t, rec), sound(1000, nil)
		missing := len(want) - bytesEqual(got, want)
		if rec.Dropped == 0 || missing != int(rec.Dropped) {
			t.Errorf("%d samples are missing, %d counted", missing, rec.Dropped)
		}
		if at := 2 * 900 * frame; !bytes.Equal(got[at:], want[at:]) || !bytes.Equal(got[:2*100*frame], want[:2*100*frame]) {
			t.Error("before and after the full disk the call is not as it was said")
		}
	}
	if r.trouble.failing.Load() != 0 {
		t.Error("files are still said to fail")
	}
	if n := log.count("recording suspended"); n != 1 {
		t.Errorf("told %d times that recording is suspended:\n%s", n, log.text())
	}
	if n := log.count("recording resumed"); n != 1 {
		t.Errorf("told %d times that recording has resumed:\n%s", n, log.text())
	}
}

// TestSyncTogether syncs many files with one call, few of them each for itself,
// and many as well once the one call has taken too long.
func TestSyncTogether(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files int
		takes time.Duration // the one call
		want  string
	}{
		"few":  {few, 0, "sync"},
		"many": {few + 1, 0, "syncfs"},
		"slow": {few + 1, 200 * time.Millisecond, "syncfs sync"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen told
			d := &faulty{fails: func(_ int64, op string) error {
				if strings.HasPrefix(op, "sync") && !strings.HasSuffix(seen.text(), op+" ") {
					_, _ = seen.Write([]byte(op + " "))
				}
				if op == "syncfs" {
					<-time.After(c.takes)
				}
				return nil
			}}
			r := setup(t, Config{disk: d, Sync: 100 * time.Millisecond, flow: 20 * time.Millisecond})
			var files []*File
			for i := range c.files {
				files = append(files, start(t, r, fmt.Sprint("call-", i)))
			}
			n := int64(0)
			until(t, "the syncs are "+c.want, func() bool {
				for _, f := range files {
					if (n+1)*frame <= f.ring.tail.Load()+ringFrames {
						speak(f, n)
					}
				}
				n++
				return strings.HasSuffix(seen.text(), c.want+" ")
			})
			if c.files <= few && seen.text() != "sync " {
				t.Error("few files are synced by", seen.text())
			}
		})
	}
}

// TestDiskHangs stops the disk in the middle of a write. Frames do not notice;
// Seal gives up with its context, and the file is sealed when the disk is back.
func TestDiskHangs(t *testing.T) {
	t.Parallel()
	hang, hung := make(chan struct{}), make(chan struct{}, 1)
	d := &faulty{fails: func(n int64, op string) error {
		if n > 2 && op == "write" {
			select {
			case hung <- struct{}{}:
			default:
			}
			<-hang
		}
		return nil
	}}
	var found shelf
	r := setup(t, Config{disk: d, Found: found.put, again: 5 * time.Millisecond})
	f := start(t, r, "call")
	speakUntil(t, f, hung)
	var longest time.Duration
	for n := int64(300); n < 600; n++ {
		began := time.Now()
		f.Frame(media.Rx, n*frame, make([]byte, frame))
		longest = max(longest, time.Since(began))
	}
	if longest > time.Second {
		t.Errorf("a frame took %s", longest)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := f.Seal(ctx); err == nil || ctx.Err() == nil {
		t.Fatal("sealed on a disk that hangs:", err)
	}
	if _, err := r.Start(ringbid.Invite{CallID: "next"}); err != nil {
		t.Error("the next call:", err)
	}
	close(hang)
	until(t, "the file is sealed by itself", func() bool { return found.has("call") })
}

func speakUntil(t *testing.T, f *File, hung <-chan struct{}) {
	t.Helper()
	n := int64(0)
	until(t, "the disk hangs", func() bool {
		select {
		case <-hung:
			return true
		default:
			if n < 200 {
				speak(f, n)
				n++
			}
			return false
		}
	})
}

// told is a log that can be read while it is written.
type told struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *told) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *told) count(s string) int { return strings.Count(l.text(), s) }
