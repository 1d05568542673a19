// Package telemetry has the metrics of the peak shaver.
package telemetry

import (
	"errors"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	registry "github.com/evenkeel/evenkeel/internal/metrics"
)

const prefix = "evenkeel_peakshaver_"

// Metrics of a controller.
type Metrics struct {
	Writes   *prometheus.CounterVec
	Problems *prometheus.CounterVec
	Targets  *prometheus.GaugeVec
	Policies *prometheus.GaugeVec
	CPU      *prometheus.GaugeVec
}

// New registers metrics; the registerer may be nil.
func New(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		Writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "writes_total",
			Help: "Writes to objects, by kind, what for (change or restore) and result (done, conflict or failed).",
		}, []string{"kind", "purpose", "result"}),
		Problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "problems_total",
			Help: "Problems that were told by events, by reason.",
		}, []string{"reason"}),
		Targets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "targets",
			Help: "Objects that policies select, by state: changed, waiting, refused or overruled.",
		}, []string{"state"}),
		Policies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "policies",
			Help: "Policies, by whether they are carried out.",
		}, []string{"ready"}),
		CPU: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "cpu_cores",
			Help: "CPU of the nodes: used, capacity, and the level up to which Jobs that wait are released. NaN where it is not known.",
		}, []string{"of"}),
	}
	return m, errors.Join(
		registry.Register(registerer, &m.Writes), registry.Register(registerer, &m.Problems),
		registry.Register(registerer, &m.Targets), registry.Register(registerer, &m.Policies),
		registry.Register(registerer, &m.CPU))
}

// Planned tells what is known of the load, and the level; both in millicores.
func (m *Metrics) Planned(load meter.Load, level int64) {
	set := func(of string, milli int64) {
		value := math.NaN()
		if load.Capacity > 0 {
			value = float64(milli) / 1000
		}
		m.CPU.WithLabelValues(of).Set(value)
	}
	set("used", load.Used)
	set("capacity", load.Capacity)
	set("level", level)
}

// Wrote counts a write.
func (m *Metrics) Wrote(kind v1alpha1.TargetKind, restore bool, err error) {
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
	m.Writes.WithLabelValues(string(kind), purpose, result).Inc()
}
