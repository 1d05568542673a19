package scheduler

import (
	"testing"

	"k8s.io/component-base/metrics/testutil"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// withoutDefaultSpreading takes away the one thing for which the stock profile of 1.37 signs no pod at all:
// the constraints that PodTopologySpread adds to pods without any. Without it there is no batching to lose.
func (p profile) withoutDefaultSpreading(tb testing.TB) *config.KubeSchedulerConfiguration {
	tb.Helper()
	decoded := p.decode(tb)
	for i := range decoded.Profiles {
		for _, plugin := range decoded.Profiles[i].PluginConfig {
			if args, ok := plugin.Args.(*config.PodTopologySpreadArgs); ok {
				args.DefaultingType, args.DefaultConstraints = config.ListDefaulting, nil
			}
		}
	}
	return decoded
}

// TestBatchingIsAlive fails as soon as our plugin does not sign pods: the framework then switches batching off
// for the whole profile, and only a log line says so.
func TestBatchingIsAlive(t *testing.T) {
	for _, p := range []profile{stock(), evenkeel()} {
		t.Run(p.name, func(t *testing.T) {
			c := startWith(t, p, p.withoutDefaultSpreading(t), 20, load{low: 0.25, high: 0.35, seed: 1}, 0)
			if c.sched.Profiles[defaultProfile].SignPod(t.Context(), newPod(0)) == nil {
				t.Fatalf("a plugin of the profile does not sign pods")
			}
			before := hintsUsed(t)
			c.place(t, 200)
			if used := hintsUsed(t) - before; used == 0 {
				t.Errorf("of 200 identical pods none was placed by a hint")
			}
		})
	}
}

// hintsUsed counts the pods placed on a node that the cycle before them had already found, since the metrics
// were last reset.
func hintsUsed(tb testing.TB) float64 {
	tb.Helper()
	counter := metrics.BatchAttemptStats.WithLabelValues(defaultProfile, metrics.BatchAttemptHintUsed)
	used, err := testutil.GetCounterMetricValue(counter)
	if err != nil {
		tb.Fatalf("reading how often pods were batched: %v", err)
	}
	return used
}
