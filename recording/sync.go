package recording

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"
)

const (
	// few files are synced one by one: a call to sync all that is on the device
	// costs more.
	few = 8
	// apart is how long files are synced one by one after syncing the device took
	// too long, because much else is written to it.
	apart = time.Minute
)

// syncAll makes durable what the writer marks.
func (r *Recorder) syncAll(ctx context.Context) {
	var told, alone time.Time
	for {
		var batch []handle
		select {
		case <-ctx.Done():
			return
		case batch = <-r.syncs:
		}
		began := time.Now()
		together := len(batch) > few && began.After(alone)
		err := syncBatch(batch, together)
		took := time.Since(began)
		r.metrics.syncs.Observe(took.Seconds())
		if together && took > r.cfg.Sync {
			alone = began.Add(apart)
		}
		clear(batch)
		r.synced <- batch[:0]
		if err == nil {
			continue
		}
		r.metrics.errors.Inc()
		if time.Since(told) > time.Minute {
			told = time.Now()
			r.log.Error("recordings not synced", "error", err)
		}
	}
}

// syncBatch makes the files durable, each for itself or all on a device at once,
// which for two hundred files costs a thirtieth of the processor time. One that
// was sealed meanwhile is durable already.
func syncBatch(batch []handle, together bool) error {
	var errs []error
	var devices []uint64
	for _, h := range batch {
		var err error
		if together {
			devices, err = syncDevice(h, devices)
		} else {
			err = h.sync()
		}
		if err != nil && !errors.Is(err, fs.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// syncDevice makes durable all that is on the file's device, unless that has been
// tried, and returns the devices that have.
func syncDevice(h handle, tried []uint64) ([]uint64, error) {
	dev, err := h.device()
	if err != nil || slices.Contains(tried, dev) {
		return tried, err
	}
	err = h.syncAll()
	if !errors.Is(err, fs.ErrClosed) {
		tried = append(tried, dev)
	}
	return tried, err
}
