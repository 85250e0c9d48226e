package recording

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// File is the growing recording of one call. It is a media tap: the caller's
// stream is what it is attached to.
type File struct {
	ring     ring // first, as it says
	recorder *Recorder
	callID   string
	path     string // when sealed
	turn     int    // the writer's, in which it is written

	begun   atomic.Int64 // when position 0 was, on the recorder's clock, in ns; 0 before the first frame
	started atomic.Int64 // the same in Unix nanoseconds, for the record only: that clock may be set
	lost    atomic.Int64 // samples that did not fit the ring
	tardy   atomic.Int64 // samples that came too late

	mu             sync.Mutex
	paused, secret bool

	ended  atomic.Bool // no more frames; the writer may finish
	orphan atomic.Bool // whoever wanted it sealed has stopped waiting

	// The writer's until written is closed, then Seal's.
	handle  handle
	again   time.Time // not before: a write failed
	behind  bool      // there is more to write, out of turn
	failing bool
	dirty   bool  // written to since the last sync
	failed  error // how the last write went, once written is closed
	written chan struct{}

	sealing sealing
	record  ringbid.Recording // of the end; like err, final once sealing.done is closed
	err     error
}

var _ media.Tap = (*File)(nil)

func newFile(r *Recorder, callID, path string) *File {
	return &File{ring: ring{pool: &r.chunks}, recorder: r, callID: callID, path: path, written: make(chan struct{}), sealing: sealing{done: make(chan struct{})}}
}

// Frame takes one packet's audio, as media.Tap says. It runs on the media
// thread and copies; it never waits. Audio for which the ring has no room is
// counted as lost.
func (f *File) Frame(ch media.Channel, pos int64, ulaw []byte) {
	if ch > media.Tx || pos < 0 {
		return
	}
	if f.ring.head() == 0 {
		f.begin(time.Now(), pos)
	}
	switch f.ring.put(uint8(ch), pos, ulaw) {
	case late:
		f.tardy.Add(int64(len(ulaw)))
	case full:
		f.lost.Add(int64(len(ulaw)))
	}
}

// begin starts the file's clock, unless it runs: it shows pos at the moment.
func (f *File) begin(now time.Time, pos int64) {
	f.begun.CompareAndSwap(0, f.recorder.uptime(now)-pos*nsPerSample)
	f.started.CompareAndSwap(0, now.UnixNano()-pos*nsPerSample)
}

const nsPerSample = int64(time.Second / sampleRate)

// Pause records silence on both channels until Resume, for example while a
// card number is read out. The length of the recording is that of the call.
func (f *File) Pause() { f.hush(func() { f.paused = true }) }

// Resume ends Pause. What was said before is not recorded even if its packets
// are still on the way.
func (f *File) Resume() { f.hush(func() { f.paused = false }) }

// Secret silences the caller's channel while on, so that keys pressed for a
// secret question are not heard as tones in the recording.
func (f *File) Secret(on bool) { f.hush(func() { f.secret = on }) }

func (f *File) hush(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := [2]bool{f.paused || f.secret, f.paused}
	change()
	for ch, now := range [2]bool{f.paused || f.secret, f.paused} {
		switch {
		case now:
			f.ring.quiet[ch].Store(shut)
		case was[ch]:
			f.ring.quiet[ch].Store(f.ring.head())
		}
	}
}

// Close ends the recording of frames; one that is under way is still taken.
// Seal makes the file final. Close may be called twice and does not wait.
func (f *File) Close() {
	if !f.ended.Swap(true) {
		f.recorder.nudge()
	}
}

// done reports whether the writer has finished with the file.
func (f *File) done() bool {
	select {
	case <-f.written:
		return true
	default:
		return false
	}
}

// wall returns the position that the clock shows. Setting the system's clock
// does not move it.
func (f *File) wall(now time.Time) int64 {
	begun := f.begun.Load()
	if begun == 0 {
		return 0
	}
	return (f.recorder.uptime(now) - begun) / nsPerSample
}
