package replay

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"
)

// ramp uses its slope × the time: its exact mean is easy to know.
type ramp float64

func (r ramp) Mean(from, to time.Duration) float64 {
	return float64(r) * (from + to).Seconds() / 2
}

func start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func podOn(node, name string, curve Curve) player {
	return player{
		UID: types.UID(name), Namespace: "shop", Name: name, Container: "app",
		Node: node, MemoryBytes: 1 << 30, Curve: curve,
	}
}

func nodeOf(name string, cpus int, allocatable float64) machine {
	return machine{Name: name, CPUs: cpus, AllocatableCores: allocatable, MemoryBytes: 4 << 30}
}

// usageOf names what a step came to.
type usageOf map[string][3]float64 // demand, used, seconds (of a node: busy)

func (f *frame) byName() usageOf {
	all := usageOf{}
	for _, p := range f.Pods {
		all[p.Name] = [3]float64{p.DemandCores, p.UsedCores, p.CPUSeconds}
	}
	for _, n := range f.Nodes {
		all[n.Name] = [3]float64{n.DemandCores, n.UsedCores, n.BusySeconds}
	}
	return all
}

func TestAdvance(t *testing.T) {
	node := nodeOf("n", 4, 3)
	tests := map[string]struct {
		before, now         []player
		nodesBefore, nodes  []machine
		wall, trace         time.Duration
		want                usageOf
		wantIdle, wantBytes float64
	}{
		"one pod": {
			before: []player{podOn("n", "a", Constant(1))}, now: []player{podOn("n", "a", Constant(1))},
			nodesBefore: []machine{node}, nodes: []machine{node}, wall: 10 * time.Second, trace: 10 * time.Second,
			want:     usageOf{"a": {1, 1, 10}, "n": {1, 1, 10}},
			wantIdle: 30, wantBytes: 1 << 30,
		},
		"a faster trace moves the curve, not the clock": {
			before: []player{podOn("n", "a", ramp(0.001))}, now: []player{podOn("n", "a", ramp(0.001))},
			nodesBefore: []machine{node}, nodes: []machine{node}, wall: 10 * time.Second, trace: 1000 * time.Second,
			want:     usageOf{"a": {0.5, 0.5, 5}, "n": {0.5, 0.5, 5}},
			wantIdle: 35, wantBytes: 1 << 30,
		},
		"demand above allocatable is cut in proportion": {
			before:      []player{podOn("n", "a", Constant(4)), podOn("n", "b", Constant(2))},
			now:         []player{podOn("n", "a", Constant(4)), podOn("n", "b", Constant(2))},
			nodesBefore: []machine{node}, nodes: []machine{node}, wall: 10 * time.Second, trace: 10 * time.Second,
			want:     usageOf{"a": {4, 2, 20}, "b": {2, 1, 10}, "n": {6, 3, 30}},
			wantIdle: 10, wantBytes: 2 << 30,
		},
		"a pod begins with its first frame": {
			now:         []player{podOn("n", "a", Constant(1))},
			nodesBefore: []machine{node}, nodes: []machine{node}, wall: 10 * time.Second, trace: 10 * time.Second,
			want:     usageOf{"a": {0, 0, 0}, "n": {0, 0, 0}},
			wantIdle: 40, wantBytes: 1 << 30,
		},
		"a pod that is gone uses nothing": {
			before:      []player{podOn("n", "a", Constant(1))},
			nodesBefore: []machine{node}, nodes: []machine{node}, wall: 10 * time.Second, trace: 10 * time.Second,
			want:     usageOf{"n": {0, 0, 0}},
			wantIdle: 40,
		},
		"a node begins with its first frame": {
			nodes: []machine{node}, wall: 10 * time.Second, trace: 10 * time.Second,
			want: usageOf{"n": {0, 0, 0}},
		},
		"a pod of the past without a node is not cut": {
			before:      []player{podOn("", "a", Constant(9))},
			now:         []player{podOn("", "a", Constant(9))},
			nodesBefore: []machine{node}, nodes: []machine{node}, wall: time.Second, trace: time.Second,
			want:     usageOf{"a": {9, 9, 9}, "n": {0, 0, 0}},
			wantIdle: 4,
		},
		"memory does not exceed the node's": {
			now: []player{
				podOn("n", "a", Constant(0)), podOn("n", "b", Constant(0)), podOn("n", "c", Constant(0)),
				podOn("n", "d", Constant(0)), podOn("n", "e", Constant(0)),
			},
			nodes: []machine{node}, wall: time.Second, trace: time.Second,
			want:      usageOf{"a": {}, "b": {}, "c": {}, "d": {}, "e": {}, "n": {}},
			wantBytes: 4 << 30,
		},
		"a node without allocatable cores gives nothing": {
			before:      []player{podOn("n", "a", Constant(1))},
			now:         []player{podOn("n", "a", Constant(1))},
			nodesBefore: []machine{nodeOf("n", 0, 0)}, nodes: []machine{nodeOf("n", 0, 0)}, wall: time.Second, trace: time.Second,
			want:      usageOf{"a": {1, 0, 0}, "n": {1, 0, 0}},
			wantBytes: 1 << 30,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			empty := &frame{At: start()}
			first := advance(empty, test.before, test.nodesBefore, start(), 0)
			next := advance(first, test.now, test.nodes, start().Add(test.wall), test.trace)
			if diff := cmp.Diff(test.want, next.byName(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("demand, used, seconds (-want +got):\n%s", diff)
			}
			if n := next.Nodes[0]; n.IdleSeconds != test.wantIdle || float64(n.UsedBytes) != test.wantBytes {
				t.Errorf("node idled %v s and holds %v bytes, want %v s and %v", n.IdleSeconds, n.UsedBytes, test.wantIdle, test.wantBytes)
			}
		})
	}
}

