package trimaran

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
)

// Factory makes one plugin for one profile.
type Factory = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error)

// Names are the plugins that are translated.
func Names() []string { return []string{TargetLoadPacking, LoadVariationRiskBalancing} }

// Adapt returns a factory that takes the arguments of one of Trimaran's plugins
// and hands them, translated, to a factory of evenkeel's, which makes plugins of
// that name.
func Adapt(name string, factory Factory) Factory {
	return func(ctx context.Context, object runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		args, err := translateObject(name, object)
		if err != nil {
			return nil, err
		}
		return factory(ctx, args, handle)
	}
}

func translateObject(name string, object runtime.Object) (runtime.Object, error) {
	var raw []byte
	switch object := object.(type) {
	case nil:
	case *runtime.Unknown:
		raw = object.Raw
	default:
		return nil, fmt.Errorf("reading the arguments of %s: got a %T, want JSON", name, object)
	}
	args, err := Translate(name, raw)
	if err != nil {
		return nil, err
	}
	return args.Object()
}

// Prepare readies the profiles that name Trimaran's plugins. Those only score;
// ours counts pods from the moment they are reserved, for which it is enabled
// there too. Wrong arguments are told with their place.
func Prepare(cfg *config.KubeSchedulerConfiguration) error {
	for i := range cfg.Profiles {
		profile := &cfg.Profiles[i]
		for j := range profile.PluginConfig {
			entry := &profile.PluginConfig[j]
			if !slices.Contains(Names(), entry.Name) {
				continue
			}
			if _, err := translateObject(entry.Name, entry.Args); err != nil {
				return fmt.Errorf("profiles[%d].pluginConfig[%d].args: %w", i, j, err)
			}
		}
		if profile.Plugins != nil {
			enable(profile.Plugins)
		}
	}
	return nil
}

func enable(plugins *config.Plugins) {
	for _, name := range Names() {
		if !has(&plugins.Score, name) || has(&plugins.MultiPoint, name) {
			continue
		}
		for _, point := range []*config.PluginSet{&plugins.PreFilter, &plugins.PreScore, &plugins.Reserve} {
			if !has(point, name) {
				point.Enabled = append(point.Enabled, config.Plugin{Name: name})
			}
		}
	}
}

func has(point *config.PluginSet, name string) bool {
	return slices.ContainsFunc(point.Enabled, func(p config.Plugin) bool { return p.Name == name })
}
