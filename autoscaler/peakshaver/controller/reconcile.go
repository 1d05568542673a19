package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/status"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/telemetry"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// insistences is how often what somebody else changed is set again where policies insist; then it is left.
const insistences = 3

// Reasons of events about objects, beside those of packages policy and status.
const (
	reasonChanged    = "PeakBegun"
	reasonRestored   = "PeakEnded"
	reasonLost       = "RecordLost"
	reasonUnreadable = "Unreadable"
)

// outcome is what became of a target, as policies tell it.
type outcome struct {
	selected                           []string // policies, by name
	changed, waiting, refused, foreign bool
	overdue                            bool      // a Job that is not done at its deadline
	roomless                           time.Time // since when a Job that waits has found no room; zero: it has not looked for it
	unread                             string    // what its owner wrote on a Job and nobody can read
	conflicts                          []policy.Conflict
	message                            string // of an outcome that is refused or foreign
}

// reconcile makes a target what it is to be, and returns when to look at it again; 0 for not before it changes.
func (c *Controller) reconcile(ctx context.Context, k key) (time.Duration, error) {
	u := target.Get(c.cluster.Targets[k.kind], k.name)
	if u == nil || u.GetDeletionTimestamp() != nil {
		c.forget(k)
		return 0, nil
	}
	state, err := ledger.Read(k.kind, u)
	if err != nil {
		c.settle(k, u, outcome{refused: true, message: err.Error()}, reasonUnreadable)
		return lookAgain, nil //nolint:nilerr // told by an event; until it is changed, trying again is of no use
	}
	moment, now := c.moment()
	o := c.object(k.kind, u, state, c.filled())
	decision := moment.Decide(o)
	result := outcome{selected: c.selecting(o), conflicts: decision.Conflicts}
	again := min(lookAgain, result.ofJob(moment, u, o, decision.Want.Suspend, now))
	if !decision.Until.IsZero() {
		// A moment is kept for up to a second.
		again = min(again, max(0, decision.Until.Sub(now))+momentKept)
	}
	reason, err := c.carryOut(ctx, k, u, state, decision, &result)
	c.settle(k, u, result, reason)
	return again, err
}

// ofJob notes what is told of a Job, and returns when to look at it again at the latest.
func (r *outcome) ofJob(moment *policy.Moment, u *unstructured.Unstructured, o *policy.Object, waits bool, now time.Time) time.Duration {
	if o.Job == nil || o.Job.Finished || o.Original.Suspend || len(r.selected) == 0 {
		return lookAgain
	}
	r.unread = target.Unread(u)
	if waits {
		r.roomless = moment.WithoutRoom(o)
	}
	due := moment.Deadline(o)
	switch r.overdue = !due.IsZero() && !now.Before(due); {
	case due.IsZero() || r.overdue:
		return lookAgain
	case waits: // when it must start is forecast anew with each run that ends
		return min(fillPeriod, due.Sub(now)+momentKept)
	}
	return due.Sub(now) + momentKept
}

// carryOut writes what a decision needs, and returns the reason of a problem.
func (c *Controller) carryOut(
	ctx context.Context, k key, u *unstructured.Unstructured, state *ledger.State, d policy.Decision, result *outcome,
) (reason string, err error) {
	result.changed = state.Held
	switch {
	case d.Hold:
		result.refused, result.message = true, fmt.Sprintf("is left as it is: %s cannot be carried out", strings.Join(d.By, ", "))
		return string(d.Reason), nil
	case state.Lost && len(d.By) > 0:
		result.refused = true
		result.message = "is left as it is: it was changed by a policy, and its labels " + ledger.LabelOriginal + " and " + ledger.LabelSet +
			" are gone; set the field that was changed"
		return reasonLost, nil
	case d.Reason == policy.Protected:
		result.refused, result.message = true, "is part of the control plane, which is never shaved"
		return string(d.Reason), c.write(ctx, k, u, state, d, result) // what an older version may have changed
	case state.Foreign && d.Want != state.Original && !c.insists(d.By, state.Overruled):
		result.foreign, result.message = true, fmt.Sprintf("is left as somebody else made it: %s, where %s wants %s",
			target.Describe(k.kind, state.Current), strings.Join(d.By, ", "), target.Describe(k.kind, d.Want))
		return status.Overruled, nil
	}
	result.waiting = waits(d)
	return "", c.write(ctx, k, u, state, d, result)
}

