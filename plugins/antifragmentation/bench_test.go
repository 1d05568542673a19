package antifragmentation

import (
	"fmt"
	"testing"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// large is 5,000 nodes, of which half have eight devices, with some pods of thirty shapes on each.
func large(t testing.TB, args string) *cluster {
	t.Helper()
	var nodes []*v1.Node
	for i := range 5000 {
		has := "cpu=64 memory=256Gi"
		if i%2 == 0 {
			has += " gpu=8"
		}
		nodes = append(nodes, machine(fmt.Sprint("n", i), has, []string{"A", "B", "C"}[i%3]))
	}
	c := alone(t, args, nodes...)
	for i := range 15000 {
		asks := fmt.Sprintf("cpu=%d memory=%dGi", 1+i%5, 1+i%3)
		if i%2 == 0 {
			asks += []string{" gpu=1", " milli=300", " milli=500"}[i%3]
		}
		c.place(task(fmt.Sprint("p", i), asks), fmt.Sprint("n", i%5000))
	}
	return c
}

func BenchmarkScore(b *testing.B) {
	c := large(b, "")
	pod := task("p", "cpu=2 milli=300")
	_, state := c.scores(c.plugins["evenkeel"], pod)
	infos := c.refresh()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.plugins["evenkeel"].Score(c.ctx, state, pod, infos[i%len(infos)])
	}
}

// BenchmarkScoreAnew has no cost known.
func BenchmarkScoreAnew(b *testing.B) {
	c := large(b, "")
	pod := task("p", "cpu=2 milli=300")
	_, state := c.scores(c.plugins["evenkeel"], pod)
	infos := c.refresh()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(infos) == 0 {
			clear(readCycle(state).costs.cells)
		}
		c.plugins["evenkeel"].Score(c.ctx, state, pod, infos[i%len(infos)])
	}
}

func BenchmarkPreFilter(b *testing.B) {
	c := large(b, "")
	infos := c.refresh()
	for name, asks := range map[string]string{"half": "milli=300", "few": "cpu=60 gpu=8", "none": "gpu=9", "all": "cpu=1"} {
		b.Run(name, func(b *testing.B) {
			pod := task(name, asks)
			c.plugins["evenkeel"].PreFilter(c.ctx, framework.NewCycleState(), pod, infos)
			b.ReportAllocs()
			for b.Loop() {
				c.plugins["evenkeel"].PreFilter(c.ctx, framework.NewCycleState(), pod, infos)
			}
		})
	}
}

func BenchmarkNormalizeScore(b *testing.B) {
	list := make(fwk.NodeScoreList, 5000)
	b.ReportAllocs()
	for b.Loop() {
		for i := range list {
			list[i].Score = int64(i * i)
		}
		(&Plugin{}).NormalizeScore(b.Context(), nil, nil, list)
	}
}

func TestScoreAllocatesNothing(t *testing.T) {
	for _, mode := range []Mode{Fragmentation, MostRequested, Balanced} {
		c := alone(t, "mode: "+string(mode), machine("a", "cpu=64 gpu=8", "A"), machine("b", "cpu=64", ""))
		p, pod := c.plugins["evenkeel"], task("p", "cpu=1")
		_, state := c.scores(p, pod)
		infos := c.refresh()
		if n := testing.AllocsPerRun(100, func() {
			for _, info := range infos {
				p.Score(c.ctx, state, pod, info)
				p.Filter(c.ctx, state, pod, info)
			}
		}); n != 0 {
			t.Errorf("in mode %s Score and Filter allocate %v times", mode, n)
		}
	}
}