// twin adds up one node's use the dumb way: second by second, from nothing.
func twin(pods []player, node machine, seconds int, speed float64) (busy float64, byPod map[string]float64) {
	byPod = map[string]float64{}
	for s := range seconds {
		from := time.Duration(float64(s)*speed) * time.Second
		to := time.Duration(float64(s+1)*speed) * time.Second
		total := 0.0
		for _, p := range pods {
			total += p.Curve.Mean(from, to)
		}
		share := 1.0
		if total > node.AllocatableCores {
			share = node.AllocatableCores / total
		}
		busy += total * share
		for _, p := range pods {
			byPod[p.Name] += p.Curve.Mean(from, to) * share
		}
	}
	return busy, byPod
}

func TestAdvanceAgreesWithItsTwinAndKeepsTheBooks(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 50 {
		node := nodeOf("n", 8, 1+7*random.Float64())
		var pods []player
		for i := range 1 + random.IntN(6) {
			curve := Curve(Constant(random.Float64() * 3))
			if random.IntN(2) == 0 {
				curve = ramp(random.Float64() / 20)
			}
			pods = append(pods, podOn("n", fmt.Sprint("p", i), curve))
		}
		speed := float64(1 + random.IntN(3))
		const seconds = 30
		last := advance(&frame{At: start()}, pods, []machine{node}, start(), 0)
		for s := 1; s <= seconds; s++ {
			shuffled := slices.Clone(pods)
			random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			at, trace := start().Add(time.Duration(s)*time.Second), time.Duration(float64(s)*speed)*time.Second
			next := advance(last, shuffled, []machine{node}, at, trace)
			checkBooks(t, last, next)
			last = next
		}
		busy, byPod := twin(pods, node, seconds, speed)
		if got := last.Nodes[0].BusySeconds; math.Abs(got-busy) > 1e-6 {
			t.Fatalf("node was busy for %v s, its twin for %v", got, busy)
		}
		for _, p := range last.Pods {
			if math.Abs(p.CPUSeconds-byPod[p.Name]) > 1e-6 {
				t.Fatalf("pod %s used %v s, its twin %v", p.Name, p.CPUSeconds, byPod[p.Name])
			}
		}
	}
}

