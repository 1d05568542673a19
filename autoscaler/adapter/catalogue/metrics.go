package catalogue

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	register "github.com/evenkeel/evenkeel/internal/metrics"
)

// Registerer registers metrics; nil for none.
type Registerer = prometheus.Registerer

type metrics struct {
	failed    *prometheus.GaugeVec
	at        *prometheus.GaugeVec
	served    *prometheus.GaugeVec
	conflicts *prometheus.GaugeVec
}

func newMetrics(r Registerer) (*metrics, error) {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		failed:    gauge("evenkeel_adapter_discovery_failures", "Selectors of rules that Prometheus did not answer when last asked."),
		at:        gauge("evenkeel_adapter_discovery_timestamp_seconds", "When Prometheus was last asked which series there are."),
		served:    gauge("evenkeel_adapter_metrics", "Metrics that are served.", "api"),
		conflicts: gauge("evenkeel_adapter_metric_conflicts", "Metrics that more than one series makes; the last rule wins."),
	}
	for _, g := range []**prometheus.GaugeVec{&m.failed, &m.at, &m.served, &m.conflicts} {
		if err := register.Register(r, g); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) refreshed(failed int, at time.Time) {
	m.failed.WithLabelValues().Set(float64(failed))
	m.at.WithLabelValues().Set(float64(at.UnixMilli()) / 1000)
}

func (m *metrics) built(i *Index) {
	external := 0
	for _, metric := range i.Metrics {
		if metric.Resource.Resource == "" {
			external++
		}
	}
	m.served.WithLabelValues("custom").Set(float64(len(i.Metrics) - external))
	m.served.WithLabelValues("external").Set(float64(external))
	m.conflicts.WithLabelValues().Set(float64(len(i.Conflicts)))
}
