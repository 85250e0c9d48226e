package recording

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

// unsynced is a disk that renames files and then cannot make it durable, so
// many times.
type unsynced struct {
	realDisk
	fails atomic.Int64
}

func (d *unsynced) rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(to))
}

func (d *unsynced) syncDir(dir string) error {
	if d.fails.Add(-1) >= 0 {
		return syscall.EIO
	}
	return d.realDisk.syncDir(dir)
}

// TestRenamedAndNotSynced seals a recording on a disk that makes its new name
// durable at the third try: it is reported then, once, and not tried again.
func TestRenamedAndNotSynced(t *testing.T) {
	t.Parallel()
	d := &unsynced{}
	d.fails.Store(2)
	var found shelf
	var times atomic.Int64
	r := setup(t, Config{disk: d, again: 2 * time.Millisecond, Found: func(rec ringbid.Recording, callID string) {
		times.Add(1)
		found.put(rec, callID)
	}})
	f := start(t, r, "call")
	say(t, f, 0, 50)
	if rec, err := f.Seal(t.Context()); err == nil {
		t.Fatal("sealed, though its name is not durable:", rec)
	}
	until(t, "the recording is reported", func() bool { return found.has("call") })
	if d.fails.Load() >= 0 {
		t.Error("reported before its name was durable")
	}
	rec := found.take(t, "call")
	if !bytes.Equal(load(t, rec), sound(50, nil)) || time.Since(rec.Started) > time.Minute {
		t.Errorf("not the recording: %+v", rec)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := times.Load(); n != 1 || len(r.left) != 0 {
		t.Errorf("reported %d times, %d are left to be tried", n, len(r.left))
	}
}

// TestPartIsRemoved removes a part that waits for a repair: the loss is told
// once and not tried again.
func TestPartIsRemoved(t *testing.T) {
	t.Parallel()
	d := &faulty{fails: func(_ int64, op string) error {
		if op == "rename" {
			return syscall.EIO
		}
		return nil
	}}
	var log told
	r := setup(t, Config{disk: d, again: 2 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Found: func(rec ringbid.Recording, _ string) { t.Error("found", rec) }})
	f := start(t, r, "call")
	say(t, f, 0, 50)
	if _, err := f.Seal(t.Context()); err == nil {
		t.Fatal("sealed without a rename")
	}
	if err := os.Remove(f.path + partSuffix); err != nil {
		t.Fatal(err)
	}
	until(t, "the loss is told", func() bool { return log.count("recording lost") > 0 })
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := log.count("recording lost"); n != 1 || len(r.left) != 0 {
		t.Errorf("told %d times, %d are left to be tried:\n%s", n, len(r.left), log.text())
	}
}
