package recording

import (
	"sync/atomic"
	"time"
)

const (
	tick = 100 * time.Millisecond
	// page is how much is written at once.
	page = 64 << 10
	// burst bounds how much of one file is written before the others get their
	// turn: 2 MiB.
	burst = 32
)

// write goes round the files until the recorder is closed.
func (r *Recorder) write() {
	t := time.NewTicker(min(tick, r.cfg.flow))
	defer t.Stop()
	var files []*File
	for {
		select {
		case <-r.writing:
			return
		case <-r.wake:
		case <-t.C:
		}
		files = r.open(files[:0])
		for _, f := range files {
			r.serve(f, time.Now())
		}
		clear(files)
	}
}

// nudge has the writer look at once.
func (r *Recorder) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// serve writes what is due of one file.
func (r *Recorder) serve(f *File, now time.Time) {
	last := f.ended.Load()
	if f.done() || !last && now.Before(f.due) {
		return
	}
	var limit int64
	var ok bool
	if last {
		limit, ok = f.ring.close()
	} else {
		limit, ok = f.ring.take(f.wall(now))
	}
	if !ok {
		return // the media thread is in the ring; the next tick will do
	}
	before := f.ring.tail.Load()
	more, err := r.flush(f, limit)
	if err == nil && !more && now.Sub(f.synced) >= r.cfg.Sync {
		err = r.mark(f, now)
	}
	if err != nil || f.ring.tail.Load() > before {
		r.trouble.note(r, f, err)
	}
	switch {
	case last && (err != nil || !more):
		r.trouble.drop(f)
		f.failed = err
		f.ring.empty()
		close(f.written)
	case err != nil:
		f.due = now.Add(r.cfg.retry)
	case !more:
		f.due = now.Add(r.cfg.flow)
	}
}

// flush writes up to limit and reports whether there is more to write at once.
// Writes are at the place that belongs to the position, so that one which is
// repeated does no harm.
func (r *Recorder) flush(f *File, limit int64) (more bool, err error) {
	for range burst {
		b := f.ring.next(limit, r.page[:])
		if len(b) == 0 {
			return false, nil
		}
		if err := r.create(f); err != nil {
			return false, err
		}
		if _, err := f.handle.WriteAt(b, offset(f.ring.tail.Load())); err != nil {
			return false, err
		}
		r.metrics.bytes.Add(float64(len(b)))
		f.ring.release(len(b))
		f.dirty = true
	}
	return true, nil
}

// create makes the file with an empty header, when there is something to write.
func (r *Recorder) create(f *File) error {
	if f.handle != nil {
		return nil
	}
	h, err := r.disk.create(f.path + partSuffix)
	if err != nil {
		return err
	}
	empty := header(0)
	if _, err := h.WriteAt(empty[:], 0); err != nil {
		_ = h.Close()
		return err
	}
	f.handle, f.synced = h, time.Now()
	return nil
}

// mark writes the length into the header and has the file synced.
func (r *Recorder) mark(f *File, now time.Time) error {
	if !f.dirty {
		return nil
	}
	h := header(f.ring.tail.Load())
	if _, err := f.handle.WriteAt(h[:], 0); err != nil {
		return err
	}
	f.synced, f.dirty = now, false
	select {
	case r.syncs <- f.handle:
	default: // the disk is behind; the next round asks again
		f.dirty = true
	}
	return nil
}

// trouble knows which files cannot be written, so that a full disk is told once
// and not once a second for each call.
type trouble struct {
	failing atomic.Int64 // files
	since   time.Time    // the writer's; zero while all is well
}

// note takes how a write of the file went.
func (t *trouble) note(r *Recorder, f *File, err error) {
	if err == nil {
		t.drop(f)
		if !t.since.IsZero() && t.failing.Load() == 0 {
			r.log.Info("recording resumed", "after", time.Since(t.since).Round(time.Millisecond))
			t.since = time.Time{}
		}
		return
	}
	r.metrics.errors.Inc()
	if !f.failing {
		f.failing = true
		t.failing.Add(1)
	}
	if t.since.IsZero() {
		t.since = time.Now()
		r.log.Error("recording suspended", "call_id", f.callID, "error", err)
	}
}

// drop takes the file off the list.
func (t *trouble) drop(f *File) {
	if f.failing {
		f.failing = false
		t.failing.Add(-1)
	}
}
