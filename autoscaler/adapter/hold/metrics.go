package hold

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	register "github.com/evenkeel/evenkeel/internal/metrics"
)

// Registerer registers metrics; nil for none.
type Registerer = prometheus.Registerer

type metrics struct {
	replays  *prometheus.HistogramVec
	failures *prometheus.CounterVec
	demand   *prometheus.GaugeVec
	served   *prometheus.GaugeVec
	states   *prometheus.GaugeVec
}

func newMetrics(r Registerer) (*metrics, error) {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		replays: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "evenkeel_adapter_window_replay_duration_seconds", Help: "How long replaying what a window had not seen took.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 900},
		}, nil),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_adapter_window_replay_failures_total", Help: "Replays that did not come to their end; each is tried again at the next tick.",
		}, nil),
		demand: gauge("evenkeel_adapter_window_demand", "Total demand that a window saw last.", "namespace", "scaling_window"),
		served: gauge("evenkeel_adapter_window_served", "What a window serves in place of the demand.", "namespace", "scaling_window"),
		states: gauge("evenkeel_adapter_windows", "ScalingWindows, by the reason of their condition Ready.", "reason"),
	}
	for _, err := range []error{
		register.Register(r, &m.replays), register.Register(r, &m.failures), register.Register(r, &m.demand),
		register.Register(r, &m.served), register.Register(r, &m.states),
	} {
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) replayFailed()               { m.failures.WithLabelValues().Inc() }
func (m *metrics) replayed(took time.Duration) { m.replays.WithLabelValues().Observe(took.Seconds()) }
