package auction

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
)

// metrics are what is measured of auctions. Without a registerer they are
// counted and not shown.
type metrics struct {
	closed   *prometheus.CounterVec
	replies  *prometheus.CounterVec
	awards   *prometheus.CounterVec
	latency  prometheus.Histogram
	overtime *prometheus.HistogramVec
}

func newMetrics() *metrics {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "ringbid", Subsystem: "auction", Name: name, Help: help}
	}
	return &metrics{
		closed:  prometheus.NewCounterVec(opts("closed_total", "Auctions closed, by why."), []string{"why"}),
		replies: prometheus.NewCounterVec(opts("pings_total", "Pings, by what became of them."), []string{"state"}),
		awards:  prometheus.NewCounterVec(opts("awards_total", "Attempts to award a call, by result."), []string{"result"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "ringbid", Subsystem: "auction", Name: "ping_seconds", Help: "Time bidders took to answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .2, .4, .8, 1.5, 3, 10},
		}),
		overtime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "ringbid", Subsystem: "auction", Name: "overtime_seconds",
			Help:    "Time from the slowest useful answer to the close, by why it closed.",
			Buckets: []float64{.00001, .0001, .0005, .001, .005, .02, .1, .5, 2, 10},
		}, []string{"why"}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	var all []error
	for _, c := range []prometheus.Collector{m.closed, m.replies, m.awards, m.latency, m.overtime} {
		all = append(all, r.Register(c))
	}
	return errors.Join(all...)
}

func (m *metrics) replied(state ringbid.BidState, took time.Duration) {
	m.replies.WithLabelValues(string(state)).Inc()
	m.latency.Observe(took.Seconds())
}

func (m *metrics) close(why string, overtime time.Duration) {
	m.closed.WithLabelValues(why).Inc()
	m.overtime.WithLabelValues(why).Observe(overtime.Seconds())
}

func (m *metrics) award(result string) { m.awards.WithLabelValues(result).Inc() }
