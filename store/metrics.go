package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are counted whether or not anybody reads them.
type metrics struct {
	registerer prometheus.Registerer
	collectors []prometheus.Collector

	revision       prometheus.Gauge
	reserve        *prometheus.HistogramVec
	settle         prometheus.Histogram
	settled        prometheus.Counter
	startedDropped prometheus.Counter
	spoolErrors    prometheus.Counter
	quarantined    prometheus.Counter
}

func newMetrics(s *Store) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "ringbid", Subsystem: "store", Name: name, Help: help})
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "ringbid", Subsystem: "store", Name: name, Help: help}, value)
	}
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .075, .1, .15, .25, .5, 1}
	m := &metrics{
		registerer: s.cfg.Registerer,
		revision:   prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "ringbid", Subsystem: "store", Name: "book_revision", Help: "Revision of the live Book."}),
		reserve: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "ringbid", Subsystem: "store", Name: "reserve_seconds",
			Help: "Time a reservation took, by who decided and how.", Buckets: buckets}, []string{"by", "result"}),
		settle: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "ringbid", Subsystem: "store", Name: "settle_seconds",
			Help: "Time until a settled call was safe.", Buckets: buckets}),
		settled:        counter("settled_total", "Calls committed."),
		startedDropped: counter("started_dropped_total", "Live calls not written down because too many started at once."),
		spoolErrors:    counter("spool_errors_total", "Calls that could not be kept on disk."),
		quarantined:    counter("quarantined_total", "Spooled calls that Postgres refused for good."),
	}
	m.collectors = []prometheus.Collector{m.revision, m.reserve, m.settle, m.settled, m.startedDropped, m.spoolErrors, m.quarantined,
		gauge("away", "1 while Postgres is away.", func() float64 { return float64(one(s.Away())) }),
		gauge("spooled", "Records that wait in the spool.", func() float64 {
			if s.spool == nil {
				return 0
			}
			return float64(s.spool.Len())
		}),
	}
	if m.registerer == nil {
		return m, nil
	}
	for i, c := range m.collectors {
		if err := m.registerer.Register(c); err != nil {
			m.collectors = m.collectors[:i]
			m.close()
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) reserved(by string, ok bool, took time.Duration) {
	result := "full"
	if ok {
		result = "reserved"
	}
	m.reserve.WithLabelValues(by, result).Observe(took.Seconds())
}

// close takes the metrics out of the registry, so that the store can be opened
// again.
func (m *metrics) close() {
	if m == nil || m.registerer == nil {
		return
	}
	for _, c := range m.collectors {
		m.registerer.Unregister(c)
	}
}
