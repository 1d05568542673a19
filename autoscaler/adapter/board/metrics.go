package board

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	register "github.com/evenkeel/evenkeel/internal/metrics"
)

// Registerer registers metrics; nil for none.
type Registerer = prometheus.Registerer

type metrics struct {
	queriesHeld *prometheus.GaugeVec
	duration    *prometheus.HistogramVec
	lastTick    *prometheus.GaugeVec
	failures    *prometheus.CounterVec
	faults      *prometheus.CounterVec
}

func newMetrics(r Registerer) (*metrics, error) {
	m := &metrics{
		queriesHeld: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_adapter_queries", Help: "Queries asked of Prometheus at each tick.",
		}, nil),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "evenkeel_adapter_tick_duration_seconds", Help: "How long asking all queries about one tick took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, nil),
		lastTick: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_adapter_tick_timestamp_seconds", Help: "The last tick that Prometheus was asked about.",
		}, nil),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_adapter_query_failures_total", Help: "Queries that Prometheus did not answer.",
		}, nil),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_adapter_rejected_samples_total", Help: "Samples that are no measurement, by what they were.",
		}, []string{"reason"}),
	}
	for _, err := range []error{
		register.Register(r, &m.queriesHeld), register.Register(r, &m.duration), register.Register(r, &m.lastTick),
		register.Register(r, &m.failures), register.Register(r, &m.faults),
	} {
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) queries(n int)          { m.queriesHeld.WithLabelValues().Set(float64(n)) }
func (m *metrics) failed()                { m.failures.WithLabelValues().Inc() }
func (m *metrics) rejected(reason string) { m.faults.WithLabelValues(reason).Inc() }

func (m *metrics) asked(tick time.Time, took time.Duration) {
	m.duration.WithLabelValues().Observe(took.Seconds())
	m.lastTick.WithLabelValues().Set(float64(tick.UnixMilli()) / 1000)
}
