package recording

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// partSuffix ends the name of a file that is not sealed.
const partSuffix = ".part"

// Seal ends the recording and makes its file final: the rest is written, the
// header set, the file synced, hashed and renamed. Called again it returns the
// same. It wraps ErrEmpty when no frame ever came. When the disk refuses, or ctx
// ends before the disk is done, the error says so; the recorder then goes on
// trying, and Config.Found is told.
func (f *File) Seal(ctx context.Context) (ringbid.Recording, error) {
	f.Close()
	select {
	case <-f.written:
	case <-ctx.Done():
		f.orphan.Store(true)
		return ringbid.Recording{}, f.late(ctx)
	}
	f.sealing.once.Do(func() { go f.finish() }) // the disk may hang for longer than anybody waits
	select {
	case <-f.sealing.done:
		return f.record, f.err
	case <-ctx.Done():
	}
	f.sealing.mu.Lock()
	defer f.sealing.mu.Unlock()
	if f.sealing.over {
		return f.record, f.err
	}
	f.sealing.left = true
	return ringbid.Recording{}, f.late(ctx)
}

func (f *File) late(ctx context.Context) error {
	return fmt.Errorf("seal recording of call %s: %w", f.callID, context.Cause(ctx))
}

// sealing is the end of a file on its way.
type sealing struct {
	once sync.Once
	done chan struct{} // closed when record and err are final
	mu   sync.Mutex
	over bool // the same, under mu
	left bool // nobody waits for it any more: Found is to be told
}

// finish seals the file, however long that takes, and tells whoever still wants to
// know.
func (f *File) finish() {
	f.record, f.err = f.seal()
	f.recorder.forget(f)
	f.sealing.mu.Lock()
	f.sealing.over = true
	left := f.sealing.left
	f.sealing.mu.Unlock()
	close(f.sealing.done)
	if left && f.err == nil {
		f.recorder.found(f.record, f.callID)
	}
}

func (f *File) seal() (ringbid.Recording, error) {
	r, frames, head := f.recorder, f.ring.tail.Load(), f.ring.head()
	f.lost.Add(frameBytes * max(0, head-frames))
	dropped := f.lost.Load() + f.tardy.Load()
	r.metrics.end(f)
	switch {
	case frames == 0 && head > 0:
		r.discard(f)
		return ringbid.Recording{}, fmt.Errorf("seal recording of call %s: %w", f.callID, f.failed)
	case frames == 0:
		return ringbid.Recording{}, fmt.Errorf("seal recording of call %s: %w", f.callID, ErrEmpty)
	}
	rec, err := r.finish(f.handle, f.path, frames)
	if err != nil {
		r.leave(f.path + partSuffix)
		return ringbid.Recording{}, fmt.Errorf("seal recording of call %s: %w", f.callID, err)
	}
	rec.ID, rec.Dropped = f.callID, dropped
	rec.Started = time.Unix(0, f.started.Load()).UTC()
	r.metrics.sealed.Inc()
	return rec, nil
}

// discard removes a file that never got any audio.
func (r *Recorder) discard(f *File) {
	if f.handle != nil {
		_ = f.handle.Close()
	}
	if err := r.disk.remove(f.path + partSuffix); err != nil {
		r.leave(f.path + partSuffix)
	}
}

// finish makes an open part of so many frames final and closes it.
func (r *Recorder) finish(h handle, path string, frames int64) (ringbid.Recording, error) {
	sum, err := settle(h, frames)
	if err := errors.Join(err, h.Close()); err != nil {
		return ringbid.Recording{}, err
	}
	if err := r.disk.rename(path+partSuffix, path); err != nil {
		return ringbid.Recording{}, err
	}
	return ringbid.Recording{
		Path: path, MS: frames * 1000 / sampleRate, Bytes: offset(frames), Channels: frameBytes, SHA256: sum,
	}, nil
}

// settle gives an open file its final length and header, makes it durable and
// returns its hash.
func settle(h handle, frames int64) (sum string, err error) {
	if err := h.Truncate(offset(frames)); err != nil {
		return "", err
	}
	head := header(frames)
	if _, err := h.WriteAt(head[:], 0); err != nil {
		return "", err
	}
	if err := h.sync(); err != nil {
		return "", err
	}
	return hash(io.NewSectionReader(h, 0, offset(frames)))
}

// hash returns the SHA-256 of what r holds, in hex.
func hash(r io.Reader) (string, error) {
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, r, make([]byte, 128<<10)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
