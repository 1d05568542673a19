package app

import (
	"context"
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

// PluginFactory makes one plugin for one profile.
type PluginFactory = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error)

// parts is what a scheduler is made from.
type parts struct {
	config       *config.KubeSchedulerConfiguration
	kubeConfig   *rest.Config
	client       kubernetes.Interface
	informers    informers.SharedInformerFactory
	dynInformers dynamicinformer.DynamicSharedInformerFactory
	broadcaster  events.EventBroadcasterAdapter //nolint:staticcheck // upstream's own configuration carries it
	plugins      map[string]PluginFactory
	// maxUnschedulable is how long a pod waits at most before it is tried again.
	maxUnschedulable time.Duration
	// writeTo is a file to write the effective configuration to before exiting.
	writeTo string
}

// build makes the scheduler and attaches recorder, which may be nil, to it.
func (p *parts) build(ctx context.Context, recorder *explain.Recorder) (*scheduler.Scheduler, error) {
	registry := frameworkruntime.Registry{}
	for _, name := range sortedKeys(p.plugins) {
		if err := registry.Register(name, p.plugins[name]); err != nil {
			return nil, fmt.Errorf("registering plugin %q: %w", name, err)
		}
	}
	// Options are given explicitly rather than through upstream's Setup, which
	// takes a configuration only from a file and so could not be handed the
	// default one, or one with translated profiles.
	var effective []config.KubeSchedulerProfile
	cfg := p.config
	sched, err := scheduler.New(ctx, p.client, p.informers, p.dynInformers,
		func(name string) events.EventRecorderLogger { return p.broadcaster.NewRecorder(name) },
		scheduler.WithComponentConfigVersion(cfg.APIVersion),
		scheduler.WithKubeConfig(p.kubeConfig),
		scheduler.WithProfiles(cfg.Profiles...),
		scheduler.WithPercentageOfNodesToScore(cfg.PercentageOfNodesToScore),
		scheduler.WithFrameworkOutOfTreeRegistry(registry),
		scheduler.WithPodInitialBackoffSeconds(cfg.PodInitialBackoffSeconds),
		scheduler.WithPodMaxBackoffSeconds(cfg.PodMaxBackoffSeconds),
		scheduler.WithPodMaxInUnschedulablePodsDuration(p.maxUnschedulable),
		scheduler.WithExtenders(cfg.Extenders...),
		scheduler.WithParallelism(cfg.Parallelism),
		scheduler.WithBuildFrameworkCapturer(func(profile config.KubeSchedulerProfile) {
			effective = append(effective, profile)
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("building the scheduler: %w", err)
	}
	if err := options.LogOrWriteConfig(klog.FromContext(ctx), p.writeTo, cfg, effective); err != nil {
		return nil, fmt.Errorf("writing --write-config-to: %w", err)
	}
	if recorder != nil {
		recorder.Attach(sched, believers(sched))
	}
	return sched, nil
}

// believers finds, by profile, the plugins that can say what they believed of a
// node's load.
func believers(sched *scheduler.Scheduler) map[string]explain.Believe {
	found := map[string]explain.Believe{}
	for name, profile := range sched.Profiles {
		for _, plugin := range profile.EnqueueExtensions() {
			if believe := beliefsOf(plugin); believe != nil {
				found[name] = believe
			}
		}
	}
	return found
}

// withPlugins returns base with extra added, which replaces what has the same name.
func withPlugins(base, extra map[string]PluginFactory) map[string]PluginFactory {
	all := maps.Clone(base)
	maps.Copy(all, extra)
	return all
}
