package capture

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what was not kept. A nil *metrics counts nothing.
type metrics struct {
	dropped *prometheus.CounterVec // by why
	hep     *prometheus.CounterVec // by result
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		return nil
	}
	m := &metrics{
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ringbid_capture_dropped_total",
			Help: "Messages and headers missing in captures, by reason."}, []string{"why"}),
		hep: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ringbid_capture_hep_total",
			Help: "Messages for the Homer server, by result."}, []string{"result"}),
	}
	_ = r.Register(m.dropped) // a second book of one process shares the first one's names
	_ = r.Register(m.hep)
	return m
}

func (m *metrics) drop(why string, n uint64) {
	if m != nil {
		m.dropped.WithLabelValues(why).Add(float64(n))
	}
}

func (m *metrics) sent(result string) {
	if m != nil {
		m.hep.WithLabelValues(result).Inc()
	}
}
