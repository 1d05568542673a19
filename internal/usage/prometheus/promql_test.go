package prometheus

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// checkQueries parses every query that a configuration makes.
func checkQueries(t *testing.T, cfg *usage.PrometheusConfig) int {
	t.Helper()
	n := 0
	for _, p := range plans(cfg) {
		for s := range p.values {
			if (p.values[s] == "") != (p.times[s] == "") {
				t.Errorf("%s %s %s: a value without a time, or a time without a value", usage.Statistic(s), p.dimension, p.kind)
			}
			for _, query := range []string{p.values[s], p.times[s]} {
				n += checkQuery(t, query)
			}
		}
		n += checkQuery(t, p.days)
	}
	return n
}

func checkQuery(t *testing.T, query string) int {
	t.Helper()
	if query == "" {
		return 0
	}
	if strings.Contains(query, "$window") {
		t.Errorf("$window is left in %s", query)
	}
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%v in %s", err, query)
		return 1
	}
	if expression.Type() != parser.ValueTypeVector {
		t.Errorf("%s is a %s", query, expression.Type())
	}
	return 1
}

func defaulted(p usage.PrometheusConfig) *usage.PrometheusConfig {
	cfg := usage.Config{Prometheus: &p}
	cfg.Default()
	return cfg.Prometheus
}

func TestPlans(t *testing.T) {
	none := 0
	for name, tc := range map[string]struct {
		cfg  usage.PrometheusConfig
		want int // queries: of nodes and pods, values and times of four statistics and days, and the capacity
	}{
		"preset":     {usage.PrometheusConfig{}, 8*9 + 2},
		"node label": {usage.PrometheusConfig{NodeLabel: "instance"}, 8*9 + 2},
		"no days":    {usage.PrometheusConfig{Windows: usage.WindowsConfig{Season: usage.SeasonConfig{Days: &none}}}, 8*6 + 2},
		"none":       {usage.PrometheusConfig{Preset: usage.PresetNone}, 0},
		"disabled":   {usage.PrometheusConfig{Queries: usage.QueriesConfig{Pods: usage.DimensionQueries{Disk: &usage.Query{Disabled: true}}}}, 7*9 + 2},
		"own": {usage.PrometheusConfig{Preset: usage.PresetNone, Queries: usage.QueriesConfig{
			Nodes:    usage.DimensionQueries{CPU: &usage.Query{Rate: "node:cpu:rate2m"}},
			Pods:     usage.DimensionQueries{CPU: &usage.Query{Rate: "sum by (namespace, pod) (rate(x[$window])) or y", Samples: `{__name__=~"x|y",a="}"}`}},
			Capacity: usage.DimensionQueries{Disk: &usage.Query{Rate: "z"}},
		}}, 2*9 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			if n := checkQueries(t, defaulted(tc.cfg)); n != tc.want {
				t.Errorf("%d queries, want %d", n, tc.want)
			}
		})
	}
}

func TestMeanOfWhatHasNoWindow(t *testing.T) {
	cfg := defaulted(usage.PrometheusConfig{Preset: usage.PresetNone, Queries: usage.QueriesConfig{
		Nodes: usage.DimensionQueries{CPU: &usage.Query{Rate: "node:cpu:rate2m"}},
	}})
	p := plans(cfg)[0]
	if want := "avg_over_time((node:cpu:rate2m)[300000ms:15000ms])"; p.values[usage.Mean] != want {
		t.Errorf("the mean is %s, want %s", p.values[usage.Mean], want)
	}
	if want := "quantile_over_time(0.95, (node:cpu:rate2m)[3600000ms:60000ms])"; p.values[usage.P95] != want {
		t.Errorf("the 95th percentile is %s, want %s", p.values[usage.P95], want)
	}
}

func TestWith(t *testing.T) {
	for selector, want := range map[string]string{
		`up`:                   `up{a="b"}`,
		`up{}`:                 `up{a="b",}`,
		`up{job="x"}`:          `up{a="b",job="x"}`,
		`{__name__="u",x="}"}`: `{a="b",__name__="u",x="}"}`,
	} {
		got := with(selector, `a="b"`)
		if got != want {
			t.Errorf("%s became %s, want %s", selector, got, want)
		}
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		if with(selector, "") != selector {
			t.Errorf("%s changed", selector)
		}
	}
}

// FuzzPromQL makes queries of whatever windows and labels are valid.
func FuzzPromQL(f *testing.F) {
	f.Add(int64(300_000), int64(120_000), int64(900_000), int64(60_000), int64(86_400_000), int64(7_200_000), 3, "", "namespace")
	f.Add(int64(5000), int64(2000), int64(15000), int64(250), int64(1_440_000), int64(120_000), 7, "instance", "ns")
	f.Add(int64(7), int64(11), int64(13), int64(5), int64(17), int64(15), 14, "node", "exported_namespace")
	f.Fuzz(func(t *testing.T, recent, resolution, window, step, period, width int64, days int, nodeLabel, namespaceLabel string) {
		ms := func(n int64) metav1.Duration { return metav1.Duration{Duration: time.Duration(n) * time.Millisecond} }
		cfg := usage.Config{Prometheus: &usage.PrometheusConfig{
			Address: "http://h", NodeLabel: nodeLabel, NamespaceLabel: namespaceLabel,
			Windows: usage.WindowsConfig{
				Recent: ms(recent), Resolution: ms(resolution),
				Deviation: usage.WindowConfig{Window: ms(window), Step: ms(step)},
				Hour:      usage.WindowConfig{Window: ms(window), Step: ms(step)},
				Season:    usage.SeasonConfig{Period: ms(period), Width: ms(width), Days: &days, Step: ms(step)},
			},
		}}
		cfg.Default()
		if len(cfg.Validate(field.NewPath("usage"))) > 0 {
			t.Skip()
		}
		checkQueries(t, cfg.Prometheus)
	})
}

// FuzzSamples takes any selector that validation lets through.
func FuzzSamples(f *testing.F) {
	for _, s := range []string{"up", `up{a="b"}`, `{a=~"x|(y)",b='}'}`, "a:b", `up{}`, `up{a="\""}`, "{}", `up[5m]`, `up{a="b"} offset 5m`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, samples string) {
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(samples); err != nil {
			t.Skip() // the server says so, about this dimension
		}
		cfg := usage.Config{Prometheus: &usage.PrometheusConfig{Address: "http://h", Preset: usage.PresetNone, Queries: usage.QueriesConfig{
			Nodes: usage.DimensionQueries{CPU: &usage.Query{Rate: "rate(x[$window])", Samples: samples}},
		}}}
		cfg.Default()
		if len(cfg.Validate(field.NewPath("usage"))) > 0 {
			t.Skip()
		}
		checkQueries(t, cfg.Prometheus)
	})
}
