package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
)

// measuredNode is a ledger of one node of ten cores with that CPU measured.
func measuredNode(t *testing.T, yaml string, cores float64, age time.Duration) *Ledger {
	t.Helper()
	l := newTestLedger(t, yaml)
	measureAgain(l, cores, noon, age)
	return l
}

func measureAgain(l *Ledger, cores float64, now time.Time, age time.Duration) *View {
	b := usage.NewBuilder(now).Node("n0", usage.CPU, usage.Mean, cores, now.Add(-age))
	return l.Rebuild(nodesOf(1, 10, 64), b.Build(), now.UnixMilli())
}

func prioritized(pod *v1.Pod, priority int32) *v1.Pod {
	pod.Spec.Priority = &priority
	return pod
}

func TestJudge(t *testing.T) {
	small := task("small", "", "1m", "")
	tests := map[string]struct {
		reason string
		args   string
		cores  float64
		age    time.Duration
		pod    *v1.Pod
		want   string // "": cool
	}{
		"cool":        {"well below", "", 4, 0, small, ""},
		"hot":         {"above 80", "", 8.65, 0, small, "node is hot: CPU 0.87 > 0.80"},
		"on the line": {"80 is not above 80", "{countIncoming: false}", 8, 0, small, ""},
		"batch":       {"batch bears less", "", 7, 0, prioritized(task("b", "", "1m", ""), -1), "node is hot: CPU 0.70 > 0.65"},
		"critical":    {"critical pods go anywhere", "", 12, 0, prioritized(task("c", "", "1m", ""), 2_000_000_000), ""},
		"would be":    {"7 + 0.85·2 of 10", "", 7, 0, task("p", "", "2", ""), "node would be hot: CPU 0.87 > 0.80"},
		"would be, not asked": {
			"the pod itself is not looked at", "{countIncoming: false}", 7, 0, task("p", "", "2", ""), "",
		},
		"expired":     {"an old sample alone makes no node hot", "", 9.5, 5 * time.Minute, small, ""},
		"ten minutes": {"nor a very old one", "", 9.5, 10 * time.Minute, small, ""},
		"from the future": {
			"a clock five minutes off makes no node hot", "", 9.5, -5 * time.Minute, small, "",
		},
		"not a number": {"no number is no load", "", math.NaN(), 0, small, ""},
		"own tiers": {
			"a tier without threshold for CPU", "{tiers: [{name: all, minPriority: -5, hotAbove: {memory: 50}}]}", 9.5, 0, small, "",
		},
		"no tier": {
			"a pod below all tiers is not held back", "{tiers: [{name: high, minPriority: 5, hotAbove: {cpu: 50}}]}", 9.5, 0, small, "",
		},
		"trimaran": {"Trimaran's modes do not filter", "{mode: targetLoadPacking}", 9.5, 0, small, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := measuredNode(t, tc.args, tc.cores, tc.age).View().Case(tc.pod)
			got := ""
			if verdict := c.Judge("n0"); !verdict.OK() {
				got = verdict.String()
			}
			if got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
			if got != "" && !c.Tight() {
				t.Error("the node is refused though the case is not tight: Filter would be skipped")
			}
		})
	}
}

func TestNodeUnknownToTheViewIsNotHot(t *testing.T) {
	c := measuredNode(t, "", 9, 0).View().Case(task("p", "", "1", ""))
	if verdict := c.Judge("n9"); !verdict.OK() {
		t.Errorf("got %q, want nothing against a node that nobody knows", verdict)
	}
	if c.Room("n9") {
		t.Error("there is room on a node that nobody knows")
	}
}

