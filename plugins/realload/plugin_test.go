package realload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// measured is a cluster of nodes of ten cores with that CPU in use.
func measured(t testing.TB, args string, cores ...float64) *cluster {
	t.Helper()
	c := newCluster(t, args)
	for i, used := range cores {
		name := fmt.Sprintf("n%d", i)
		c.addNode(machine(name, "10", "64Gi"))
		c.builder.Node(name, usage.CPU, usage.Mean, used, noon).Node(name, usage.CPU, usage.Deviation, 0.1, noon)
	}
	c.refresh()
	return c
}

// TestACycleSeesOneView has usage change between the Filter and the Score of a
// cycle.
func TestACycleSeesOneView(t *testing.T) {
	c := measured(t, "", 9, 1, 2)
	pod, state := task("p", "1", ""), framework.NewCycleState()
	c.plugin.PreFilter(c.ctx, state, pod, c.infos())
	score := func() (out []int64) {
		for _, info := range c.infos() {
			s, _ := c.plugin.Score(c.ctx, state, pod, info)
			out = append(out, s)
		}
		return out
	}
	before := score()
	c.builder.Node("n0", usage.CPU, usage.Mean, 0, noon).Node("n1", usage.CPU, usage.Mean, 9.9, noon)
	c.refresh()
	c.plugin.Reserve(c.ctx, state, task("q", "5", ""), "n2")
	if diff := cmp.Diff(before, score()); diff != "" {
		t.Errorf("scores changed within a cycle:\n%s", diff)
	}
	if status := c.plugin.Filter(c.ctx, state, pod, c.info("n0")); status.IsSuccess() {
		t.Error("n0 is hot in the cycle's view, and was not refused")
	}
	if got := c.cycle(pod); got.node != "n0" {
		t.Errorf("the next cycle chose %q, want n0 in the new view", got.node)
	}
}

func TestScoreWithoutPreFilter(t *testing.T) {
	c := measured(t, "", 5, 1)
	pod, state := task("p", "1", ""), framework.NewCycleState()
	if status := c.plugin.Filter(c.ctx, state, pod, c.info("n0")); !status.IsSuccess() {
		t.Errorf("Filter without PreFilter said %v", status)
	}
	if status := c.plugin.PreScore(c.ctx, state, pod, c.infos()); !status.IsSuccess() {
		t.Errorf("PreScore said %v", status)
	}
	a, _ := c.plugin.Score(c.ctx, state, pod, c.info("n0"))
	b, _ := c.plugin.Score(c.ctx, state, pod, c.info("n1"))
	if a >= b {
		t.Errorf("the node with 5 cores used scores %d, that with one %d", a, b)
	}
	// Nor does Score need PreScore.
	if got, status := c.plugin.Score(c.ctx, framework.NewCycleState(), pod, c.info("n0")); got != a || !status.IsSuccess() {
		t.Errorf("without PreScore the score is %d (%v), want %d", got, status, a)
	}
}

// TestFilterNeverBlocks has random clusters in which all nodes are hot.
func TestFilterNeverBlocks(t *testing.T) {
	for seed := range 50 {
		var cores []float64
		for i := range 1 + seed%7 {
			cores = append(cores, 8.1+float64((seed*7+i*3)%40)/10)
		}
		c := measured(t, "", cores...)
		for _, priority := range []int32{-5, 0, 2_000_000_000} {
			pod := task("p", "100m", "")
			pod.Spec.Priority = &priority
			if got := c.cycle(pod); got.node == "" {
				t.Fatalf("with nodes at %v a pod of priority %d is pending:\n%s", cores, priority, got)
			}
		}
	}
}

// TestBurst places 500 pods on usage a minute old that knows nothing of them. The
// nodes start alike.
func TestBurst(t *testing.T) {
	for _, nodes := range []int{10, 50, 100} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			c := newCluster(t, "")
			for i := range nodes {
				name := fmt.Sprintf("n%d", i)
				c.addNode(machine(name, "64", "256Gi"))
				at := noon.Add(-time.Minute)
				c.builder.Node(name, usage.CPU, usage.Mean, 4, at).Node(name, usage.CPU, usage.Deviation, 1, at)
			}
			c.refresh()
			count := map[string]int{}
			for i := range 500 {
				out := c.schedule(task(fmt.Sprintf("p-%d", i), "100m", "128Mi"))
				count[out.node]++
				c.clock.Step(10 * time.Millisecond)
			}
			most, fair := 0, 500/nodes
			for _, n := range count {
				most = max(most, n)
			}
			t.Logf("a node received at most %d pods, the fair share is %d", most, fair)
			if float64(most) > 1.5*float64(fair) {
				t.Errorf("a node received %d pods, the fair share is %d", most, fair)
			}
		})
	}
}

