// Package status tells what becomes of a policy, in the conditions of its status.
package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// Reasons of conditions, beside those of package policy.
const (
	CarriedOut     = "CarriedOut"
	NoSuchKind     = "NoSuchKind" // the cluster lacks a kind; the others are carried out
	SelectsNothing = "SelectsNothing"
	WriteRefused   = "WriteRefused"
	NoUsage        = "NoUsage"
	NoWindow       = "NoWindow"
	Agreed         = "Agreed"
	Policies       = "Policies"
	Overruled      = "Overruled"
)

// Policy is what a status tells of a policy itself.
type Policy struct {
	Schedule   schedule.Schedule
	Generation int64
	Ceiling    bool
	// Problem for which it cannot be carried out, and kinds that are Missing; empty where there is none.
	Problem, Missing string
}

// Tally is what became of the targets of one policy.
type Tally struct {
	v1alpha1.PeakTargets
	Refusals, Conflicts []string
	// Overruled tells that one of the conflicts is somebody else's doing.
	Overruled bool
	// NoUsage says why the load is not known; nil where it is.
	NoUsage error
}

// told bounds how many problems a condition names.
const told = 3

// Of a policy at a moment, as its targets are. Conditions are those that it has: they keep when they changed.
func Of(p *Policy, conditions []metav1.Condition, t *Tally, now time.Time) v1alpha1.PeakPolicyStatus {
	status := v1alpha1.PeakPolicyStatus{
		ObservedGeneration: p.Generation, Conditions: slices.Clone(conditions), Targets: &t.PeakTargets,
	}
	for _, window := range p.Schedule {
		if at := window.At(now); at.Open {
			status.OpenWindows = append(status.OpenWindows, v1alpha1.OpenWindow{Name: window.Name(), Until: timeOf(at.Until)})
		}
	}
	status.NextChange = timeOf(p.Schedule.At(now).Until)
	set := func(kind string, on bool, reason, message string) {
		condition := metav1.Condition{
			Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message,
			ObservedGeneration: p.Generation, LastTransitionTime: metav1.NewTime(now.Truncate(time.Second)),
		}
		if on {
			condition.Status = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, condition)
	}
	ready, reason, message := p.readiness(t)
	set(v1alpha1.ConditionReady, ready, reason, message)
	if len(status.OpenWindows) > 0 {
		set(v1alpha1.ConditionActive, true, string(policy.WindowOpen), "open: "+status.OpenWindows[0].Name)
	} else {
		set(v1alpha1.ConditionActive, false, NoWindow, "no window is open")
	}
	switch {
	case t.Overruled:
		set(v1alpha1.ConditionConflict, true, Overruled, some(t.Conflicts))
	case len(t.Conflicts) > 0:
		set(v1alpha1.ConditionConflict, true, Policies, some(t.Conflicts))
	default:
		set(v1alpha1.ConditionConflict, false, Agreed, "nobody says the contrary")
	}
	return status
}

// Patch says of every field what it is, so that a merge takes away what is no more.
func Patch(of *v1alpha1.PeakPolicyStatus) map[string]any {
	return map[string]any{
		"observedGeneration": of.ObservedGeneration, "conditions": of.Conditions, "openWindows": of.OpenWindows,
		"nextChange": of.NextChange, "targets": of.Targets,
	}
}

func (p *Policy) readiness(t *Tally) (ready bool, reason, message string) {
	switch {
	case p.Problem != "":
		return false, string(policy.BrokenPolicy), p.Problem
	case p.Missing != "":
		return false, NoSuchKind, p.Missing
	case t.Selected == 0:
		return false, SelectsNothing, "spec.selection: selects nothing at present"
	case len(t.Refusals) > 0:
		return false, WriteRefused, some(t.Refusals)
	case p.Ceiling && t.NoUsage != nil:
		return false, NoUsage, fmt.Sprintf("spec.ceiling: %v; Jobs are released by their deadlines, and evenly over %s after their window",
			t.NoUsage, valley.Ramp)
	}
	return true, CarriedOut, "is carried out"
}

// some of the problems, in order, and how many there are beyond.
func some(problems []string) string {
	slices.Sort(problems)
	if len(problems) <= told {
		return strings.Join(problems, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(problems[:told], "; "), len(problems)-told)
}

func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	of := metav1.NewTime(t.Truncate(time.Second))
	return &of
}
