package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// Reasons of conditions.
const (
	reasonCarriedOut     = "CarriedOut"
	reasonSelectsNothing = "SelectsNothing"
	reasonNoUsage        = "NoUsage"
	reasonNoWindow       = "NoWindow"
	reasonClosed         = "WindowClosed"
	reasonAgreed         = "Agreed"
	reasonPolicies       = "Policies"
)

// tally is what became of the targets of one policy.
type tally struct {
	v1alpha1.PeakTargets
	refusals, conflicts []string
	overruled           bool
	noUsage             error
}

// told bounds how many problems a condition names.
const told = 3

// writeStatuses writes the statuses that have changed.
func (c *Controller) writeStatuses(ctx context.Context) {
	now := c.Clock.Now()
	all, tallies := c.tallies(now)
	if tallies == nil {
		return
	}
	ready := 0
	var until time.Time
	for _, p := range all {
		for _, window := range p.Schedule() {
			if at := window.At(now).Until; !at.IsZero() && (until.IsZero() || at.Before(until)) {
				until = at
			}
		}
		isReady, err := c.writeStatus(ctx, p, tallies[p.Name()], now)
		if isReady {
			ready++
		}
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Could not tell a policy's status", "policy", p.Name())
			until = now // again
		}
	}
	c.metrics.Policies.WithLabelValues("true").Set(float64(ready))
	c.metrics.Policies.WithLabelValues("false").Set(float64(len(all) - ready))
	c.mu.Lock()
	c.until = until
	c.mu.Unlock()
}

// tallies are what became of the targets of each policy, by its name; nil where nothing can have changed since, or where
// a target was not looked at since the start: how many a policy selects is not known then.
func (c *Controller) tallies(now time.Time) ([]*loaded, map[string]*tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.due(now) {
		return nil, nil
	}
	c.stale, c.told = false, now
	c.count()
	tallies := map[string]*tally{}
	for _, p := range c.policies.all {
		tallies[p.Name()] = &tally{noUsage: c.filling.problem}
	}
	for k, o := range c.outcomes {
		for _, name := range o.selected {
			if t := tallies[name]; t != nil {
				t.add(k, &o, name)
			}
		}
	}
	return c.policies.all, tallies
}

// due tells that statuses are to be looked at.
func (c *Controller) due(now time.Time) bool {
	c.surveyed = c.surveyed || c.lookedAtAll()
	edge := !c.until.IsZero() && !now.Before(c.until)
	return c.surveyed && (c.stale || edge || now.Before(c.told))
}

// lookedAtAll tells that something is known of each target.
func (c *Controller) lookedAtAll() bool {
	for kind, targets := range c.cluster.Targets {
		for _, item := range targets.List() {
			u := target.AsObject(item)
			if _, known := c.outcomes[key{kind, target.NameOf(u)}]; !known && u.GetDeletionTimestamp() == nil {
				return false
			}
		}
	}
	return true
}

// count tells how many targets are in each state.
func (c *Controller) count() {
	states := map[string]int{"changed": 0, "waiting": 0, "refused": 0, "overruled": 0}
	for _, o := range c.outcomes {
		for _, state := range o.states() {
			states[state]++
		}
	}
	for state, n := range states {
		c.metrics.Targets.WithLabelValues(state).Set(float64(n))
	}
}

// states as metrics name them.
func (o *outcome) states() []string {
	var all []string
	for name, is := range map[string]bool{"changed": o.changed, "waiting": o.waiting, "refused": o.refused, "overruled": o.foreign} {
		if is {
			all = append(all, name)
		}
	}
	return all
}

func (t *tally) add(k key, o *outcome, name string) {
	count := func(n *int32, yes bool) {
		if yes {
			*n++
		}
	}
	t.Selected++
	count(&t.Changed, o.changed)
	count(&t.Waiting, o.waiting)
	count(&t.Refused, o.refused || o.foreign)
	switch {
	case o.foreign:
		t.overruled = true
		t.conflicts = append(t.conflicts, fmt.Sprintf("%s %s %s", k.kind, k.name, o.message))
	case o.message != "":
		t.refusals = append(t.refusals, fmt.Sprintf("%s %s %s", k.kind, k.name, o.message))
	}
	for _, conflict := range o.conflicts {
		if slices.Contains(conflict.Policies, name) {
			t.conflicts = append(t.conflicts, fmt.Sprintf("%s: %s say different things of %s %s",
				conflict.Field, strings.Join(conflict.Policies, " and "), k.kind, k.name))
		}
	}
}

