package load

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/simulator/load/world"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

func waiting(nodes []*v1.Node, pods ...*v1.Pod) *queue {
	w := &trace.Workload{Nodes: nodes}
	for _, p := range pods {
		w.Pods = append(w.Pods, trace.Pod{Object: p})
	}
	q := newQueue(world.New(w))
	return &q
}

func withPriority(p *v1.Pod, priority int32) *v1.Pod {
	p.Spec.Priority = ptr.To(priority)
	return p
}

// order is the pods of the kinds that wait.
func order(kinds []*kind) (pods []int32) {
	for _, k := range kinds {
		pods = append(pods, k.pods...)
	}
	return pods
}

func TestQueueOrder(t *testing.T) {
	q := waiting(machines(1, "8"),
		task("a", "2"), task("b", "1"), withPriority(task("c", "1"), 10), task("d", "2"), withPriority(task("e", "3"), -5))
	for i := range int32(5) {
		q.add(i, nil)
	}
	if diff := cmp.Diff([]int32{2, 0, 3, 1, 4}, order(q.waiting)); diff != "" {
		t.Errorf("the order is not that of priorities, then of kinds as they came (-want +got):\n%s", diff)
	}
	q.remove(0)
	q.remove(1)
	q.remove(1) // it is out already
	if diff := cmp.Diff([]int32{2, 3, 4}, order(q.waiting)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	q.add(1, nil)
	if diff := cmp.Diff([]int32{2, 3, 1, 4}, order(q.waiting)); diff != "" {
		t.Errorf("back again (-want +got):\n%s", diff)
	}
}

func TestQueueWakes(t *testing.T) {
	const small, big, hot = 0, 1, 2
	cases := map[string]struct {
		reason   string
		measured bool
		free     bool // 2 cores on the only node, for pods of 1, 4 and 3
		due      bool
		want     []int32
	}{
		"Nothing":  {reason: "nothing happened"},
		"Room":     {reason: "the small one has room", free: true, want: []int32{small}},
		"Measured": {reason: "the one kept off hot nodes may find one cooled down", measured: true, want: []int32{hot}},
		"Both":     {reason: "both", free: true, measured: true, want: []int32{small, hot}},
		"Due":      {reason: "it was not come to last time", due: true, want: []int32{big}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			q := waiting(machines(1, "4"), task("small", "1"), task("big", "4"), task("hot", "3"), task("there", "2"))
			q.Put(3, 0, 0)
			q.add(small, []string{"NodeResourcesFit"})
			q.add(big, []string{"NodeResourcesFit"})
			q.add(hot, []string{"NodeResourcesFit", "RealLoad"})
			if !q.anyHot() {
				t.Error("no pod is known to wait for nodes to cool down")
			}
			if tc.free {
				q.freed(0)
			}
			if tc.due {
				q.due(big)
			}
			if diff := cmp.Diff(tc.want, order(q.wake(tc.measured))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			for _, k := range q.waiting {
				k.due = false
			}
			if again := q.wake(false); len(again) != 0 {
				t.Errorf("with nothing new %v are woken again", order(again))
			}
		})
	}
}

func TestFreedRoomIsForgottenWhereNobodyWaits(t *testing.T) {
	q := waiting(machines(1, "4"), task("a", "1"))
	q.freed(0)
	q.add(0, nil)
	if due := q.wake(false); len(due) != 0 {
		t.Error("room that was free before the pod was tried wakes it")
	}
}

func TestHopeless(t *testing.T) {
	golden := machine("golden", "2")
	golden.Labels["disk"] = "golden"
	nodes := append(machines(2, "8"), golden)
	picky := func(name, cpu string) *v1.Pod {
		p := task(name, cpu)
		p.Spec.NodeSelector = map[string]string{"disk": "golden"}
		return p
	}
	model := task("model", "1")
	model.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
			MatchExpressions: []v1.NodeSelectorRequirement{{Key: trace.LabelGPUModel, Operator: v1.NodeSelectorOpIn, Values: []string{"P100"}}},
		}}},
	}}
	gpu := task("gpu", "1")
	gpu.Spec.Containers = []v1.Container{{Resources: v1.ResourceRequirements{Requests: v1.ResourceList{trace.GPU: resource.MustParse("1")}}}}
	for _, tc := range []struct {
		reason string
		pod    *v1.Pod
		want   bool
	}{
		{"it fits", task("a", "8"), false},
		{"no node is as big", task("b", "9"), true},
		{"its kind of node is", picky("c", "2"), false},
		{"its kind of node is not as big", picky("d", "3"), true},
		{"no node has the model", model, true},
		{"no node has GPUs", gpu, true},
	} {
		q := waiting(nodes, tc.pod)
		q.add(0, nil)
		if q.hopelessPod(0) != tc.want || (len(q.waiting) == 0) != tc.want {
			t.Errorf("%s: hopeless %v, %d kinds wait", tc.reason, q.hopelessPod(0), len(q.waiting))
		}
		q.remove(0)
	}
}