func TestHysteresis(t *testing.T) {
	steps := []struct {
		reason string
		cores  float64
		hot    bool
		cooled int // events so far
	}{
		{"cool at first", 7.5, false, 0},
		{"hot", 8.1, true, 0},
		{"still hot between the thresholds", 7.5, true, 0},
		{"still hot on the lower one", 7, true, 0},
		{"cool", 6.9, false, 1},
		{"still cool between the thresholds", 7.9, false, 1},
		{"hot again", 8.1, true, 1},
		{"cool again", 3, false, 2},
	}
	l := newTestLedger(t, "{tiers: [{name: all, minPriority: -1, hotAbove: {cpu: 80}}]}")
	now, cooled := noon, 0
	last := l.View().Cooled()
	for _, s := range steps {
		now = now.Add(15 * time.Second)
		v := measureAgain(l, s.cores, now, 0)
		if len(v.CooledSince(last)) > 0 {
			cooled++
		}
		last = v.Cooled()
		if got := v.node("n0").hot[0] != 0; got != s.hot || cooled != s.cooled {
			t.Fatalf("%s: at %v cores hot is %v after %d events, want %v after %d", s.reason, s.cores, got, cooled, s.hot, s.cooled)
		}
		if got := v.Summary().HotNodes[0]; (got == 1) != s.hot {
			t.Fatalf("%s: %d hot nodes counted", s.reason, got)
		}
	}
}

func TestHotNodeSaysWhatKeepsItHot(t *testing.T) {
	l := measuredNode(t, "", 8.5, 0)
	v := measureAgain(l, 7.25, noon, 0)
	verdict := v.Case(task("p", "", "1m", "")).Judge("n0")
	if got, want := verdict.String(), "node is hot: CPU 0.72 has not fallen below 0.70"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRequestsAloneHeatNothing: where nothing measured is to be trusted, what pods
// request makes no node hot, and none that a pod would make hot.
func TestRequestsAloneHeatNothing(t *testing.T) {
	expired := noon.Add(-time.Hour)
	for name, snapshot := range map[string]*usage.Snapshot{
		"never measured": usage.NewBuilder(noon).Build(),
		"long ago":       usage.NewBuilder(noon).Node("n0", usage.CPU, usage.Mean, 10, expired).Build(),
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger(policyOf(t, "{requests: {cpuFactor: 1}}"), snapshot, noon.UnixMilli(), func() {})
			l.Rebuild(nodesOf(1, 10, 64), snapshot, noon.UnixMilli())
			l.Reserve(task("big", "", "7", ""), "n0", noon.UnixMilli())
			if verdict := l.View().Case(task("p", "", "3", "")).Judge("n0"); !verdict.OK() {
				t.Errorf("the node is refused: %v", verdict)
			}
			l.Reserve(task("bigger", "", "3", ""), "n0", noon.UnixMilli())
			if verdict := l.View().Case(task("p", "", "1m", "")).Judge("n0"); !verdict.OK() {
				t.Errorf("the node is refused: %v", verdict)
			}
		})
	}
}

// TestPodsHeatAndCool has pods placed and removed make a node hot and cool.
func TestPodsHeatAndCool(t *testing.T) {
	cooled := 0
	l := NewLedger(policyOf(t, "{requests: {cpuFactor: 1}}"), usage.NewBuilder(noon).Build(), noon.UnixMilli(), func() { cooled++ })
	idle := usage.NewBuilder(noon).Node("n0", usage.CPU, usage.Mean, 0, noon).Node("n1", usage.CPU, usage.Mean, 0, noon).Build()
	v := l.Rebuild(nodesOf(2, 10, 64), idle, noon.UnixMilli())
	before := v.Cooled()
	pod := task("big", "", "9", "")
	l.Reserve(pod, "n0", noon.UnixMilli())
	c := l.View().Case(task("p", "", "1m", ""))
	if c.Judge("n0").OK() || !c.Judge("n1").OK() {
		t.Fatal("n0 with nine of ten cores reserved is not hot, or n1 is")
	}
	if !c.Tight() || cooled != 0 {
		t.Fatalf("tight is %v and %d nodes cooled, want true and none", c.Tight(), cooled)
	}
	l.Unreserve(pod.UID, noon.UnixMilli())
	v = l.View()
	if got := v.CooledSince(before); cooled != 1 || !slices.Equal(got, []string{"n0"}) {
		t.Errorf("%d calls, cooled nodes %v, want one call and n0", cooled, got)
	}
	if !v.CooledAfter("n0", before) || v.CooledAfter("n1", before) {
		t.Error("n0 did not become cool after it was hot, or n1 did")
	}
	if v.CooledAfter("n0", v.Cooled()) {
		t.Error("a pod that saw the node cool waits for it to cool again")
	}
}

