package controller

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	registry "github.com/evenkeel/evenkeel/internal/metrics"
)

const prefix = "evenkeel_peakshaver_"

type metrics struct {
	writes   *prometheus.CounterVec
	problems *prometheus.CounterVec
	targets  *prometheus.GaugeVec
	policies *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "writes_total",
			Help: "Writes to objects, by kind, what for (change or restore) and result (done, conflict or failed).",
		}, []string{"kind", "purpose", "result"}),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "problems_total",
			Help: "Problems that were told by events, by reason.",
		}, []string{"reason"}),
		targets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "targets",
			Help: "Objects that policies select, by state: changed, waiting, refused or overruled.",
		}, []string{"state"}),
		policies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "policies",
			Help: "Policies, by whether they are carried out.",
		}, []string{"ready"}),
	}
	return m, errors.Join(
		registry.Register(registerer, &m.writes), registry.Register(registerer, &m.problems),
		registry.Register(registerer, &m.targets), registry.Register(registerer, &m.policies))
}

func (m *metrics) wrote(kind v1alpha1.TargetKind, restore bool, err error) {
	purpose, result := "change", "done"
	if restore {
		purpose = "restore"
	}
	switch {
	case apierrors.IsConflict(err):
		result = "conflict"
	case err != nil:
		result = "failed"
	}
	m.writes.WithLabelValues(string(kind), purpose, result).Inc()
}
