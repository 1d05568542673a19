package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func decodeText(text string) (*Args, error) { return Decode(&runtime.Unknown{Raw: []byte(text)}) }

func TestDefaults(t *testing.T) {
	for name, obj := range map[string]runtime.Object{
		"no arguments":    nil,
		"empty arguments": &runtime.Unknown{},
		"empty object":    &runtime.Unknown{Raw: []byte("{}")},
		"kind only":       &runtime.Unknown{Raw: []byte("apiVersion: v1\nkind: RealLoadArgs")},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Decode(obj)
			if err != nil {
				t.Fatal(err)
			}
			got := []any{
				a.Mode, a.Target, *a.RiskFactor, a.Warmup.Duration, a.FreshFor.Duration, a.ExpireAfter.Duration, a.ClockSkew.Duration,
				*a.Requests.CPUFactor, *a.Requests.MemoryFactor, a.Requests.DefaultCPU.String(), a.Requests.DefaultMemory.String(),
				*a.CountIncoming, len(a.Tiers), a.Usage.RefreshInterval.Duration, a.Usage.MetricsAPI != nil,
			}
			want := []any{
				"spread", int64(60), 1.5, 2 * time.Minute, 90 * time.Second, 5 * time.Minute, 30 * time.Second,
				0.85, 0.7, "250m", "200Mi", true, 3, 15 * time.Second, true,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("defaults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTierDefaults(t *testing.T) {
	a, err := decodeText("tiers: [{name: a, minPriority: 5, hotAbove: {cpu: 70, disk: 5}, coolBelow: {cpu: 40}}]")
	if err != nil {
		t.Fatal(err)
	}
	got := a.Tiers[0]
	if *got.CoolBelow.CPU != 40 || *got.CoolBelow.Disk != 0 || got.CoolBelow.Memory != nil || got.Patience.Duration != 5*time.Minute {
		t.Errorf("tier %+v, want CPU cool below 40 as said, disk below 0 by default, memory not judged, a patience of 5m", got)
	}
}

func TestTrimaransModesHaveNoTiersByDefault(t *testing.T) {
	for _, mode := range []string{ModeTargetLoadPacking, ModeLoadVariationRiskBalancing} {
		a, err := decodeText("mode: " + mode)
		if err != nil || len(a.Tiers) != 0 {
			t.Errorf("%s has %d tiers by default (%v), want none: Trimaran does not filter", mode, len(a.Tiers), err)
		}
	}
}

// TestErrorsNameTheField has what users get wrong, and what the error must say.
func TestErrorsNameTheField(t *testing.T) {
	const tier, tlp, lvrb = "tiers: [{name: a, ", "targetLoadPacking: ", "loadVariationRiskBalancing: "
	tests := map[string]struct {
		text string
		want []string
	}{
		"unknown field":            {"mod: pack", []string{`unknown field "mod"`}},
		"unknown field, deep":      {"tiers: [{name: a}, {hotAbov: {cpu: 3}}]", []string{`unknown field "tiers[1].hotAbov"`}},
		"unknown field of usage":   {"usage: {prometheus: {url: 'http://p'}}", []string{`unknown field "usage.prometheus.url"`}},
		"wrong case":               {"riskfactor: 1", []string{`unknown field "riskfactor"`}},
		"given twice":              {"mode: pack\nmode: spread", []string{"mode", "already set"}},
		"no duration":              {"warmup: soon", []string{"warmup", "soon", "duration"}},
		"a bare number":            {"freshFor: 90", []string{"freshFor", "90"}},
		"no duration, in a tier":   {"tiers: [{name: a, patience: 5 minutes}]", []string{"tiers[0].patience", "5 minutes"}},
		"no duration, in usage":    {"usage: {prometheus: {address: 'http://p', windows: {recent: 5x}}}", []string{"usage.prometheus.windows.recent", "5x"}},
		"no quantity":              {"capacity: {network: lots}", []string{"capacity.network", "lots"}},
		"no number":                {"target: high", []string{"target", "high"}},
		"no list":                  {"tiers: {name: a}", []string{"tiers", "list"}},
		"no object":                {"requests: 5", []string{"requests", "object"}},
		"too big a number":         {"tiers: [{name: a, minPriority: 99999999999}]", []string{"tiers[0].minPriority"}},
		"unknown mode":             {"mode: pak", []string{"mode", "pak", "spread", "pack"}},
		"negative threshold":       {"tiers: [{name: a, hotAbove: {cpu: -5}}]", []string{"tiers[0].hotAbove.cpu", "-5"}},
		"cool above hot":           {tier + "hotAbove: {cpu: 7}, coolBelow: {cpu: 7}}]", []string{"tiers[0].coolBelow.cpu"}},
		"cool without hot":         {"tiers: [{name: a, coolBelow: {memory: 70}}]", []string{"tiers[0].hotAbove.memory"}},
		"negative duration":        {"warmup: -2m", []string{"warmup", "-2m", "positive"}},
		"negative patience":        {"tiers: [{name: a, patience: -2m}]", []string{"tiers[0].patience", "positive"}},
		"expires while fresh":      {"freshFor: 10m", []string{"expireAfter", "freshFor"}},
		"target of a full node":    {"mode: pack\ntarget: 100", []string{"target", "100"}},
		"negative risk":            {"riskFactor: -1", []string{"riskFactor", "-1"}},
		"negative factor":          {"requests: {cpuFactor: -1}", []string{"requests.cpuFactor"}},
		"negative default":         {"requests: {defaultCPU: -1}", []string{"requests.defaultCPU"}},
		"negative default memory":  {"requests: {defaultMemory: -1}", []string{"requests.defaultMemory"}},
		"no capacity":              {"capacity: {disk: 0}", []string{"capacity.disk", "positive"}},
		"nameless tier":            {"tiers: [{minPriority: 0, hotAbove: {cpu: 60}}]", []string{"tiers[0].name"}},
		"tiers alike":              {"tiers: [{name: a}, {name: b}]", []string{"tiers[1].minPriority"}},
		"tiers of one name":        {"tiers: [{name: a}, {name: a, minPriority: 1}]", []string{"tiers[1].name"}},
		"bad target of Trimaran":   {"targetLoadPacking: {targetUtilization: 200}", []string{"targetLoadPacking.targetUtilization"}},
		"bad request of Trimaran":  {"targetLoadPacking: {defaultRequests: -1}", []string{"targetLoadPacking.defaultRequests"}},
		"bad factor of Trimaran":   {tlp + "{defaultRequestsMultiplier: -1}", []string{"targetLoadPacking.defaultRequestsMultiplier"}},
		"bad margin of Trimaran":   {lvrb + "{safeVarianceMargin: -1}", []string{"loadVariationRiskBalancing.safeVarianceMargin"}},
		"bad root":                 {lvrb + "{safeVarianceSensitivity: -1}", []string{"Balancing.safeVarianceSensitivity"}},
		"bad usage":                {"usage: {refreshInterval: -1s}", []string{"usage.refreshInterval"}},
		"two sources":              {"usage: {metricsAPI: {}, loadWatcher: {address: 'http://l'}}", []string{"usage", "exactly one"}},
		"not even YAML":            {"{", []string{"decoding arguments"}},
		"not an object":            {"5", []string{"decoding arguments"}},
		"several faults, all told": {"target: -1\nriskFactor: -1", []string{"target", "riskFactor"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := decodeText(tc.text)
			if err == nil {
				t.Fatalf("no error of %q", tc.text)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestTooManyTiers(t *testing.T) {
	var a Args
	for i := range MaxTiers + 1 {
		a.Tiers = append(a.Tiers, Tier{Name: strings.Repeat("x", i+1), MinPriority: int32(i)})
	}
	obj, err := a.Object()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(obj); err == nil || !strings.Contains(err.Error(), "tiers") {
		t.Errorf("got %v, want an error that names tiers", err)
	}
}

func TestOtherObjectsAreRefused(t *testing.T) {
	if _, err := Decode(&v1.Pod{}); err == nil || !strings.Contains(err.Error(), "*v1.Pod") {
		t.Errorf("got %v, want an error that names the type", err)
	}
}

// TestObjectIsDecodedAgain has arguments survive the way through the
// scheduler's configuration, defaults included.
func TestObjectIsDecodedAgain(t *testing.T) {
	for name, text := range map[string]string{
		"defaults": "",
		"much": "mode: pack\ntarget: 70\nriskFactor: 0\ncountIncoming: false\ncapacity: {network: 1Gi}\n" +
			"tiers: [{name: a, minPriority: -3, hotAbove: {cpu: 50}, patience: 90s}]\n" +
			"usage: {prometheus: {address: 'https://p:9090'}}",
	} {
		t.Run(name, func(t *testing.T) {
			a, err := decodeText(text)
			if err != nil {
				t.Fatal(err)
			}
			obj, err := a.Object()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Decode(obj)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a, again); diff != "" {
				t.Errorf("arguments changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestREADMEExample decodes each YAML block of the plugin's README.
func TestREADMEExample(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the README has no example")
	}
	for _, b := range blocks {
		example, _, _ := strings.Cut(b, "```")
		if _, err := decodeText(example); err != nil {
			t.Errorf("%v\n%s", err, example)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("mode: pack\ntarget: 70\ntiers: [{name: a, hotAbove: {cpu: 50}}]")
	f.Add(`{"usage": {"prometheus": {"address": "https://p"}}, "warmup": "1x"}`)
	f.Add("tiers: [null, 3]")
	f.Add("tiers:\n- name: a\n  hotAbove: []")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := decodeText(text)
		if err != nil {
			return
		}
		obj, err := a.Object()
		if err != nil {
			t.Fatalf("valid arguments do not encode: %v", err)
		}
		if _, err := Decode(obj); err != nil {
			t.Fatalf("valid arguments do not decode again: %v", err)
		}
	})
}
