package policy

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/simulator"
)

// world is a cluster with a policy, on a clock of the test's.
type world struct {
	t       *testing.T
	clock   *clocktesting.FakeClock
	usage   *measured
	nodes   []*v1.Node
	cluster *simulator.Cluster
	driver  Driver
}

func newWorld(t *testing.T, name string, nodes ...string) *world {
	t.Helper()
	w := &world{t: t, clock: clocktesting.NewFakeClock(loadNoon), usage: used(loadNoon, nil)}
	for _, n := range nodes {
		w.nodes = append(w.nodes, loadNode(n, "10", "64Gi"))
	}
	p, driver, err := NewLoad(name, &LoadSetting{Seed: 1, Clock: w.clock, Usage: w.usage, Scrape: time.Minute, Future: fixedFuture{}})
	if err != nil {
		t.Fatal(err)
	}
	if w.cluster, err = simulator.NewCluster(t.Context(), p, w.nodes, 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cluster.Close)
	w.driver = driver
	return w
}

// measure has the nodes use so many cores now.
func (w *world) measure(cores map[string]float64) {
	w.usage.snapshot = used(w.clock.Now(), cores).snapshot
	w.driver.Refresh(w.nodes)
}

// schedule places a pod, and says so.
func (w *world) schedule(pod *v1.Pod) string {
	w.t.Helper()
	pod.CreationTimestamp = metav1.NewTime(w.clock.Now())
	name, err := w.cluster.Schedule(pod)
	if err != nil {
		w.t.Fatal(err)
	}
	bound := *pod
	bound.Spec.NodeName = name
	w.driver.Bound(&bound)
	return name
}

var drivenPolicies = []string{"realload", "realload-pack", "trimaran-tlp", "trimaran-lvrb", "koordinator"}

func TestOnlyPoliciesOfUsageAreDriven(t *testing.T) {
	for _, name := range Load() {
		_, driver, err := NewLoad(name, setting(&measured{}, loadNoon))
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Contains(drivenPolicies, name); (driver != nil) != want {
			t.Errorf("%s has a driver: %v, want %v", name, driver != nil, want)
		}
	}
}

// TestUsageMoves has what is measured turn round: so must the choice.
func TestUsageMoves(t *testing.T) {
	for _, name := range []string{"realload", "trimaran-lvrb", "koordinator"} {
		w := newWorld(t, name, "a", "b")
		w.measure(map[string]float64{"a": 6, "b": 1})
		if got := w.schedule(loadPod("p-0", "100m", "100Mi")); got != "b" {
			t.Errorf("%s chose %q, want b, which is used less", name, got)
		}
		w.clock.Step(10 * time.Minute)
		w.measure(map[string]float64{"a": 1, "b": 6})
		if got := w.schedule(loadPod("p-1", "100m", "100Mi")); got != "a" {
			t.Errorf("%s chose %q, want a, which is used less now", name, got)
		}
	}
}

// TestYoungPodsCount has pods come faster than anything is measured. They must not all go to the node that was used
// least; LoadVariationRiskBalancing, which counts no pod before it is measured, is known to do that.
func TestYoungPodsCount(t *testing.T) {
	for name, most := range map[string]int{"realload": 12, "trimaran-tlp": 16, "koordinator": 12, "trimaran-lvrb": 20} {
		w := newWorld(t, name, "a", "b", "c")
		w.measure(map[string]float64{"a": 1, "b": 1.5, "c": 1.5})
		counts := map[string]int{}
		for i := range 20 {
			counts[w.schedule(loadPod(fmt.Sprintf("job-%d", i), "400m", "1Gi"))]++
		}
		t.Logf("%s: %v", name, counts)
		for node, n := range counts {
			if n > most {
				t.Errorf("%s put %d of 20 pods on %s", name, n, node)
			}
		}
	}
}

