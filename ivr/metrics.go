package ivr

import (
	"github.com/ringbid/ringbid"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts calls and steps. Without a registerer it counts for nobody.
type metrics struct {
	calls     *prometheus.CounterVec
	steps     *prometheus.CounterVec
	preBridge prometheus.Histogram
	talk      prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "ringbid", Subsystem: "ivr", Name: "calls_total", Help: "Calls that ended, by outcome and whose doing the end was.",
		}, []string{"outcome", "fault"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "ringbid", Subsystem: "ivr", Name: "steps_total", Help: "Nodes that callers went through, by type.",
		}, []string{"type"}),
		preBridge: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "ringbid", Subsystem: "ivr", Name: "pre_bridge_seconds",
			Help:    "Time from our answer to the buyer's, of calls that were connected.",
			Buckets: []float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300},
		}),
		talk: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "ringbid", Subsystem: "ivr", Name: "talk_seconds",
			Help:    "How long callers and buyers were connected.",
			Buckets: []float64{5, 10, 30, 60, 90, 120, 300, 600, 1200, 3600},
		}),
	}
	if r != nil {
		r.MustRegister(m.calls, m.steps, m.preBridge, m.talk)
	}
	return m
}

func (m *metrics) stepped(t ringbid.NodeType) { m.steps.WithLabelValues(string(t)).Inc() }

func (m *metrics) ended(c *ringbid.Call) {
	m.calls.WithLabelValues(string(c.Outcome), string(c.Reason.Fault)).Inc()
	if c.Connected != nil && c.Answered != nil {
		m.preBridge.Observe(c.Connected.Sub(*c.Answered).Seconds())
		m.talk.Observe(float64(c.ConnectedMS) / 1000)
	}
}
