package realload

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	shared "github.com/evenkeel/evenkeel/internal/metrics"
	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/load"
)

// Why pods were let through, or woken.
const (
	reasonAllHot   = "all_hot"
	reasonPatience = "patience"
	reasonCooled   = "cooled"
)

// metrics are shared by all profiles.
type metrics struct {
	hotNodes      *prometheus.GaugeVec
	nodes         *prometheus.GaugeVec
	young         *prometheus.GaugeVec
	viewTime      *prometheus.GaugeVec
	buildDuration *prometheus.HistogramVec
	rejections    *prometheus.CounterVec
	letThroughs   *prometheus.CounterVec
	woken         *prometheus.CounterVec
}

// newMetrics registers the metrics, or takes those that another factory registered.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	profile, byTier, byReason := []string{"profile"}, []string{"profile", "tier"}, []string{"profile", "reason"}
	m := &metrics{
		hotNodes: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_realload_hot_nodes",
			Help: "Nodes that are hot for pods of a tier.",
		}, byTier),
		nodes: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_realload_nodes_without_fresh_usage",
			Help: "Nodes without a fully trusted sample of usage.",
		}, profile),
		young: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_realload_young_pods",
			Help: "Pods on nodes that the nodes' measured usage has not wholly seen yet.",
		}, profile),
		viewTime: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_realload_view_timestamp_seconds",
			Help: "When the present view of load was built, in Unix time.",
		}, profile),
		buildDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "evenkeel_realload_view_build_duration_seconds",
			Help:    "How long building a view of load took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 7),
		}, profile),
		rejections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_realload_rejections_total",
			Help: "Scheduling attempts in which a hot node was refused, by the dimension found hot first.",
		}, []string{"profile", "tier", "dimension"}),
		letThroughs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_realload_let_through_total",
			Help: "Scheduling attempts in which hot nodes were allowed, by reason.",
		}, byReason),
		woken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_realload_woken_pods_total",
			Help: "Waiting pods that were activated, by reason.",
		}, byReason),
	}
	return m, errors.Join(
		shared.Register(r, &m.hotNodes), shared.Register(r, &m.nodes), shared.Register(r, &m.young), shared.Register(r, &m.viewTime),
		shared.Register(r, &m.buildDuration), shared.Register(r, &m.rejections), shared.Register(r, &m.letThroughs), shared.Register(r, &m.woken))
}

// profileMetrics are one profile's.
type profileMetrics struct {
	*metrics
	profile string
	tiers   []string
}

func (m *metrics) of(profile string, p *load.Policy) *profileMetrics {
	return &profileMetrics{metrics: m, profile: profile, tiers: p.Tiers()}
}

func (m *profileMetrics) built(v *load.View, took time.Duration) {
	summary := v.Summary()
	for i, tier := range m.tiers {
		m.hotNodes.WithLabelValues(m.profile, tier).Set(float64(summary.HotNodes[i]))
	}
	m.nodes.WithLabelValues(m.profile).Set(float64(summary.Unfresh))
	m.young.WithLabelValues(m.profile).Set(float64(summary.YoungPods))
	m.viewTime.WithLabelValues(m.profile).Set(float64(v.Made().UnixMilli()) / 1000)
	m.buildDuration.WithLabelValues(m.profile).Observe(took.Seconds())
}

func (m *profileMetrics) rejected(tier string, d usage.Dimension) {
	m.rejections.WithLabelValues(m.profile, tier, d.String()).Inc()
}

func (m *profileMetrics) letThrough(reason string) {
	m.letThroughs.WithLabelValues(m.profile, reason).Inc()
}

func (m *profileMetrics) woke(reason string) {
	m.woken.WithLabelValues(m.profile, reason).Inc()
}
