// Package backlog gathers the Jobs that policies with a ceiling select: those that wait, what the others use and used, and
// those that CronJobs will create.
package backlog

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// Backlog is that of a moment.
type Backlog struct {
	// Runs are how long all Jobs will run, by those that have.
	Runs history.Runs

	now      time.Time
	moment   *policy.Moment
	moments  map[int64]*policy.Moment // others, by seconds since 1970
	capacity int64
	uses     *uses
	all      cache.Store
	jobs     []job
	crons    []*cron // in order of their names
}

// job is one that policies with a ceiling select.
type job struct {
	*policy.Object

	u     *unstructured.Unstructured
	state *ledger.State
	// run is that of one that succeeded, which ended tells.
	run    history.Run
	ended  bool
	family string
}

func newJob(o *policy.Object, u *unstructured.Unstructured, state *ledger.State) job {
	j := job{Object: o, u: u, state: state, family: target.Family(u)}
	j.run, j.ended = target.Run(u)
	return j
}

// Of a cluster that has Jobs.
func Of(cluster *target.Cluster, moment *policy.Moment, now time.Time) *Backlog {
	jobs := cluster.Targets[v1alpha1.Job]
	b := &Backlog{
		Runs: target.Runs(jobs), now: now, moment: moment, moments: map[int64]*policy.Moment{}, all: jobs, crons: cronsOf(cluster, moment),
	}
	for _, item := range jobs.List() {
		u := target.AsObject(item)
		state, err := ledger.Read(v1alpha1.Job, u)
		if err != nil || u.GetDeletionTimestamp() != nil {
			continue // reconciliation tells
		}
		if o := cluster.Object(v1alpha1.Job, u, state); moment.Defers(o) {
			b.jobs = append(b.jobs, newJob(o, u, state))
		}
	}
	return b
}

// Asked are the Jobs whose use can be measured.
func (b *Backlog) Asked() []meter.Job {
	var all []meter.Job
	for i := range b.jobs {
		if asked, ok := b.jobs[i].asked(); ok {
			all = append(all, asked)
		}
	}
	return all
}

// Waiting are the Jobs that wait, by what was measured. Capacity is all CPU, in millicores.
func (b *Backlog) Waiting(measured meter.Uses, capacity int64) (waiting []valley.Job) {
	b.uses, b.capacity = usesOf(b.jobs, measured), capacity
	for _, c := range b.crons {
		b.know(&c.job)
	}
	var others []job
	for _, j := range b.jobs {
		b.know(&j)
		job, ok := b.moment.Waiting(j.Object, capacity)
		if !ok {
			others = append(others, j)
			continue
		}
		waiting = append(waiting, job)
		if c, _ := b.ofCron(&j); c != nil && job.Earliest.After(c.busy) {
			c.busy = job.Earliest
		}
	}
	b.jobs = others
	return waiting
}

// know how long a Job will run, and what it will use.
func (b *Backlog) know(j *job) {
	j.Job.RunTime, j.Job.CPU = target.RunTime(j.u, b.Runs), b.uses.cpu(j)
}

// Ahead is what Jobs that do not wait use, used and will use, beside what the load of earlier days has of it, and the Jobs
// that will wait: runs of CronJobs before a horizon. It is asked after Waiting.
func (b *Backlog) Ahead(past history.Series, horizon time.Duration) (expected []valley.Job, work meter.Work) {
	for i := range b.jobs {
		j := &b.jobs[i]
		c, t := b.ofCron(j)
		if c != nil && (j.ended && b.daily(c, t) || !j.ended && b.usual(c, t, &past)) {
			continue
		}
		j.Job.RunTime = b.moment.RunTime(j.Object)
		b.uses.count(&work, j)
	}
	expected, work.Coming = b.coming(&past, b.now.Add(horizon))
	return expected, work
}
