package trace

import (
	"os"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/simulator/trace/spec"
)

// TestTheErrorsOfTheReadmeAreTold compares what the README promises with what is told.
func TestTheErrorsOfTheReadmeAreTold(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, podsErr := parsePods(strings.NewReader(podHeader+"a,1,1,0,0\nb,1,1,0,0\nc,1,1,0,0\nd,1,1,0,0\ne,1,1,0,0\n"+
		"f,1,1,1,1200\n"), "pods.csv")
	_, specErr := spec.Parse([]byte(scenarioHead+"nodes:\n- file: a.csv\n- pool:\n    name: b\n    cpu: 1\n    memory: 1Gi\n    cout: 2\n"), "day.yaml")
	for name, told := range map[string]error{"pods": podsErr, "scenario": specErr} {
		if told == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		beginning, _, _ := strings.Cut(told.Error(), ", labels")
		if !strings.Contains(string(readme), beginning) {
			t.Errorf("the README lacks %q", beginning)
		}
	}
}

func BenchmarkWorkload(b *testing.B) {
	parsed, err := spec.Parse([]byte(scenarioHead+oneNode+
		"pods: [{file: testdata/pods.csv}]\ndemand: {scale: 300}\nusage: {file: testdata/usage.csv, format: csv}\n"), "s.yaml")
	if err != nil {
		b.Fatal(err)
	}
	s := &Scenario{Scenario: parsed}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Workload(1); err != nil {
			b.Fatal(err)
		}
	}
}