func TestUnreserveGivesBack(t *testing.T) {
	c := measured(t, "", 1, 1)
	before := c.cycle(task("p", "1", "")).scores
	pod := task("q", "4", "")
	c.plugin.Reserve(c.ctx, framework.NewCycleState(), pod, "n0")
	during := c.cycle(task("p", "1", "")).scores
	c.plugin.Unreserve(c.ctx, framework.NewCycleState(), pod, "n0")
	c.plugin.Unreserve(c.ctx, framework.NewCycleState(), pod, "n0")
	after := c.cycle(task("p", "1", "")).scores
	if cmp.Equal(before, during) {
		t.Error("a reserved pod made no difference")
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("scores before and after (-before +after):\n%s", diff)
	}
}

// TestFinishedPodsAreOff has pods end in each way there is.
func TestFinishedPodsAreOff(t *testing.T) {
	for name, end := range map[string]func(*cluster, *v1.Pod){
		"deleted":               func(c *cluster, p *v1.Pod) { c.plugin.podDeleted(p) },
		"deleted, event missed": func(c *cluster, p *v1.Pod) { c.plugin.podDeleted(deletedFinalState(p)) },
		"succeeded":             func(c *cluster, p *v1.Pod) { p.Status.Phase = v1.PodSucceeded; c.plugin.podChanged(p) },
		"failed":                func(c *cluster, p *v1.Pod) { p.Status.Phase = v1.PodFailed; c.plugin.podChanged(p) },
		"failed, then deleted": func(c *cluster, p *v1.Pod) {
			p.Status.Phase = v1.PodFailed
			c.plugin.podChanged(p)
			c.plugin.podDeleted(p)
		},
		"something else arrives": func(c *cluster, p *v1.Pod) {
			c.plugin.podDeleted("?")
			c.plugin.podChanged("?")
			c.plugin.podDeleted(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := measured(t, "", 1)
			before := c.plugin.Explain(task("p", "1", ""), "n0").Dimensions[0].Predicted
			pod := c.bind(task("q", "4", ""), "n0").DeepCopy()
			if during := c.plugin.Explain(task("p", "1", ""), "n0").Dimensions[0].Predicted; during <= before {
				t.Fatalf("predicted %v with the pod and %v without", during, before)
			}
			end(c, pod)
			if after := c.plugin.Explain(task("p", "1", ""), "n0").Dimensions[0].Predicted; after != before {
				t.Errorf("predicted %v after the pod ended, want %v", after, before)
			}
		})
	}
}

