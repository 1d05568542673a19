package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

func machine(name, cpu string) *v1.Node {
	list := v1.ResourceList{
		v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("256Gi"), v1.ResourcePods: resource.MustParse("1000"),
	}
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}},
		Status:     v1.NodeStatus{Capacity: list, Allocatable: list},
	}
}

func machines(count int, cpu string) (nodes []*v1.Node) {
	for i := range count {
		nodes = append(nodes, machine(fmt.Sprintf("n%d", i), cpu))
	}
	return nodes
}

// containers are shared by pods alike, as the pods of a list share them.
var containers = map[string][]v1.Container{}

func task(name, cpu string) *v1.Pod {
	if containers[cpu] == nil {
		list := v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("100Mi")}
		containers[cpu] = []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{Requests: list}}}
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("ns/" + name)},
		Spec:       v1.PodSpec{Containers: containers[cpu]},
	}
}

// running is a pod that is on its node already.
func running(name, cpu, node string) *v1.Pod {
	p := task(name, cpu)
	p.Spec.NodeName = node
	return p
}

// steady uses as much all the time.
type steady int64

func (s steady) At(time.Duration) int64 { return int64(s) }

// wavy is a day that rises and falls, with noise that is drawn for each five minutes, as PlanetLab's machines had it.
type wavy struct {
	seed        uint64
	mean, swing float64
	phase       time.Duration
}

func (w wavy) At(at time.Duration) int64 {
	step := uint64((at + 1000*time.Hour) / (5 * time.Minute))
	noise := rand.New(rand.NewPCG(w.seed, step)).ExpFloat64()
	day := 1 + math.Sin(2*math.Pi*float64(at+w.phase)/float64(24*time.Hour))
	return int64(w.mean + w.swing*day*noise/2)
}

func planetLab(seed int64, nodes, pods int, length time.Duration) *trace.Workload {
	random := rand.New(rand.NewPCG(uint64(seed), 7))
	w := &trace.Workload{Nodes: machines(nodes, "16"), Duration: length}
	for i := range pods {
		cpu := []string{"500m", "1", "2", "4"}[random.IntN(4)]
		request := resource.MustParse(cpu)
		milli := float64(request.MilliValue())
		at := time.Duration(random.Float64() * float64(length) * 0.8).Truncate(time.Second)
		p := trace.Pod{
			Object: task(fmt.Sprintf("app%d-%d", i%20, i), cpu), Arrival: at,
			Curve: wavy{seed: random.Uint64(), mean: 0.2 * milli, swing: milli, phase: time.Duration(random.IntN(24)) * time.Hour},
		}
		if random.IntN(3) > 0 {
			p.Departure = at + time.Duration(random.ExpFloat64()*float64(length)/3)
		}
		w.Pods = append(w.Pods, p)
	}
	slices.SortStableFunc(w.Pods, func(a, b trace.Pod) int { return int(a.Arrival - b.Arrival) })
	return w
}

func always(w *trace.Workload) Workloads {
	return func(int64) (*trace.Workload, error) { return w, nil }
}

