package scheduler

import (
	"context"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/evenkeel/evenkeel/plugins/realload"
	"github.com/evenkeel/evenkeel/test/bench"
)

// scorer is evenkeel's plugin in the middle of a cycle.
type scorer struct {
	plugin *realload.Plugin
	state  fwk.CycleState
	infos  []fwk.NodeInfo
}

// newScorer starts a cycle for one pod on so many nodes, once the plugin knows their usage.
func newScorer(tb testing.TB, nodes int) *scorer {
	tb.Helper()
	s := &scorer{}
	p := evenkeel()
	p.plugins = func(g *gauge) frameworkruntime.Registry {
		create := realload.NewFactory(g.open)
		return frameworkruntime.Registry{realload.Name: func(ctx context.Context, args runtime.Object, handle fwk.Handle) (
			fwk.Plugin, error) {
			plugin, err := create(ctx, args, handle)
			s.plugin, _ = plugin.(*realload.Plugin)
			return plugin, err
		}}
	}
	c := startCluster(tb, p, nodes, load{low: 0.25, high: 0.35, seed: 1}, 0)
	for _, name := range c.nodes {
		info := framework.NewNodeInfo()
		info.SetNode(newNode(name))
		s.infos = append(s.infos, info)
	}
	pod := newPod(0)
	err := wait.PollUntilContextTimeout(tb.Context(), 50*time.Millisecond, time.Minute, true,
		func(ctx context.Context) (bool, error) {
			s.state = framework.NewCycleState()
			if status := s.plugin.PreScore(ctx, s.state, pod, s.infos); !status.IsSuccess() {
				return false, status.AsError()
			}
			return s.tellsApart(ctx, pod), nil
		})
	if err != nil {
		tb.Fatalf("waiting for the plugin to know the nodes: %v", err)
	}
	return s
}

// tellsApart answers whether some scores differ, which those of idle nodes do not.
func (s *scorer) tellsApart(ctx context.Context, pod *v1.Pod) bool {
	first, _ := s.plugin.Score(ctx, s.state, pod, s.infos[0])
	for _, info := range s.infos {
		if score, _ := s.plugin.Score(ctx, s.state, pod, info); score != first {
			return true
		}
	}
	return false
}

// allocations of one Score call: the least of several passes over all nodes, since what the rest of the
// process allocates meanwhile is counted too.
func (s *scorer) allocations(ctx context.Context) float64 {
	pod := newPod(0)
	pass := func() {
		for _, info := range s.infos {
			if _, status := s.plugin.Score(ctx, s.state, pod, info); !status.IsSuccess() {
				panic(status.Message())
			}
		}
	}
	least := testing.AllocsPerRun(1, pass)
	for range 20 {
		least = min(least, testing.AllocsPerRun(1, pass))
	}
	return least / float64(len(s.infos))
}

func TestScoreDoesNotAllocate(t *testing.T) {
	if allocations := newScorer(t, 200).allocations(t.Context()); allocations != 0 {
		t.Errorf("a Score call allocates %v times", allocations)
	}
}

func BenchmarkScoreAllocations(b *testing.B) {
	s := newScorer(b, full.Nodes)
	for range b.N {
		bench.Report(b, bench.Result{
			Area: area, Name: "score_allocs", Value: s.allocations(b.Context()), Unit: "allocations per Score",
		})
	}
}
