package recording

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// leftover is a part whose call does not wait for it any more.
type leftover = string

// parts returns the unsealed files under dir. Folders that cannot be read are
// passed over.
func parts(dir string) ([]leftover, error) {
	var found []leftover
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == dir:
			return err
		case err != nil:
			return nil
		case d.Type().IsRegular() && strings.HasSuffix(path, ".wav"+partSuffix):
			found = append(found, path)
		}
		return nil
	})
	return found, err
}

// leave keeps a part for a later try.
func (r *Recorder) leave(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = append(r.left, path)
}

// tidy repairs what is left over, now and from time to time.
func (r *Recorder) tidy(ctx context.Context) {
	t := time.NewTicker(r.cfg.again)
	defer t.Stop()
	r.repairAll(ctx)
	close(r.tidied)
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			r.adopt(ctx)
			r.repairAll(ctx)
		}
	}
}

// adopt seals the files whose calls stopped waiting for a slow disk.
func (r *Recorder) adopt(ctx context.Context) {
	for _, f := range r.open(nil) {
		if !f.orphan.Load() || !f.done() {
			continue
		}
		if rec, err := f.Seal(ctx); err == nil {
			r.found(rec, f.callID)
		}
	}
}

func (r *Recorder) repairAll(ctx context.Context) {
	r.mu.Lock()
	left := r.left
	r.left = nil
	r.mu.Unlock()
	for _, part := range left {
		if ctx.Err() != nil {
			r.leave(part)
			continue
		}
		rec, err := r.repair(part)
		switch {
		case err == nil:
			r.metrics.repaired.Inc()
			r.found(rec, callOf(part))
		case errors.Is(err, ErrEmpty):
			r.log.Info("empty recording removed", "call_id", callOf(part))
		case errors.Is(err, errGone):
			r.metrics.errors.Inc()
			r.log.Error("recording lost: somebody removed its file", "call_id", callOf(part), "path", part)
		default:
			r.metrics.errors.Inc()
			r.log.Warn("recording not repaired", "call_id", callOf(part), "path", part, "error", err)
			r.leave(part)
		}
	}
}

// errGone says that there is neither the part nor the file it was to become.
var errGone = errors.New("recording is gone")

// repair seals a part: its length is that of the file, in whole frames. It
// returns ErrEmpty after removing one without audio, and errGone where it has
// nothing to seal.
func (r *Recorder) repair(part string) (ringbid.Recording, error) {
	h, err := r.disk.open(part)
	if errors.Is(err, fs.ErrNotExist) {
		return r.renamed(strings.TrimSuffix(part, partSuffix))
	}
	if err != nil {
		return ringbid.Recording{}, err
	}
	info, err := h.Stat()
	if err != nil {
		return ringbid.Recording{}, errors.Join(err, h.Close())
	}
	frames, err := written(h, info.Size())
	if err != nil {
		return ringbid.Recording{}, errors.Join(err, h.Close())
	}
	if frames == 0 {
		if err := errors.Join(h.Close(), r.disk.remove(part)); err != nil {
			return ringbid.Recording{}, err
		}
		return ringbid.Recording{}, ErrEmpty
	}
	rec, err := r.finish(h, strings.TrimSuffix(part, partSuffix), frames)
	if err != nil {
		return ringbid.Recording{}, err
	}
	rec.ID = callOf(part)
	rec.Started = info.ModTime().Add(-time.Duration(rec.MS) * time.Millisecond).UTC()
	return rec, nil
}

// renamed describes a file whose part was renamed while the rename could not be
// made durable, which it is now.
func (r *Recorder) renamed(path string) (ringbid.Recording, error) {
	rec, err := describe(path)
	if err == nil {
		err = r.disk.syncDir(filepath.Dir(path))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return ringbid.Recording{}, errGone
	}
	rec.ID = callOf(path + partSuffix)
	return rec, err
}

// written returns how many frames of a part of so many bytes are audio. After
// a loss of power a file may be longer than what reached the disk and end in
// zeros, which are no silence but the loudest µ-law there is; behind the length
// that the last sync vouched for they are cut off.
func written(h io.ReaderAt, size int64) (int64, error) {
	frames := min((size-headerBytes)/frameBytes, maxFrames)
	if size < headerBytes || frames <= 0 {
		return 0, nil
	}
	vouched, err := framesIn(io.NewSectionReader(h, 0, headerBytes))
	if err != nil {
		vouched = 0 // a torn header is written anew
	}
	buf := make([]byte, 64<<10)
	for frames > vouched {
		n := min(frames-vouched, int64(len(buf))/frameBytes)
		b := buf[:n*frameBytes]
		if _, err := h.ReadAt(b, offset(frames-n)); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := len(b); i > 0; i -= frameBytes {
			if b[i-1] != 0 || b[i-2] != 0 {
				return frames - int64(len(b)-i)/frameBytes, nil
			}
		}
		frames -= n
	}
	return frames, nil
}

// callOf returns the call that a part belongs to.
func callOf(part string) string {
	return strings.TrimSuffix(filepath.Base(part), ".wav"+partSuffix)
}