func TestHints(t *testing.T) {
	c := newCluster(t, "")
	for name, used := range map[string]float64{"hot": 9, "cool": 1} {
		c.addNode(machine(name, "10", "64Gi"))
		c.builder.Node(name, usage.CPU, usage.Mean, used, noon)
	}
	tainted := machine("tainted", "10", "64Gi")
	tainted.Spec.Taints = []v1.Taint{{Key: "x", Effect: v1.TaintEffectNoExecute}}
	c.addNode(tainted)
	c.refresh()
	selective := task("p", "1", "")
	selective.Spec.NodeSelector = map[string]string{"kubernetes.io/hostname": "cool"}
	node := func(name string) any { return c.info(name).Node() }
	gone := func(node string) any {
		pod := task("gone", "1", "")
		pod.Spec.NodeName = node
		return pod
	}
	events, err := c.plugin.EventsToRegister(c.ctx)
	if err != nil {
		t.Fatal(err)
	}
	onNode, onPod := events[0].QueueingHintFn, events[1].QueueingHintFn
	tests := map[string]struct {
		hint       fwk.QueueingHintFn
		pod        *v1.Pod
		old, new   any
		want       fwk.QueueingHint
		wantsError bool
	}{
		"a cool node changed":          {hint: onNode, pod: task("p", "1", ""), new: node("cool"), want: fwk.Queue},
		"a hot node changed":           {hint: onNode, pod: task("p", "1", ""), new: node("hot"), want: fwk.QueueSkip},
		"it would be hot":              {hint: onNode, pod: task("p", "9", ""), new: node("cool"), want: fwk.QueueSkip},
		"a node was added":             {hint: onNode, pod: task("p", "1", ""), new: machine("new", "10", "1Gi"), want: fwk.Queue},
		"one it does not tolerate":     {hint: onNode, pod: task("p", "1", ""), new: tainted, want: fwk.QueueSkip},
		"one that it may use":          {hint: onNode, pod: selective, new: node("cool"), want: fwk.Queue},
		"one that it may not use":      {hint: onNode, pod: selective, new: machine("new", "10", "1Gi"), want: fwk.QueueSkip},
		"no node":                      {hint: onNode, pod: selective, new: "?", want: fwk.Queue, wantsError: true},
		"a pod left a cool node":       {hint: onPod, pod: task("p", "1", ""), old: gone("cool"), want: fwk.Queue},
		"a pod left a hot node":        {hint: onPod, pod: task("p", "1", ""), old: gone("hot"), want: fwk.QueueSkip},
		"a pod left with its node":     {hint: onPod, pod: task("p", "1", ""), old: gone("nowhere"), want: fwk.QueueSkip},
		"a pod left one it may use":    {hint: onPod, pod: selective, old: gone("cool"), want: fwk.Queue},
		"a pod left one it may not be": {hint: onPod, pod: selective, old: gone("tainted"), want: fwk.QueueSkip},
		"no pod":                       {hint: onPod, pod: selective, old: 5, want: fwk.Queue, wantsError: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tc.hint(logger(t), tc.pod, tc.old, tc.new)
			if got != tc.want || (err != nil) != tc.wantsError {
				t.Errorf("got %v, %v, want %v, error %v", got, err, tc.want, tc.wantsError)
			}
		})
	}
}

func TestWaitingIsBounded(t *testing.T) {
	w := newWaiting()
	for i := range maxWaiting + 10 {
		w.add(task(fmt.Sprint(i), "", ""), 0)
	}
	if got := len(w.list()); got != maxWaiting {
		t.Errorf("%d pods are remembered, want %d", got, maxWaiting)
	}
	w.add(task("0", "", ""), 7) // one that is known may come again
	w.remove("uid-1")
	got := w.list()
	if len(got) != maxWaiting-1 || !slices.ContainsFunc(got, func(w *waiter) bool { return w.pod.Name == "0" && w.view == 7 }) {
		t.Errorf("%d pods are remembered, want %d and the news of pod 0", len(got), maxWaiting-1)
	}
}

// TestWakingDoesNotUndoARejection has a pod rejected again while it is being woken.
func TestWakingDoesNotUndoARejection(t *testing.T) {
	w := newWaiting()
	w.add(task("p", "", ""), 3)
	first := w.list()[0]
	w.add(task("p", "", ""), 5)
	w.woken(first, 9, true)
	if got := w.list()[0]; got.view != 5 || got.gaveUp {
		t.Errorf("the rejection on view 5 became %+v", *got)
	}
}

func TestPatienceIsCountedFromTheCondition(t *testing.T) {
	c := measured(t, "", 9, 1)
	pod := task("p", "100m", "")
	pod.CreationTimestamp.Time = noon.Add(-time.Hour)
	if got := c.cycle(pod); !got.skipped {
		t.Error("a pod without condition that is an hour old is held back")
	}
	pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionFalse}}
	pod.Status.Conditions[0].LastTransitionTime.Time = noon.Add(-time.Minute)
	if got := c.cycle(pod); got.skipped || got.refused["n0"] == "" {
		t.Error("a pod gated for an hour and waiting for a minute is not held back")
	}
}

