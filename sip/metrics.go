package sip

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
)

// metrics counts what operators watch. A nil *metrics counts nothing.
type metrics struct {
	up         *prometheus.GaugeVec // by trunk
	registered *prometheus.GaugeVec // by trunk
	calls      prometheus.Counter
	live       prometheus.Gauge
	refused    *prometheus.CounterVec // by code
	filters    *prometheus.CounterVec // by why
	probes     *prometheus.CounterVec // by why
	attempts   *prometheus.CounterVec // by verdict
	moves      *prometheus.CounterVec // by verdict
	ends       *prometheus.CounterVec // by ended_by
	panics     prometheus.Counter
	keysLost   prometheus.Counter
	taps       prometheus.Counter
	headers    prometheus.Counter
	setup      prometheus.Histogram
	talk       prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		return nil
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	trunk := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"trunk"})
	}
	m := &metrics{
		up:         trunk("ringbid_sip_trunk_up", "Whether a trunk answers, 1 or 0."),
		registered: trunk("ringbid_sip_trunk_registered", "Whether we are registered with a trunk's registrar, 1 or 0."),
		calls:      counter("ringbid_sip_calls_total", "Calls handed to the handler."),
		live:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "ringbid_sip_calls_live", Help: "Calls up now."}),
		refused:    vector("ringbid_sip_calls_refused_total", "Calls refused before the handler saw them, by reason.", "code"),
		filters:    vector("ringbid_sip_filtered_total", "Messages dropped because of who sent them or how many, by reason.", "why"),
		probes:     vector("ringbid_sip_probes_total", "Requests that look for a way in, by what gave them away: scanner, unknown_number, unproven, wrong_password.", "why"),
		attempts:   vector("ringbid_sip_attempts_total", "Dialled targets, by verdict.", "verdict"),
		moves:      vector("ringbid_sip_transfers_total", "Transfers that agents asked for, by verdict.", "verdict"),
		ends:       vector("ringbid_sip_calls_ended_total", "Ended calls, by who ended them.", "by"),
		panics:     counter("ringbid_sip_call_panics_total", "Panics caught while serving a call; each one is a defect."),
		keysLost:   counter("ringbid_sip_keys_lost_total", "Keys pressed ahead beyond the buffer of 32."),
		taps:       counter("ringbid_sip_tap_errors_total", "Calls that should have been tapped and could not be."),
		headers:    counter("ringbid_sip_headers_left_out_total", "Configured headers that could not be sent."),
		setup: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ringbid_sip_dial_answer_seconds",
			Help: "From the INVITE to a buyer until its answer.", Buckets: []float64{.1, .25, .5, 1, 2, 4, 8, 15, 30, 60}}),
		talk: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ringbid_sip_bridge_seconds",
			Help: "How long caller and buyer were bridged.", Buckets: []float64{1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600}}),
	}
	for _, c := range []prometheus.Collector{m.calls, m.live, m.refused, m.filters, m.probes, m.attempts, m.moves, m.ends, m.panics,
		m.keysLost, m.taps, m.headers, m.setup, m.talk, m.up, m.registered} {
		_ = r.Register(c) // a second server of one process shares the first one's names
	}
	return m
}

func (m *metrics) began() {
	if m != nil {
		m.calls.Inc()
		m.live.Inc()
	}
}

func (m *metrics) ended(by string) {
	if m != nil {
		m.live.Dec()
		m.ends.WithLabelValues(by).Inc()
	}
}

func (m *metrics) refuse(code string) {
	if m != nil {
		m.refused.WithLabelValues(code).Inc()
	}
}

func (m *metrics) filtered(why string) {
	if m != nil {
		m.filters.WithLabelValues(why).Inc()
	}
}

func (m *metrics) probed(why string) {
	if m != nil {
		m.probes.WithLabelValues(why).Inc()
	}
}

func (m *metrics) attempt(a ringbid.Attempt) {
	if m == nil {
		return
	}
	m.attempts.WithLabelValues(string(a.Verdict)).Inc()
	if a.AnswerMS > 0 {
		m.setup.Observe(float64(a.AnswerMS) / 1000)
	}
}

func (m *metrics) moved(r ringbid.Transfer) {
	if m != nil {
		m.moves.WithLabelValues(string(r.Verdict)).Inc()
	}
}

func (m *metrics) bridged(d time.Duration) {
	if m != nil {
		m.talk.Observe(d.Seconds())
	}
}

func (m *metrics) trunkUp(name string, up bool) {
	if m != nil {
		m.up.WithLabelValues(name).Set(one(up))
	}
}

func (m *metrics) trunkRegistered(name string, is bool) {
	if m != nil {
		m.registered.WithLabelValues(name).Set(one(is))
	}
}

func (m *metrics) trunkGone(name string) {
	if m != nil {
		m.up.DeleteLabelValues(name)
		m.registered.DeleteLabelValues(name)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m *metrics) panicked() {
	if m != nil {
		m.panics.Inc()
	}
}

func (m *metrics) keyLost() {
	if m != nil {
		m.keysLost.Inc()
	}
}

func (m *metrics) tapFailed() {
	if m != nil {
		m.taps.Inc()
	}
}

func (m *metrics) headerLeftOut() {
	if m != nil {
		m.headers.Inc()
	}
}
