package scheduler

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// The machine that scheduler_perf's nodes are.
const (
	nodeCores = 4
	nodeBytes = 32 << 30
)

// load is how full the nodes are: each at random between two shares of its capacity, the same for the same
// node however often it is asked.
type load struct {
	low, high float64
	seed      uint64
}

// of draws one share a node.
func (l load) of(nodes []string) map[string]float64 {
	random := rand.New(rand.NewPCG(l.seed, 0))
	shares := make(map[string]float64, len(nodes))
	for _, node := range slices.Sorted(slices.Values(nodes)) {
		shares[node] = l.low + random.Float64()*(l.high-l.low)
	}
	return shares
}

// snapshot is what a Prometheus source would have measured at that time: every statistic of CPU and memory.
func (l load) snapshot(nodes []string, at time.Time) *usage.Snapshot {
	builder := usage.NewBuilder(at)
	for node, share := range l.of(nodes) {
		for dimension, capacity := range map[usage.Dimension]float64{usage.CPU: nodeCores, usage.Memory: nodeBytes} {
			mean := share * capacity
			builder.Node(node, dimension, usage.Mean, mean, at)
			builder.Node(node, dimension, usage.Deviation, mean/10, at)
			builder.Node(node, dimension, usage.P95, mean*1.2, at)
			builder.Node(node, dimension, usage.Peak, mean*1.3, at)
		}
	}
	return builder.Build()
}

func TestLoadIsRepeatableAndWithinBounds(t *testing.T) {
	l := load{low: 0.25, high: 0.35, seed: 1}
	shares := l.of([]string{"a", "b", "c"})
	again := l.of([]string{"c", "a", "b"})
	for node, share := range shares {
		if again[node] != share {
			t.Errorf("the share of %s is %v, then %v", node, share, again[node])
		}
		if share < l.low || share > l.high {
			t.Errorf("the share of %s is %v, not between %v and %v", node, share, l.low, l.high)
		}
	}
	if shares["a"] == shares["b"] {
		t.Errorf("all nodes carry the same: %v", shares)
	}
}
