package recording

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

// hung is a disk that renames nothing until it is let go.
type hung struct {
	realDisk
	let chan struct{}
}

func (d *hung) rename(from, to string) error {
	<-d.let
	return d.realDisk.rename(from, to)
}

// TestSealOnADiskThatHangs does not wait for longer than it may; the recording is
// reported once the disk is back, and to those who ask again.
func TestSealOnADiskThatHangs(t *testing.T) {
	t.Parallel()
	d := &hung{let: make(chan struct{})}
	var found shelf
	var times atomic.Int64
	r := setup(t, Config{disk: d, again: 2 * time.Millisecond, Found: func(rec ringbid.Recording, callID string) {
		times.Add(1)
		found.put(rec, callID)
	}})
	f := start(t, r, "call")
	say(t, f, 0, 50)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if rec, err := f.Seal(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("sealed on a disk that hangs:", rec, err)
	}
	close(d.let)
	until(t, "the recording is reported", func() bool { return found.has("call") })
	rec, err := f.Seal(t.Context())
	if err != nil || !bytes.Equal(load(t, rec), sound(50, nil)) || rec != found.take(t, "call") {
		t.Errorf("not the recording: %+v, %v", rec, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := times.Load(); n != 1 {
		t.Errorf("reported %d times", n)
	}
}