// TestBatching scores one node anew as batching does: the node chosen last,
// against cached raw scores of the others.
func TestBatching(t *testing.T) {
	c := measured(t, "", 1, 2, 3)
	sign := func(pod *v1.Pod) []fwk.SignFragment {
		out, status := c.plugin.SignPod(c.ctx, pod)
		if !status.IsSuccess() {
			t.Fatal(status)
		}
		return out
	}
	raw := func(pod *v1.Pod) []int64 {
		state := framework.NewCycleState()
		c.plugin.PreScore(c.ctx, state, pod, c.infos())
		clone := state.Clone()
		c.plugin.PreScore(c.ctx, clone, pod, c.infos())
		var out []int64
		for _, info := range c.infos() {
			s, _ := c.plugin.Score(c.ctx, clone, pod, info)
			out = append(out, s)
		}
		return out
	}
	first, second := task("web-5d89bdcf78-x2vz9", "1", ""), task("web-5d89bdcf78-bbbbb", "1", "")
	if diff := cmp.Diff(sign(first), sign(second)); diff != "" {
		t.Fatalf("two replicas have different signatures:\n%s", diff)
	}
	cached := raw(first)
	c.plugin.Reserve(c.ctx, framework.NewCycleState(), first, "n0")
	fresh := raw(second)
	if fresh[0] >= cached[0] {
		t.Errorf("the chosen node scored %d, and %d with the pod on it", cached[0], fresh[0])
	}
	if diff := cmp.Diff(cached[1:], fresh[1:]); diff != "" {
		t.Errorf("raw scores of the other nodes changed:\n%s", diff)
	}
	if diff := cmp.Diff(sign(first), sign(task("web-5d89bdcf78-bbbbb", "2", ""))); diff == "" {
		t.Error("pods with different requests have the same signature")
	}
}

