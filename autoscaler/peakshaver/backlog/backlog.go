// Package backlog gathers the Jobs that policies with a ceiling select: those that wait, and what the others use and used.
package backlog

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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

	moment *policy.Moment
	jobs   []job
}

// job is one that policies with a ceiling select.
type job struct {
	*policy.Object

	u     *unstructured.Unstructured
	state *ledger.State
}

// Of a cluster that has Jobs.
func Of(cluster *target.Cluster, moment *policy.Moment) *Backlog {
	jobs := cluster.Targets[v1alpha1.Job]
	b := &Backlog{Runs: target.Runs(jobs), moment: moment}
	for _, item := range jobs.List() {
		u := target.AsObject(item)
		state, err := ledger.Read(v1alpha1.Job, u)
		if err != nil || u.GetDeletionTimestamp() != nil {
			continue // reconciliation tells
		}
		if o := cluster.Object(v1alpha1.Job, u, state); moment.Defers(o) {
			b.jobs = append(b.jobs, job{o, u, state})
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

// Gather those that wait, and what the others use and used, by what was measured. Capacity is all CPU, in millicores.
func (b *Backlog) Gather(measured meter.Uses, capacity int64) (waiting []valley.Job, work meter.Work) {
	uses := usesOf(b.jobs, measured)
	for i := range b.jobs {
		j := &b.jobs[i]
		j.Job.RunTime, j.Job.CPU = target.RunTime(j.u, b.Runs), uses.cpu(j.u)
		if job, ok := b.moment.Waiting(j.Object, capacity); ok {
			waiting = append(waiting, job)
			continue
		}
		j.Job.RunTime = b.moment.RunTime(j.Object)
		uses.count(&work, j)
	}
	return waiting, work
}
