package trimaran

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	original "sigs.k8s.io/scheduler-plugins/apis/config/v1"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
)

func pointer[T any](value T) *T { return &value }

var (
	fromMetricsAPI  = usage.Config{MetricsAPI: &usage.MetricsAPIConfig{}}
	fifteen         = metav1.Duration{Duration: 15 * time.Minute}
	prometheusUsage = func(address string) usage.Config {
		return usage.Config{Prometheus: &usage.PrometheusConfig{
			Address: address,
			Windows: usage.WindowsConfig{Recent: fifteen, Deviation: usage.WindowConfig{Window: fifteen}},
		}}
	}
)

func TestTranslate(t *testing.T) {
	packing := func(args config.TargetLoadPackingArgs, from usage.Config) *config.Args {
		return &config.Args{Mode: config.ModeTargetLoadPacking, TargetLoadPacking: args, Usage: from}
	}
	balancing := func(args config.LoadVariationRiskBalancingArgs, from usage.Config) *config.Args {
		return &config.Args{Mode: config.ModeLoadVariationRiskBalancing, LoadVariationRiskBalancing: args, Usage: from}
	}
	cases := map[string]struct {
		reason string
		plugin string
		args   string
		want   *config.Args
		err    []string
	}{
		"PackingDefaults": {
			reason: "no arguments are Trimaran's defaults, which are the mode's",
			plugin: TargetLoadPacking, want: packing(config.TargetLoadPackingArgs{}, fromMetricsAPI),
		},
		"PackingTyped": {
			reason: "arguments may say what they are",
			plugin: TargetLoadPacking,
			args:   "apiVersion: kubescheduler.config.k8s.io/v1\nkind: TargetLoadPackingArgs\n",
			want:   packing(config.TargetLoadPackingArgs{}, fromMetricsAPI),
		},
		"TargetUtilization": {
			plugin: TargetLoadPacking, args: "targetUtilization: 70",
			want: packing(config.TargetLoadPackingArgs{TargetUtilization: 70}, fromMetricsAPI),
		},
		"TargetUtilizationZero": {
			reason: "Trimaran takes zero for its default, as ours does",
			plugin: TargetLoadPacking, args: "targetUtilization: 0",
			want: packing(config.TargetLoadPackingArgs{}, fromMetricsAPI),
		},
		"TargetUtilizationNegative": {
			plugin: TargetLoadPacking, args: "targetUtilization: -5",
			err: []string{"targetUtilization", "-5", "must not be negative", TargetLoadPacking},
		},
		"DefaultRequests": {
			plugin: TargetLoadPacking, args: "defaultRequests: {cpu: 250m}",
			want: packing(config.TargetLoadPackingArgs{DefaultRequests: pointer(resource.MustParse("250m"))}, fromMetricsAPI),
		},
		"DefaultRequestsMemory": {
			reason: "only CPU is packed by",
			plugin: TargetLoadPacking, args: "defaultRequests: {cpu: 250m, memory: 1Gi}",
			want: packing(config.TargetLoadPackingArgs{DefaultRequests: pointer(resource.MustParse("250m"))}, fromMetricsAPI),
		},
		"DefaultRequestsWithoutCPU": {
			plugin: TargetLoadPacking, args: "defaultRequests: {memory: 1Gi}", err: []string{"defaultRequests.cpu"},
		},
		"DefaultRequestsNegative": {
			plugin: TargetLoadPacking, args: "defaultRequests: {cpu: -1}", err: []string{"defaultRequests.cpu", "negative"},
		},
		"DefaultRequestsMultiplier": {
			plugin: TargetLoadPacking, args: `defaultRequestsMultiplier: "2.5"`,
			want: packing(config.TargetLoadPackingArgs{DefaultRequestsMultiplier: pointer(2.5)}, fromMetricsAPI),
		},
		"DefaultRequestsMultiplierNotANumber": {
			plugin: TargetLoadPacking, args: `defaultRequestsMultiplier: "twice"`,
			err: []string{"defaultRequestsMultiplier", "twice", `"1.5"`},
		},
		"DefaultRequestsMultiplierUnquoted": {
			plugin: TargetLoadPacking, args: `defaultRequestsMultiplier: 2.5`, err: []string{"defaultRequestsMultiplier"},
		},
		"BalancingDefaults": {
			plugin: LoadVariationRiskBalancing, want: balancing(config.LoadVariationRiskBalancingArgs{}, fromMetricsAPI),
		},
		"SafeVarianceMargin": {
			plugin: LoadVariationRiskBalancing, args: "safeVarianceMargin: 2",
			want: balancing(config.LoadVariationRiskBalancingArgs{SafeVarianceMargin: pointer(2.0)}, fromMetricsAPI),
		},
		"SafeVarianceMarginZero": {
			reason: "zero leaves the deviation out, and is no default",
			plugin: LoadVariationRiskBalancing, args: "safeVarianceMargin: 0",
			want: balancing(config.LoadVariationRiskBalancingArgs{SafeVarianceMargin: pointer(0.0)}, fromMetricsAPI),
		},
		"SafeVarianceMarginNegative": {
			plugin: LoadVariationRiskBalancing, args: "safeVarianceMargin: -1", err: []string{"safeVarianceMargin", "negative"},
		},
		"SafeVarianceSensitivity": {
			plugin: LoadVariationRiskBalancing, args: "safeVarianceSensitivity: 0.5",
			want: balancing(config.LoadVariationRiskBalancingArgs{SafeVarianceSensitivity: pointer(0.5)}, fromMetricsAPI),
		},
		"SafeVarianceSensitivityNegative": {
			plugin: LoadVariationRiskBalancing, args: "safeVarianceSensitivity: -1", err: []string{"safeVarianceSensitivity", "negative"},
		},
		"MetricsServer": {
			plugin: LoadVariationRiskBalancing, args: "metricProvider: {type: KubernetesMetricsServer}",
			want: balancing(config.LoadVariationRiskBalancingArgs{}, fromMetricsAPI),
		},
		"Prometheus": {
			plugin: LoadVariationRiskBalancing, args: "metricProvider: {type: Prometheus, address: 'https://prometheus:9090'}",
			want: balancing(config.LoadVariationRiskBalancingArgs{}, prometheusUsage("https://prometheus:9090")),
		},
		"PrometheusWithoutAddress": {
			reason: "load-watcher has a default of its own",
			plugin: TargetLoadPacking, args: "metricProvider: {type: Prometheus}",
			want: packing(config.TargetLoadPackingArgs{}, prometheusUsage("http://prometheus-k8s:9090")),
		},
		"PrometheusToken": {
			plugin: TargetLoadPacking, args: "metricProvider: {type: Prometheus, token: secret-of-mine}",
			err: []string{"metricProvider.token", "usage.prometheus.bearerTokenFile"},
		},
		"PrometheusSkipVerify": {
			plugin: TargetLoadPacking,
			args:   "metricProvider: {type: Prometheus, address: 'https://p', insecureSkipVerify: true}",
			err:    []string{"metricProvider.insecureSkipVerify", "usage.prometheus.caFile"},
		},
		"PrometheusSkipVerifyWithoutTLS": {
			reason: "without TLS there is nothing to verify",
			plugin: TargetLoadPacking,
			args:   "metricProvider: {type: Prometheus, address: 'http://p', insecureSkipVerify: true}",
			want:   packing(config.TargetLoadPackingArgs{}, prometheusUsage("http://p")),
		},
		"SignalFx": {
			plugin: TargetLoadPacking, args: "metricProvider: {type: SignalFx}",
			err: []string{"metricProvider.type", "SignalFx", "watcherAddress"},
		},
		"UnknownProvider": {
			plugin: TargetLoadPacking, args: "metricProvider: {type: Graphite}",
			err: []string{"metricProvider.type", "Graphite", "Prometheus"},
		},
		"WatcherAddress": {
			reason: "a load-watcher goes before a provider, as with Trimaran",
			plugin: TargetLoadPacking, args: "watcherAddress: http://watcher:2020\nmetricProvider: {type: SignalFx}",
			want: packing(config.TargetLoadPackingArgs{}, usage.Config{LoadWatcher: &usage.LoadWatcherConfig{Address: "http://watcher:2020"}}),
		},
		"Typo": {
			plugin: TargetLoadPacking, args: "targetUtilisation: 70", err: []string{`unknown field "targetUtilisation"`},
		},
		"NestedTypo": {
			plugin: LoadVariationRiskBalancing, args: "metricProvider: {adress: x}", err: []string{`unknown field "metricProvider.adress"`},
		},
		"ArgumentsOfTheOther": {
			plugin: LoadVariationRiskBalancing, args: "targetUtilization: 40", err: []string{`unknown field "targetUtilization"`},
		},
		"WrongKind": {
			plugin: TargetLoadPacking, args: "kind: LoadVariationRiskBalancingArgs", err: []string{"kind", "TargetLoadPackingArgs"},
		},
		"WrongVersion": {
			plugin: TargetLoadPacking, args: "apiVersion: kubescheduler.config.k8s.io/v1beta3", err: []string{"apiVersion", "config.k8s.io/v1\""},
		},
		"NotTrimaran": {plugin: "Peaks", err: []string{"Peaks", TargetLoadPacking}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			raw, err := yaml.YAMLToJSON([]byte(tc.args))
			if err != nil {
				t.Fatal(err)
			}
			if tc.args == "" {
				raw = nil
			}
			got, err := Translate(tc.plugin, raw)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			checkError(t, err, tc.err)
			if err != nil && strings.Contains(err.Error(), "secret-of-mine") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func checkError(t *testing.T, err error, wants []string) {
	t.Helper()
	if (err != nil) != (len(wants) > 0) {
		t.Fatalf("error is %v, want one with %q", err, wants)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

// TestTranslatedIsValid: what was translated from good arguments is good.
func TestTranslatedIsValid(t *testing.T) {
	for plugin, raw := range map[string]string{
		TargetLoadPacking:          `{"targetUtilization": 99, "metricProvider": {"type": "Prometheus"}}`,
		LoadVariationRiskBalancing: `{"safeVarianceMargin": 0, "safeVarianceSensitivity": 0, "watcherAddress": "http://w:2020"}`,
	} {
		args, err := Translate(plugin, []byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		object, err := args.Object()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := config.Decode(object); err != nil {
			t.Errorf("%s from %s: %v", plugin, raw, err)
		}
	}
}

// TestMirror holds our copies of Trimaran's arguments against the originals.
func TestMirror(t *testing.T) {
	for ours, theirs := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[targetLoadPackingArgs]():          reflect.TypeFor[original.TargetLoadPackingArgs](),
		reflect.TypeFor[loadVariationRiskBalancingArgs](): reflect.TypeFor[original.LoadVariationRiskBalancingArgs](),
	} {
		if diff := cmp.Diff(fieldsOf(theirs, ""), fieldsOf(ours, "")); diff != "" {
			t.Errorf("%s differs (-theirs +ours):\n%s", theirs, diff)
		}
	}
}

// fieldsOf lists the JSON fields of a type, with the kinds of their values.
func fieldsOf(t reflect.Type, prefix string) []string {
	var fields []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case rest == "inline":
			fields = append(fields, fieldsOf(f.Type, prefix)...)
		case inner.Kind() == reflect.Struct:
			fields = append(fields, fieldsOf(inner, prefix+name+".")...)
		default:
			fields = append(fields, prefix+name+" "+inner.Kind().String())
		}
	}
	slices.Sort(fields)
	return fields
}

func FuzzTranslate(f *testing.F) {
	f.Add(TargetLoadPacking, []byte(`{"targetUtilization": 40, "defaultRequests": {"cpu": "1"}, "defaultRequestsMultiplier": "1.5"}`))
	f.Add(LoadVariationRiskBalancing, []byte(`{"metricProvider": {"type": "Prometheus", "address": "https://p", "token": "t"}}`))
	f.Fuzz(func(t *testing.T, plugin string, raw []byte) {
		args, err := Translate(plugin, raw)
		if (args == nil) == (err == nil) {
			t.Fatalf("got %v and %v", args, err)
		}
		if err != nil {
			return
		}
		if len(raw) > 0 && !json.Valid(raw) {
			t.Errorf("%q is not JSON and was taken", raw)
		}
		if _, err := args.Object(); err != nil {
			t.Errorf("what was translated cannot be handed on: %v", err)
		}
	})
}
