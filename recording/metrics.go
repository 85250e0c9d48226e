package recording

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics shows what the recorder does; without a registerer it only counts.
type metrics struct {
	bytes, errors, sealed, repaired prometheus.Counter
	lost, late                      prometheus.Counter
	syncs                           prometheus.Histogram
	uploads                         *prometheus.CounterVec
	registerer                      prometheus.Registerer
	collectors                      []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer, r *Recorder) (*metrics, error) {
	m := &metrics{registerer: reg}
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "ringbid", Subsystem: "recording", Name: name, Help: help}
	}
	count := func(name, help string, labels prometheus.Labels) prometheus.Counter {
		o := opts(name, help)
		o.ConstLabels = labels
		c := prometheus.NewCounter(prometheus.CounterOpts(o))
		m.collectors = append(m.collectors, c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		m.collectors = append(m.collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts(name, help)), value))
	}
	const lost = "Samples that are silence in a recording, by reason: the disk was too slow or refused, or the packet came too late."
	m.bytes = count("written_bytes_total", "Audio bytes written.", nil)
	m.errors = count("errors_total", "File operations that failed.", nil)
	m.sealed = count("sealed_total", "Recordings sealed at the end of their call.", nil)
	m.repaired = count("repaired_total", "Recordings sealed without their call.", nil)
	m.lost = count("lost_samples_total", lost, prometheus.Labels{"reason": "disk"})
	m.late = count("lost_samples_total", lost, prometheus.Labels{"reason": "late"})
	m.syncs = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "ringbid", Subsystem: "recording", Name: "sync_seconds",
		Help: "How long it takes to make durable what was written.", Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
	})
	m.uploads = prometheus.NewCounterVec(prometheus.CounterOpts(opts("uploads_total", "Copies to the store of recordings, by result.")), []string{"result"})
	m.collectors = append(m.collectors, m.syncs, m.uploads)
	gauge("files", "Recordings that grow now.", func() float64 {
		r.mu.Lock()
		defer r.mu.Unlock()
		return float64(len(r.files))
	})
	gauge("failing_files", "Recordings that cannot be written now; above 0 someone must look at the disk.", func() float64 {
		return float64(r.trouble.failing.Load())
	})
	gauge("waiting_files", "Recordings whose seal is tried again.", func() float64 {
		r.mu.Lock()
		defer r.mu.Unlock()
		return float64(len(r.left))
	})
	return m, m.register()
}

func (m *metrics) register() error {
	if m.registerer == nil {
		return nil
	}
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
	if m.registerer == nil {
		return
	}
	for _, c := range m.collectors {
		m.registerer.Unregister(c)
	}
}

// end adds what a file lost.
func (m *metrics) end(f *File) {
	m.lost.Add(float64(f.lost.Load()))
	m.late.Add(float64(f.tardy.Load()))
}
