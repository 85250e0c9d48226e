package delivery

import (
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river/rivertype"
)

const (
	quickTries = 6               // after 2, 4, 8, 16, 32 and 60 s
	slowEvery  = 5 * time.Minute // from then on
	giveUp     = 3 * 24 * time.Hour
	maxTries   = quickTries + int(giveUp/slowEvery) + 1
)

// retry says when a failed job is tried again: doubling from 2 s to a minute,
// then every five minutes, a tenth earlier or later so that jobs that failed
// together do not come back together.
type retry struct{ now func() time.Time }

// NextRetry returns when the job is tried again.
func (r retry) NextRetry(job *rivertype.JobRow) time.Time {
	d := after(len(job.Errors) + 1)
	return r.now().Add(d - d/10 + rand.N(d/5))
}

// after returns the pause behind the n-th failure, n from 1.
func after(n int) time.Duration {
	if n > quickTries {
		return slowEvery
	}
	return min(time.Minute, time.Second<<n)
}