func waits(d policy.Decision) bool {
	return slices.Contains([]policy.Reason{policy.WaitingForRoom, policy.Finishing, policy.TooYoung}, d.Reason)
}

func (c *Controller) write(ctx context.Context, k key, u *unstructured.Unstructured, state *ledger.State, d policy.Decision, result *outcome) error {
	change := state.Change(d.Want, ledger.Because{
		Reason: fmt.Sprintf("%s: %s", d.Reason, strings.Join(d.By, ", ")), Until: d.Until, Deadline: d.Reason == policy.Deadline,
	})
	if change == nil {
		return nil
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return fmt.Errorf("waiting for a turn to write: %w", err)
	}
	_, err := c.Client.Resource(target.ResourceOf(k.kind)).Namespace(u.GetNamespace()).Patch(ctx, u.GetName(), types.MergePatchType, change.Patch,
		metav1.PatchOptions{FieldManager: change.Manager})
	c.metrics.Wrote(k.kind, change.Restore, err)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case apierrors.IsConflict(err): // what is read is older than what is there: look again at what comes
		return err
	case err != nil:
		result.refused, result.message = true, "cannot be changed: "+err.Error()
		return fmt.Errorf("writing %s %s: %w", k.kind, k.name, err)
	}
	result.changed = !change.Restore
	if change.Restore && k.kind == v1alpha1.Job && (state.Held || d.Reason == policy.Deadline) {
		c.metrics.Releases.WithLabelValues(string(c.releasedFor(k, d))).Inc()
	}
	c.tell(ctx, k, u, state, d, change)
	return nil
}

// releasedFor is why a Job runs.
func (c *Controller) releasedFor(k key, d policy.Decision) valley.Reason {
	if d.Reason == policy.Deadline {
		return valley.Deadline
	}
	return cmp.Or(c.filled().admitted[k.name], telemetry.NoWindow)
}

func (c *Controller) tell(ctx context.Context, k key, u *unstructured.Unstructured, state *ledger.State, d policy.Decision, change *ledger.Change) {
	from, to := target.Describe(k.kind, state.Current), target.Describe(k.kind, d.Want)
	klog.FromContext(ctx).V(2).Info("Changed", "kind", k.kind, "object", k.name, "from", from, "to", to, "reason", d.Reason, "by", d.By)
	if change.Restore && !state.Held {
		return // it is only noted why
	}
	if change.Restore {
		because := ""
		if d.Reason == policy.Deadline {
			because = ", though a window is open: it would miss its deadline"
		}
		c.Recorder.Eventf(u, v1.EventTypeNormal, reasonRestored, "%s again%s", to, because)
		return
	}
	until := "the policy changes"
	if !d.Until.IsZero() {
		until = d.Until.UTC().Format(time.RFC3339) + " at least"
	}
	if !state.Held || state.New { // the steps of a ramp are not told one by one
		c.Recorder.Eventf(u, v1.EventTypeNormal, reasonChanged, "%s until %s, by %s (%s)", to, until, strings.Join(d.By, ", "), d.Reason)
	}
}

// settle remembers what became of a target, and tells of a problem when it comes up.
func (c *Controller) settle(k key, u *unstructured.Unstructured, result outcome, problem string) {
	if result.message != "" && problem == "" {
		problem = status.WriteRefused
	}
	c.mu.Lock()
	before, known := c.outcomes[k]
	c.outcomes[k] = result
	c.stale = true
	c.mu.Unlock()
	if problem != "" && problem != string(policy.Protected) && (!known || before.message != result.message) {
		c.warn(u, problem, result.message)
	}
	if result.unread != "" && before.unread != result.unread {
		c.warn(u, reasonUnreadable, result.unread)
	}
}

func (c *Controller) warn(u *unstructured.Unstructured, reason, message string) {
	c.Recorder.Eventf(u, v1.EventTypeWarning, reason, "%s", message)
	c.metrics.Problems.WithLabelValues(reason).Inc()
}

func (c *Controller) forget(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.outcomes, k)
	c.stale = true
}
