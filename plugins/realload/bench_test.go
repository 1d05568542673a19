package realload

import (
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/usage"
)

func logger(t testing.TB) klog.Logger { return ktesting.NewLogger(t, ktesting.NewConfig()) }

func deletedFinalState(pod *v1.Pod) any {
	return cache.DeletedFinalStateUnknown{Key: "ns/" + pod.Name, Obj: pod}
}

// large is 5,000 nodes with perNode pods each, all measured; a tenth of them hot.
func large(b *testing.B, perNode int) *cluster {
	b.Helper()
	c := newCluster(b, "capacity: {network: 1G, disk: 1G}")
	started := metav1.NewTime(noon.Add(-time.Hour))
	for i := range 5000 {
		name := fmt.Sprintf("node-%d", i)
		c.addNode(machine(name, "32", "128Gi"))
		used := float64(i%20) + 1
		if i%10 == 9 {
			used = 30
		}
		for d := range usage.Dimension(usage.Dimensions) {
			c.builder.Node(name, d, usage.Mean, used, noon).Node(name, d, usage.P95, used, noon)
			c.builder.Node(name, d, usage.Deviation, used/5, noon)
		}
		for j := range perNode {
			pod := task(fmt.Sprintf("web%d-5d89bdcf78-%05d", i%200, i*perNode+j), "500m", "1Gi")
			pod.Spec.NodeName, pod.Status.StartTime = name, &started
			c.builder.Pod("ns", pod.Name, usage.CPU, usage.Mean, 0.2, noon).Pod("ns", pod.Name, usage.CPU, usage.Deviation, 0.1, noon)
			c.plugin.podChanged(pod)
		}
	}
	c.refresh()
	return c
}

func BenchmarkScore(b *testing.B) {
	c := large(b, 0)
	pod, state, infos := task("p", "1", "1Gi"), framework.NewCycleState(), c.infos()
	c.plugin.PreFilter(c.ctx, state, pod, infos)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.plugin.Score(c.ctx, state, pod, infos[i%len(infos)])
	}
}

func BenchmarkFilter(b *testing.B) {
	c := large(b, 0)
	pod, state := task("p", "1", "1Gi"), framework.NewCycleState()
	c.plugin.PreFilter(c.ctx, state, pod, c.infos())
	for name, offset := range map[string]int{"pass": 0, "refuse": 9} {
		b.Run(name, func(b *testing.B) {
			infos := c.infos()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.plugin.Filter(c.ctx, state, pod, infos[(i*10+offset)%len(infos)])
			}
		})
	}
}

func BenchmarkPreFilter(b *testing.B) {
	c := large(b, 0)
	infos := c.infos()
	last := infos[len(infos)-2].Node().Name
	for name, selector := range map[string]map[string]string{
		"anywhere":     nil,
		"the last one": {"kubernetes.io/hostname": last},
	} {
		b.Run(name, func(b *testing.B) {
			pod := task("p", "1", "1Gi")
			pod.Spec.NodeSelector = selector
			b.ReportAllocs()
			for b.Loop() {
				c.plugin.PreFilter(c.ctx, framework.NewCycleState(), pod, infos)
			}
		})
	}
}

func BenchmarkReserve(b *testing.B) {
	c := large(b, 10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		pod := task(fmt.Sprintf("p%d", i), "1", "1Gi")
		c.plugin.Reserve(c.ctx, nil, pod, fmt.Sprintf("node-%d", i%5000))
		c.plugin.Unreserve(c.ctx, nil, pod, "")
	}
}

func BenchmarkSignPod(b *testing.B) {
	c := large(b, 1)
	pod := task("web-5d89bdcf78-x2vz9", "1", "1Gi")
	b.ReportAllocs()
	for b.Loop() {
		c.plugin.SignPod(c.ctx, pod)
	}
}

// BenchmarkRebuild is 5,000 nodes and 150,000 pods.
func BenchmarkRebuild(b *testing.B) {
	c := large(b, 30)
	b.ReportAllocs()
	for b.Loop() {
		c.plugin.rebuild(c.ctx)
	}
}