// TestGonePodsCountNoMore has the pods on one node go before they are measured.
func TestGonePodsCountNoMore(t *testing.T) {
	for _, name := range []string{"realload", "koordinator"} {
		w := newWorld(t, name, "a", "b")
		w.measure(map[string]float64{"a": 1, "b": 1.4})
		where := map[string][]*v1.Pod{}
		for i := range 10 {
			pod := loadPod(fmt.Sprintf("job-%d", i), "800m", "1Gi")
			node := w.schedule(pod)
			bound := *pod
			bound.Spec.NodeName = node
			where[node] = append(where[node], &bound)
		}
		for _, pod := range where["b"] {
			w.clock.Step(time.Millisecond)
			if err := w.cluster.Remove(pod.UID); err != nil {
				t.Fatal(err)
			}
			w.driver.Gone(pod)
		}
		if got := w.schedule(loadPod("job-x", "800m", "1Gi")); got != "b" || len(where["b"]) == 0 {
			t.Errorf("%s chose %q, want b, whose %d pods are gone", name, got, len(where["b"]))
		}
	}
}

// TestVariationCounts has nodes of the same mean, of which one varies.
func TestVariationCounts(t *testing.T) {
	for _, name := range []string{"realload", "trimaran-lvrb"} {
		w := newWorld(t, name, "calm", "wild")
		b := usage.NewBuilder(loadNoon)
		for node, deviation := range map[string]float64{"calm": 0.1, "wild": 2.5} {
			b.Node(node, usage.CPU, usage.Mean, 3, loadNoon).Node(node, usage.CPU, usage.Deviation, deviation, loadNoon)
			b.Node(node, usage.Memory, usage.Mean, 1<<30, loadNoon).Node(node, usage.Memory, usage.Deviation, 0, loadNoon)
		}
		w.usage.snapshot = b.Build()
		w.driver.Refresh(w.nodes)
		if got := w.schedule(loadPod("p-0", "100m", "100Mi")); got != "calm" {
			t.Errorf("%s chose %q, of nodes of the same mean", name, got)
		}
	}
}

// TestVariationRiskTwin holds the policy to Trimaran's published formula, worked out naively, of CPU.
func TestVariationRiskTwin(t *testing.T) {
	twin := func(mean, deviation float64) float64 {
		return 100 * (1 - (min(1, (mean+1)/10)+min(1, deviation/10))/2)
	}
	for deviation := 0.0; deviation < 6; deviation += 0.7 {
		for mean := 0.5; mean < 9; mean += 1.1 {
			a, b := twin(mean, deviation), twin(4, 1)
			if math.Abs(a-b) < 1.5 {
				continue // a tie after rounding
			}
			want := "b"
			if a > b {
				want = "a"
			}
			w := newWorld(t, "trimaran-lvrb", "a", "b")
			builder := usage.NewBuilder(loadNoon)
			for node, v := range map[string][2]float64{"a": {mean, deviation}, "b": {4, 1}} {
				builder.Node(node, usage.CPU, usage.Mean, v[0], loadNoon).Node(node, usage.CPU, usage.Deviation, v[1], loadNoon)
				builder.Node(node, usage.Memory, usage.Mean, 0, loadNoon).Node(node, usage.Memory, usage.Deviation, 0, loadNoon)
			}
			w.usage.snapshot = builder.Build()
			w.driver.Refresh(w.nodes)
			if got := w.schedule(loadPod("p-0", "1", "1Mi")); got != want {
				t.Errorf("of means %v and 4, deviations %v and 1, it chose %q; the formula gives %v and %v", mean, deviation, got, a, b)
			}
		}
	}
}

// TestNodesThatComeAndGo has a node vanish from what the driver is told.
func TestNodesThatComeAndGo(t *testing.T) {
	for _, name := range drivenPolicies {
		w := newWorld(t, name, "a", "b")
		w.measure(map[string]float64{"a": 1, "b": 1})
		if err := w.cluster.RemoveNode(w.nodes[0]); err != nil {
			t.Fatal(err)
		}
		w.nodes = w.nodes[1:]
		w.driver.Refresh(w.nodes)
		for i := range 3 {
			if got := w.schedule(loadPod(fmt.Sprintf("p-%d", i), "100m", "100Mi")); got != "b" {
				t.Errorf("%s chose %q, the node left is b", name, got)
			}
		}
	}
}
