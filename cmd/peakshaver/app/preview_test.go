package app

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const policies = `
apiVersion: v1
kind: ConfigMap
metadata: {name: holidays, namespace: batch}
data: {days: "2026-03-03 # a Tuesday"}
---
apiVersion: evenkeel.dev/v1alpha1
kind: PeakPolicy
metadata: {name: day, namespace: batch}
spec:
  windows:
  - {name: day, timeZone: Europe/Berlin, from: "08:00", to: "18:00", holidays: {configMap: {name: holidays, key: days}}}
  selection: {kinds: [CronJob, Deployment], maxPriority: 10}
  action: {suspend: true, replicas: {atMostPercent: 50}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: workers, namespace: batch}
spec: {replicas: 5}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: elsewhere}
spec: {replicas: 5}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: important, namespace: batch}
spec: {replicas: 5, template: {spec: {priorityClassName: high}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: batch}
spec: {}
`

func runPreview(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	cmd := NewCommand()
	cmd.SetContext(t.Context())
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetIn(strings.NewReader(in))
	cmd.SetArgs(append([]string{"preview"}, args...))
	err := cmd.Execute()
	return out.String(), err
}

func TestPreview(t *testing.T) {
	got, err := runPreview(t, policies, "-f", "-", "--days", "3", "--from", "2026-03-02T06:00:00Z", "--time-zone", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := `WHEN                         KIND        OBJECT         FROM        TO          BY
Mon 2026-03-02 08:00:00 CET  CronJob     batch/report   running     suspended   batch/day
Mon 2026-03-02 08:00:00 CET  Deployment  batch/workers  5 replicas  3 replicas  batch/day
Mon 2026-03-02 18:00:00 CET  CronJob     batch/report   suspended   running     -
Mon 2026-03-02 18:00:00 CET  Deployment  batch/workers  3 replicas  5 replicas  -
Wed 2026-03-04 08:00:00 CET  CronJob     batch/report   running     suspended   batch/day
Wed 2026-03-04 08:00:00 CET  Deployment  batch/workers  5 replicas  3 replicas  batch/day
Wed 2026-03-04 18:00:00 CET  CronJob     batch/report   suspended   running     -
Wed 2026-03-04 18:00:00 CET  Deployment  batch/workers  3 replicas  5 replicas  -
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPreviewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		args []string
		want string
	}{
		"nothing":           {"", []string{"-f", "-"}, "no policy is given"},
		"no file":           {"", []string{"-f", "/nowhere.yaml"}, "/nowhere.yaml"},
		"no YAML":           {"a: [", []string{"-f", "-"}, "document 1"},
		"no days":           {policies, []string{"-f", "-", "--days", "0"}, "--days"},
		"a time of day":     {policies, []string{"-f", "-", "--from", "noon"}, "--from"},
		"no such zone":      {policies, []string{"-f", "-", "--time-zone", "Nowhere"}, "--time-zone"},
		"a misspelt field":  {strings.Replace(policies, "maxPriority", "maxPrority", 1), []string{"-f", "-"}, "maxPrority"},
		"a missing day":     {strings.Replace(policies, "key: days", "key: none", 1), []string{"-f", "-"}, "spec.windows[0].holidays.configMap"},
		"an unknown zone":   {strings.Replace(policies, "Europe/Berlin", "Europe/Nowhere", 1), []string{"-f", "-"}, "spec.windows[0].timeZone"},
		"unreadable object": {strings.Replace(policies, "replicas: 5", "replicas: many", 1), []string{"-f", "-"}, "Deployment batch/workers"},
		"more arguments":    {policies, []string{"-f", "-", "more"}, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := runPreview(t, test.in, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

// TestDeployment: the command takes the arguments that the manifests give it.
func TestDeployment(t *testing.T) {
	text, err := os.ReadFile("../../../manifests/overlays/peakshaver/deployment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var deployment struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct{ Args []string }
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &deployment); err != nil {
		t.Fatal(err)
	}
	containers := deployment.Spec.Template.Spec.Containers
	if len(containers) != 1 || len(containers[0].Args) == 0 {
		t.Fatalf("containers: %+v", containers)
	}
	if err := NewCommand().ParseFlags(containers[0].Args); err != nil {
		t.Error(err)
	}
}

// TestReadme: the flags that the README names are there.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile("`--([a-z-]+)`").FindAllSubmatch(text, -1)
	if len(flags) == 0 {
		t.Error("no flag is named")
	}
	for _, match := range flags {
		cmd := NewCommand()
		sub, _, err := cmd.Find([]string{"preview"})
		if err != nil {
			t.Fatal(err)
		}
		if name := string(match[1]); cmd.Flags().Lookup(name) == nil && sub.Flags().Lookup(name) == nil {
			t.Errorf("there is no flag --%s", name)
		}
	}
}