// TestCooledDuringRebuildIsNotMissed has a pod rejected on the old view while a
// new one, in which the node is cool, is being built.
func TestCooledDuringRebuildIsNotMissed(t *testing.T) {
	l := measuredNode(t, "", 9, 0)
	rejectedOn := l.View()
	v := measureAgain(l, 1, noon, 0)
	if !v.CooledAfter("n0", rejectedOn.Cooled()) {
		t.Error("the pod would not be woken")
	}
}

func TestTight(t *testing.T) {
	l := measuredNode(t, "", 5, 0)
	tests := map[string]struct {
		pod  *v1.Pod
		want bool
	}{
		"fits below the threshold": {task("p", "", "3500m", ""), false}, // 5 + 2.975
		"does not":                 {task("p", "", "3600m", ""), true},  // 5 + 3.06
		"critical":                 {prioritized(task("p", "", "9", ""), 2_000_000_000), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := l.View().Case(tc.pod)
			if got := c.Tight(); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if !c.Tight() && !c.Judge("n0").OK() {
				t.Error("not tight, but the node is refused")
			}
		})
	}
}

func TestCapacity(t *testing.T) {
	b := usage.NewBuilder(noon).
		Capacity("n0", usage.Network, 1<<30, noon).
		Capacity("n0", usage.Disk, 0, noon).
		Capacity("n0", usage.CPU, 1, noon)
	l := newTestLedger(t, "{capacity: {network: 100Mi, disk: 200Mi}}")
	v := l.Rebuild(nodesOf(2, 10, 64), b.Build(), noon.UnixMilli())
	want := map[string]formula.Vector{
		"n0": {10_000, 64 << 10, 1 << 20, 200 << 10}, // CPU is what is allocatable, and no capacity is none
		"n1": {10_000, 64 << 10, 100 << 10, 200 << 10},
	}
	got := map[string]formula.Vector{"n0": v.node("n0").Capacity, "n1": v.node("n1").Capacity}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("capacities (-want +got):\n%s", diff)
	}
}

