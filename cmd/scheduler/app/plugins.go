package app

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/cmd/scheduler/trimaran"
	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/loadwatcher"
	"github.com/evenkeel/evenkeel/internal/usage/metricsapi"
	usageprometheus "github.com/evenkeel/evenkeel/internal/usage/prometheus"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation"
	"github.com/evenkeel/evenkeel/plugins/realload"
)

// plugins are the plugins compiled in. All profiles share one hub, so that
// those which read usage in the same way read it once.
func plugins(kubeConfig *rest.Config, informers informers.SharedInformerFactory, registerer prometheus.Registerer) map[string]PluginFactory {
	nodes := informers.Core().V1().Nodes()
	hub := usage.NewHub(func(_ context.Context, cfg usage.Config) (usage.Source, error) {
		return openSource(cfg, kubeConfig, nodes)
	}, clock.RealClock{}, registerer)
	open := func(ctx context.Context, cfg usage.Config) (realload.Provider, error) {
		return hub.Open(ctx, cfg)
	}
	all := map[string]PluginFactory{
		realload.Name:          realload.NewFactory(open, realload.WithRegisterer(registerer)),
		antifragmentation.Name: antifragmentation.NewFactory(antifragmentation.WithRegisterer(registerer)),
	}
	for _, name := range trimaran.Names() {
		factory := realload.NewFactory(open, realload.WithRegisterer(registerer), realload.WithName(name))
		all[name] = trimaran.Adapt(name, factory)
	}
	return all
}

// openSource opens the one source that cfg, defaulted, names.
func openSource(cfg usage.Config, kubeConfig *rest.Config, nodes coreinformers.NodeInformer) (usage.Source, error) {
	switch {
	case cfg.Prometheus != nil:
		return usageprometheus.New(cfg, nil)
	case cfg.LoadWatcher != nil:
		source, err := loadwatcher.New(cfg, nil, capacityOf(nodes.Lister()), clock.RealClock{})
		return &afterSync{Source: source, synced: nodes.Informer().HasSynced}, err
	default:
		return metricsapi.New(cfg, kubeConfig, clock.RealClock{})
	}
}

// afterSync is a source that cannot make sense of what it reads before the nodes
// are known. Without it a scheduler would start a whole interval blind.
type afterSync struct {
	usage.Source
	synced cache.InformerSynced
}

// Read implements usage.Source.
func (s *afterSync) Read(ctx context.Context, statistic usage.Statistic, emit func(usage.Reading)) error {
	if !cache.WaitForCacheSync(ctx.Done(), s.synced) {
		return fmt.Errorf("waiting for the nodes: %w", ctx.Err())
	}
	return s.Source.Read(ctx, statistic, emit)
}

// capacityOf tells the size of nodes, of which a load-watcher measures shares.
func capacityOf(nodes corelisters.NodeLister) loadwatcher.Capacity {
	return func(name string) (cores, bytes float64, ok bool) {
		node, err := nodes.Get(name)
		if err != nil {
			return 0, 0, false
		}
		capacity := node.Status.Capacity
		return capacity.Cpu().AsApproximateFloat64(), capacity.Memory().AsApproximateFloat64(), true
	}
}
