package controller

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/backlog"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/telemetry"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

const (
	// fillPeriod is how often it is planned which Jobs start.
	fillPeriod = time.Minute
	// horizon is how far ahead.
	horizon = 24 * time.Hour
)

// Usage tells what a cluster uses of CPU.
type Usage interface {
	// Now is the load of nodes; an error says why it is not known.
	Now(nodes cache.Store, now time.Time) (meter.Load, error)
	// Past is the load of the days before, as far as it is known. It is asked once a minute.
	Past(ctx context.Context, until time.Time) (history.Series, error)
	// Jobs is what Jobs use, or have used where they have ended, as far as it was measured; along with an error, what is
	// known of it all the same. It is asked once a minute.
	Jobs(ctx context.Context, jobs []meter.Job, now time.Time) (meter.Uses, error)
}

// filling is what is known of the valley: which Jobs are released, and why. It is replaced as a whole.
type filling struct {
	admitted map[string]valley.Reason
	runs     history.Runs
	// problem says why the load is not known.
	problem error
}

// fill plans which Jobs start now, and has them looked at.
func (c *Controller) fill(ctx context.Context) {
	if c.cluster.Targets[v1alpha1.Job] == nil {
		return
	}
	moment, now := c.moment()
	jobs := backlog.Of(&c.cluster, moment, now)
	next := &filling{admitted: map[string]valley.Reason{}, runs: jobs.Runs}
	load, err := c.Usage.Now(c.nodes, now)
	if next.problem = err; err == nil {
		c.known = load.At
	}
	measured, unread := c.Usage.Jobs(ctx, jobs.Asked(), now)
	if unread != nil {
		klog.FromContext(ctx).Error(unread, "Could not read what Jobs used; of those like which none is known, the requests count")
	}
	waiting := jobs.Waiting(measured, load.Capacity)
	question := valley.Question{Now: now, Jobs: waiting, Known: c.known}
	if err == nil && len(waiting) > 0 {
		past, err := c.Usage.Past(ctx, now)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Could not read the load of earlier days")
		}
		expected, work := jobs.Ahead(past, horizon)
		question.Jobs = append(question.Jobs, expected...)
		question.Load = work.Ahead(now, load, past, horizon)
	}
	answer := valley.Fill(&question)
	for _, release := range answer.Release {
		next.admitted[release.Name] = release.Reason
	}
	c.metrics.Planned(telemetry.Plan{Load: load, Level: answer.Level, Ceiling: moment.Ceiling(), Wait: c.longestWait(now)})
	c.mu.Lock()
	c.stale = c.stale || (c.filling.problem == nil) != (err == nil)
	c.filling = next
	c.mu.Unlock()
	klog.FromContext(ctx).V(4).Info("Planned", "waiting", len(waiting), "expected", len(question.Jobs)-len(waiting),
		"released", len(answer.Release), "level", answer.Level, "used", load.Used)
	for name := range next.admitted {
		c.queue.Add(key{v1alpha1.Job, name})
	}
}

// filled is what was planned last.
func (c *Controller) filled() *filling {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.filling
}

// object is what policies want to know of an object, with what was planned.
func (c *Controller) object(kind v1alpha1.TargetKind, u *unstructured.Unstructured, state *ledger.State, f *filling) *policy.Object {
	o := c.cluster.Object(kind, u, state)
	if o.Job != nil {
		o.Job.RunTime, o.Job.Admitted = target.RunTime(u, f.runs), f.admitted[target.NameOf(u)]
	}
	return o
}