// run plays a workload against one policy.
func run(t *testing.T, name string, w *trace.Workload, o Options) *Result {
	t.Helper()
	o.Policies = []string{name}
	results, err := Run(t.Context(), always(w), o)
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func TestSameAgain(t *testing.T) {
	seeded := func(seed int64) (*trace.Workload, error) {
		w := planetLab(seed, 12, 150, 6*time.Hour)
		w.Events = []trace.Event{
			{At: 2 * time.Hour, Kind: trace.NodeLoss, Nodes: []string{"n3"}}, {At: 3 * time.Hour, Kind: trace.Drain, Nodes: []string{"n5"}},
		}
		return w, nil
	}
	var first string
	for _, threads := range []int{1, 2, 1} {
		results, err := Run(t.Context(), seeded, Options{Seeds: []int64{3, 4}, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.MarshalIndent(results, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(raw)
		}
		if diff := cmp.Diff(first, string(raw)); diff != "" {
			t.Fatalf("with %d threads it is another result:\n%s", threads, diff)
		}
		if len(results) != 2*len(policy.Load()) || results[1].Seed != 4 || results[0].Policy != policy.Load()[0] {
			t.Errorf("%d results, not in the order of policies and seeds", len(results))
		}
	}
	for _, name := range []string{
		"policy", "seed", "hotNodeMinutes", "p99NodeUtilisation", "maxNodeUtilisation", "oracleViolations", "usableCPUShare", "podsPending",
	} {
		if !strings.Contains(first, fmt.Sprintf("%q:", name)) {
			t.Errorf("a result has no %s", name)
		}
	}
}

// TestBurst has 500 pods come at once, onto nodes of which some are in use.
func TestBurst(t *testing.T) {
	for name, most := range map[string]float64{"stock": 1.5, "realload": 1.5, "koordinator": 1.5, "oracle": 1.1} {
		w := &trace.Workload{Nodes: machines(20, "64"), Duration: time.Hour, Events: []trace.Event{{At: 10 * time.Minute, Kind: trace.Burst, Pods: 500}}}
		for i := range 500 {
			w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("job-%d", i), "500m"), Arrival: 10 * time.Minute, Curve: steady(400)})
		}
		r := run(t, name, w, Options{})
		t.Logf("%s: the fullest node got %.2f of an even share", name, r.BurstMaxShare)
		if r.Placements != 500 || r.BurstMaxShare < 1 || r.BurstMaxShare > most {
			t.Errorf("%s placed %d, the fullest node got %v times an even share, want at most %v", name, r.Placements, r.BurstMaxShare, most)
		}
	}
}

// TestHotNodeIsAvoided has a node where pods use far more than they request.
func TestHotNodeIsAvoided(t *testing.T) {
	w := func() *trace.Workload {
		w := &trace.Workload{Nodes: machines(4, "10"), Duration: 2 * time.Hour}
		for i := range 3 {
			w.Pods = append(w.Pods, trace.Pod{Object: running(fmt.Sprintf("noisy-%d", i), "100m", "n0"), Curve: steady(2500)})
		}
		for i := range 12 {
			w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("calm-%d", i), "1"), Arrival: time.Hour, Curve: steady(900)})
		}
		return w
	}
	for name, most := range map[string]float64{"realload": 0.8, "trimaran-tlp": 0.8, "trimaran-lvrb": 1.2, "koordinator": 0.8, "oracle": 0.8} {
		if r := run(t, name, w(), Options{}); r.MaxNodeUtilisation > most || r.PodsPending > 0 {
			t.Errorf("%s: a node came to %v, %d pods are pending", name, r.MaxNodeUtilisation, r.PodsPending)
		}
	}
	if r := run(t, "stock", w(), Options{}); r.MaxNodeUtilisation < 0.9 || r.HotNodeMinutes == 0 || r.HotNodes != 1 {
		t.Errorf("stock, which goes by requests, left the busy node at %v, %v minutes hot: it was to fall for it", r.MaxNodeUtilisation, r.HotNodeMinutes)
	}
}

// TestStaleMetrics never hands a measurement over. A node must not pass for idle because nothing is known of it.
func TestStaleMetrics(t *testing.T) {
	w := &trace.Workload{Nodes: machines(4, "10"), Duration: 2 * time.Hour}
	for i := range 6 {
		w.Pods = append(w.Pods, trace.Pod{Object: running(fmt.Sprintf("noisy-%d", i), "1", "n0"), Curve: steady(1500)})
	}
	for i := range 12 {
		w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("calm-%d", i), "1"), Arrival: time.Hour, Curve: steady(900)})
	}
	for _, delay := range []time.Duration{30 * time.Minute, 100 * time.Hour} {
		r := run(t, "realload", w, Options{Delay: delay})
		if r.MaxNodeUtilisation > 0.91 || r.PodsPending > 0 {
			t.Errorf("with measurements %v late a node came to %v, and %d pods are pending", delay, r.MaxNodeUtilisation, r.PodsPending)
		}
	}
}

