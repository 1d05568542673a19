// Package telemetry has the metrics of usage collection. Collectors of one
// registerer share their vectors: each has its own labels in them.
package telemetry

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics is one Collector's part of the vectors.
type Metrics struct {
	duration    prometheus.ObserverVec
	failures    *prometheus.CounterVec
	dropped     *prometheus.CounterVec
	objects     *prometheus.GaugeVec
	lastSuccess *prometheus.GaugeVec
	snapshot    prometheus.Gauge
	newestNode  prometheus.Gauge
}

// New registers the vectors, or finds them registered by another Collector. The
// source is its kind and config tells it from others of that kind; reasons are
// all for which a reading may be dropped. The registerer may be nil.
func New(registerer prometheus.Registerer, source, config string, reasons []string) (*Metrics, error) {
	r := registry{registerer: registerer, own: prometheus.Labels{"source": source, "config": config}}
	m := &Metrics{
		duration: register(&r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "evenkeel_usage_refresh_duration_seconds",
			Help:    "How long reading one statistic of all nodes and pods took.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 11),
		}, []string{"source", "config", "statistic"})).MustCurryWith(r.own),
		failures: register(&r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_usage_refresh_failures_total",
			Help: "Reads of one statistic that failed, by dimension where the others did not.",
		}, []string{"source", "config", "statistic", "dimension"})).MustCurryWith(r.own),
		dropped: register(&r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_usage_dropped_readings_total",
			Help: "Readings that were not believed, by reason.",
		}, []string{"source", "config", "reason"})).MustCurryWith(r.own),
		objects: register(&r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_usage_objects",
			Help: "Objects in the snapshot, by kind.",
		}, []string{"source", "config", "kind"})).MustCurryWith(r.own),
		lastSuccess: register(&r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_usage_last_success_timestamp_seconds",
			Help: "When one statistic was last read whole.",
		}, []string{"source", "config", "statistic"})).MustCurryWith(r.own),
		snapshot: register(&r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_usage_snapshot_timestamp_seconds",
			Help: "When the snapshot was made.",
		}, []string{"source", "config"})).With(r.own),
		newestNode: register(&r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_usage_newest_node_sample_timestamp_seconds",
			Help: "When the youngest sample of any node was true.",
		}, []string{"source", "config"})).With(r.own),
	}
	for _, reason := range reasons {
		m.dropped.WithLabelValues(reason)
	}
	return m, r.err
}

type registry struct {
	registerer prometheus.Registerer
	own        prometheus.Labels
	err        error // the first
}

// register registers vec, or returns the one registered in its place.
func register[C prometheus.Collector](r *registry, vec C) C {
	if r.registerer == nil {
		return vec
	}
	err := r.registerer.Register(vec)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if held, ok := already.ExistingCollector.(C); ok {
			return held
		}
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("registering the metrics of usage: %w", err)
	}
	return vec
}

// Read tells that a statistic was read whole.
func (m *Metrics) Read(statistic string, took time.Duration, now time.Time) {
	m.duration.WithLabelValues(statistic).Observe(took.Seconds())
	m.lastSuccess.WithLabelValues(statistic).Set(seconds(now.UnixMilli()))
}

// Failed tells that reading a statistic failed, for those dimensions only if any
// are named.
func (m *Metrics) Failed(statistic string, took time.Duration, dimensions ...string) {
	m.duration.WithLabelValues(statistic).Observe(took.Seconds())
	if len(dimensions) == 0 {
		dimensions = []string{"all"}
	}
	for _, dimension := range dimensions {
		m.failures.WithLabelValues(statistic, dimension).Inc()
	}
}

// Dropped tells that a reading was dropped.
func (m *Metrics) Dropped(reason string) { m.dropped.WithLabelValues(reason).Inc() }

// Published tells what the current snapshot has, and when the youngest sample of
// a node was true, in Unix milliseconds.
func (m *Metrics) Published(taken time.Time, nodes, pods, workloads int, newestNode int64) {
	m.objects.WithLabelValues("node").Set(float64(nodes))
	m.objects.WithLabelValues("pod").Set(float64(pods))
	m.objects.WithLabelValues("workload").Set(float64(workloads))
	m.snapshot.Set(seconds(taken.UnixMilli()))
	m.newestNode.Set(seconds(newestNode))
}

func seconds(milliseconds int64) float64 { return float64(milliseconds) / 1000 }