func TestScore(t *testing.T) {
	info := func(v *v1.Node, pods ...*v1.Pod) *framework.NodeInfo {
		n := framework.NewNodeInfo(pods...)
		n.SetNode(v)
		return n
	}
	n0, n9, busy := machine("n0", 10, 64), machine("n9", 10, 64), task("q", "n9", "2", "1Gi")
	tests := map[string]struct {
		reason string
		args   string
		pod    *v1.Pod
		info   *framework.NodeInfo
		want   int64
	}{
		"spread": {
			"5 measured and 0.85 to come, 8 is hot: 2.15/√(0.425² + 0.1²)", "", task("p", "", "1", ""), info(n0),
			4924,
		},
		"pack": {
			"P 65, T 80: 20·65/80 + 80", "{mode: pack, target: 80, riskFactor: 0, requests: {cpuFactor: 1}}",
			task("p", "", "1500m", ""), info(n0),
			9625,
		},
		"target load packing": {
			"5 + 1·1.5 of 10 is 65; 40·35/60", "{mode: targetLoadPacking}", task("p", "", "1", ""), info(n0),
			23,
		},
		"load variation": {
			"(0.5+0.1)/2; the memory is not measured", "{mode: loadVariationRiskBalancing}", task("p", "", "1", ""), info(n0),
			70,
		},
		"a node just added": {
			"2 of 10 cores requested, 0.85 of that; 0.85 to come: 5.45 / √(0.85² + 0.425² + 0.1²)", "",
			task("p", "", "1", ""), info(n9, busy),
			5703,
		},
		"a node just added, to Trimaran": {
			"2 requested, taken as 1.7, and 1.5: P = 32; 60·32/40 + 40", "{mode: targetLoadPacking}",
			task("p", "", "1", ""), info(n9, busy),
			88,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := measuredNode(t, tc.args, 5, 0).View().Case(tc.pod)
			if got := c.Score(tc.info); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

// TestTrimaranCountsWhatItCounts has a pod placed a moment ago: TargetLoadPacking
// adds what it predicts of it, LoadVariationRiskBalancing does not know of it.
func TestTrimaranCountsWhatItCounts(t *testing.T) {
	tests := map[string]struct {
		mode   string
		placed time.Duration // how long ago
		want   int64         // CPU believed
	}{
		"target load packing, just now":         {"targetLoadPacking", 0, 5000 + 1500},
		"target load packing, 59 s ago":         {"targetLoadPacking", 59 * time.Second, 5000 + 1500},
		"target load packing, a minute ago":     {"targetLoadPacking", time.Minute, 5000},
		"load variation risk balancing":         {"loadVariationRiskBalancing", 0, 5000},
		"spread, half a minute into a minute":   {"spread", 30 * time.Second, 5000 + 425},
		"spread, seen wholly by the metrics":    {"spread", time.Minute, 5000},
		"spread, just now, by what it requests": {"spread", 0, 5000 + 850},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newTestLedger(t, "{mode: "+tc.mode+"}")
			l.Observe(started(task("p", "n0", "1", ""), tc.placed), noon.UnixMilli())
			v := measureAgain(l, 5, noon, 0)
			if got := v.node("n0").Mean[usage.CPU]; got != tc.want {
				t.Errorf("the node is believed to use %d, want %d", got, tc.want)
			}
		})
	}
}

// TestNoSampleIsNeitherIdleNorFull has three nodes alike in what their pods use,
// one of them unmeasured, one last measured idle long ago, one last measured full.
func TestNoSampleIsNeitherIdleNorFull(t *testing.T) {
	l := newTestLedger(t, "")
	b := usage.NewBuilder(noon)
	for _, node := range []string{"n0", "n1", "n2"} {
		for _, p := range []string{"a", "b"} {
			l.Observe(started(task(p+node, node, "2", "1Gi"), time.Hour), noon.UnixMilli())
		}
	}
	old := noon.Add(-time.Hour)
	b.Node("n1", usage.CPU, usage.Mean, 0, old).Node("n2", usage.CPU, usage.Mean, 10, old)
	v := l.Rebuild(nodesOf(3, 10, 64), b.Build(), noon.UnixMilli())
	for _, name := range []string{"n0", "n1", "n2"} {
		if got := v.node(name).Mean[usage.CPU]; got != 3400 {
			t.Errorf("%s is believed to use %d, want 3400 by its pods' requests", name, got)
		}
	}
	if got := v.Summary(); got.Unfresh != 3 || got.Nodes != 3 {
		t.Errorf("summary %+v, want three nodes without fresh usage", got)
	}
}

func TestExplain(t *testing.T) {
	l := newTestLedger(t, "{requests: {cpuFactor: 1}}")
	l.Observe(started(task("q", "n0", "2", "1Gi"), time.Hour), noon.UnixMilli())
	at := noon.Add(-30 * time.Second)
	b := usage.NewBuilder(noon).
		Node("n0", usage.CPU, usage.Mean, 8.2, at).Node("n0", usage.CPU, usage.Deviation, 0.3, at)
	v := l.Rebuild(nodesOf(1, 10, 64), b.Build(), noon.UnixMilli())
	got := v.Case(task("p", "", "1", "1Gi")).Explain("n0")
	measured := 8.2
	want := Explanation{
		Node: "n0", Known: true, View: noon, Mode: "spread", Tier: "normal",
		Load: 1.0074, Room: -0.518, Score: 0, Refused: "node is hot: CPU 0.82 > 0.80",
		Dimensions: []DimensionExplanation{
			{
				Dimension: "cpu", Measured: &measured, Age: "30s", Confidence: 1, Predicted: 2, Believed: 8.2, Spread: 0.3,
				Capacity: 10, Load: 1.0074, Room: -0.518, Hot: true, Pod: 1, PodSpread: 0.5, PodFrom: "requests",
			},
			{
				Dimension: "memory", Predicted: 716 << 20, Believed: 716 << 20, Spread: 358 << 20, Capacity: 64 << 30,
				Load: 2191.0 / 65536, Room: 19.284, Pod: 716 << 20, PodSpread: 358 << 20, PodFrom: "requests",
			},
			{Dimension: "network", PodFrom: "none"},
			{Dimension: "disk", PodFrom: "none"},
		},
	}
	if !got.View.Equal(noon) {
		t.Errorf("the view is of %v, want %v", got.View, noon)
	}
	got.View = noon
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("explanation (-want +got):\n%s", diff)
	}
	want = Explanation{Node: "n7", View: noon, Mode: "spread", Tier: "normal"}
	got = v.Case(task("p", "", "1", "")).Explain("n7")
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("explanation of a node that is not there (-want +got):\n%s", diff)
	}
}

