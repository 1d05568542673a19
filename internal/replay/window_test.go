package replay

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// seen is a line of kubectl top.
type seen struct {
	at     time.Time
	window time.Duration
	cpu    string
	memory string
}

func topNodes(items []metrics.NodeMetrics) map[string]seen {
	top := map[string]seen{}
	for _, n := range items {
		top[n.Name] = seen{n.Timestamp.Time, n.Window.Duration, n.Usage.Cpu().String(), n.Usage.Memory().String()}
	}
	return top
}

func topPods(items []metrics.PodMetrics) map[string]seen {
	top := map[string]seen{}
	for _, p := range items {
		for _, c := range p.Containers {
			name := p.Namespace + "/" + p.Name + "/" + c.Name
			top[name] = seen{p.Timestamp.Time, p.Window.Duration, c.Usage.Cpu().String(), c.Usage.Memory().String()}
		}
	}
	return top
}

func TestMetricsNeedAWindow(t *testing.T) {
	s := newStage(t, Options{Assign: always(ramp(0.01)), Window: 10 * time.Second},
		apiNode("n", "8", "8"), apiPod("a", "n", corev1.PodRunning))
	if s.NodeMetrics() != nil || s.PodMetrics() != nil {
		t.Error("there are metrics before the start")
	}
	s.start()
	for second := 1; second <= 9; second++ {
		s.tick()
		if s.NodeMetrics() != nil || s.PodMetrics() != nil {
			t.Fatalf("there are metrics after %d s, before a window was full", second)
		}
	}
	for second := 10; second <= 40; second++ {
		s.tick()
		// The curve rises by 10 m a second, so a window's mean is that of its middle.
		last := second / 10 * 10
		at := start().Add(time.Duration(last) * time.Second)
		cpu := map[int]string{10: "50m", 20: "150m", 30: "250m", 40: "350m"}[last]
		want := map[string]seen{"n": {at, 10 * time.Second, cpu, "2Gi"}}
		if diff := cmp.Diff(want, topNodes(s.NodeMetrics()), cmp.AllowUnexported(seen{})); diff != "" {
			t.Fatalf("nodes after %d s (-want +got):\n%s", second, diff)
		}
		want = map[string]seen{"shop/a/main": {at, 10 * time.Second, cpu, "2Gi"}}
		if diff := cmp.Diff(want, topPods(s.PodMetrics()), cmp.AllowUnexported(seen{})); diff != "" {
			t.Fatalf("pods after %d s (-want +got):\n%s", second, diff)
		}
	}
	if got := s.PodMetrics()[0].Labels["app"]; got != "a" {
		t.Errorf("label app of the pod's metrics is %q, want the pod's", got)
	}
	if got := s.NodeMetrics()[0].Labels["zone"]; got != "z-n" {
		t.Errorf("label zone of the node's metrics is %q, want the node's", got)
	}
}

func TestMetricsOfThoseSeenAtBothLooks(t *testing.T) {
	two := []machine{nodeOf("n", 4, 4), nodeOf("m", 4, 4)}
	a, b, c := podOn("n", "a", Constant(1)), podOn("n", "b", Constant(1)), podOn("m", "c", Constant(1))
	replaced := a
	replaced.UID = "another"
	w := &window{}
	f := &frame{At: start()}
	look := func(second int, pods []player, nodes []machine) {
		f = advance(f, pods, nodes, start().Add(time.Duration(second)*time.Second), time.Duration(second)*time.Second)
		w = w.with(f, 10*time.Second)
	}
	look(0, []player{a, b}, two[:1])
	look(5, []player{a, b}, two[:1])
	look(13, []player{replaced, b, c}, two) // late: the window is what it is
	want := map[string]seen{"shop/b/app": {start().Add(13 * time.Second), 13 * time.Second, "1", "1Gi"}}
	if diff := cmp.Diff(want, topPods(w.pods()), cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	if got := topNodes(w.nodes()); len(got) != 1 || got["n"].window != 13*time.Second {
		t.Errorf("nodes are %v, want n alone, over 13 s", got)
	}
}
