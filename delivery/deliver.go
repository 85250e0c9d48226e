package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// DeliverArgs name a delivery that may be due.
type DeliverArgs struct {
	Delivery string `json:"delivery"`
}

// Kind names the job in the database.
func (DeliverArgs) Kind() string { return "lead.deliver" }

const (
	deliverQueue    = "deliver"
	defaultWorkers  = 100
	deliverFor      = 2 * time.Minute        // one job, reports to a Postgres that is away included
	deliverCooldown = 10 * time.Millisecond  // between looks for work
	deliverPoll     = 100 * time.Millisecond // for what has become due
	deliverTries    = 10_000                 // tries are counted by the delivery; a job only wakes it
	// earlyBy is how much before its time a job is woken: the queue moves scheduled
	// jobs every five seconds, and waits the rest itself.
	earlyBy = 6 * time.Second
)

// deliverWorker runs deliveries by a function.
type deliverWorker struct {
	river.WorkerDefaults[DeliverArgs]
	deliver func(context.Context, string) (time.Duration, error)
	metrics *metrics
}

// Work makes one try.
func (w *deliverWorker) Work(ctx context.Context, job *river.Job[DeliverArgs]) error {
	began := time.Now()
	again, err := w.deliver(ctx, job.Args.Delivery)
	result := "done"
	switch {
	case err != nil:
		result = "failed"
	case again > 0:
		result = "waits"
	}
	w.metrics.seconds.WithLabelValues(job.Kind, result).Observe(time.Since(began).Seconds())
	if err != nil {
		return fmt.Errorf("deliver %s: %w", job.Args.Delivery, err)
	}
	if again > 0 {
		return river.JobSnooze(again)
	}
	return nil
}

// Timeout returns how long a job may take.
func (w *deliverWorker) Timeout(*river.Job[DeliverArgs]) time.Duration { return deliverFor }

// DeliverTx enqueues a try of each delivery in the transaction that makes it due,
// not before the moment; the zero time is now. Enqueuing twice does no harm: the
// delivery knows whether it is time.
func (q *Queue) DeliverTx(ctx context.Context, tx pgx.Tx, deliveries []string, at time.Time) error {
	params := make([]river.InsertManyParams, len(deliveries))
	for i, id := range deliveries {
		opts := &river.InsertOpts{Queue: deliverQueue, MaxAttempts: deliverTries}
		if time.Until(at) > earlyBy {
			opts.ScheduledAt = at.Add(-earlyBy)
		}
		params[i] = river.InsertManyParams{Args: DeliverArgs{id}, InsertOpts: opts}
	}
	if _, err := q.client.InsertManyTx(ctx, tx, params); err != nil {
		return fmt.Errorf("enqueue %d deliveries: %w", len(deliveries), err)
	}
	return nil
}