func TestSignatureIsWhatScoresDependOn(t *testing.T) {
	tests := map[string]struct {
		pod                *v1.Pod
		spread, targetLoad bool // whether it is the same, by mode
	}{
		"a sibling":                   {task("web-5d89bdcf78-bbbbb", "", "1", "1Gi"), true, true},
		"another workload":            {task("db-0", "", "1", "1Gi"), false, true},
		"other requests":              {task("web-5d89bdcf78-bbbbb", "", "2", "1Gi"), false, false},
		"no requests":                 {task("web-5d89bdcf78-bbbbb", "", "", ""), false, false},
		"another tier":                {prioritized(task("web-5d89bdcf78-bbbbb", "", "1", "1Gi"), -1), false, true},
		"another priority, same tier": {prioritized(task("web-5d89bdcf78-bbbbb", "", "1", "1Gi"), 7), true, true},
	}
	first := task("web-5d89bdcf78-x2vz9", "", "1", "1Gi")
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for mode, want := range map[string]bool{"spread": tc.spread, "targetLoadPacking": tc.targetLoad} {
				p := policyOf(t, "mode: "+mode)
				if got := p.Signature(tc.pod) == p.Signature(first); got != want {
					t.Errorf("in mode %s the signature is the same: %v, want %v", mode, got, want)
				}
			}
		})
	}
}

// TestSameSignatureSameEstimate learns of workloads at random and compares.
func TestSameSignatureSameEstimate(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 2000 {
		b := usage.NewBuilder(noon)
		for _, w := range []string{"a", "b", "c"} {
			if r.IntN(2) == 0 {
				b.Workload(usage.Workload{Namespace: "ns", Name: w}, usage.CPU, usage.Mean, r.Float64(), noon)
			}
		}
		v := emptyView(policyOf(t, ""), b.Build(), noon.UnixMilli())
		pod := func() *v1.Pod {
			return task(fmt.Sprintf("%c-%d", 'a'+rune(r.IntN(3)), r.IntN(9)), "", []string{"", "1", "2"}[r.IntN(3)], "")
		}
		x, y := pod(), pod()
		same := v.Case(x).estimate == v.Case(y).estimate && v.Case(x).tier == v.Case(y).tier
		if v.Case(x).Signature() == v.Case(y).Signature() && !same {
			t.Fatalf("%s and %s have one signature and two estimates", x.Name, y.Name)
		}
	}
}
