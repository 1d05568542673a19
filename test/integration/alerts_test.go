package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestAlerts has promtool play the alerts of each file of rules: each fires on what it is for, and not before.
func TestAlerts(t *testing.T) {
	for _, unit := range []string{"metrics-adapter", "peakshaver"} {
		t.Run(unit, func(t *testing.T) { playAlerts(t, unit) })
	}
}

func playAlerts(t *testing.T, unit string) {
	t.Helper()
	prometheusBinary(t) // Debian's package has both
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("beside prometheus there is no promtool: %v", err)
	}
	object := readObjects(t, filepath.Join(manifests, "rules", unit+".yaml"))[0]
	spec, _, err := unstructured.NestedMap(object.Object, "spec")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := yaml.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	played, err := os.ReadFile(filepath.Join("testdata", unit+"-alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"rules.yaml": rules, "played.yaml": played} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "played.yaml"}} {
		run := exec.CommandContext(t.Context(), promtool, args...)
		run.Dir = dir
		if output, err := run.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, output)
		}
	}
	checkAllPlayed(t, rules, played)
}

// checkAllPlayed: each alert is seen to fire, and to keep quiet.
func checkAllPlayed(t *testing.T, rules, played []byte) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	var tests struct {
		Tests []struct {
			Checks []struct {
				Alert  string `json:"alertname"`
				Alerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(rules, &file); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(played, &tests); err != nil {
		t.Fatal(err)
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, check := range test.Checks {
			fires[check.Alert] = fires[check.Alert] || len(check.Alerts) > 0
			quiet[check.Alert] = quiet[check.Alert] || len(check.Alerts) == 0
		}
	}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if !fires[rule.Alert] || !quiet[rule.Alert] {
				t.Errorf("%s is played to fire: %t, to keep quiet: %t", rule.Alert, fires[rule.Alert], quiet[rule.Alert])
			}
		}
	}
}