// checkBooks checks what must hold of every step.
func checkBooks(t *testing.T, before, f *frame) {
	t.Helper()
	n := f.Nodes[0]
	sum := 0.0
	for i, p := range f.Pods {
		sum += p.UsedCores
		if p.UsedCores > p.DemandCores {
			t.Fatalf("pod %s uses %v of the %v cores it wants", p.Name, p.UsedCores, p.DemandCores)
		}
		if p.CPUSeconds < before.Pods[i].CPUSeconds {
			t.Fatalf("counter of pod %s went back from %v to %v", p.Name, before.Pods[i].CPUSeconds, p.CPUSeconds)
		}
	}
	if math.Abs(sum-n.UsedCores) > 1e-9 {
		t.Fatalf("pods use %v cores, their node %v", sum, n.UsedCores)
	}
	if n.UsedCores > n.AllocatableCores {
		t.Fatalf("node uses %v of %v cores", n.UsedCores, n.AllocatableCores)
	}
	elapsed := f.At.Sub(start()).Seconds()
	if math.Abs(n.BusySeconds+n.IdleSeconds-elapsed*float64(n.CPUs)) > 1e-6 {
		t.Fatalf("%v s busy and %v s idle are not %v s of %d CPUs", n.BusySeconds, n.IdleSeconds, elapsed, n.CPUs)
	}
}

func TestAdvanceOrdersByName(t *testing.T) {
	f := advance(&frame{At: start()},
		[]player{podOn("b", "z", Constant(1)), podOn("a", "y", Constant(1)), podOn("b", "x", Constant(1))},
		[]machine{nodeOf("b", 1, 1), nodeOf("a", 1, 1)}, start(), 0)
	var names []string
	for _, p := range f.Pods {
		names = append(names, p.Name)
	}
	for _, n := range f.demand() {
		names = append(names, fmt.Sprint(n.Name, n.Pods))
	}
	if diff := cmp.Diff([]string{"x", "y", "z", "a1", "b2"}, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestAdvanceLeavesTheFrameBeforeAlone(t *testing.T) {
	pods, nodes := []player{podOn("n", "a", Constant(1))}, []machine{nodeOf("n", 2, 2)}
	first := advance(&frame{At: start()}, pods, nodes, start(), 0)
	want := first.byName()
	advance(first, pods, nodes, start().Add(time.Second), time.Second)
	if diff := cmp.Diff(want, first.byName()); diff != "" {
		t.Errorf("advance changed the frame before (-before +after):\n%s", diff)
	}
}

func TestAReplacedPodCountsFromZero(t *testing.T) {
	nodes := []machine{nodeOf("n", 2, 2)}
	old, replaced := podOn("n", "db-0", Constant(1)), podOn("n", "db-0", Constant(1))
	replaced.UID = "another"
	f := advance(&frame{At: start()}, []player{old}, nodes, start(), 0)
	f = advance(f, []player{old}, nodes, start().Add(time.Second), time.Second)
	f = advance(f, []player{replaced}, nodes, start().Add(2*time.Second), 2*time.Second)
	if got := f.Pods[0].CPUSeconds; got != 0 {
		t.Errorf("a new pod of an old name has used %v s", got)
	}
	if got := f.Nodes[0].BusySeconds; got != 1 {
		t.Errorf("the node was busy for %v s, want 1", got)
	}
}

func BenchmarkAdvance(b *testing.B) {
	var pods []player
	var nodes []machine
	for i := range 5000 {
		pods = append(pods, podOn(fmt.Sprint("n", i%100), fmt.Sprint("p", i), Constant(0.1)))
	}
	for i := range 100 {
		nodes = append(nodes, nodeOf(fmt.Sprint("n", i), 16, 15.5))
	}
	f := advance(&frame{At: start()}, pods, nodes, start(), 0)
	b.ReportAllocs()
	for b.Loop() {
		f = advance(f, pods, nodes, f.At.Add(time.Second), f.Trace+time.Minute)
	}
}