// TestRetriesAreBounded has many kinds of pods that fit in nothing that is left, and counts the tries.
func TestRetriesAreBounded(t *testing.T) {
	w := &trace.Workload{Nodes: machines(1, "10"), Duration: 10 * time.Hour}
	w.Pods = append(w.Pods, trace.Pod{Object: task("stays", "9500m")})
	for i := range 20 { // they come and go, each leaving less than the others want
		at := time.Duration(i) * 10 * time.Minute
		w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("short-%d", i), "100m"), Arrival: at, Departure: at + 5*time.Minute})
	}
	for i := range 30 {
		w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("big-%d", i), fmt.Sprintf("%dm", 1000+i))})
	}
	e, err := newEngine(t.Context(), &Result{Policy: "stock", Seed: 1}, w, &Options{Policies: []string{"stock"}, Scrape: time.Minute, Hot: 0.8, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	if err := e.play(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.result.PodsPending != 30 || e.result.Placements != 21 {
		t.Errorf("%+v: want 30 pending and 21 placed", e.result)
	}
	if len(e.queue.waiting) != 30 || len(e.queue.kinds) != 30 {
		t.Errorf("%d kinds wait of %d, want 30 each", len(e.queue.waiting), len(e.queue.kinds))
	}
}

// TestPriorityFirst has two pods wait for one place.
func TestPriorityFirst(t *testing.T) {
	w := &trace.Workload{Nodes: machines(1, "4"), Duration: 2 * time.Hour, Pods: []trace.Pod{
		{Object: task("holds", "4"), Departure: time.Hour},
		{Object: task("first", "3"), Arrival: time.Minute, Curve: steady(1000)},
		{Object: withPriority(task("urgent", "3"), 100), Arrival: 2 * time.Minute, Curve: steady(2000)},
	}}
	r := run(t, "stock", w, Options{})
	if r.Placements != 2 || r.PodsPending != 1 || r.WaitedPodMinutes != 58 {
		t.Errorf("%+v: want the pod of priority placed after 58 minutes, and the other pending", r)
	}
}

// TestBurstShare works the measure out for a burst that all goes to one node.
func TestBurstShare(t *testing.T) {
	for _, tc := range []struct {
		reason string
		counts map[int32]int
		want   float64
	}{
		{"no burst", nil, 0},
		{"even", map[int32]int{0: 5, 1: 5, 2: 5, 3: 5}, 1},
		{"all on one of four", map[int32]int{2: 20}, 4},
		{"fewer pods than nodes: one each is even", map[int32]int{0: 1, 1: 1}, 1},
		{"two of three on one", map[int32]int{0: 2, 1: 1}, 2},
	} {
		e := &engine{State: world.New(&trace.Workload{Nodes: machines(4, "1")}), result: &Result{}}
		e.tellBurst(tc.counts)
		if e.result.BurstMaxShare != tc.want {
			t.Errorf("%s: %v, want %v", tc.reason, e.result.BurstMaxShare, tc.want)
		}
	}
	e := &engine{State: world.New(&trace.Workload{Nodes: machines(4, "1")}), result: &Result{BurstMaxShare: 3}}
	e.Nodes[0].There, e.Nodes[1].Cordoned = false, true
	e.tellBurst(map[int32]int{2: 4, 3: 4})
	if e.result.BurstMaxShare != 3 {
		t.Errorf("an even burst over the two open nodes made %v of 3", e.result.BurstMaxShare)
	}
}
