package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func parse(t *testing.T, text string) (Config, error) {
	t.Helper()
	var cfg Config
	err := yaml.UnmarshalStrict([]byte(text), &cfg)
	return cfg, err
}

func TestDefault(t *testing.T) {
	var cfg Config
	cfg.Default()
	if cfg.MetricsAPI == nil || cfg.Prometheus != nil || cfg.LoadWatcher != nil {
		t.Errorf("with nothing set the source is %s", cfg.Kind())
	}
	if errs := cfg.Validate(nil); len(errs) > 0 {
		t.Errorf("the default is invalid: %v", errs)
	}
	for what, tc := range map[string]struct{ got, want time.Duration }{
		"refreshInterval": {cfg.RefreshInterval.Duration, 15 * time.Second},
		"p95Interval":     {cfg.P95Interval.Duration, time.Minute},
		"peakInterval":    {cfg.PeakInterval.Duration, 30 * time.Minute},
		"maxSkew":         {cfg.MaxSkew.Duration, 30 * time.Second},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is %v, want %v", what, tc.got, tc.want)
		}
	}
	again := cfg
	again.Default()
	if diff := cmp.Diff(cfg, again); diff != "" {
		t.Errorf("defaulting twice changes something (-once +twice):\n%s", diff)
	}
	days, err := parse(t, "prometheus: {address: 'http://localhost', windows: {season: {days: 0}}}")
	if err != nil {
		t.Fatal(err)
	}
	if days.Default(); *days.Prometheus.Windows.Season.Days != 0 {
		t.Error("no days became some")
	}
}

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		config string
		want   string // in the error; "": valid
	}{
		"prometheus":       {"prometheus: {address: 'http://prometheus:9090'}", ""},
		"path":             {"prometheus: {address: 'https://host/select/0/prometheus'}", ""},
		"sixty times":      {"refreshInterval: 250ms\nprometheus: {address: 'http://localhost:1', windows: {recent: 5s, resolution: 2s, deviation: {window: 15s, step: 1s}, hour: {window: 60s, step: 1s}, season: {period: 24m, width: 2m, step: 5s}}}", ""},
		"load-watcher":     {"loadWatcher: {address: 'http://load-watcher:2020'}", ""},
		"token, loopback":  {"prometheus: {address: 'http://127.0.0.1:9090', bearerTokenFile: /t}", ""},
		"token, localhost": {"prometheus: {address: 'http://localhost:9090', bearerTokenFile: /t}", ""},
		"token, https":     {"prometheus: {address: 'https://prometheus:9090', bearerTokenFile: /t}", ""},
		"rule":             {"prometheus: {address: 'http://localhost', queries: {pods: {cpu: {rate: 'pod:cpu:rate5m{a=\"b\"}'}}}}", ""},
		"expression":       {"prometheus: {address: 'http://localhost', queries: {nodes: {disk: {rate: 'sum by (node) (x)', samples: 'x{d!~\"(a|b){1}\"}'}}}}", ""},
		"disabled":         {"prometheus: {address: 'http://localhost', queries: {pods: {disk: {disabled: true}}}}", ""},

		"two sources":       {"prometheus: {address: 'http://localhost'}\nmetricsAPI: {}", "usage: Invalid value: \"prometheus, metricsAPI\": set exactly one"},
		"negative interval": {"refreshInterval: -1s", "usage.refreshInterval: Invalid value: \"-1s\": must be at least 10ms"},
		"tiny interval":     {"p95Interval: 1ms", "usage.p95Interval"},
		"negative skew":     {"maxSkew: -1s", "usage.maxSkew"},
		"microseconds":      {"timeout: 1000500us", "usage.timeout: Invalid value: \"1.0005s\": must be whole milliseconds"},
		"short retention":   {"retention: 1s", "usage.retention: Invalid value: \"1s\": must be at least 15s"},
		"no address":        {"prometheus: {}", "usage.prometheus.address: Required value"},
		"not a URL":         {"prometheus: {address: 'prometheus:9090'}", "usage.prometheus.address: Invalid value"},
		"broken URL":        {"prometheus: {address: 'http://user:secret@ho st'}", "usage.prometheus.address: Invalid value"},
		"password":          {"prometheus: {address: 'http://me:secret@host'}", "must not hold a password"},
		"query":             {"prometheus: {address: 'http://host?a=b'}", "must not hold a query"},
		"token in clear":    {"prometheus: {address: 'http://prometheus:9090', bearerTokenFile: /t}", "the token would travel in clear"},
		"key alone":         {"prometheus: {address: 'http://localhost', keyFile: /k}", "set both or neither"},
		"limit":             {"prometheus: {address: 'http://localhost', maxResponseBytes: 5}", "usage.prometheus.maxResponseBytes"},
		"metricsAPI limit":  {"metricsAPI: {maxResponseBytes: -1}", "usage.metricsAPI.maxResponseBytes"},
		"concurrency":       {"prometheus: {address: 'http://localhost', concurrency: 99}", "usage.prometheus.concurrency"},
		"preset":            {"prometheus: {address: 'http://localhost', preset: nodeexporter}", "supported values: \"node-exporter-cadvisor\", \"none\""},
		"label":             {"prometheus: {address: 'http://localhost', podLabel: 'a-b'}", "usage.prometheus.podLabel"},
		"no rate":           {"prometheus: {address: 'http://localhost', queries: {pods: {cpu: {samples: x}}}}", "usage.prometheus.queries.pods.cpu.rate: Required value"},
		"no samples":        {"prometheus: {address: 'http://localhost', queries: {nodes: {cpu: {rate: 'sum(x)'}}}}", "usage.prometheus.queries.nodes.cpu.samples: Required value"},
		"samples of what":   {"prometheus: {address: 'http://localhost', queries: {capacity: {disk: {rate: 'sum(x)', samples: 'x[5m]'}}}}", "must be a plain selector"},
		"disabled and set":  {"prometheus: {address: 'http://localhost', queries: {pods: {cpu: {disabled: true, rate: x}}}}", "usage.prometheus.queries.pods.cpu.disabled"},
		"step":              {"prometheus: {address: 'http://localhost', windows: {hour: {step: 2h}}}", "usage.prometheus.windows.hour.step"},
		"too many steps":    {"prometheus: {address: 'http://localhost', windows: {deviation: {step: 100ms}}}", "from 2 to 5000 steps"},
		"width":             {"prometheus: {address: 'http://localhost', windows: {season: {width: 25h}}}", "usage.prometheus.windows.season.width"},
		"days":              {"prometheus: {address: 'http://localhost', windows: {season: {days: 15}}}", "usage.prometheus.windows.season.days"},
		"history":           {"metricsAPI: {windows: {hour: 5m}}", "usage.metricsAPI.windows.hour"},
		"history step":      {"loadWatcher: {address: 'http://localhost', windows: {step: 1h}}", "usage.loadWatcher.windows.step"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := parse(t, tc.config)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Default()
			errs := cfg.Validate(field.NewPath("usage"))
			if tc.want == "" && len(errs) > 0 || tc.want != "" && !strings.Contains(errs.ToAggregate().Error(), tc.want) {
				t.Errorf("got %v, want %q", errs, tc.want)
			}
			for _, e := range errs {
				if strings.Contains(e.Error(), "secret") {
					t.Errorf("the error tells the password: %v", e)
				}
			}
		})
	}
}

