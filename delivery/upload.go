package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/ringbid/ringbid"
)

// UploadArgs name a recording to be uploaded from this node's disk.
type UploadArgs struct {
	CallID      string `json:"call_id"`
	RecordingID string `json:"recording_id" river:"unique"`
	Path        string `json:"path"`
	Bytes       int64  `json:"bytes"`
}

// Kind names the job in the database.
func (UploadArgs) Kind() string { return "recording.upload" }

const (
	uploadFor  = 55 * time.Second // less than rescueAfter: a killed node's jobs come back soon
	uploadRate = 250_000          // bytes a second that an uplink must carry at least
	uploadAt   = 4                // at once
)

// uploadWorker runs upload jobs by a function.
type uploadWorker struct {
	river.WorkerDefaults[UploadArgs]
	upload func(context.Context, UploadArgs) error
}

// Work uploads one recording.
func (w *uploadWorker) Work(ctx context.Context, job *river.Job[UploadArgs]) error {
	err := w.upload(ctx, job.Args)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("upload recording %s: %w", job.Args.RecordingID, err)
	if k := ringbid.KindOf(err); k == ringbid.NotFound || k == ringbid.Invalid {
		return river.JobCancel(err) // no file: no try can heal that
	}
	return err
}

// Timeout returns how long the upload may take, by its size.
func (w *uploadWorker) Timeout(job *river.Job[UploadArgs]) time.Duration {
	return uploadFor + time.Duration(max(0, job.Args.Bytes)/uploadRate)*time.Second
}
