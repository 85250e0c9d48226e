package delivery

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// metrics count what became of jobs.
type metrics struct {
	registerer prometheus.Registerer
	seconds    *prometheus.HistogramVec
	failed     *prometheus.CounterVec
	givenUp    *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{registerer: r,
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "ringbid", Subsystem: "delivery", Name: "job_seconds",
			Help: "Time one try of a job took.", Buckets: []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300}}, []string{"kind", "result"}),
		failed:  prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "ringbid", Subsystem: "delivery", Name: "failures_total", Help: "Tries of jobs that failed."}, []string{"kind"}),
		givenUp: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "ringbid", Subsystem: "delivery", Name: "given_up_total", Help: "Jobs that failed for the last time."}, []string{"kind"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range m.collectors() {
		if err := r.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.seconds, m.failed, m.givenUp}
}

func (m *metrics) close() {
	if m == nil || m.registerer == nil {
		return
	}
	for _, c := range m.collectors() {
		m.registerer.Unregister(c)
	}
}

// around measures the tries of uploads.
func (m *metrics) around(upload func(context.Context, UploadArgs) error) func(context.Context, UploadArgs) error {
	return func(ctx context.Context, a UploadArgs) error {
		began := time.Now()
		err := upload(ctx, a)
		result := "done"
		if err != nil {
			result = "failed"
		}
		m.seconds.WithLabelValues(a.Kind(), result).Observe(time.Since(began).Seconds())
		return err
	}
}

// HandleError counts a failed try.
func (m *metrics) HandleError(_ context.Context, job *rivertype.JobRow, _ error) *river.ErrorHandlerResult {
	m.count(job)
	return nil
}

// HandlePanic counts a try that panicked; it is tried again like others.
func (m *metrics) HandlePanic(_ context.Context, job *rivertype.JobRow, _ any, _ string) *river.ErrorHandlerResult {
	m.count(job)
	return nil
}

func (m *metrics) count(job *rivertype.JobRow) {
	m.failed.WithLabelValues(job.Kind).Inc()
	if job.Attempt >= job.MaxAttempts {
		m.givenUp.WithLabelValues(job.Kind).Inc()
	}
}
