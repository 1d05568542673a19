package trimaran

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/evenkeel/evenkeel/plugins/realload/config"
)

func enabled(names ...string) schedulerconfig.PluginSet {
	var set schedulerconfig.PluginSet
	for _, name := range names {
		set.Enabled = append(set.Enabled, schedulerconfig.Plugin{Name: name})
	}
	return set
}

func TestPrepare(t *testing.T) {
	const packing, balancing = TargetLoadPacking, LoadVariationRiskBalancing
	args := func(name, raw string) schedulerconfig.PluginConfig {
		return schedulerconfig.PluginConfig{Name: name, Args: &runtime.Unknown{Raw: []byte(raw)}}
	}
	cases := map[string]struct {
		reason string
		give   schedulerconfig.KubeSchedulerProfile
		want   *schedulerconfig.Plugins
		err    []string
	}{
		"Untouched": {
			reason: "a profile without plugins stays as it is",
		},
		"OthersOnly": {
			reason: "other plugins are none of our business",
			give:   schedulerconfig.KubeSchedulerProfile{Plugins: &schedulerconfig.Plugins{Score: enabled("NodeResourcesFit")}},
			want:   &schedulerconfig.Plugins{Score: enabled("NodeResourcesFit")},
		},
		"Score": {
			reason: "as Trimaran's documentation has it",
			give: schedulerconfig.KubeSchedulerProfile{
				Plugins:      &schedulerconfig.Plugins{Score: enabled(packing)},
				PluginConfig: []schedulerconfig.PluginConfig{args(packing, `{"targetUtilization": 60}`)},
			},
			want: &schedulerconfig.Plugins{PreFilter: enabled(packing), PreScore: enabled(packing), Score: enabled(packing), Reserve: enabled(packing)},
		},
		"Both": {
			give: schedulerconfig.KubeSchedulerProfile{Plugins: &schedulerconfig.Plugins{Score: enabled(packing, balancing)}},
			want: &schedulerconfig.Plugins{
				PreFilter: enabled(packing, balancing), PreScore: enabled(packing, balancing),
				Score: enabled(packing, balancing), Reserve: enabled(packing, balancing),
			},
		},
		"MultiPoint": {
			reason: "everything is enabled already",
			give:   schedulerconfig.KubeSchedulerProfile{Plugins: &schedulerconfig.Plugins{MultiPoint: enabled(balancing)}},
			want:   &schedulerconfig.Plugins{MultiPoint: enabled(balancing)},
		},
		"Idempotent": {
			give: schedulerconfig.KubeSchedulerProfile{Plugins: &schedulerconfig.Plugins{Score: enabled(packing), Reserve: enabled(packing)}},
			want: &schedulerconfig.Plugins{PreFilter: enabled(packing), PreScore: enabled(packing), Score: enabled(packing), Reserve: enabled(packing)},
		},
		"BadArguments": {
			reason: "the place of wrong arguments is told",
			give: schedulerconfig.KubeSchedulerProfile{
				PluginConfig: []schedulerconfig.PluginConfig{args("NodeResourcesFit", "{}"), args(balancing, `{"safeVarianceMargins": 1}`)},
			},
			err: []string{"profiles[0].pluginConfig[1].args", "safeVarianceMargins"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := &schedulerconfig.KubeSchedulerConfiguration{Profiles: []schedulerconfig.KubeSchedulerProfile{tc.give}}
			checkError(t, Prepare(cfg), tc.err)
			if diff := cmp.Diff(tc.want, cfg.Profiles[0].Plugins); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestAdapt(t *testing.T) {
	var got *config.Args
	made := errors.New("made")
	factory := Adapt(LoadVariationRiskBalancing, func(_ context.Context, object runtime.Object, _ fwk.Handle) (fwk.Plugin, error) {
		var err error
		if got, err = config.Decode(object); err != nil {
			t.Error(err)
		}
		return nil, made
	})
	if _, err := factory(t.Context(), &runtime.Unknown{Raw: []byte(`{"safeVarianceMargin": 3}`)}, nil); !errors.Is(err, made) {
		t.Fatalf("error is %v, want the factory's own", err)
	}
	if got.Mode != config.ModeLoadVariationRiskBalancing || *got.LoadVariationRiskBalancing.SafeVarianceMargin != 3 {
		t.Errorf("got the arguments %+v", got)
	}
	if _, err := factory(t.Context(), nil, nil); !errors.Is(err, made) {
		t.Errorf("without arguments: %v, want the factory's own", err)
	}
	_, err := factory(t.Context(), &runtime.Unknown{Raw: []byte(`{"margin": 3}`)}, nil)
	checkError(t, err, []string{LoadVariationRiskBalancing, `"margin"`})
	_, err = factory(t.Context(), &schedulerconfig.NodeResourcesFitArgs{}, nil)
	checkError(t, err, []string{"NodeResourcesFitArgs"})
}
