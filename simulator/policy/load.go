package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/simulator"
)

// LoadSetting is what a policy for load is made for.
type LoadSetting struct {
	Seed int64
	// Clock tells the virtual time.
	Clock clock.Clock
	// Usage is what was measured, as far as schedulers have got to see it.
	Usage Usage
	// Scrape is how often usage is measured. It is what samples are held to be too old by.
	Scrape time.Duration
	// Future knows what is to come. Only the oracle asks.
	Future Future
}

// Usage hands over what was measured. Snapshot never returns nil.
type Usage interface {
	Snapshot() *usage.Snapshot
}

// Driver tells a policy what happens, as informers would.
type Driver interface {
	// Refresh says that there is a new snapshot of usage, or that these are the nodes now.
	Refresh(nodes []*v1.Node)
	// Bound says that a pod is on its node.
	Bound(pod *v1.Pod)
	// Gone says that a pod, which was on its node, is no more.
	Gone(pod *v1.Pod)
}

// Load are the policies that judge by measured load, and those that they are measured against, by name.
func Load() []string { return slices.Sorted(maps.Keys(loads)) }

var loads = map[string]func(*LoadSetting, *simulator.Policy) (Driver, error){
	"stock":         func(*LoadSetting, *simulator.Policy) (Driver, error) { return nil, nil },
	"realload":      spread,
	"realload-pack": pack,
	"trimaran-tlp":  targetLoadPacking,
	"trimaran-lvrb": loadVariationRiskBalancing,
	"koordinator":   koordinator,
	"oracle":        oracle,
}

// NewLoad returns a policy of Load by its name: kube-scheduler's default profile with what the policy adds to it. The
// driver is nil where the policy does not look at usage.
func NewLoad(name string, s *LoadSetting) (*simulator.Policy, Driver, error) {
	extend, ok := loads[name]
	if !ok {
		return nil, nil, fmt.Errorf("there is no policy %q for load: there are %s", name, strings.Join(Load(), ", "))
	}
	defaults, err := latest.Default()
	if err != nil {
		return nil, nil, fmt.Errorf("reading kube-scheduler's defaults: %w", err)
	}
	p := &simulator.Policy{
		Name: name, Profiles: defaults.Profiles[:1], Plugins: frameworkruntime.Registry{}, Ties: simulator.AtRandom(s.Seed), Sampled: true,
	}
	driver, err := extend(s, p)
	if err != nil {
		return nil, nil, fmt.Errorf("making policy %q: %w", name, err)
	}
	return p, driver, nil
}

// FiltersByLoad tells whether a plugin refuses nodes for their load: pods that it refused are worth another try when
// usage has been measured anew.
func FiltersByLoad(plugin string) bool { return plugin == realLoadName || plugin == loadAwareName }

// add enables a plugin wherever it has something to say.
func add(p *simulator.Policy, name string, weight int32, args runtime.Object, factory frameworkruntime.PluginFactory) {
	profile := &p.Profiles[0]
	p.Plugins[name] = factory
	profile.Plugins.MultiPoint.Enabled = append(profile.Plugins.MultiPoint.Enabled, schedulerconfig.Plugin{Name: name, Weight: weight})
	if args != nil {
		profile.PluginConfig = append(profile.PluginConfig, schedulerconfig.PluginConfig{Name: name, Args: args})
	}
}

// ready is the factory of a plugin that is made already.
func ready(plugin fwk.Plugin) frameworkruntime.PluginFactory {
	return func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return plugin, nil }
}

// silence takes the scores away from plugins that judge by requests.
func silence(p *simulator.Policy, plugins ...string) {
	score := &p.Profiles[0].Plugins.Score
	for _, name := range plugins {
		score.Disabled = append(score.Disabled, schedulerconfig.Plugin{Name: name})
	}
}

// byRequests are the default plugins whose scores come from requests.
var byRequests = []string{names.NodeResourcesFit, names.NodeResourcesBalancedAllocation}
