package antifragmentation

import (
	"errors"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/internal/frag"
)

// metrics are shared by all profiles.
type metrics struct {
	idle, stranded, shapes *prometheus.GaugeVec
	duration               *prometheus.HistogramVec
}

// newMetrics registers the metrics, or takes those that another factory registered.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	profile := []string{"profile"}
	m := &metrics{
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
	if r == nil {
		return m, nil
	}
	return m, errors.Join(register(r, &m.idle), register(r, &m.stranded), register(r, &m.shapes), register(r, &m.duration))
}

func register[C prometheus.Collector](r prometheus.Registerer, c *C) error {
	err := r.Register(*c)
	var already prometheus.AlreadyRegisteredError
	if !errors.As(err, &already) {
		return err
	}
	if existing, ok := already.ExistingCollector.(C); ok {
		*c = existing
		return nil
	}
	return err
}

type profileMetrics struct {
	idle, stranded, shapes prometheus.Gauge
	duration               prometheus.Observer
}

func (m *metrics) of(profile string) *profileMetrics {
	return &profileMetrics{
		idle: m.idle.WithLabelValues(profile), stranded: m.stranded.WithLabelValues(profile),
		shapes: m.shapes.WithLabelValues(profile), duration: m.duration.WithLabelValues(profile),
	}
}

func (m *profileMetrics) priced(demand []frag.Weighted, nodes iter.Seq[*frag.Node], took time.Duration) {
	idle, stranded := frag.Stranded(demand, nodes)
	m.idle.Set(idle)
	m.stranded.Set(stranded)
	m.shapes.Set(float64(len(demand)))
	m.duration.Observe(took.Seconds())
}