func TestStrict(t *testing.T) {
	for name, tc := range map[string]struct{ config, want string }{
		"typo":           {"refreshIntervall: 5s", "refreshIntervall"},
		"insecure":       {"prometheus: {address: 'https://host', insecureSkipVerify: true}", "insecureSkipVerify"},
		"wrong duration": {"timeout: 5 seconds", "unknown unit"},
		"no unit":        {"timeout: '5'", "missing unit"},
		"dimension":      {"prometheus: {queries: {nodes: {gpu: {rate: x}}}}", "gpu"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(t, tc.config); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// The examples of the README are valid.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the README has no example")
	}
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		var args struct {
			Usage Config `json:"usage"`
		}
		if err := yaml.UnmarshalStrict([]byte(example), &args); err != nil {
			t.Errorf("%v in\n%s", err, example)
			continue
		}
		args.Usage.Default()
		if errs := args.Usage.Validate(field.NewPath("usage")); len(errs) > 0 {
			t.Errorf("%v in\n%s", errs, example)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("prometheus: {address: 'http://h'}")
	f.Add("loadWatcher: {address: 'http://h', windows: {step: 1s}}\nrefreshInterval: 1h")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := parse(t, text)
		if err != nil {
			t.Skip()
		}
		cfg.Default()
		if len(cfg.Validate(field.NewPath("usage"))) > 0 {
			return
		}
		key, err := cfg.Key()
		if err != nil {
			t.Fatalf("a valid configuration has no key: %v", err)
		}
		again, err := parse(t, key)
		if err != nil {
			t.Fatalf("its key %s does not parse: %v", key, err)
		}
		if twin, _ := again.Key(); twin != key {
			t.Errorf("the key %s comes back as %s", key, twin)
		}
	})
}
