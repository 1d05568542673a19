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
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/status"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// reasonClosed is that of an event about a policy, beside WindowOpen.
const reasonClosed = "WindowClosed"

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
func (c *Controller) tallies(now time.Time) ([]*loaded, map[string]*status.Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.due(now) {
		return nil, nil
	}
	c.stale, c.told = false, now
	c.count()
	tallies := map[string]*status.Tally{}
	for _, p := range c.policies.all {
		tallies[p.Name()] = &status.Tally{NoUsage: c.filling.problem}
	}
	for k, o := range c.outcomes {
		for _, name := range o.selected {
			if t := tallies[name]; t != nil {
				o.count(t, k, name)
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
	states := map[string]int{}
	for _, o := range c.outcomes {
		for state, is := range o.states() {
			if is {
				states[state]++
			}
		}
	}
	for state := range (&outcome{}).states() {
		c.metrics.Targets.WithLabelValues(state).Set(float64(states[state]))
	}
}

// states as metrics name them.
func (o *outcome) states() map[string]bool {
	return map[string]bool{
		"changed": o.changed, "waiting": o.waiting, "refused": o.refused, "overruled": o.foreign, "overdue": o.overdue,
	}
}

// longestWait is how long one of the Jobs that wait has found no room.
func (c *Controller) longestWait(now time.Time) (longest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.outcomes {
		if !o.roomless.IsZero() {
			longest = max(longest, now.Sub(o.roomless))
		}
	}
	return longest
}

// count an outcome in what became of a policy's targets.
func (o *outcome) count(t *status.Tally, k key, name string) {
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
		t.Overruled = true
		t.Conflicts = append(t.Conflicts, fmt.Sprintf("%s %s %s", k.kind, k.name, o.message))
	case o.message != "":
		t.Refusals = append(t.Refusals, fmt.Sprintf("%s %s %s", k.kind, k.name, o.message))
	}
	for _, conflict := range o.conflicts {
		if slices.Contains(conflict.Policies, name) {
			t.Conflicts = append(t.Conflicts, fmt.Sprintf("%s: %s say different things of %s %s",
				conflict.Field, strings.Join(conflict.Policies, " and "), k.kind, k.name))
		}
	}
}

// writeStatus writes a status that has changed, and tells whether the policy is ready.
func (c *Controller) writeStatus(ctx context.Context, p *loaded, t *status.Tally, now time.Time) (ready bool, err error) {
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
	is := status.Of(&status.Policy{
		Schedule: p.Schedule(), Generation: p.object.GetGeneration(), Ceiling: before.Spec.Ceiling != nil, Problem: p.problem, Missing: p.missing,
	}, before.Status.Conditions, t, now)
	ready = meta.IsStatusConditionTrue(is.Conditions, v1alpha1.ConditionReady)
	if apiequality.Semantic.DeepEqual(before.Status, is) {
		return ready, nil
	}
	patch, err := json.Marshal(map[string]any{"status": status.Patch(&is)})
	if err != nil {
		return ready, fmt.Errorf("writing the status: %w", err)
	}
	_, err = c.Client.Resource(resource).Namespace(p.object.GetNamespace()).Patch(ctx, p.object.GetName(), types.MergePatchType, patch,
		metav1.PatchOptions{FieldManager: "evenkeel-peakshaver-status"}, "status")
	if apierrors.IsNotFound(err) {
		return ready, nil
	}
	if err == nil {
		c.tellEdge(p, before.Status.Conditions, &is)
	}
	return ready, err
}

// tellEdge tells that a window has opened or closed, once: of many objects at an edge, not every event may be kept.
func (c *Controller) tellEdge(p *loaded, before []metav1.Condition, after *v1alpha1.PeakPolicyStatus) {
	active := meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionActive)
	is := active.Status == metav1.ConditionTrue
	if is == meta.IsStatusConditionTrue(before, v1alpha1.ConditionActive) {
		return
	}
	reason := string(policy.WindowOpen)
	if !is {
		reason = reasonClosed
	}
	c.Recorder.Eventf(p.object, v1.EventTypeNormal, reason, "%s; selects %d objects", active.Message, after.Targets.Selected)
}
