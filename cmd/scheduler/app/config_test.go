package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"sigs.k8s.io/yaml"

	realloadconfig "github.com/evenkeel/evenkeel/plugins/realload/config"
)

func TestDefaultConfiguration(t *testing.T) {
	cfg, err := loadConfiguration("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"evenkeel"}, profileNames(cfg)); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
	if got := cfg.LeaderElection; !got.LeaderElect || got.ResourceName != "evenkeel-scheduler" {
		t.Errorf("leader election is %+v: it must be on, with a lease that is not the stock scheduler's", got)
	}
	enabled := cfg.Profiles[0].Plugins.MultiPoint.Enabled
	if last := enabled[len(enabled)-1]; last != (config.Plugin{Name: "RealLoad", Weight: 5}) {
		t.Errorf("the last plugin is %+v, want RealLoad", last)
	}
	for _, entry := range cfg.Profiles[0].PluginConfig {
		if entry.Name != "RealLoad" {
			continue
		}
		if _, err := realloadconfig.Decode(entry.Args); err != nil {
			t.Errorf("arguments of RealLoad: %v", err)
		}
	}
}

// TestDefaultProfileIsOptIn: the comment in the default configuration says how
// to turn the stock profile on; doing so must work, and leave it as upstream has it.
func TestDefaultProfileIsOptIn(t *testing.T) {
	with := strings.Replace(defaultConfiguration, "# - schedulerName: default-scheduler", "- schedulerName: default-scheduler", 1)
	cfg, err := parseConfiguration([]byte(with))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"evenkeel", "default-scheduler"}, profileNames(cfg)); diff != "" {
		t.Fatalf("profiles (-want +got):\n%s", diff)
	}
	stock, err := parseConfiguration(StockConfiguration())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stock.Profiles[0], cfg.Profiles[1]); diff != "" {
		t.Errorf("the stock profile (-upstream +ours):\n%s", diff)
	}
}

