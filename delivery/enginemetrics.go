package delivery

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid/delivery/connector"
)

// engineMetrics are what is measured of tries. Without a registerer they are
// counted and not shown.
type engineMetrics struct {
	tries   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	next    *prometheus.CounterVec
}

func newEngineMetrics(r prometheus.Registerer) (*engineMetrics, error) {
	m := &engineMetrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "ringbid", Subsystem: "delivery", Name: "tries_total",
			Help: "Tries at delivering leads, by what came of them."}, []string{"type", "class"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "ringbid", Subsystem: "delivery", Name: "try_seconds",
			Help: "Time tries at delivering leads took.", Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"type"}),
		next: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "ringbid", Subsystem: "delivery", Name: "verdicts_total",
			Help: "What followed from tries: done, retry, waterfall, exception."}, []string{"next"}),
	}
	if r == nil {
		return m, nil
	}
	return m, errors.Join(r.Register(m.tries), r.Register(m.seconds), r.Register(m.next))
}

// tried counts a try. The types are those of methods, the classes the
// connector's: few, and known.
func (m *engineMetrics) tried(kind string, class connector.Class, next string, took time.Duration) {
	m.tries.WithLabelValues(kind, string(class)).Inc()
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
	m.next.WithLabelValues(next).Inc()
}
