// Package policy has the schedulers that the simulator compares: this repository's, kube-scheduler's, and those
// of the literature by their published formulas.
package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultbinder"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/queuesort"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/plugins/antifragmentation"
	"github.com/evenkeel/evenkeel/simulator"
)

// Setting is what a policy is made for.
type Setting struct {
	Seed  int64
	Clock clock.PassiveClock
	// Workload is what is about to come. FGD is told; nobody else asks.
	Workload []*v1.Pod
	// Order is the order of nodes in which policies that were published so take those of the same score.
	Order []string
}

// Packing are the policies that judge by requests alone, by name.
func Packing() []string { return slices.Sorted(maps.Keys(packing)) }

// packing makes each policy. Those published with an experiment on a fork of kube-scheduler 1.20 take, of
// nodes of the same score, the first by name, as that fork does.
var packing = map[string]func(*Setting) *simulator.Policy{
	"random":            func(s *Setting) *simulator.Policy { return published(s, randomly{uint64(s.Seed)}, nil) },
	"dotprod":           func(s *Setting) *simulator.Policy { return published(s, dotProduct{}, s.Order) },
	"gpuclustering":     func(s *Setting) *simulator.Policy { return published(s, clustering{}, s.Order) },
	"gpupacking":        func(s *Setting) *simulator.Policy { return published(s, gpuPacking{}, s.Order) },
	"bestfit":           func(s *Setting) *simulator.Policy { return published(s, bestFit{}, s.Order) },
	"fgd":               func(s *Setting) *simulator.Policy { return told(s, s.Order) },
	"fgd-random-ties":   func(s *Setting) *simulator.Policy { return told(s, nil) },
	"mostallocated":     mostAllocated,
	"antifragmentation": ours,
}

// New returns a policy of Packing by its name.
func New(name string, s *Setting) (*simulator.Policy, error) {
	build, ok := packing[name]
	if !ok {
		return nil, fmt.Errorf("there is no policy %q: there are %s", name, strings.Join(Packing(), ", "))
	}
	p := build(s)
	p.Name = name
	return p, nil
}

// ours is the plugin as a cluster would run it: it learns what is asked for as pods come.
func ours(s *Setting) *simulator.Policy {
	return byPlugin(s, nil, antifragmentation.WithClock(s.Clock))
}

func published(s *Setting, p antifragmentation.Placer, order []string) *simulator.Policy {
	return byPlugin(s, order, antifragmentation.WithClock(s.Clock), antifragmentation.WithPolicy(antifragmentation.Fixed(p)))
}

func told(s *Setting, order []string) *simulator.Policy {
	return byPlugin(s, order, antifragmentation.WithClock(s.Clock),
		antifragmentation.WithPolicy(antifragmentation.Policy{Fixed: true, Make: newFGD}),
		antifragmentation.WithWorkload(s.Workload))
}

// mostAllocated is kube-scheduler's own packing: NodeResourcesFit with the strategy MostAllocated. Parts of
// devices it knows nothing of; those go where they are tightest.
func mostAllocated(s *Setting) *simulator.Policy {
	p := byPlugin(s, nil, antifragmentation.WithClock(s.Clock), antifragmentation.WithPolicy(antifragmentation.Fixed(tightest{})))
	profile := &p.Profiles[0]
	profile.Plugins.Score = enabled(names.NodeResourcesFit)
	fit := &schedulerconfig.NodeResourcesFitArgs{ScoringStrategy: &schedulerconfig.ScoringStrategy{
		Type: schedulerconfig.MostAllocated,
		Resources: []schedulerconfig.ResourceSpec{
			{Name: "cpu", Weight: 1}, {Name: "memory", Weight: 1}, {Name: "nvidia.com/gpu", Weight: 1},
		},
	}}
	profile.PluginConfig = append(profile.PluginConfig, schedulerconfig.PluginConfig{Name: names.NodeResourcesFit, Args: fit})
	return p
}

// byPlugin is a profile in which one plugin alone scores, and decides on devices. It judges all amounts too:
// asked about extended resources, NodeResourcesFit takes longer than all others together.
func byPlugin(s *Setting, order []string, options ...antifragmentation.Option) *simulator.Policy {
	factory := antifragmentation.NewFactory(options...)
	ties := simulator.AtRandom(s.Seed)
	if order != nil {
		ties = simulator.InOrder(order)
	}
	var plugin *antifragmentation.Plugin
	return &simulator.Policy{
		Ties:     ties,
		Stranded: func() (idle, stranded float64) { return plugin.Stranded() },
		Plugins: frameworkruntime.Registry{
			antifragmentation.Name: func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
				made, err := factory(ctx, args, handle)
				plugin, _ = made.(*antifragmentation.Plugin)
				return made, err
			},
		},
		Profiles: []schedulerconfig.KubeSchedulerProfile{{
			SchedulerName: "simulated",
			Plugins: &schedulerconfig.Plugins{
				QueueSort: enabled(queuesort.Name),
				PreFilter: enabled(names.NodeAffinity, antifragmentation.Name),
				Filter:    enabled(names.NodeUnschedulable, names.TaintToleration, names.NodeAffinity, antifragmentation.Name),
				Score:     enabled(antifragmentation.Name),
				Reserve:   enabled(antifragmentation.Name),
				Bind:      enabled(defaultbinder.Name),
			},
			PluginConfig: []schedulerconfig.PluginConfig{
				{Name: names.NodeAffinity, Args: &schedulerconfig.NodeAffinityArgs{}},
			},
		}},
	}
}

func enabled(plugins ...string) schedulerconfig.PluginSet {
	var set schedulerconfig.PluginSet
	for _, name := range plugins {
		set.Enabled = append(set.Enabled, schedulerconfig.Plugin{Name: name, Weight: 1})
	}
	return set
}
