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
}

func newMetrics(r Registerer) (*metrics, error) {
	m := &metrics{
		replays: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "evenkeel_adapter_window_replay_duration_seconds", Help: "How long replaying what a window had not seen took.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 900},
		}, nil),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_adapter_window_replay_failures_total", Help: "Replays that did not come to their end; each is tried again at the next tick.",
		}, nil),
	}
	if err := register.Register(r, &m.replays); err != nil {
		return nil, err
	}
	return m, register.Register(r, &m.failures)
}

func (m *metrics) replayFailed()               { m.failures.WithLabelValues().Inc() }
func (m *metrics) replayed(took time.Duration) { m.replays.WithLabelValues().Observe(took.Seconds()) }

// figures are what windows say when they are asked, so that those that have gone leave nothing behind.
type figures struct {
	windows                    *Windows
	demand, served, at, states *prometheus.Desc
}

func newFigures(w *Windows) *figures {
	return &figures{
		windows: w,
		demand: prometheus.NewDesc("evenkeel_adapter_window_demand", "Total demand that a window saw last.",
			[]string{"namespace", "scaling_window"}, nil),
		served: prometheus.NewDesc("evenkeel_adapter_window_served", "What a window serves in place of the demand.",
			[]string{"namespace", "scaling_window"}, nil),
		at: prometheus.NewDesc("evenkeel_adapter_window_timestamp_seconds", "The tick of the newest sample that a window saw.",
			[]string{"namespace", "scaling_window"}, nil),
		states: prometheus.NewDesc("evenkeel_adapter_windows", "ScalingWindows, by the reason of their condition Ready.", []string{"reason"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (f *figures) Describe(descs chan<- *prometheus.Desc) {
	descs <- f.demand
	descs <- f.served
	descs <- f.at
	descs <- f.states
}

// Collect implements prometheus.Collector.
func (f *figures) Collect(out chan<- prometheus.Metric) {
	now, states := f.windows.clock.Now(), map[string]int{}
	for _, t := range f.windows.trackers() {
		w := t.wish.Load()
		v := t.view(now, 0)
		states[ready(w, &v).Reason]++
		if v.err != nil {
			continue
		}
		figures := map[*prometheus.Desc]int64{f.demand: v.answer.Demand, f.served: v.answer.Value, f.at: v.answer.At.UnixMilli()}
		for desc, milli := range figures {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(milli)/1000, w.Object.Namespace, w.Object.Name)
		}
	}
	for reason, n := range states {
		out <- prometheus.MustNewConstMetric(f.states, prometheus.GaugeValue, float64(n), reason)
	}
}