func TestDeparturesFree(t *testing.T) {
	w := &trace.Workload{Nodes: machines(1, "4"), Duration: 3 * time.Hour}
	for i := range 3 {
		w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("a-%d", i), "3"), Departure: time.Duration(i+1) * time.Hour, Curve: steady(3000)})
	}
	// The second waits for the first, the third never sees the node: it goes as the second does at 2 h, and has an hour.
	r := run(t, "stock", w, Options{})
	want := &Result{
		Policy: "stock", Seed: 1, P99NodeUtilisation: 0.75, MaxNodeUtilisation: 0.75, UsableCPUShare: 0.75, NodeMinutes: 180,
		Placements: 3, WaitedPodMinutes: 180,
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAPodLeavesTheQueue(t *testing.T) {
	w := &trace.Workload{Nodes: machines(1, "4"), Duration: 3 * time.Hour, Pods: []trace.Pod{
		{Object: task("stays-0", "3")},
		{Object: task("leaves-0", "3"), Arrival: time.Minute, Departure: time.Hour},
		{Object: task("never-0", "3"), Arrival: time.Hour, Departure: time.Hour},
		{Object: task("waits-0", "3"), Arrival: 2 * time.Hour},
	}}
	if r := run(t, "realload", w, Options{}); r.Placements != 1 || r.PodsPending != 1 {
		t.Errorf("%d placed and %d pending at the end, want one each", r.Placements, r.PodsPending)
	}
}

func TestNodesGo(t *testing.T) {
	for _, kind := range []trace.EventKind{trace.NodeLoss, trace.Drain} {
		for _, name := range []string{"stock", "realload", "koordinator", "oracle"} {
			w := &trace.Workload{Nodes: machines(3, "4"), Duration: 4 * time.Hour, Events: []trace.Event{
				{At: time.Hour, Kind: kind, Nodes: []string{"n0", "n1"}}, {At: 2 * time.Hour, Kind: kind, Nodes: []string{"n0"}},
			}}
			for i := range 9 {
				w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("a-%d", i), "1200m"), Curve: steady(1000)})
			}
			// Three fit on each node; of the six evicted none fits elsewhere.
			r := run(t, name, w, Options{})
			if r.Placements != 9 || r.PodsEvicted != 6 || r.PodsPending != 6 || r.PodsNeverFitting != 0 {
				t.Errorf("%s after %s: %+v", name, kind, r)
			}
			minutes := 3.0*60 + 180
			if kind == trace.Drain {
				minutes = 3 * 240
			}
			if r.NodeMinutes != minutes {
				t.Errorf("%s after %s: there were nodes for %v minutes, want %v", name, kind, r.NodeMinutes, minutes)
			}
			w.Pods = w.Pods[:5] // now there is room
			for i := range 4 {
				w.Pods[i].Departure = 90 * time.Minute
			}
			if r := run(t, name, w, Options{}); r.PodsPending != 0 || r.Placements < 5 {
				t.Errorf("%s after %s, with room: %+v", name, kind, r)
			}
		}
	}
}

func TestNeverFitting(t *testing.T) {
	w := &trace.Workload{Nodes: machines(2, "4"), Duration: time.Hour}
	for i := range 12 {
		w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("big-%d", i), "5")})
	}
	picky := task("picky-0", "1")
	picky.Spec.NodeSelector = map[string]string{"disk": "golden"}
	picky.Spec.Containers = slices.Clone(picky.Spec.Containers)
	w.Pods = append(w.Pods, trace.Pod{Object: picky, Arrival: time.Minute}, trace.Pod{Object: task("small-0", "1"), Arrival: time.Minute})
	r := run(t, "realload", w, Options{})
	if r.PodsNeverFitting != 13 || r.PodsPending != 13 || r.Placements != 1 {
		t.Errorf("got %+v, want 13 pods that never fit", r)
	}
	if len(r.NeverFitting) != maxNamed || r.NeverFitting[0] != "ns/big-0" {
		t.Errorf("named are %v", r.NeverFitting)
	}
}