// writeStatus writes a status that has changed, and tells whether the policy is ready.
func (c *Controller) writeStatus(ctx context.Context, p *loaded, t *tally, now time.Time) (ready bool, err error) {
	resource, informer := peakPolicies, c.namespaced
	if p.object.GetNamespace() == "" {
		resource, informer = clusterPeakPolicies, c.clusterWide
	}
	latest := target.Get(informer.GetStore(), target.NameOf(p.object))
	if latest == nil {
		return false, nil
	}
	var before v1alpha1.ClusterPeakPolicy // a PeakPolicy has the same fields
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(latest.Object, &before); err != nil {
		return false, fmt.Errorf("reading the policy: %w", err)
	}
	status := statusOf(p, &before.Spec, before.Status.Conditions, t, now)
	ready = meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady)
	if apiequality.Semantic.DeepEqual(before.Status, status) {
		return ready, nil
	}
	patch, err := json.Marshal(map[string]any{"status": statusPatch(&status)})
	if err != nil {
		return ready, fmt.Errorf("writing the status: %w", err)
	}
	_, err = c.Client.Resource(resource).Namespace(p.object.GetNamespace()).Patch(ctx, p.object.GetName(), types.MergePatchType, patch,
		metav1.PatchOptions{FieldManager: "evenkeel-peakshaver-status"}, "status")
	if apierrors.IsNotFound(err) {
		return ready, nil
	}
	if err == nil {
		c.tellEdge(p, before.Status.Conditions, &status)
	}
	return ready, err
}

// tellEdge tells that a window has opened or closed, once: of many objects at an edge, not every event may be kept.
func (c *Controller) tellEdge(p *loaded, before []metav1.Condition, status *v1alpha1.PeakPolicyStatus) {
	active := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionActive)
	is := active.Status == metav1.ConditionTrue
	if is == meta.IsStatusConditionTrue(before, v1alpha1.ConditionActive) {
		return
	}
	reason := string(policy.WindowOpen)
	if !is {
		reason = reasonClosed
	}
	c.Recorder.Eventf(p.object, v1.EventTypeNormal, reason, "%s; selects %d objects", active.Message, status.Targets.Selected)
}

// statusPatch says of every field what it is, so that a merge takes away what is no more.
func statusPatch(status *v1alpha1.PeakPolicyStatus) map[string]any {
	return map[string]any{
		"observedGeneration": status.ObservedGeneration, "conditions": status.Conditions, "openWindows": status.OpenWindows,
		"nextChange": status.NextChange, "targets": status.Targets,
	}
}

func statusOf(p *loaded, spec *v1alpha1.PeakPolicySpec, conditions []metav1.Condition, t *tally, now time.Time) v1alpha1.PeakPolicyStatus {
	status := v1alpha1.PeakPolicyStatus{
		ObservedGeneration: p.object.GetGeneration(), Conditions: slices.Clone(conditions), Targets: &t.PeakTargets,
	}
	for _, window := range p.Schedule() {
		if at := window.At(now); at.Open {
			status.OpenWindows = append(status.OpenWindows, v1alpha1.OpenWindow{Name: window.Name(), Until: timeOf(at.Until)})
		}
	}
	status.NextChange = timeOf(p.Schedule().At(now).Until)
	set := func(kind string, on bool, reason, message string) {
		condition := metav1.Condition{
			Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message,
			ObservedGeneration: p.object.GetGeneration(), LastTransitionTime: metav1.NewTime(now.Truncate(time.Second)),
		}
		if on {
			condition.Status = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, condition)
	}
	ready, reason, message := readiness(p, spec, t)
	set(v1alpha1.ConditionReady, ready, reason, message)
	if len(status.OpenWindows) > 0 {
		set(v1alpha1.ConditionActive, true, string(policy.WindowOpen), "open: "+status.OpenWindows[0].Name)
	} else {
		set(v1alpha1.ConditionActive, false, reasonNoWindow, "no window is open")
	}
	switch {
	case t.overruled:
		set(v1alpha1.ConditionConflict, true, reasonOverruled, some(t.conflicts))
	case len(t.conflicts) > 0:
		set(v1alpha1.ConditionConflict, true, reasonPolicies, some(t.conflicts))
	default:
		set(v1alpha1.ConditionConflict, false, reasonAgreed, "nobody says the contrary")
	}
	return status
}

func readiness(p *loaded, spec *v1alpha1.PeakPolicySpec, t *tally) (ready bool, reason, message string) {
	switch {
	case p.problem != "":
		return false, string(policy.BrokenPolicy), p.problem
	case t.Selected == 0:
		return false, reasonSelectsNothing, "spec.selection: selects nothing at present"
	case len(t.refusals) > 0:
		return false, reasonRefused, some(t.refusals)
	case spec.Ceiling != nil && t.noUsage != nil:
		return false, reasonNoUsage, fmt.Sprintf("spec.ceiling: %v; Jobs are released by their deadlines, and evenly over %s after their window",
			t.noUsage, valley.Ramp)
	}
	return true, reasonCarriedOut, "is carried out"
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
