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
	m := &metrics{
		failed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_adapter_discovery_failures", Help: "Selectors of rules that Prometheus did not answer when last asked.",
		}, nil),
		at: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_adapter_discovery_timestamp_seconds", Help: "When Prometheus was last asked which series there are.",
		}, nil),
		served: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "evenkeel_adapter_metrics", Help: "Metrics that are served."}, []string{"api"}),
		conflicts: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_adapter_metric_conflicts", Help: "Metrics that more than one series makes; the last rule wins.",
		}, nil),
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
