package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/presets"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/router"
)

func duration(d time.Duration) metav1.Duration { return metav1.Duration{Duration: d} }

// sound is a valid configuration.
func sound() *Config {
	c := &Config{Prometheus: Prometheus{Address: "https://prometheus:9090"}, RulesFile: "rules.yaml"}
	c.Default()
	return c
}

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*Config)
		want   string // part of the error; "" for none
		reason string
	}{
		"defaults":      {func(*Config) {}, "", "what is left out is filled in"},
		"presets alone": {func(c *Config) { c.RulesFile, c.Presets = "", []presets.Args{{Name: "http-requests"}}; c.Default() }, "", "no rules are needed"},
		"nothing":       {func(c *Config) { c.RulesFile = "" }, "rulesFile: Required", "there would be no metrics"},
		"no such preset": {
			func(c *Config) { c.Presets = []presets.Args{{Name: "qps2"}} }, "presets[0].name", "a typo is told",
		},
		"no address":       {func(c *Config) { c.Prometheus.Address = "" }, "prometheus.address: Required", "there is no default"},
		"no scheme":        {func(c *Config) { c.Prometheus.Address = "prometheus:9090" }, "http:// or https://", "it is no URL"},
		"password":         {func(c *Config) { c.Prometheus.Address = "https://me:secret@prometheus" }, "no password", "secrets belong in files"},
		"key alone":        {func(c *Config) { c.Prometheus.KeyFile = "tls.key" }, "go together", "a key needs its certificate"},
		"concurrency":      {func(c *Config) { c.Prometheus.Concurrency = 1000 }, "prometheus.concurrency", "Prometheus has other users"},
		"few bytes":        {func(c *Config) { c.Prometheus.MaxBytes = resource.MustParse("1Ki") }, "prometheus.maxBytes", "no answer would fit"},
		"no bytes":         {func(c *Config) { c.Prometheus.MaxBytes = resource.MustParse("-1") }, "prometheus.maxBytes", "no answer would fit"},
		"other kind":       {func(c *Config) { c.Kind = "Config" }, "kind: Unsupported", "it is another file"},
		"other version":    {func(c *Config) { c.APIVersion = "v2" }, "apiVersion: Unsupported", "it is another version"},
		"step":             {func(c *Config) { c.Step = duration(time.Millisecond) }, "step", "it is too short"},
		"late":             {func(c *Config) { c.Delay = duration(time.Minute) }, "delay", "the next step would be due"},
		"negative delay":   {func(c *Config) { c.Delay = duration(-time.Second) }, "delay", "nobody knows the future"},
		"stale but fresh":  {func(c *Config) { c.StaleAfter = duration(time.Second) }, "staleAfter", "it would be stale while it is fresh"},
		"fresh for less":   {func(c *Config) { c.FreshFor = duration(time.Second) }, "freshFor", "it would be stale before the next step"},
		"idle":             {func(c *Config) { c.IdleAfter = duration(time.Second) }, "idleAfter", "it would be forgotten between two reads"},
		"negative timeout": {func(c *Config) { c.Prometheus.Timeout = duration(-1) }, "prometheus.timeout", "no query would be answered"},
		"slow timeout":     {func(c *Config) { c.Prometheus.Timeout = duration(time.Minute) }, "prometheus.timeout", "the next step would be due"},
		"no rows":          {func(c *Config) { c.MaxRows = -1 }, "maxRows", "every answer would be too long"},
		"short step": {
			func(c *Config) {
				*c = Config{Prometheus: c.Prometheus, RulesFile: "r", Step: duration(time.Second)}
				c.Prometheus.Timeout.Duration = 0
				c.Default()
			},
			"", "timeout and delay follow the step",
		},
		"odd shadow": {
			func(c *Config) { c.Shadow = &router.ShadowConfig{Tolerance: 2}; c.Shadow.Default() }, "shadow.tolerance", "values are never so far apart",
		},
		"shadow of nobody": {func(c *Config) { c.Shadow = &router.ShadowConfig{}; c.Shadow.Default() }, "elsewhere.upstreams", "there is nothing to compare with"},
		"discovery":        {func(c *Config) { c.Discovery.MaxAge = duration(time.Second) }, "discovery.maxAge", "series would come and go"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := sound()
			test.change(c)
			err := c.Validate().ToAggregate()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("%s, but: %v", test.reason, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%s: got %v, want it to have %q", test.reason, err, test.want)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

func TestParseIsStrict(t *testing.T) {
	for name, text := range map[string]string{
		"typo":         "prometheus: {adress: x}",
		"no duration":  "step: soon",
		"wrong kind":   "presets: {name: x}",
		"two the same": "step: 1s\nstep: 2s",
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: %q was read", name, text)
		}
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("prometheus: {address: http://p:9090}\nrulesFile: rules.yaml\nstep: 30s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(path), "rules.yaml"); c.RulesFile != want {
		t.Errorf("the rules are %s, want %s: they lie beside the file", c.RulesFile, want)
	}
	if c.Step.Duration != 30*time.Second || c.Prometheus.Concurrency != 4 {
		t.Errorf("got %+v", c)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "nothing")); err == nil {
		t.Error("a file that is not there was read")
	}
}

// TestReadmeExample reads what the command's README shows.
func TestReadmeExample(t *testing.T) {
	text, err := os.ReadFile("../../../cmd/metrics-adapter/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("there is no example")
	}
	c, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate().ToAggregate(); err != nil {
		t.Error(err)
	}
	bare := &Config{}
	bare.Default()
	if c.Step != bare.Step || c.Delay != bare.Delay || c.FreshFor != bare.FreshFor || c.StaleAfter != bare.StaleAfter ||
		c.IdleAfter != bare.IdleAfter || c.Discovery != bare.Discovery || c.Prometheus.Timeout != bare.Prometheus.Timeout || c.MaxRows != bare.MaxRows || c.Prometheus.MaxBytes.Cmp(bare.Prometheus.MaxBytes) != 0 {
		t.Error("the README shows other defaults")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("prometheus: {address: http://p:9090}\nrulesFile: r.yaml"))
	f.Add([]byte("step: 15s\npresets: [{name: http-requests}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Parse(raw)
		if err != nil {
			return
		}
		_ = c.Validate()
		if c.Step.Duration == 0 || c.Prometheus.Concurrency == 0 {
			t.Errorf("%q is not defaulted", raw)
		}
	})
}
