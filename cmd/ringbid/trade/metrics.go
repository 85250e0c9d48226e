package trade

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid/store"
)

// gauges show what waits and which endpoints are down, over all nodes.
type gauges struct {
	waiting *prometheus.GaugeVec
	open    prometheus.Gauge
}

func newGauges(r prometheus.Registerer) gauges {
	g := gauges{
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "ringbid", Subsystem: "delivery", Name: "waiting",
			Help: "Deliveries that are not over, by state."}, []string{"state"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "ringbid", Subsystem: "delivery", Name: "breakers_open",
			Help: "Endpoints that are not asked at present."}),
	}
	if r != nil {
		r.MustRegister(g.waiting, g.open)
	}
	return g
}

func (g gauges) set(endpoints []store.EndpointHealth, q store.QueueDepth) {
	down := 0
	for _, e := range endpoints {
		if e.Opened != nil {
			down++
		}
	}
	g.open.Set(float64(down))
	g.waiting.WithLabelValues("queued").Set(float64(q.Queued))
	g.waiting.WithLabelValues("retry").Set(float64(q.Retrying))
	g.waiting.WithLabelValues("sending").Set(float64(q.Sending))
}
