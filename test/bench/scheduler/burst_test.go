package scheduler

import (
	"testing"
	"time"

	"k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/evenkeel/evenkeel/test/bench"
)

// The burst of the acceptance: identical pods while usage does not move.
const (
	burstPods     = 500
	burstNodes    = 50
	burstStale    = 60 * time.Second
	burstMaxShare = 1.5
)

// burst answers how many times its fair share the fullest node received.
func burst(tb testing.TB, p profile, cfg *config.KubeSchedulerConfiguration) float64 {
	tb.Helper()
	c := startWith(tb, p, cfg, burstNodes, load{low: 0.25, high: 0.35, seed: 1}, burstStale)
	return maxShare(c.place(tb, burstPods), burstPods, burstNodes)
}

func maxShare(byNode map[string]int, pods, nodes int) float64 {
	most := 0
	for _, n := range byNode {
		most = max(most, n)
	}
	return float64(most) * float64(nodes) / float64(pods)
}

func TestBurstDoesNotHerd(t *testing.T) {
	p := evenkeel()
	for name, cfg := range map[string]*config.KubeSchedulerConfiguration{
		"as configured": p.decode(t),
		"batched":       p.withoutDefaultSpreading(t),
	} {
		t.Run(name, func(t *testing.T) {
			if share := burst(t, p, cfg); share > burstMaxShare {
				t.Errorf("of %d pods the fullest of %d nodes received %.2f times its fair share, at most %.2f",
					burstPods, burstNodes, share, burstMaxShare)
			}
		})
	}
}

func BenchmarkBurst(b *testing.B) {
	for range b.N {
		ours, theirs := burst(b, evenkeel(), evenkeel().decode(b)), burst(b, stock(), stock().decode(b))
		bench.Report(b, bench.Result{
			Area: area, Name: "burst_max_share", Value: ours, Unit: "times the fair share",
		}.Against(peer, ours/theirs))
	}
}

func TestMaxShare(t *testing.T) {
	for name, test := range map[string]struct {
		byNode map[string]int
		pods   int
		nodes  int
		want   float64
	}{
		"even":             {map[string]int{"a": 5, "b": 5}, 10, 2, 1},
		"all on one":       {map[string]int{"a": 10}, 10, 5, 5},
		"nodes left empty": {map[string]int{"a": 3, "b": 1}, 4, 4, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := maxShare(test.byNode, test.pods, test.nodes); got != test.want {
				t.Errorf("maxShare() = %v, want %v", got, test.want)
			}
		})
	}
}
