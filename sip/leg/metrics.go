package leg

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what operators alarm on. A nil *metrics counts nothing.
type metrics struct {
	legs      *prometheus.CounterVec // by direction
	live      prometheus.Gauge
	drops     *prometheus.CounterVec // by why
	refusals  *prometheus.CounterVec // by status
	panics    prometheus.Counter
	overflows prometheus.Counter
	ghosts    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		return nil
	}
	m := &metrics{
		legs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringbid_sip_legs_total", Help: "Dialogs begun, by direction."}, []string{"direction"}),
		live: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ringbid_sip_legs_live", Help: "Dialogs not yet terminated."}),
		drops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringbid_sip_messages_dropped_total", Help: "Messages dropped in silence before parsing, by reason."}, []string{"why"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringbid_sip_messages_refused_total", Help: "Requests answered before parsing, by status."}, []string{"status"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ringbid_sip_handler_panics_total", Help: "Panics caught in handlers; each one is a defect."}),
		overflows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ringbid_sip_leg_overflows_total", Help: "Messages dropped because the owner of a leg did not read."}),
		ghosts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ringbid_sip_ghost_answers_total", Help: "2xx from forks, cancelled or abandoned calls, acknowledged and ended with BYE."}),
	}
	for _, c := range []prometheus.Collector{m.legs, m.live, m.drops, m.refusals, m.panics, m.overflows, m.ghosts} {
		_ = r.Register(c) // a second stack of one process shares the first one's names
	}
	return m
}

func (m *metrics) began(inbound bool) {
	if m == nil {
		return
	}
	direction := "out"
	if inbound {
		direction = "in"
	}
	m.legs.WithLabelValues(direction).Inc()
	m.live.Inc()
}

func (m *metrics) ended() {
	if m != nil {
		m.live.Dec()
	}
}

func (m *metrics) dropped(why string) {
	if m != nil {
		m.drops.WithLabelValues(why).Inc()
	}
}

func (m *metrics) refused(code int) {
	if m != nil {
		m.refusals.WithLabelValues(strconv.Itoa(code)).Inc()
	}
}

func (m *metrics) panicked() {
	if m != nil {
		m.panics.Inc()
	}
}

func (m *metrics) overflowed() {
	if m != nil {
		m.overflows.Inc()
	}
}

func (m *metrics) ghost() {
	if m != nil {
		m.ghosts.Inc()
	}
}
