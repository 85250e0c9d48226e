package recording

import (
	"bytes"
	"testing"
	"time"
	"unsafe"

	"github.com/ringbid/ringbid/sip/media"
)

// stepped is a moment as time.Now returns it after the system's clock was set
// forward by so many seconds: the time of day is another, the monotonic reading
// is not. Nothing but a clock that is set makes such a value.
func stepped(t *testing.T, now time.Time, seconds uint64) time.Time {
	t.Helper()
	was := now
	*(*uint64)(unsafe.Pointer(&now)) += seconds << 30 // seconds since 1885, then nanoseconds
	if by := now.UnixNano() - was.UnixNano(); by != int64(seconds)*int64(time.Second) || now.Sub(was) != 0 {
		t.Fatalf("the clock is set forward by %d ns, %s of them on the monotonic clock", by, now.Sub(was))
	}
	return now
}

// TestClockIsSet sets the system's clock forward while a call is recorded, and
// nothing of the call is silenced.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{flow: time.Hour}) // this goroutine is the writer
	f := start(t, r, "call")
	for n := range int64(100) {
		speak(f, n)
	}
	r.serve(f, stepped(t, time.Now(), 600), true)
	for n := int64(100); n < 150; n++ {
		speak(f, n)
	}
	rec := seal(t, f)
	if rec.Dropped != 0 || !bytes.Equal(load(t, rec), sound(150, nil)) {
		t.Errorf("%d samples dropped of a recording that is now %d ms long", rec.Dropped, rec.MS)
	}
}

// TestStartedIsTimeOfDay sets the clock before a call: its recording starts by
// the clock that is set.
func TestStartedIsTimeOfDay(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{flow: time.Hour})
	f := start(t, r, "call")
	now := stepped(t, time.Now(), 600)
	f.begin(now, 8000)
	f.Frame(media.Rx, 8000, make([]byte, frame))
	if rec := seal(t, f); !rec.Started.Equal(now.Add(-time.Second)) {
		t.Errorf("started %s, %s before the first sound", rec.Started, now.Sub(rec.Started))
	}
	if at := f.wall(now); at != 8000 {
		t.Errorf("the clock shows %d at the first sound, not 8000", at)
	}
}
