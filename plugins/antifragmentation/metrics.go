package antifragmentation

import (
	"errors"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/internal/frag"
	shared "github.com/evenkeel/evenkeel/internal/metrics"
)

// metrics are shared by all profiles.
type metrics struct {
	idle, stranded, shapes *prometheus.GaugeVec
	duration               *prometheus.HistogramVec
	shown                  bool // somebody can read them
}

// newMetrics registers the metrics, or takes those that another factory registered.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	profile := []string{"profile"}
	m := &metrics{
		shown: r != nil,
		idle: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_antifragmentation_idle_devices",
			Help: "Devices that are not requested, parts counted as parts.",
		}, profile),
		stranded: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_antifragmentation_stranded_devices",
			Help: "Of the idle devices, those that the average pod that asks for devices cannot use where they are.",
		}, profile),
		shapes: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_antifragmentation_shapes",
			Help: "Shapes of pod that the cluster is asked for.",
		}, profile),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "evenkeel_antifragmentation_pricing_duration_seconds",
			Help:    "How long working out prices took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 6),
		}, profile),
	}
	return m, errors.Join(shared.Register(r, &m.idle), shared.Register(r, &m.stranded), shared.Register(r, &m.shapes), shared.Register(r, &m.duration))
}

type profileMetrics struct {
	idle, stranded, shapes prometheus.Gauge
	duration               prometheus.Observer
	shown                  bool
}

func (m *metrics) of(profile string) *profileMetrics {
	return &profileMetrics{
		idle: m.idle.WithLabelValues(profile), stranded: m.stranded.WithLabelValues(profile),
		shapes: m.shapes.WithLabelValues(profile), duration: m.duration.WithLabelValues(profile),
		shown: m.shown,
	}
}

func (m *profileMetrics) priced(demand []frag.Weighted, nodes iter.Seq[*frag.Node], took time.Duration) {
	if !m.shown {
		return // it would take as long as the prices
	}
	idle, stranded := frag.Stranded(demand, nodes)
	m.idle.Set(idle)
	m.stranded.Set(stranded)
	m.shapes.Set(float64(len(demand)))
	m.duration.Observe(took.Seconds())
}