// TestWaitingForCoolNodes has Koordinator refuse every node until a pod that nobody schedules calms down.
func TestWaitingForCoolNodes(t *testing.T) {
	w := &trace.Workload{Nodes: machines(1, "10"), Duration: 2 * time.Hour, Pods: []trace.Pod{
		{Object: running("noisy-0", "1", "n0"), Curve: until{at: time.Hour, before: 9000, after: 500}},
		{Object: task("calm-0", "1"), Arrival: 30 * time.Minute, Curve: steady(900)},
	}}
	r := run(t, "koordinator", w, Options{})
	// It is seen to be below 65 % once three of the five minutes of the mean are calm, 30 s later.
	if r.Placements != 1 || r.WaitedPodMinutes < 31 || r.WaitedPodMinutes > 36 {
		t.Errorf("%d placed after %v minutes, want one after about half an hour", r.Placements, r.WaitedPodMinutes)
	}
}

type until struct {
	at            time.Duration
	before, after int64
}

func (u until) At(at time.Duration) int64 {
	if at < u.at {
		return u.before
	}
	return u.after
}

// TestOracleViolations has two pods that are calm now and want more than there is later.
func TestOracleViolations(t *testing.T) {
	w := &trace.Workload{Nodes: machines(1, "4"), Duration: 6 * time.Hour, Pods: []trace.Pod{
		{Object: task("a-0", "1"), Curve: until{at: 3 * time.Hour, before: 100, after: 3000}},
		{Object: task("b-0", "1"), Curve: until{at: 3 * time.Hour, before: 100, after: 3000}, Departure: 5 * time.Hour},
		{Object: task("c-0", "1"), Curve: steady(100), Arrival: 5 * time.Hour},
		{Object: task("d-0", "1"), Curve: steady(100), Arrival: time.Hour, Departure: 2 * time.Hour},
	}}
	r := run(t, "stock", w, Options{})
	if r.OracleViolations != 0.5 { // b, and d that comes while both are there
		t.Errorf("violations are %v, want 2 of 4", r.OracleViolations)
	}
	if r.MaxNodeUtilisation != 1.5 || r.HotNodeMinutes != 120 {
		t.Errorf("the node came to %v and was hot for %v minutes, want 1.5 and 120", r.MaxNodeUtilisation, r.HotNodeMinutes)
	}
}

func TestUnknownUseIsTheRequest(t *testing.T) {
	w := &trace.Workload{Nodes: machines(1, "10"), Duration: time.Hour, Pods: []trace.Pod{{Object: task("a-0", "3")}}}
	if r := run(t, "stock", w, Options{}); r.MaxNodeUtilisation != 0.3 {
		t.Errorf("a pod without curve that requests 3 of 10 cores used %v", r.MaxNodeUtilisation)
	}
}

// TestBitbrains plays real machines. All pods request the same, so that requests tell nothing of what they use.
func TestBitbrains(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while")
	}
	recorded, err := bitbrains.Load()
	if err != nil {
		t.Fatal(err)
	}
	draw := func(seed int64) (*trace.Workload, error) {
		w := &trace.Workload{Nodes: machines(8, "16"), Duration: 24 * time.Hour}
		random := rand.New(rand.NewPCG(uint64(seed), 2))
		for i := range 200 {
			vm := &recorded.VMs[random.IntN(len(recorded.VMs))]
			w.Pods = append(w.Pods, trace.Pod{
				Object: task(fmt.Sprintf("vm%s-%d", vm.ID, i), "500m"), Arrival: time.Duration(i) * 3 * time.Minute,
				Curve: recording{bitbrains.Curve{VM: vm, Share: 0.35}},
			})
		}
		return w, nil
	}
	policies := []string{"stock", "realload", "oracle"}
	seeds := make([]int64, 40) // of eight nodes a few seeds tell nothing
	for i := range seeds {
		seeds[i] = int64(i + 1)
	}
	results, err := Run(t.Context(), draw, Options{Policies: policies, Seeds: seeds})
	if err != nil {
		t.Fatal(err)
	}
	hot, p99 := map[string]float64{}, map[string]float64{}
	for _, r := range results {
		hot[r.Policy] += r.HotNodeMinutes
		p99[r.Policy] += r.P99NodeUtilisation / float64(len(seeds))
	}
	t.Logf("hot node minutes %v, 99th percentiles %v", hot, p99)
	if p99["realload"] > p99["stock"] || p99["oracle"] > p99["stock"] || hot["realload"] > hot["stock"] {
		t.Error("knowing what pods use does not help")
	}
}

