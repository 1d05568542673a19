package simulator_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation"
	"github.com/evenkeel/evenkeel/plugins/realload"
	"github.com/evenkeel/evenkeel/simulator"
)

var monday = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// measured is usage that does not change.
type measured struct{ snapshot *usage.Snapshot }

func (m measured) Snapshot() *usage.Snapshot     { return m.snapshot }
func (measured) Subscribe(func(*usage.Snapshot)) {}

// packingWeight lets packing decide among nodes that are nearly as cool as each other. Hot ones are out of the
// question by RealLoad's Filter, whatever the weight.
const packingWeight = 10

const hotAbove80 = `tiers: [{name: all, minPriority: -1, hotAbove: {cpu: 80}, coolBelow: {cpu: 70}}]`

// both is a cluster with one profile that has RealLoad and AntiFragmentation.
type both struct {
	*simulator.Cluster
	load *realload.Plugin
}

// together makes it of nodes of which so many cores are in use.
func together(t *testing.T, mode antifragmentation.Mode, cores map[string]float64, nodes ...*v1.Node) *both {
	t.Helper()
	b, clock := &both{}, clocktesting.NewFakeClock(monday)
	used := usage.NewBuilder(monday)
	for name, mean := range cores {
		used.Node(name, usage.CPU, usage.Mean, mean, monday).Node(name, usage.CPU, usage.Deviation, 0.1, monday)
	}
	snapshot := used.Build()
	load := realload.NewFactory(
		func(context.Context, usage.Config) (realload.Provider, error) { return measured{snapshot}, nil },
		realload.WithClock(clock), realload.Driven())
	packing := antifragmentation.NewFactory(antifragmentation.WithClock(clock))
	enabled := func(plugins ...schedulerconfig.Plugin) schedulerconfig.PluginSet {
		return schedulerconfig.PluginSet{Enabled: plugins}
	}
	c, err := simulator.NewCluster(t.Context(), &simulator.Policy{
		Name: "both", Ties: simulator.AtRandom(1),
		Plugins: frameworkruntime.Registry{
			realload.Name: func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
				made, err := load(ctx, args, handle)
				b.load, _ = made.(*realload.Plugin)
				return made, err
			},
			antifragmentation.Name: func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
				return packing(ctx, args, handle)
			},
		},
		Profiles: []schedulerconfig.KubeSchedulerProfile{{
			SchedulerName: "both",
			Plugins: &schedulerconfig.Plugins{
				MultiPoint: enabled(
					schedulerconfig.Plugin{Name: realload.Name, Weight: 1},
					schedulerconfig.Plugin{Name: antifragmentation.Name, Weight: packingWeight},
				),
				QueueSort: enabled(schedulerconfig.Plugin{Name: "PrioritySort"}),
				Bind:      enabled(schedulerconfig.Plugin{Name: "DefaultBinder"}),
			},
			PluginConfig: []schedulerconfig.PluginConfig{
				{Name: realload.Name, Args: &runtime.Unknown{Raw: []byte(hotAbove80)}},
				{Name: antifragmentation.Name, Args: &runtime.Unknown{Raw: []byte(`{"mode": "` + string(mode) + `"}`)}},
			},
		}},
	}, nodes, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b.Cluster = c
	b.load.Refresh(nodes)
	return b
}

// run puts a pod on a node whose measured usage has it already.
func (b *both) run(t *testing.T, p *v1.Pod, node string) {
	t.Helper()
	if err := b.Place(p, node); err != nil {
		t.Fatal(err)
	}
}

func (b *both) schedule(t *testing.T, p *v1.Pod) string {
	t.Helper()
	node, err := b.Schedule(p)
	if err != nil {
		t.Fatal(err)
	}
	bound := p.DeepCopy()
	bound.Spec.NodeName = node
	b.load.Bound(bound)
	return node
}

// TestPackingKeepsOffHotNodes has AntiFragmentation want the fullest node, and RealLoad refuse it while it is hot.
func TestPackingKeepsOffHotNodes(t *testing.T) {
	for _, mode := range []antifragmentation.Mode{antifragmentation.MostRequested, antifragmentation.Fragmentation} {
		for name, test := range map[string]struct {
			cores float64 // in use on the fullest node
			want  string
		}{
			"cool": {3, "fullest"},
			"hot":  {15, "half"},
		} {
			t.Run(fmt.Sprint(mode, " ", name), func(t *testing.T) {
				b := together(t, mode, map[string]float64{"fullest": test.cores, "half": 3, "empty": 3},
					node("fullest", "16"), node("half", "16"), node("empty", "16"))
				b.run(t, pod("a", "12"), "fullest")
				b.run(t, pod("b", "8"), "half")
				for i := range 3 {
					if got := b.schedule(t, small(fmt.Sprint(i))); got != test.want {
						t.Errorf("pod %d is on %s, want %s", i, got, test.want)
					}
				}
			})
		}
	}
}

func gpuNode(name string) *v1.Node {
	n := node(name, "64")
	n.Status.Allocatable["nvidia.com/gpu"] = resource.MustParse("4")
	n.Status.Allocatable["evenkeel.dev/gpu-milli"] = resource.MustParse("4000")
	return n
}

func small(name string) *v1.Pod {
	p := pod(name, "10m")
	p.CreationTimestamp = metav1.NewTime(monday) // RealLoad lets through who has waited for long
	p.Spec.Containers[0].Resources.Requests[v1.ResourceMemory] = resource.MustParse("16Mi")
	return p
}

func shareOf(name, milli string) *v1.Pod {
	p := small(name)
	p.Spec.Containers[0].Resources.Requests["evenkeel.dev/gpu-milli"] = resource.MustParse(milli)
	return p
}

// TestSpreadingKeepsWholeNodes has RealLoad see nodes that are as cool as each other, and AntiFragmentation keep
// those with all devices free while devices in use have room.
func TestSpreadingKeepsWholeNodes(t *testing.T) {
	var nodes []*v1.Node
	cores := map[string]float64{}
	for i := range 6 {
		n := gpuNode(fmt.Sprint("g", i))
		nodes, cores[n.Name] = append(nodes, n), 8
	}
	b := together(t, antifragmentation.Fragmentation, cores, nodes...)
	b.run(t, shareOf("first", "300"), "g3")
	for i := range 8 { // with the first, as many as fit on three of its devices
		if got := b.schedule(t, shareOf(fmt.Sprint(i), "300")); got != "g3" {
			t.Errorf("share %d is on %s, where all devices were free", i, got)
		}
	}
}

// TestBothAtOnce has the node with devices in use be hot: the next best is taken, and filled in its turn.
func TestBothAtOnce(t *testing.T) {
	b := together(t, antifragmentation.Fragmentation, map[string]float64{"g0": 60, "g1": 8, "g2": 8, "g3": 8},
		gpuNode("g0"), gpuNode("g1"), gpuNode("g2"), gpuNode("g3"))
	b.run(t, shareOf("first", "500"), "g0")
	chosen := b.schedule(t, shareOf("second", "500"))
	if chosen == "g0" {
		t.Fatal("it is on the hot node")
	}
	for i := range 6 {
		if got := b.schedule(t, shareOf(fmt.Sprint(i), "500")); got != chosen {
			t.Errorf("share %d is on %s, want %s, which is in use and cool", i, got, chosen)
		}
	}
}
