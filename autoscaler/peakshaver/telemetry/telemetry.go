// Package telemetry has the metrics of the peak shaver.
package telemetry

import (
	"errors"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
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
	Ceiling  prometheus.Gauge
	Wait     prometheus.Gauge
	Releases *prometheus.CounterVec
}

// Plan is what was planned of the Jobs that wait.
type Plan struct {
	Load meter.Load
	// Level up to which they are placed, in millicores; 0 where none is.
	Level int64
	// Ceiling is the lowest of all policies', in per cent; 0 where there is none.
	Ceiling int32
	// Wait is how long one of them has found no room, the longest.
	Wait time.Duration
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
			Help: "Objects that policies select, by state: changed, waiting, refused, overruled or overdue.",
		}, []string{"state"}),
		Policies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "policies",
			Help: "Policies, by whether they are carried out.",
		}, []string{"ready"}),
		CPU: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "cpu_cores",
			Help: "CPU of the nodes: used, capacity, and the level up to which Jobs that wait are released. NaN where it is not known.",
		}, []string{"of"}),
		Ceiling: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: prefix + "ceiling_ratio",
			Help: "The lowest ceiling of the policies, as a share of the nodes' CPU. NaN where none has one.",
		}),
		Wait: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: prefix + "longest_wait_seconds",
			Help: "How long ago the first window closed after which a Job that still waits found no room under its ceiling.",
		}),
		Releases: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "job_releases_total",
			Help: "Jobs that were let run, by why: Room, Deadline, NoUsage or NoWindow.",
		}, []string{"reason"}),
	}
	for _, reason := range []valley.Reason{valley.Room, valley.Deadline, valley.NoUsage, NoWindow} {
		m.Releases.WithLabelValues(string(reason)) // 0 before the first one, which is an increase then
	}
	return m, errors.Join(
		registry.Register(registerer, &m.Writes), registry.Register(registerer, &m.Problems),
		registry.Register(registerer, &m.Targets), registry.Register(registerer, &m.Policies),
		registry.Register(registerer, &m.CPU), registry.Register(registerer, &m.Ceiling),
		registry.Register(registerer, &m.Wait), registry.Register(registerer, &m.Releases))
}

// NoWindow is why a Job runs that no policy has wait any more.
const NoWindow valley.Reason = "NoWindow"

// Planned tells a plan.
func (m *Metrics) Planned(p Plan) {
	known := p.Load.Capacity > 0
	m.CPU.WithLabelValues("used").Set(cores(p.Load.Used, known))
	m.CPU.WithLabelValues("capacity").Set(cores(p.Load.Capacity, known))
	m.CPU.WithLabelValues("level").Set(cores(p.Level, p.Level > 0))
	m.Wait.Set(p.Wait.Seconds())
	m.Ceiling.Set(math.NaN())
	if p.Ceiling > 0 {
		m.Ceiling.Set(float64(p.Ceiling) / 100)
	}
}

func cores(milli int64, known bool) float64 {
	if !known {
		return math.NaN()
	}
	return float64(milli) / 1000
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
