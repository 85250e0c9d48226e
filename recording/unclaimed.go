package recording

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Unclaimed returns the sealed recordings in the folder that nobody knows: those
// of calls that ended, and were lost, between the seal and the settlement. known
// is asked by the call's identifier. Files that grow are passed over.
func (r *Recorder) Unclaimed(ctx context.Context, known func(callID string) bool) ([]ringbid.Recording, error) {
	var out []ringbid.Recording
	err := filepath.WalkDir(r.cfg.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		callID, isWAV := strings.CutSuffix(filepath.Base(path), ".wav")
		if err != nil || !isWAV || !d.Type().IsRegular() || !plainName(callID) || known(callID) {
			return err
		}
		rec, err := describe(path)
		if err != nil {
			r.log.Warn("recording not readable", "call_id", callID, "path", path, "error", err)
			return nil
		}
		rec.ID = callID
		out = append(out, rec)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("look for unclaimed recordings: %w", err)
	}
	return out, nil
}

// describe reads what a sealed file says of itself.
func describe(path string) (ringbid.Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return ringbid.Recording{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ringbid.Recording{}, err
	}
	frames, err := length(f)
	if err != nil {
		return ringbid.Recording{}, err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return ringbid.Recording{}, err
	}
	sum, err := hash(f)
	ms := frames * 1000 / sampleRate
	return ringbid.Recording{
		Path: path, MS: ms, Bytes: info.Size(), Channels: frameBytes, SHA256: sum,
		Started: info.ModTime().Add(-time.Duration(ms) * time.Millisecond).UTC(),
	}, err
}
