package antifragmentation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	clienttesting "k8s.io/client-go/testing"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/frag"
)

func randomTask(r *rand.Rand, name string) *v1.Pod {
	pod := task(name, fmt.Sprintf("cpu=%d memory=%dGi", r.IntN(12), r.IntN(24)))
	switch requests := pod.Spec.Containers[0].Resources.Requests; r.IntN(3) {
	case 0:
		maps.Copy(requests, amounts(fmt.Sprintf("milli=%d", 100*(1+r.IntN(10)))))
	case 1:
		maps.Copy(requests, amounts(fmt.Sprintf("gpu=%d", 1+r.IntN(4))))
	}
	if r.IntN(4) == 0 {
		withModel(pod, []string{"A", "B"}[r.IntN(2)])
	}
	return withPriority(pod, int32(r.IntN(3)))
}

func randomMachine(r *rand.Rand, name string) *v1.Node {
	has := fmt.Sprintf("cpu=%d memory=%dGi", 8+r.IntN(40), 16+r.IntN(100))
	if r.IntN(3) > 0 {
		has += fmt.Sprintf(" gpu=%d", 1+r.IntN(8))
	}
	return machine(name, has, []string{"A", "B"}[r.IntN(2)])
}

// TestPreFilterNamesWhatFilterLetsThrough compares, on random clusters, the nodes that PreFilter names with what
// Filter says of each node.
func TestPreFilterNamesWhatFilterLetsThrough(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := alone(t, "", numbered(12, func(name string) *v1.Node { return randomMachine(r, name) }, "n")...)
		p := c.plugins["evenkeel"]
		for i := range 50 {
			pod := randomTask(r, fmt.Sprint("p", i))
			infos, state := c.refresh(), framework.NewCycleState()
			result, status := p.PreFilter(c.ctx, state, pod, infos)
			for _, info := range infos {
				named := status.IsSuccess() && (result.AllNodes() || result.NodeNames.Has(info.Node().Name))
				fits := p.Filter(c.ctx, state, pod, info)
				lower := slices.ContainsFunc(info.GetPods(), func(other fwk.PodInfo) bool {
					return *other.GetPod().Spec.Priority < *pod.Spec.Priority
				})
				if fits.IsSuccess() && !named {
					t.Errorf("%s is not named, and Filter lets the pod through", info.Node().Name)
				}
				if !fits.IsSuccess() && named != lower {
					t.Errorf("%s is named: %v, has pods that may be preempted: %v, Filter says %v", info.Node().Name, named, lower, fits)
				}
				if fits.IsSuccess() != dumbFits(info, pod, p) {
					t.Errorf("Filter says %v of %s for %s", fits, info.Node().Name, pod.Name)
				}
			}
			c.schedule(pod)
			if name := fmt.Sprint("p", r.IntN(i+1)); r.IntN(3) == 0 && c.pods[name] != nil {
				c.remove(name)
			}
		}
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// dumbFits adds up what the pods on a node say they have.
func dumbFits(info fwk.NodeInfo, pod *v1.Pod, p *Plugin) bool {
	devices := make([]int64, 0, 32)
	has := info.Node().Status.Allocatable
	for range has.Name("nvidia.com/gpu", "").Value() {
		devices = append(devices, 1000)
	}
	cpu, memory := has.Cpu().MilliValue(), has.Memory().Value()
	asks := func(pod *v1.Pod) (cpu, memory, devices, milli int64) {
		requests := pod.Spec.Containers[0].Resources.Requests
		devices, milli = requests.Name("nvidia.com/gpu", "").Value(), 1000
		if share := requests.Name("evenkeel.dev/gpu-milli", "").Value(); share > 0 {
			devices, milli = 1, share
		}
		return requests.Cpu().MilliValue(), requests.Memory().Value(), devices, milli
	}
	for _, other := range info.GetPods() {
		c, m, n, milli := asks(other.GetPod())
		cpu, memory = cpu-c, memory-m
		if n == 0 {
			continue
		}
		for i := range strings.SplitSeq(other.GetPod().Annotations[p.args.Devices.Annotation], ",") {
			var device int
			if _, err := fmt.Sscan(i, &device); err != nil {
				return false
			}
			devices[device] -= milli
		}
	}
	c, m, n, milli := asks(pod)
	room := int64(0)
	for _, left := range devices {
		if left < 0 {
			panic("a device is given away twice")
		}
		if left >= milli {
			room++
		}
	}
	model, picky := pod.Spec.NodeSelector[p.args.Devices.ModelLabel]
	if n > 0 && (room < n || picky && info.Node().Labels[p.args.Devices.ModelLabel] != model) {
		return false
	}
	return (c == 0 || c <= cpu) && (m == 0 || m <= memory)
}

func TestPodsThatFindNoNode(t *testing.T) {
	nodes := []*v1.Node{machine("a", "cpu=8 memory=8Gi gpu=2", "A"), machine("b", "cpu=8 memory=8Gi gpu=2", "A"), machine("c", "cpu=4 memory=4Gi", "")}
	for name, test := range map[string]struct {
		pod    *v1.Pod
		reason string
	}{
		"too many":    {task("p", "gpu=3"), "no node has room: 3 with too few devices"},
		"other model": {withModel(task("p", "gpu=1"), "B"), "no node has room: 2 with other models of device, 1 with too few devices"},
		"in parts":    {task("p", "milli=700"), "no node has room: 2 with devices in too small parts, 1 with too few devices"},
		"in use":      {task("p", "gpu=2"), "no node has room: 2 with too little of devices left, 1 with too few devices"},
		"CPU":         {task("p", "cpu=9"), "no node has room: 3 with too little CPU"},
		"memory":      {task("p", "cpu=1 memory=9Gi"), "no node has room: 3 with too little memory"},
		"a resource":  {task("p", "disk=1"), "no node has room: 3 with too little example.com/disk"},
		"both":        {task("p", "gpu=1 milli=500"), "for whole devices or for a share of one, not for both"},
	} {
		t.Run(name, func(t *testing.T) {
			c := alone(t, "extendedResources: [example.com/disk]", nodes...)
			for _, node := range []string{"a", "b"} {
				for i := range 2 {
					c.schedule(withModel(task(fmt.Sprint(node, i), "milli=600"), "A"))
				}
			}
			_, _, reason := c.schedule(test.pod)
			if !strings.Contains(reason, test.reason) {
				t.Errorf("the reason is %q, want %q", reason, test.reason)
			}
		})
	}
}

func TestPreemptionCandidatesStay(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=8", ""), machine("b", "cpu=8", ""), machine("c", "cpu=4", ""))
	for name, priority := range map[string]int32{"a": 5, "b": 1} {
		c.place(withPriority(task("on-"+name, "cpu=8"), priority), name)
	}
	for name, test := range map[string]struct {
		priority int32
		nodes    []string
		reason   string
	}{
		"below all": {0, nil, "nobody gives way"},
		"equal":     {1, nil, "equals do not give way"},
		"above one": {3, []string{"b"}, "the pod on b may be preempted"},
		"above all": {6, []string{"a", "b"}, "c has nobody who could give way"},
	} {
		t.Run(name, func(t *testing.T) {
			result, status := c.plugins["evenkeel"].PreFilter(c.ctx, framework.NewCycleState(), withPriority(task("p", "cpu=6"), test.priority), c.refresh())
			if status.IsSuccess() != (test.nodes != nil) || !status.IsSuccess() && status.Code() != fwk.UnschedulableAndUnresolvable {
				t.Fatalf("PreFilter says %v: %s", status, test.reason)
			}
			if got := slices.Sorted(maps.Keys(namesOf(result))); !slices.Equal(got, test.nodes) {
				t.Errorf("PreFilter names %v, want %v: %s", got, test.nodes, test.reason)
			}
		})
	}
}

// TestFilterInATrialOfPreemption asks about a node without one of its pods.
func TestFilterInATrialOfPreemption(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=8 gpu=2", "A"), machine("b", "cpu=8", ""))
	victim := withPriority(task("victim", "gpu=1"), 0)
	c.schedule(victim)
	pod, state := withPriority(task("p", "gpu=2"), 9), framework.NewCycleState()
	infos, p := c.refresh(), c.plugins["evenkeel"]
	if _, status := p.PreFilter(c.ctx, state, pod, infos); !status.IsSuccess() {
		t.Fatal(status)
	}
	codes := map[string]fwk.Code{"a": fwk.Unschedulable, "b": fwk.UnschedulableAndUnresolvable}
	for _, info := range infos {
		if status := p.Filter(c.ctx, state, pod, info); status.Code() != codes[info.Node().Name] {
			t.Errorf("Filter says %v of %s", status, info.Node().Name)
		}
		trial := info.Snapshot()
		if info.Node().Name == "a" {
			if err := trial.RemovePod(logr.Discard(), c.pods["victim"]); err != nil {
				t.Fatal(err)
			}
			if status := p.Filter(c.ctx, state, pod, trial); !status.IsSuccess() {
				t.Errorf("Filter says %v though the victim is gone", status)
			}
		}
	}
}

func TestNormalizeScore(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		raw := make(fwk.NodeScoreList, 1+r.IntN(40))
		span := []int64{1, 10, scale, 100 * scale, 1 << 51}[r.IntN(5)]
		for i := range raw {
			raw[i] = fwk.NodeScore{Name: fmt.Sprint(i), Score: r.Int64N(2*span+1) - span}
		}
		got := slices.Clone(raw)
		(&Plugin{}).NormalizeScore(t.Context(), nil, nil, got)
		best := slices.MaxFunc(raw, func(a, b fwk.NodeScore) int { return cmpInt(a.Score, b.Score) }).Score
		for i, a := range raw {
			if got[i].Score < 0 || got[i].Score > 100 || got[i].Name != a.Name {
				t.Errorf("%d became %v", a.Score, got[i])
			}
			if (a.Score == best) != (got[i].Score == 100) {
				t.Errorf("%d of at most %d scores %d", a.Score, best, got[i].Score)
			}
			for j, b := range raw {
				if a.Score < b.Score && got[i].Score > got[j].Score {
					t.Errorf("%d scores %d, and %d scores %d", a.Score, got[i].Score, b.Score, got[j].Score)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
	(&Plugin{}).NormalizeScore(t.Context(), nil, nil, nil)
}

func TestNormalizeScoreByHand(t *testing.T) {
	for name, test := range map[string]struct {
		raw, want []int64
		reason    string
	}{
		"one":         {[]int64{-7}, []int64{100}, ""},
		"equal":       {[]int64{-7, -7}, []int64{100, 100}, ""},
		"nearly":      {[]int64{-7, -8}, []int64{100, 99}, "the best is the best by however little"},
		"half a unit": {[]int64{0, -scale / 2}, []int64{100, 50}, "the scale is a device at least"},
		"far apart":   {[]int64{0, -5 * scale, -10 * scale}, []int64{100, 50, 0}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var list fwk.NodeScoreList
			for _, score := range test.raw {
				list = append(list, fwk.NodeScore{Score: score})
			}
			(&Plugin{}).NormalizeScore(t.Context(), nil, nil, list)
			for i, want := range test.want {
				if list[i].Score != want {
					t.Errorf("%d scores %d, want %d: %s", test.raw[i], list[i].Score, want, test.reason)
				}
			}
		})
	}
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func TestReserveChoosesDevicesAndPreBindWritesThem(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=64 gpu=4", "A"))
	for _, step := range []struct{ name, asks, devices string }{
		{"half", "milli=500", "0"},
		{"other-half", "milli=500", "0"},
		{"two", "gpu=2", "1,2"},
		{"plain", "cpu=1", ""},
		{"rest", "gpu=1", "3"},
	} {
		node, devices, reason := c.schedule(task(step.name, step.asks))
		if node != "a" || devices != step.devices {
			t.Errorf("%s is on %q with devices %q, want %q: %s", step.name, node, devices, step.devices, reason)
		}
	}
	c.remove("two")
	if _, devices, _ := c.schedule(task("again", "gpu=1")); devices != "1" {
		t.Errorf("of those given back it gets %q", devices)
	}
}

func TestPreBindPatch(t *testing.T) {
	c := alone(t, "devices: {annotation: example.com/devices}", machine("a", "cpu=64 gpu=4", "A"))
	c.schedule(task("p", "gpu=2"))
	var patches []clienttesting.PatchAction
	for _, action := range c.client.Actions() {
		if patch, ok := action.(clienttesting.PatchAction); ok {
			patches = append(patches, patch)
		}
	}
	if len(patches) != 1 || patches[0].GetName() != "p" || patches[0].GetNamespace() != "ns" || patches[0].GetSubresource() != "" {
		t.Fatalf("the patches are %v", patches)
	}
	var got any
	if err := json.Unmarshal(patches[0].GetPatch(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"metadata": map[string]any{"uid": "uid-p", "annotations": map[string]any{"example.com/devices": "0,1"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.schedule(task("plain", "cpu=1")); len(c.client.Actions()) == 0 {
		t.Error("the client was not asked")
	}
	if status := c.plugins["evenkeel"].PreBind(c.ctx, nil, task("unknown", ""), "a"); status.IsSuccess() {
		t.Error("a pod that is not there was bound")
	}
}

func TestPreBindFails(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=64 gpu=4", "A"))
	c.client.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no such luck")
	})
	pod := task("p", "gpu=1")
	state, node, _ := c.find(pod)
	p := c.plugins["evenkeel"]
	if status := p.Reserve(c.ctx, state, pod, node); !status.IsSuccess() {
		t.Fatal(status)
	}
	if _, status := p.PreBindPreFlight(c.ctx, state, pod, node); !status.IsSuccess() {
		t.Errorf("PreBind has work to do, and says %v", status)
	}
	status := p.PreBind(c.ctx, state, pod, node)
	if status.Code() != fwk.Error || !strings.Contains(status.Message(), "writing the devices of pod ns/p: no such luck") {
		t.Errorf("PreBind says %v", status)
	}
	p.Unreserve(c.ctx, state, pod, node)
	if _, status := p.PreBindPreFlight(c.ctx, state, pod, node); !status.IsSkip() {
		t.Errorf("there is nothing to write any more, PreBind says %v", status)
	}
}

func TestReserveWithoutRoom(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=64 gpu=1", "A"), machine("b", "cpu=64 gpu=1", "A"))
	pod := task("p", "gpu=1")
	state, _, _ := c.find(pod)
	p := c.plugins["evenkeel"]
	c.place(task("thief", "gpu=1"), "a")
	p.PreFilter(c.ctx, framework.NewCycleState(), task("other", "cpu=1"), c.refresh())
	for node, want := range map[string]fwk.Code{"a": fwk.Unschedulable, "nowhere": fwk.Unschedulable, "b": fwk.Success} {
		if status := p.Reserve(c.ctx, state, pod, node); status.Code() != want {
			t.Errorf("Reserve on %s says %v", node, status)
		}
	}
	if status := p.Reserve(c.ctx, framework.NewCycleState(), pod, "a"); !status.IsSuccess() {
		t.Errorf("without PreFilter Reserve says %v", status)
	}
}

// TestGroupsAreReservedTwice does what the scheduler does with a group of pods: each finds a place among the
// others, all are taken back, and all are reserved for good without another look at the nodes.
func TestGroupsAreReservedTwice(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=64 gpu=4", "A"))
	p := c.plugins["evenkeel"]
	pods := numbered(4, func(name string) *v1.Pod { return task(name, "cpu=1 gpu=1") }, "p")
	states := map[string]fwk.CycleState{}
	for _, pod := range pods {
		state, node, reason := c.find(pod)
		if status := p.Reserve(c.ctx, state, c.place(pod, node), node); !status.IsSuccess() {
			t.Fatal(status, reason)
		}
		states[pod.Name] = state
	}
	for _, pod := range slices.Backward(pods) {
		p.Unreserve(c.ctx, states[pod.Name], pod, "a")
	}
	var taken frag.Mask
	for _, pod := range pods {
		if status := p.Reserve(c.ctx, states[pod.Name], pod, "a"); !status.IsSuccess() {
			t.Fatal(status)
		}
		devices := p.devicesOf(pod)
		if devices == 0 || taken&devices != 0 {
			t.Errorf("%s gets devices %b, of which %b are taken", pod.Name, devices, taken)
		}
		taken |= devices
	}
	if _, _, reason := c.schedule(task("more", "gpu=1")); !strings.Contains(reason, "too little of devices left") {
		t.Errorf("one more finds a place: %q", reason)
	}
}

func TestTwoProfiles(t *testing.T) {
	c := newCluster(t, map[string]string{
		"gpus": "", "disks": "{mode: MostRequested, devices: {resource: example.com/disk, shareResource: example.com/part, annotation: example.com/disks}}",
	})
	c.add(machine("a", "cpu=8 gpu=2 disk=4", "A"), machine("b", "cpu=8 gpu=2 disk=4", "A"))
	c.place(task("fill", "cpu=4"), "b")
	disk, gpu := withProfile(task("disk", "disk=3"), "disks"), withProfile(task("gpu", "gpu=1"), "gpus")
	if node, _, reason := c.schedule(disk); node != "b" || c.pods["disk"].Annotations["example.com/disks"] != "0,1,2" {
		t.Errorf("the pod of disks is on %q with %v: %s", node, c.pods["disk"].Annotations, reason)
	}
	if _, devices, reason := c.schedule(gpu); devices != "0" {
		t.Errorf("the pod of GPUs has %q: %s", devices, reason)
	}
	if _, _, reason := c.schedule(withProfile(task("more", "disk=5"), "disks")); reason != "no node has room: 2 with too few devices" {
		t.Errorf("the reason is %q", reason)
	}
}

// TestProfilesSeeEachOthersDevices has one profile place shares where another has placed some.
func TestProfilesSeeEachOthersDevices(t *testing.T) {
	c := newCluster(t, map[string]string{"one": "", "two": "{mode: Balanced}"})
	c.add(machine("a", "cpu=64 gpu=2", "A"))
	for i := range 6 {
		pod := withProfile(task(fmt.Sprint("p", i), "cpu=1 milli=300"), []string{"one", "two"}[i%2])
		if node, _, reason := c.schedule(pod); node != "a" {
			t.Fatalf("%s has no place: %s", pod.Name, reason)
		}
	}
	sums := map[string]int{}
	for _, pod := range c.pods {
		sums[pod.Annotations["evenkeel.dev/gpu-devices"]] += 300
	}
	if sums["0"] != 900 || sums["1"] != 900 {
		t.Errorf("devices are taken %v", sums)
	}
}

func TestSignPod(t *testing.T) {
	c := alone(t, "")
	sign := func(pod *v1.Pod) string {
		fragments, status := c.plugins["evenkeel"].SignPod(c.ctx, pod)
		if !status.IsSuccess() {
			return status.Message()
		}
		text, err := json.Marshal(fragments)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	pod := sign(task("p", "cpu=1 gpu=1"))
	for name, test := range map[string]struct {
		other *v1.Pod
		same  bool
	}{
		"another name":     {task("q", "cpu=1 gpu=1"), true},
		"the same as part": {task("q", "cpu=1 milli=1000"), true},
		"another priority": {withPriority(task("q", "cpu=1 gpu=1"), 9), true},
		"more CPU":         {task("q", "cpu=2 gpu=1"), false},
		"a share":          {task("q", "cpu=1 milli=999"), false},
		"a model":          {withModel(task("q", "cpu=1 gpu=1"), "A"), false},
		"nonsense":         {task("q", "gpu=1 milli=1"), false},
	} {
		if got := sign(test.other); (got == pod) != test.same {
			t.Errorf("%s: %s, and %s", name, got, pod)
		}
	}
}

// TestRestart has a second scheduler read what the first has written.
func TestRestart(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	nodes := numbered(6, func(name string) *v1.Node { return randomMachine(r, name) }, "n")
	first, second := alone(t, "", nodes...), alone(t, "", nodes...)
	for i := range 40 {
		first.schedule(randomTask(r, fmt.Sprint("p", i)))
	}
	for _, name := range slices.Sorted(maps.Keys(first.pods)) {
		second.place(first.pods[name], first.pods[name].Spec.NodeName)
	}
	for i := range 20 {
		pod := randomTask(r, fmt.Sprint("q", i))
		_, a, whyA := first.find(pod)
		_, b, whyB := second.find(pod)
		if (a == "") != (b == "") || whyA != whyB {
			t.Errorf("before the restart it is %q %s, after it %q %s", a, whyA, b, whyB)
		}
	}
	for i := range nodes {
		a, b := first.plugins["evenkeel"].ledger, second.plugins["evenkeel"].ledger
		name := nodes[i].Name
		x, y := &a.Nodes()[a.Index(name)].Node, &b.Nodes()[b.Index(name)].Node
		if x.Idle != y.Idle || x.Free != y.Free {
			t.Errorf("%s is %+v, after the restart %+v", name, x, y)
		}
	}
}

// TestWaitingPodsAreForgotten has pods that never find a node go, in every mode.
func TestWaitingPodsAreForgotten(t *testing.T) {
	for _, mode := range []Mode{Fragmentation, MostRequested, Balanced} {
		c := alone(t, "mode: "+string(mode), machine("a", "cpu=8", ""))
		for i := range 50 {
			c.schedule(task(fmt.Sprint("p", i), "cpu=9"))
		}
		c.clock.Step(time.Hour)
		for i := range 30 {
			c.schedule(task(fmt.Sprint("q", i), "cpu=9"))
		}
		if got := c.plugins["evenkeel"].ledger.Pods(); got > 30 {
			t.Errorf("in mode %s %d pods are remembered", mode, got)
		}
	}
}

func TestPricesFollowTheDemand(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=64 gpu=4", "A"), machine("b", "cpu=64 gpu=4", "A"))
	p := c.plugins["evenkeel"]
	made := func(why string, want bool) {
		t.Helper()
		before := p.market.placer
		c.find(task("asks", "cpu=1"))
		if (p.market.placer != before) != want {
			t.Errorf("prices were made anew %s: %v", why, !want)
		}
	}
	made("at first", true)
	made("though nothing happened", false)
	c.find(task("other", "cpu=2"))
	made("at once after one pod", false)
	c.clock.Step(priceLifetime)
	made("a minute after a pod came", true)
	c.clock.Step(priceLifetime)
	made("a minute after nothing", false)
	for i := range leastChanges {
		c.place(task(fmt.Sprint("p", i), "cpu=1"), "a")
	}
	made("after many pods came", true)
	c.add(machine("c", "cpu=64", ""))
	made("after a node came", true)
}

func TestWithoutPreFilter(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=8 gpu=1", "A"))
	p, state := c.plugins["evenkeel"], framework.NewCycleState()
	info := c.refresh()[0]
	if status := p.Filter(c.ctx, state, task("p", "gpu=9"), info); !status.IsSuccess() {
		t.Errorf("Filter says %v", status)
	}
	if score, status := p.Score(c.ctx, state, task("p", "gpu=9"), info); score != 0 || !status.IsSuccess() {
		t.Errorf("Score says %d, %v", score, status)
	}
}

func TestScoreOfNodesWithoutRoom(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=8", ""), machine("b", "cpu=2", ""))
	list, state := c.scores(c.plugins["evenkeel"], withPriority(task("p", "cpu=4"), 1))
	for _, s := range list {
		if (s.Score <= -1e15) != (s.Name == "b") {
			t.Errorf("%s scores %d", s.Name, s.Score)
		}
	}
	unknown := framework.NewNodeInfo()
	unknown.SetNode(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "unknown"}})
	if score, _ := c.plugins["evenkeel"].Score(c.ctx, state, task("p", "cpu=4"), unknown); score > -1e15 {
		t.Errorf("a node that nobody knows scores %d", score)
	}
}

func namesOf(result *fwk.PreFilterResult) map[string]sets.Empty {
	if result == nil {
		return nil
	}
	return result.NodeNames
}
