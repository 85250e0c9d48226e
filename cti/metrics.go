package cti

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	clients *prometheus.GaugeVec
	events  prometheus.Counter
	pops    *prometheus.CounterVec
	dropped *prometheus.CounterVec
	refused *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		clients: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "ringbid_cti_screens", Help: "Open sockets, by role."}, []string{"role"}),
		events:  prometheus.NewCounter(prometheus.CounterOpts{Name: "ringbid_cti_events_total", Help: "Events handed to the screens."}),
		pops:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ringbid_cti_pops_total", Help: "Screen pops, by state and user."}, []string{"state"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ringbid_cti_dropped_total", Help: "Messages dropped, by where: inbox, screen."}, []string{"where"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ringbid_cti_refused_total", Help: "Sockets refused or cut off, by reason."}, []string{"reason"}),
	}
	if reg != nil {
		reg.MustRegister(m.clients, m.events, m.pops, m.dropped, m.refused)
	}
	return m
}