func TestNormalizeScore(t *testing.T) {
	tests := map[string]struct {
		args      string
		raw, want []int64
	}{
		"none":             {"", nil, nil},
		"one":              {"", []int64{5}, []int64{100}},
		"near equals":      {"", []int64{9000, 8950, 8500}, []int64{100, 90, 0}},
		"Trimaran's stand": {"mode: targetLoadPacking", []int64{40, 70, 0}, []int64{40, 70, 0}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, tc.args)
			var list fwk.NodeScoreList
			for _, s := range tc.raw {
				list = append(list, fwk.NodeScore{Score: s})
			}
			if status := c.plugin.ScoreExtensions().NormalizeScore(c.ctx, nil, nil, list); !status.IsSuccess() {
				t.Fatal(status)
			}
			var got []int64
			for _, s := range list {
				got = append(got, s.Score)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// opener makes a factory of plugins on a provider, with what the framework gives them.
type opener struct {
	provider Provider
	asked    []usage.Config
	err      error
}

func (o *opener) open(_ context.Context, cfg usage.Config) (Provider, error) {
	o.asked = append(o.asked, cfg)
	return o.provider, o.err
}

type informing struct {
	handle
	informers informers.SharedInformerFactory
}

func (h *informing) SharedInformerFactory() informers.SharedInformerFactory { return h.informers }

func newInforming(profile string, objects ...runtime.Object) *informing {
	return &informing{handle{profile: profile}, informers.NewSharedInformerFactory(fake.NewClientset(objects...), 0)}
}

func manufacture(t *testing.T, factory Factory, profile, args string) *Plugin {
	t.Helper()
	made, err := factory(t.Context(), &runtime.Unknown{Raw: []byte(args)}, newInforming(profile))
	if err != nil {
		t.Fatal(err)
	}
	plugin, ok := made.(*Plugin)
	if !ok {
		t.Fatalf("the factory made a %T", made)
	}
	return plugin
}

// TestTwoProfiles makes two plugins with different arguments of one factory.
func TestTwoProfiles(t *testing.T) {
	o := &opener{provider: newProvider()}
	registry := prometheus.NewPedanticRegistry()
	factory := NewFactory(o.open, WithRegisterer(registry))
	spread := manufacture(t, factory, "spread", "usage: {refreshInterval: 20s}")
	pack := manufacture(t, factory, "pack", "mode: pack\ntarget: 70\ntiers: [{name: all, minPriority: -1, hotAbove: {cpu: 50}}]")
	if a, b := o.asked[0].RefreshInterval.Duration, o.asked[1].RefreshInterval.Duration; a != 20*time.Second || b != 15*time.Second {
		t.Errorf("opened with refresh intervals %v and %v, want 20s and the default", a, b)
	}
	pod := task("p", "1", "")
	if a, b := spread.Explain(pod, "n").Mode, pack.Explain(pod, "n").Mode; a != "spread" || b != "pack" {
		t.Errorf("modes are %q and %q, want spread and pack", a, b)
	}
	want := [][]string{{"critical", "normal", "batch"}, {"all"}}
	if diff := cmp.Diff(want, [][]string{spread.policy.Tiers(), pack.policy.Tiers()}); diff != "" {
		t.Errorf("tiers (-want +got):\n%s", diff)
	}
	spread.metrics.letThrough(reasonAllHot)
	pack.metrics.letThrough(reasonPatience)
	counted := `
		# HELP evenkeel_realload_let_through_total Scheduling attempts in which hot nodes were allowed, by reason.
		# TYPE evenkeel_realload_let_through_total counter
		evenkeel_realload_let_through_total{profile="pack",reason="patience"} 1
		evenkeel_realload_let_through_total{profile="spread",reason="all_hot"} 1
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(counted), "evenkeel_realload_let_through_total"); err != nil {
		t.Error(err)
	}
}

// TestTwoNamesInOneProfile has the plugin under two names score one pod in one
// cycle, as Trimaran's two plugins may.
func TestTwoNamesInOneProfile(t *testing.T) {
	o, registry := &opener{provider: newProvider()}, prometheus.NewPedanticRegistry()
	a := manufacture(t, NewFactory(o.open, WithRegisterer(registry), WithName("TargetLoadPacking")), "p", "mode: targetLoadPacking")
	b := manufacture(t, NewFactory(o.open, WithRegisterer(registry)), "p", "")
	if a.Name() != "TargetLoadPacking" || b.Name() != Name {
		t.Errorf("the plugins are called %q and %q", a.Name(), b.Name())
	}
	info, state, pod := framework.NewNodeInfo(), framework.NewCycleState(), task("p", "1", "")
	info.SetNode(machine("n", "10", "64Gi"))
	a.PreScore(t.Context(), state, pod, nil)
	b.PreScore(t.Context(), state, pod, nil)
	x, _ := a.Score(t.Context(), state, pod, info)
	y, _ := b.Score(t.Context(), state, pod, info)
	if x > 100 || y <= 100 {
		t.Errorf("scores are %d and %d, want one of Trimaran's, up to 100, and a raw one", x, y)
	}
}

func TestFactoryErrors(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "evenkeel_realload_hot_nodes", Help: "Something else."}))
	tests := map[string]struct {
		args    string
		err     error
		options []Option
		want    string
	}{
		"bad arguments":   {args: "mode: pak", want: "reading arguments of RealLoad: validating arguments: mode: Unsupported value"},
		"no source":       {err: errors.New("no such file: ca.pem"), want: "opening the usage source of RealLoad: no such file: ca.pem"},
		"metrics clash":   {options: []Option{WithRegisterer(registry)}, want: "registering metrics of RealLoad"},
		"by another name": {args: "x: y", options: []Option{WithName("LVRB")}, want: `reading arguments of LVRB: decoding arguments`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := &opener{provider: newProvider(), err: tc.err}
			_, err := NewFactory(o.open, tc.options...)(t.Context(), &runtime.Unknown{Raw: []byte(tc.args)}, newInforming("p"))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	c := newCluster(t, "")
	registry := prometheus.NewPedanticRegistry()
	m, err := newMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	c.plugin.metrics = m.of("evenkeel", c.plugin.policy)
	for i, used := range []float64{9, 1} {
		c.addNode(machine(fmt.Sprintf("n%d", i), "10", "64Gi"))
		c.builder.Node(fmt.Sprintf("n%d", i), usage.CPU, usage.Mean, used, noon)
	}
	c.addNode(machine("n2", "10", "64Gi"))
	c.refresh()
	c.schedule(task("young", "1", ""))
	c.refresh()
	c.cycle(task("p", "1", "")) // refused by n0
	old := task("old", "1", "")
	old.CreationTimestamp.Time = noon.Add(-time.Hour)
	c.cycle(old)
	c.builder.Node("n0", usage.CPU, usage.Mean, 1, noon)
	c.refresh() // wakes p
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", err, problems)
	}
	want := `
		# HELP evenkeel_realload_let_through_total Scheduling attempts in which hot nodes were allowed, by reason.
		# TYPE evenkeel_realload_let_through_total counter
		evenkeel_realload_let_through_total{profile="evenkeel",reason="patience"} 1
		# HELP evenkeel_realload_nodes_without_fresh_usage Nodes without a fully trusted sample of usage.
		# TYPE evenkeel_realload_nodes_without_fresh_usage gauge
		evenkeel_realload_nodes_without_fresh_usage{profile="evenkeel"} 1
		# HELP evenkeel_realload_hot_nodes Nodes that are hot for pods of a tier.
		# TYPE evenkeel_realload_hot_nodes gauge
		evenkeel_realload_hot_nodes{profile="evenkeel",tier="batch"} 0
		evenkeel_realload_hot_nodes{profile="evenkeel",tier="critical"} 0
		evenkeel_realload_hot_nodes{profile="evenkeel",tier="normal"} 0
		# HELP evenkeel_realload_rejections_total Scheduling attempts in which a hot node was refused, by the dimension found hot first.
		# TYPE evenkeel_realload_rejections_total counter
		evenkeel_realload_rejections_total{dimension="cpu",profile="evenkeel",tier="normal"} 2
		# HELP evenkeel_realload_view_timestamp_seconds When the present view of load was built, in Unix time.
		# TYPE evenkeel_realload_view_timestamp_seconds gauge
		evenkeel_realload_view_timestamp_seconds{profile="evenkeel"} 1.7803152e+09
		# HELP evenkeel_realload_woken_pods_total Waiting pods that were activated, by reason.
		# TYPE evenkeel_realload_woken_pods_total counter
		evenkeel_realload_woken_pods_total{profile="evenkeel",reason="cooled"} 1
		# HELP evenkeel_realload_young_pods Pods on nodes that the nodes' measured usage has not wholly seen yet.
		# TYPE evenkeel_realload_young_pods gauge
		evenkeel_realload_young_pods{profile="evenkeel"} 1
	`
	names := []string{
		"let_through_total", "nodes_without_fresh_usage", "hot_nodes", "rejections_total", "view_timestamp_seconds",
		"woken_pods_total", "young_pods",
	}
	for i := range names {
		names[i] = "evenkeel_realload_" + names[i]
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	if got := testutil.CollectAndCount(m.buildDuration); got != 1 {
		t.Errorf("%d histograms of the build, want 1", got)
	}
}

// TestNoAllocations is the bound on the hot path, on the state that the framework
// itself hands over.
func TestNoAllocations(t *testing.T) {
	for _, args := range []string{"", "mode: pack", "mode: targetLoadPacking", "mode: loadVariationRiskBalancing"} {
		t.Run(args, func(t *testing.T) {
			c := measured(t, args, 9, 1, 2)
			pod, state := task("p", "1", ""), framework.NewCycleState()
			c.plugin.PreFilter(c.ctx, state, pod, c.infos())
			var known, unknown fwk.NodeInfo = c.info("n1"), framework.NewNodeInfo()
			unknown.SetNode(machine("new", "10", "64Gi"))
			for name, f := range map[string]func(){
				"Score":                   func() { c.plugin.Score(c.ctx, state, pod, known) },
				"Score of a node unknown": func() { c.plugin.Score(c.ctx, state, pod, unknown) },
				"Filter that passes":      func() { c.plugin.Filter(c.ctx, state, pod, known) },
			} {
				if got := testing.AllocsPerRun(1000, f); got != 0 {
					t.Errorf("%s allocates %v times", name, got)
				}
			}
		})
	}
}

func TestExplainGoesByThePresentView(t *testing.T) {
	c := measured(t, "", 9)
	got := c.plugin.Explain(task("p", "1", ""), "n0")
	if !got.Known || got.Refused == "" || got.Tier != "normal" || len(got.Dimensions) != usage.Dimensions {
		t.Errorf("explanation %+v", got)
	}
}
