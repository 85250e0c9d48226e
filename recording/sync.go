package recording

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// syncAll makes durable what the writer marks, one file after the other.
func (r *Recorder) syncAll(ctx context.Context) {
	var told time.Time
	for {
		var h handle
		select {
		case <-ctx.Done():
			return
		case h = <-r.syncs:
		}
		began := time.Now()
		err := h.sync()
		r.metrics.syncs.Observe(time.Since(began).Seconds())
		if err == nil || errors.Is(err, fs.ErrClosed) { // sealed meanwhile
			continue
		}
		r.metrics.errors.Inc()
		if time.Since(told) > time.Minute {
			told = time.Now()
			r.log.Error("recordings not synced", "error", err)
		}
	}
}
