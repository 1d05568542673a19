package policy

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/simulator"
)

const (
	realLoadName = realload.Name
	// realLoadWeight is its weight in the configuration that this repository's scheduler comes with.
	realLoadWeight = 5
	// The arguments' defaults are meant for a measurement each minute. Who measures less often has to raise them;
	// then they are these times the interval, as the defaults are.
	freshScrapes, expireScrapes = 1.5, 5
)

// spread is this repository's plugin with its defaults.
func spread(s *LoadSetting, p *simulator.Policy) (Driver, error) {
	return byRealLoad(s, p, realLoadName, realLoadWeight, config.ModeSpread)
}

// pack is the plugin in the mode that fills nodes. The plugins that level out requests would work against it.
func pack(s *LoadSetting, p *simulator.Policy) (Driver, error) {
	silence(p, byRequests...)
	return byRealLoad(s, p, realLoadName, realLoadWeight, config.ModePack)
}

// targetLoadPacking is Trimaran's TargetLoadPacking, as its documentation has it enabled: in place of the plugins
// that score by requests.
func targetLoadPacking(s *LoadSetting, p *simulator.Policy) (Driver, error) {
	silence(p, byRequests...)
	return byRealLoad(s, p, "TargetLoadPacking", 1, config.ModeTargetLoadPacking)
}

// loadVariationRiskBalancing is Trimaran's LoadVariationRiskBalancing, enabled likewise.
func loadVariationRiskBalancing(s *LoadSetting, p *simulator.Policy) (Driver, error) {
	silence(p, byRequests...)
	return byRealLoad(s, p, "LoadVariationRiskBalancing", 1, config.ModeLoadVariationRiskBalancing)
}

func byRealLoad(s *LoadSetting, p *simulator.Policy, name string, weight int32, mode string) (Driver, error) {
	args := &realload.Args{
		Mode:        mode,
		FreshFor:    atLeast(90*time.Second, s.Scrape, freshScrapes),
		ExpireAfter: atLeast(5*time.Minute, s.Scrape, expireScrapes),
		// Of this only the windows count: they are what usage is measured over.
		Usage: usage.Config{Prometheus: &usage.PrometheusConfig{Address: "http://simulated.invalid"}},
	}
	object, err := args.Object()
	if err != nil {
		return nil, err
	}
	d := &driven{}
	factory := realload.NewFactory(
		func(context.Context, usage.Config) (realload.Provider, error) { return provider{s.Usage}, nil },
		realload.WithName(name), realload.WithClock(s.Clock), realload.Driven())
	add(p, name, weight, object, func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		made, err := factory(ctx, args, handle)
		if err != nil {
			return nil, err
		}
		plugin, ok := made.(*realload.Plugin)
		if !ok {
			return nil, fmt.Errorf("driving %s: it is a %T", name, made)
		}
		d.Plugin = plugin
		return plugin, nil
	})
	return d, nil
}

func atLeast(least, scrape time.Duration, times float64) metav1.Duration {
	return metav1.Duration{Duration: max(least, time.Duration(times*float64(scrape)))}
}

// provider is usage that announces nothing: who drives the plugin does.
type provider struct{ Usage }

// Subscribe implements realload.Provider.
func (provider) Subscribe(func(*usage.Snapshot)) {}

// driven drives the plugin that the scheduler made.
type driven struct{ *realload.Plugin }

var _ Driver = (*driven)(nil)
