package recording

import (
	"sync/atomic"
	"time"
)

const (
	// page is how much is written at once.
	page = 64 << 10
	// burst bounds how much of one file is written before the others get their
	// turn: 2 MiB.
	burst = 32
	// turns are the parts of a round: each writes a part of the files, so that not
	// all rings are full at the same time.
	turns = 4
	none  = -1
	// soon is when the writer looks again at a ring that the media thread was in.
	soon = 20 * time.Millisecond
)

// write goes round the files until the recorder is closed. They are written and
// synced many at a time: a wake-up for each, and a sync, would cost more than the
// writing.
func (r *Recorder) write() {
	t := time.NewTicker(r.cfg.flow / turns)
	defer t.Stop()
	var files []*File
	synced := time.Now()
	for n := 0; ; {
		turn := none
		select {
		case <-r.writing:
			return
		case <-r.wake:
		case <-t.C:
			n++
			turn = n % turns
		}
		files = r.open(files[:0])
		now := time.Now()
		for _, f := range files {
			r.serve(f, now, f.turn == turn)
		}
		if turn != none && now.Sub(synced) >= r.cfg.Sync && r.mark(files, now) {
			synced = now
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

// serve writes what is due of one file: in its turn what there is, in between
// only what ends the file or was left over.
func (r *Recorder) serve(f *File, now time.Time, turn bool) {
	last := f.ended.Load()
	if f.done() || !last && (!turn && !f.behind || now.Before(f.again)) {
		return
	}
	var limit int64
	var ok bool
	if last {
		limit, ok = f.ring.close()
	} else {
		limit, ok = f.ring.take(f.wall(now))
	}
	if f.behind = !ok; !ok {
		time.AfterFunc(soon, r.nudge)
		return
	}
	before := f.ring.tail.Load()
	more, err := r.flush(f, limit)
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
		f.again = now.Add(r.cfg.retry)
	case more:
		f.behind = true
		r.nudge()
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
	f.handle = h
	return nil
}

// mark writes their lengths into the headers of the files that have grown and
// has them synced. It reports false when the disk is still busy with the last
// sync; then the next round asks again.
func (r *Recorder) mark(files []*File, now time.Time) bool {
	var batch []handle
	select {
	case batch = <-r.synced:
	default:
		return false
	}
	for _, f := range files {
		if f.done() || !f.dirty {
			continue
		}
		h := header(f.ring.tail.Load())
		if _, err := f.handle.WriteAt(h[:], 0); err != nil {
			r.trouble.note(r, f, err)
			f.again = now.Add(r.cfg.retry)
			continue
		}
		f.dirty = false
		batch = append(batch, f.handle)
	}
	if len(batch) == 0 {
		r.synced <- batch
	} else {
		r.syncs <- batch // there is room: it is the only one
	}
	return true
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