func TestParseConfiguration(t *testing.T) {
	const head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
	cases := map[string]struct {
		give string
		err  []string
	}{
		"Trimaran": {give: head + `
profiles:
- schedulerName: trimaran
  plugins: {score: {enabled: [{name: TargetLoadPacking, weight: 3}], disabled: [{name: NodeResourcesFit}]}}
  pluginConfig:
  - name: TargetLoadPacking
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: TargetLoadPackingArgs
      targetUtilization: 70
`},
		"UnknownField":         {give: head + "leaderElection: {leaderElected: true}\n", err: []string{`unknown field "leaderElection.leaderElected"`}},
		"UnknownNestedField":   {give: head + "profiles: [{schedulerNames: x}]\n", err: []string{`unknown field "profiles[0].schedulerNames"`}},
		"RepeatedField":        {give: head + "parallelism: 1\nparallelism: 2\n", err: []string{"parallelism", "already"}},
		"WrongDuration":        {give: head + "leaderElection: {leaseDuration: 15 seconds}\n", err: []string{"field leaderElection.leaseDuration", "15 seconds"}},
		"DurationWithoutUnit":  {give: head + "leaderElection: {retryPeriod: 15}\n", err: []string{"field leaderElection.retryPeriod"}},
		"WrongType":            {give: head + "parallelism: many\n", err: []string{"parallelism"}},
		"NegativeParallelism":  {give: head + "parallelism: -1\n", err: []string{"parallelism", "-1"}},
		"NegativePercentage":   {give: head + "percentageOfNodesToScore: -5\n", err: []string{"percentageOfNodesToScore", "-5"}},
		"ShortLease":           {give: head + "leaderElection: {leaderElect: true, leaseDuration: 1s}\n", err: []string{"leaderElection.leaseDuration"}},
		"SameProfileTwice":     {give: head + "profiles: [{schedulerName: a}, {schedulerName: a}]\n", err: []string{"profiles[1].schedulerName", "Duplicate"}},
		"WrongKind":            {give: "apiVersion: kubescheduler.config.k8s.io/v1\nkind: NodeResourcesFitArgs\n", err: []string{"NodeResourcesFitArgs", "KubeSchedulerConfiguration"}},
		"OldVersion":           {give: "apiVersion: kubescheduler.config.k8s.io/v1beta2\nkind: KubeSchedulerConfiguration\n", err: []string{"v1beta2"}},
		"NoKind":               {give: "profiles: []\n", err: []string{"Kind"}},
		"NotYAML":              {give: "\tx", err: []string{"yaml"}},
		"TypoForTrimaran":      {give: head + "profiles: [{pluginConfig: [{name: TargetLoadPacking, args: {targetUtilisation: 1}}]}]\n", err: []string{"profiles[0].pluginConfig[0].args", "targetUtilisation"}},
		"TypoForRealLoad":      {give: head + "profiles: [{pluginConfig: [{name: RealLoad, args: {modes: pack}}]}]\n", err: []string{"profiles[0].pluginConfig[0].args", `"modes"`}},
		"NegativeForRealLoad":  {give: head + "profiles: [{pluginConfig: [{name: RealLoad, args: {target: -60}}]}]\n", err: []string{"profiles[0].pluginConfig[0].args", "target", "-60"}},
		"DurationForRealLoad":  {give: head + "profiles: [{pluginConfig: [{name: RealLoad, args: {freshFor: 90}}]}]\n", err: []string{"profiles[0].pluginConfig[0].args", "freshFor"}},
		"WrongWeight":          {give: head + "profiles: [{plugins: {score: {enabled: [{name: RealLoad, weight: heavy}]}}}]\n", err: []string{"weight"}},
		"UnknownExtenderField": {give: head + "extenders: [{urlPrefix: 'http://x', filterVerb: f, typo: 1}]\n", err: []string{"extenders[0].typo"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parseConfiguration([]byte(tc.give))
			if (err != nil) != (len(tc.err) > 0) {
				t.Fatalf("error is %v, want one with %q", err, tc.err)
			}
			for _, want := range tc.err {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestLoadConfigurationNamesTheFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	if _, err := loadConfiguration(missing); err == nil || !strings.Contains(err.Error(), "--config") || !strings.Contains(err.Error(), missing) {
		t.Errorf("a missing file: %v", err)
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("kind: x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfiguration(broken); err == nil || !strings.Contains(err.Error(), broken) {
		t.Errorf("a broken file: %v", err)
	}
}

// TestEncodeConfiguration: what is printed can be read again and means the same.
func TestEncodeConfiguration(t *testing.T) {
	for name, data := range map[string][]byte{"default": DefaultConfiguration(), "stock": StockConfiguration()} {
		cfg, err := parseConfiguration(data)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := encodeConfiguration(cfg)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseConfiguration(encoded)
		if err != nil {
			t.Fatalf("%s: reading what was printed: %v\n%s", name, err, encoded)
		}
		if diff := cmp.Diff(normal(cfg), normal(again)); diff != "" {
			t.Errorf("%s (-before +after):\n%s", name, diff)
		}
	}
}

// normal makes arguments comparable whose JSON differs in spaces only.
func normal(cfg *config.KubeSchedulerConfiguration) *config.KubeSchedulerConfiguration {
	for i := range cfg.Profiles {
		for j := range cfg.Profiles[i].PluginConfig {
			if unknown, ok := cfg.Profiles[i].PluginConfig[j].Args.(*runtime.Unknown); ok {
				raw, err := yaml.YAMLToJSON(unknown.Raw)
				if err != nil {
					panic(err)
				}
				cfg.Profiles[i].PluginConfig[j].Args = &runtime.Unknown{Raw: raw}
			}
		}
	}
	return cfg
}

func TestBlame(t *testing.T) {
	failsOn := func(word string) func([]byte) error {
		return func(data []byte) error {
			if strings.Contains(string(data), word) {
				return os.ErrInvalid
			}
			return nil
		}
	}
	const document = "a: {b: [{c: good}, {c: bad}]}\nd: 1\n"
	for name, tc := range map[string]struct{ data, word, want string }{
		"Nested":    {document, "bad", "a.b[1].c"},
		"TopLevel":  {document, "d: 1", "d"},
		"NoneAlone": {document, "a:", ""},
		"NotYAML":   {"\tx", "x", ""},
	} {
		if got := blame([]byte(tc.data), failsOn(tc.word)); got != tc.want {
			t.Errorf("%s: blamed %q, want %q", name, got, tc.want)
		}
	}
}

func FuzzParseConfiguration(f *testing.F) {
	f.Add(DefaultConfiguration())
	f.Add(StockConfiguration())
	f.Add([]byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nleaderElection: {leaseDuration: x}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := parseConfiguration(data)
		if (cfg == nil) == (err == nil) {
			t.Fatalf("got %v and %v", cfg, err)
		}
	})
}
