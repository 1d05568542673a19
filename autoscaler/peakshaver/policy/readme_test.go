package policy

import (
	"os"
	"regexp"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
)

// TestReadmeExamples: every policy in the README can be carried out.
func TestReadmeExamples(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(examples) == 0 {
		t.Error("the README has no example")
	}
	for _, example := range examples {
		var p v1alpha1.PeakPolicy
		if err := yaml.UnmarshalStrict(example[1], &p); err != nil {
			t.Fatalf("%v in\n%s", err, example[1])
		}
		_, errs := Compile(p.Namespace, p.Name, &p.Spec, func(v1alpha1.CalendarReference) (*calendar.Holidays, error) {
			return calendar.Parse("2026-12-25")
		})
		if len(errs) > 0 {
			t.Errorf("%v in\n%s", errs.ToAggregate(), example[1])
		}
	}
}

// TestReadmeReasons: the README explains every reason.
func TestReadmeReasons(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []Reason{WindowOpen, WaitingForRoom, Finishing, TooYoung, Deadline, Exempted, Autoscaled, Protected, BrokenPolicy} {
		if !regexp.MustCompile("`" + string(reason) + "`").Match(readme) {
			t.Errorf("the README does not explain %s", reason)
		}
	}
}