type recording struct{ bitbrains.Curve }

func (r recording) At(at time.Duration) int64 { return int64(1000 * r.CPU(at)) }

func TestNothingStaysBehind(t *testing.T) {
	run(t, "realload", planetLab(1, 4, 20, time.Hour), Options{}) // what is started once
	before := runtime.NumGoroutine()
	for _, name := range policy.Load() {
		run(t, name, planetLab(1, 4, 20, time.Hour), Options{})
	}
	for range 1_000_000 { // until those that were told to stop have
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

func TestRunFails(t *testing.T) {
	fine := always(planetLab(1, 2, 4, time.Hour))
	broken := errors.New("the disk is gone")
	lost := &trace.Workload{Nodes: machines(1, "4"), Duration: time.Hour, Pods: []trace.Pod{{Object: running("a-0", "1", "elsewhere")}}}
	for name, tc := range map[string]struct {
		workload Workloads
		options  Options
		want     string
	}{
		"Policy":   {fine, Options{Policies: []string{"nobody"}}, "nobody"},
		"Workload": {func(int64) (*trace.Workload, error) { return nil, broken }, Options{}, broken.Error()},
		"Scrape":   {fine, Options{Scrape: time.Millisecond}, "1ms"},
		"Hot":      {fine, Options{Hot: -1}, "-1"},
		"Duration": {fine, Options{Duration: -time.Hour}, "-1h"},
		"Endless":  {always(&trace.Workload{Nodes: machines(1, "4"), Pods: []trace.Pod{{Object: task("a-0", "1")}}}), Options{}, "how long"},
		"NoNode":   {always(lost), Options{}, "elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Run(t.Context(), tc.workload, tc.options); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the error is %v, want one that says %q", err, tc.want)
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if _, err := Run(ctx, fine, Options{}); err == nil {
		t.Error("cancelled, it ran")
	}
}

func TestEnds(t *testing.T) {
	pods := []trace.Pod{{Object: task("a-0", "1"), Arrival: time.Hour, Departure: 2 * time.Hour}}
	for _, tc := range []struct {
		reason string
		w      trace.Workload
		o      Options
		want   time.Duration
	}{
		{"when nothing happens any more", trace.Workload{Pods: pods}, Options{}, 2 * time.Hour},
		{"an event is something", trace.Workload{Pods: pods, Events: []trace.Event{{At: 3 * time.Hour}}}, Options{}, 3 * time.Hour},
		{"when the workload says", trace.Workload{Pods: pods, Duration: time.Minute}, Options{}, time.Minute},
		{"when the options say", trace.Workload{Pods: pods, Duration: time.Minute}, Options{Duration: time.Second}, time.Second},
	} {
		if got, err := endOf(&tc.w, &tc.o); got != tc.want || err != nil {
			t.Errorf("%s: %v (%v), want %v", tc.reason, got, err, tc.want)
		}
	}
}

func TestDone(t *testing.T) {
	var told []string
	_, err := Run(t.Context(), always(planetLab(1, 2, 4, time.Hour)), Options{
		Policies: []string{"stock", "oracle"}, Seeds: []int64{1, 2}, Done: func(r *Result) { told = append(told, fmt.Sprint(r.Policy, r.Seed)) },
	})
	slices.Sort(told)
	if diff := cmp.Diff([]string{"oracle1", "oracle2", "stock1", "stock2"}, told); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
}

func BenchmarkDay(b *testing.B) {
	for _, size := range []int{20, 40, 80} {
		b.Run(fmt.Sprint(size, " nodes"), func(b *testing.B) {
			w := planetLab(1, size, 10*size, 24*time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Run(b.Context(), always(w), Options{Policies: []string{"realload"}, Scrape: 5 * time.Minute}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
