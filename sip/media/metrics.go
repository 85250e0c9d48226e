package media

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are what the media threads count; they are read when asked for.
type counters struct {
	received, sent, sendErrors                           atomic.Uint64
	malformed, wrongSource, wrongPayload, late           atomic.Uint64
	forged, replayed                                     atomic.Uint64
	eventsLost, lateTicks, panics, streams, streamsNoFit atomic.Uint64
}

// metrics shows the counters to Prometheus. Without a registerer they are
// still counted.
type metrics struct {
	counters   counters
	registerer prometheus.Registerer
	collectors []prometheus.Collector
}

func newMetrics(r prometheus.Registerer, load func() (open, capacity int)) (*metrics, error) {
	m := &metrics{registerer: r}
	if r == nil {
		return m, nil
	}
	c := &m.counters
	count := func(name, help string, v *atomic.Uint64, labels prometheus.Labels) {
		m.collectors = append(m.collectors, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "ringbid", Subsystem: "media", Name: name, Help: help, ConstLabels: labels,
		}, func() float64 { return float64(v.Load()) }))
	}
	gauge := func(name, help string, value func() float64) {
		m.collectors = append(m.collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "ringbid", Subsystem: "media", Name: name, Help: help,
		}, value))
	}
	count("packets_total", "RTP packets accepted from and sent to peers.", &c.received, prometheus.Labels{"direction": "in"})
	count("packets_total", "RTP packets accepted from and sent to peers.", &c.sent, prometheus.Labels{"direction": "out"})
	for reason, v := range map[string]*atomic.Uint64{
		"malformed": &c.malformed, "source": &c.wrongSource, "payload": &c.wrongPayload,
		"late": &c.late, "send": &c.sendErrors, "forged": &c.forged, "replayed": &c.replayed,
	} {
		count("dropped_packets_total", "Packets dropped, by reason.", v, prometheus.Labels{"reason": reason})
	}
	count("lost_events_total", "Stream events dropped because the receiver was not ready.", &c.eventsLost, nil)
	count("late_ticks_total", "Slots of the 20 ms wheel that were served more than 5 ms late.", &c.lateTicks, nil)
	count("panics_total", "Panics recovered on media threads.", &c.panics, nil)
	count("streams_total", "Streams opened.", &c.streams, nil)
	count("refused_streams_total", "Streams refused for want of a port.", &c.streamsNoFit, nil)
	gauge("streams", "Streams open now.", func() float64 { open, _ := load(); return float64(open) })
	gauge("streams_capacity", "Streams the port range can carry.", func() float64 { _, all := load(); return float64(all) })
	return m, m.register()
}

func (m *metrics) register() error {
	for i, c := range m.collectors {
		if err := m.registerer.Register(c); err != nil {
			m.collectors = m.collectors[:i]
			m.unregister()
			return err
		}
	}
	return nil
}

func (m *metrics) unregister() {
	for _, c := range m.collectors {
		m.registerer.Unregister(c)
	}
	m.collectors = nil
}
