package status

import (
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
)

func day(t *testing.T) schedule.Schedule {
	t.Helper()
	windows, errs := schedule.Compile(field.NewPath("windows"), []v1alpha1.PeakWindow{{Name: "day", TimeZone: "UTC", From: "08:00", To: "18:00"}}, nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return windows
}

// at is a time on a Monday.
func at(hour int) time.Time { return time.Date(2026, 3, 2, hour, 0, 0, 0, time.UTC) }

// TestOf: each condition has the reason that matters most, and says so with the names.
func TestOf(t *testing.T) {
	some := v1alpha1.PeakTargets{Selected: 5}
	for name, test := range map[string]struct {
		policy Policy
		tally  Tally
		at     time.Time
		want   map[string]string
	}{
		"in its window":    {Policy{}, Tally{PeakTargets: some}, at(9), map[string]string{"Ready": "True CarriedOut: ", "Active": "True WindowOpen: open: day", "Conflict": "False Agreed: "}},
		"outside":          {Policy{}, Tally{PeakTargets: some}, at(19), map[string]string{"Active": "False NoWindow: "}},
		"broken":           {Policy{Problem: "spec.x: bad", Missing: "no ScaledObject"}, Tally{}, at(9), map[string]string{"Ready": "False BrokenPolicy: spec.x: bad"}},
		"a kind is absent": {Policy{Missing: "no ScaledObject"}, Tally{PeakTargets: some, Refusals: []string{"a"}}, at(9), map[string]string{"Ready": "False NoSuchKind: no ScaledObject"}},
		"nothing":          {Policy{}, Tally{}, at(9), map[string]string{"Ready": "False SelectsNothing: "}},
		"refused": {Policy{}, Tally{PeakTargets: some, Refusals: []string{"d", "c", "b", "a", "e"}}, at(9), map[string]string{
			"Ready": "False WriteRefused: a; b; c; and 2 more",
		}},
		"no load, a ceiling":  {Policy{Ceiling: true}, Tally{PeakTargets: some, NoUsage: errors.New("no nodes")}, at(9), map[string]string{"Ready": "False NoUsage: spec.ceiling: no nodes"}},
		"no load, no ceiling": {Policy{}, Tally{PeakTargets: some, NoUsage: errors.New("no nodes")}, at(9), map[string]string{"Ready": "True CarriedOut: "}},
		"policies disagree":   {Policy{}, Tally{PeakTargets: some, Conflicts: []string{"suspend"}}, at(9), map[string]string{"Conflict": "True Policies: suspend"}},
		"somebody else does":  {Policy{}, Tally{PeakTargets: some, Conflicts: []string{"suspend", "a"}, Overruled: true}, at(9), map[string]string{"Conflict": "True Overruled: a; suspend"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.policy.Schedule, test.policy.Generation = day(t), 7
			got := Of(&test.policy, nil, &test.tally, test.at)
			for kind, want := range test.want {
				c := meta.FindStatusCondition(got.Conditions, kind)
				if is := string(c.Status) + " " + c.Reason + ": " + c.Message; !strings.HasPrefix(is, want) || c.ObservedGeneration != 7 {
					t.Errorf("%s is %q, want %q", kind, is, want)
				}
			}
		})
	}
}

// TestOfLater: a condition keeps when it changed, and the next change is told.
func TestOfLater(t *testing.T) {
	p, tally := &Policy{Schedule: day(t)}, &Tally{PeakTargets: v1alpha1.PeakTargets{Selected: 1}}
	first := Of(p, nil, tally, at(9))
	later := Of(p, first.Conditions, tally, at(10))
	if c := meta.FindStatusCondition(later.Conditions, v1alpha1.ConditionReady); !c.LastTransitionTime.Time.Equal(at(9)) {
		t.Errorf("it is ready since %s", c.LastTransitionTime)
	}
	want := metav1.NewTime(at(18))
	if !later.NextChange.Equal(&want) || !later.OpenWindows[0].Until.Equal(&want) {
		t.Errorf("next change %s, open until %s", later.NextChange, later.OpenWindows[0].Until)
	}
	if closed := Of(p, later.Conditions, tally, at(20)); len(closed.OpenWindows) > 0 || !closed.NextChange.Time.Equal(at(32)) {
		t.Errorf("after it, open: %v, next change %s", closed.OpenWindows, closed.NextChange)
	}
}
