package app

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic/dynamicinformer"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"

	"github.com/evenkeel/evenkeel/plugins/realload/load"
)

// buildFake builds the scheduler of a configuration without a cluster.
func buildFake(t testing.TB, configuration []byte, extra map[string]PluginFactory, objects ...runtime.Object) (*scheduler.Scheduler, error) {
	t.Helper()
	cfg, err := parseConfiguration(configuration)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
	t.Cleanup(cancel)
	client := fake.NewClientset(objects...)
	informers := scheduler.NewInformerFactory(client, 0, nil)
	nowhere := &rest.Config{Host: "https://127.0.0.1:1"}
	p := &parts{
		config:       cfg,
		kubeConfig:   nowhere,
		client:       client,
		informers:    informers,
		dynInformers: dynamicinformer.NewDynamicSharedInformerFactory(dynamicfake.NewSimpleDynamicClient(runtime.NewScheme()), 0),
		broadcaster:  events.NewEventBroadcasterAdapterWithContext(ctx, client),
		plugins:      withPlugins(plugins(nowhere, informers, nil), extra),
	}
	sched, err := p.build(ctx, newRecorder())
	if err == nil {
		informers.Start(ctx.Done())
		informers.WaitForCacheSync(ctx.Done())
	}
	return sched, err
}

func TestBuild(t *testing.T) {
	const head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
	cases := map[string]struct {
		reason        string
		configuration string
		profiles      []string
		believers     []string
	}{
		"Default": {
			reason:        "our profile tells what it believes",
			configuration: string(DefaultConfiguration()),
			profiles:      []string{"evenkeel"},
			believers:     []string{"evenkeel"},
		},
		"Stock": {
			reason:        "the stock profile believes nothing of load",
			configuration: string(StockConfiguration()),
			profiles:      []string{"default-scheduler"},
		},
		"Trimaran": {
			reason: "both of Trimaran's plugins, even in one profile",
			configuration: head + `
profiles:
- {schedulerName: one, plugins: {score: {enabled: [{name: TargetLoadPacking}]}}}
- {schedulerName: two, plugins: {score: {enabled: [{name: TargetLoadPacking}, {name: LoadVariationRiskBalancing, weight: 3}]}}}
- {schedulerName: all, plugins: {multiPoint: {enabled: [{name: LoadVariationRiskBalancing}]}}}
`,
			profiles:  []string{"all", "one", "two"},
			believers: []string{"all", "one", "two"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sched, err := buildFake(t, []byte(tc.configuration), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.profiles, sortedKeys(sched.Profiles)); diff != "" {
				t.Errorf("%s: profiles (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.believers, sortedKeys(believers(sched))); diff != "" {
				t.Errorf("%s: believers (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTrimaranIsCalledWhereItMust: it is enabled for scoring alone, and has to
// know of pods from Reserve on; it filters nothing.
func TestTrimaranIsCalledWhereItMust(t *testing.T) {
	sched, err := buildFake(t, []byte(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles: [{schedulerName: t, plugins: {score: {enabled: [{name: TargetLoadPacking, weight: 7}]}}}]
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	enabled := sched.Profiles["t"].ListPlugins()
	got := map[string]int32{}
	for point, set := range map[string][]string{
		"preFilter": names(enabled.PreFilter.Enabled), "filter": names(enabled.Filter.Enabled),
		"preScore": names(enabled.PreScore.Enabled), "reserve": names(enabled.Reserve.Enabled),
	} {
		for _, name := range set {
			if name == "TargetLoadPacking" {
				got[point]++
			}
		}
	}
	for _, plugin := range enabled.Score.Enabled {
		if plugin.Name == "TargetLoadPacking" {
			got["score"] = plugin.Weight
		}
	}
	if diff := cmp.Diff(map[string]int32{"preFilter": 1, "preScore": 1, "reserve": 1, "score": 7}, got); diff != "" {
		t.Errorf("called at (-want +got):\n%s", diff)
	}
}

func names[P interface {
	~struct {
		Name   string
		Weight int32
	}
}](plugins []P) []string {
	var names []string
	for _, plugin := range plugins {
		names = append(names, struct {
			Name   string
			Weight int32
		}(plugin).Name)
	}
	return names
}

// added is a plugin that a caller of Run brings along.
type added struct{}

func (added) Name() string { return "Added" }

func (added) Filter(context.Context, fwk.CycleState, *v1.Pod, fwk.NodeInfo) *fwk.Status { return nil }

func TestExtraPlugins(t *testing.T) {
	configuration := []byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles: [{plugins: {filter: {enabled: [{name: Added}]}}}]\n")
	made := 0
	factory := func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
		made++
		return added{}, nil
	}
	if _, err := buildFake(t, configuration, map[string]PluginFactory{"Added": factory}); err != nil || made != 1 {
		t.Errorf("made %d plugins, %v", made, err)
	}
	if _, err := buildFake(t, configuration, nil); err == nil {
		t.Error("a plugin that nobody brought was found")
	}
}

func TestBeliefOf(t *testing.T) {
	measured := 1.5
	got := beliefOf(&load.DimensionExplanation{
		Dimension: "cpu", Measured: &measured, Age: "-2s", Confidence: 1, Believed: 2, Capacity: 8, Pod: 0.5, PodFrom: "own", Load: 0.4, Hot: true,
	})
	if got.AgeSeconds != 0 || got.Measured != 1.5 || got.Unit != "cores" || got.Worst != 0.4 || !got.Hot {
		t.Errorf("a sample from the near future became %+v", got)
	}
	got = beliefOf(&load.DimensionExplanation{Dimension: "disk", Believed: 2, PodFrom: "none"})
	if got.AgeSeconds >= 0 || got.Unit != "B/s" {
		t.Errorf("what was never measured became %+v", got)
	}
	if beliefsOf(added{}) != nil {
		t.Error("a plugin that cannot explain is asked to")
	}
}

// BenchmarkBeliefs is what telling the beliefs about five nodes costs the
// scheduling thread.
func BenchmarkBeliefs(b *testing.B) {
	var objects []runtime.Object
	for i := range 5 {
		capacity := v1.ResourceList{v1.ResourceCPU: resource.MustParse("8"), v1.ResourceMemory: resource.MustParse("32Gi")}
		objects = append(objects, &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i)},
			Status:     v1.NodeStatus{Allocatable: capacity, Capacity: capacity},
		})
	}
	sched, err := buildFake(b, DefaultConfiguration(), nil, objects...)
	if err != nil {
		b.Fatal(err)
	}
	believe := believers(sched)["evenkeel"]
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"}}
	nodes := []string{"node-0", "node-1", "node-2", "node-3", "node-4"}
	b.Run("scheduling thread", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			believe(pod, nodes)
		}
	})
	b.Run("in all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			believe(pod, nodes)()
		}
	})
}
