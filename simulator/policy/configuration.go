package policy

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation"
	"github.com/evenkeel/evenkeel/plugins/realload"
	"github.com/evenkeel/evenkeel/simulator"
)

// FromFile returns the policy that a KubeSchedulerConfiguration file describes. RealLoad is told of no usage and
// goes by requests.
func FromFile(file string, s *Setting) (*simulator.Policy, error) {
	cfg, err := options.LoadConfigFromFile(logr.Discard(), file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(cfg.Extenders) > 0 {
		return nil, fmt.Errorf("reading %s: extenders: a simulation cannot ask other processes", file)
	}
	byRequests := realload.NewFactory(func(context.Context, usage.Config) (realload.Provider, error) { return noUsage{}, nil }, realload.Driven())
	packing := antifragmentation.NewFactory(antifragmentation.WithClock(s.Clock))
	return &simulator.Policy{
		Name: file, Profiles: cfg.Profiles, Ties: simulator.AtRandom(s.Seed),
		Plugins: frameworkruntime.Registry{
			realload.Name: func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
				return byRequests(ctx, args, handle)
			},
			antifragmentation.Name: func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
				return packing(ctx, args, handle)
			},
		},
	}, nil
}

// noUsage is a provider that knows nothing.
type noUsage struct{}

// Snapshot implements realload.Provider.
func (noUsage) Snapshot() *usage.Snapshot { return &usage.Snapshot{} }

// Subscribe implements realload.Provider.
func (noUsage) Subscribe(func(*usage.Snapshot)) {}
