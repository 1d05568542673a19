package backlog

import (
	"cmp"
	"iter"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

const (
	// mostRuns of CronJobs are looked at ahead, the nearest ones: each minute's of three, for a day.
	mostRuns = 3 * 24 * 60
	day      = 24 * time.Hour
)

// fate of a run of a CronJob.
type fate int

const (
	absent fate = iota // it does not come: policies suspend the CronJob
	held               // policies have its Job wait
	atOnce             // it begins as it is created
)

// fate of the run of a time; of one that is held, as package valley wants it.
func (b *Backlog) fate(c *cron, t time.Time) (fate, valley.Job) {
	moment, ok := b.moments[t.Unix()]
	if !ok {
		moment = b.moment.At(t)
		b.moments[t.Unix()] = moment
	}
	if moment.Decide(c.self).Want.Suspend {
		return absent, valley.Job{}
	}
	job, waits := moment.Waiting(c.at(t), b.capacity)
	if !waits {
		return atOnce, valley.Job{}
	}
	return held, job
}

// daily tells that a run comes at a time and a day later, and begins at once both times: then it is part of the usual load,
// as everything else is that nobody puts off.
func (b *Backlog) daily(c *cron, t time.Time) bool {
	for _, t := range []time.Time{t, t.Add(day)} {
		if t.Before(c.created) || !c.fires(t) {
			return false
		}
		if fate, _ := b.fate(c, t); fate != atOnce {
			return false
		}
	}
	return true
}

// usual tells that the run of a time is in the load of the day before, as it is known.
func (b *Backlog) usual(c *cron, t time.Time, past *history.Series) bool {
	_, known := past.At(t.Add(-day))
	return known && b.daily(c, t.Add(-day))
}

// coming are the runs of CronJobs until a time: those that will wait, and what the others will use that is not usual. One whose
// run time nobody knows is taken to run until the next. That a Job which runs, rather than waits, forbids the next is not
// looked at, nor that a CronJob makes up for a run when it is resumed.
func (b *Backlog) coming(past *history.Series, end time.Time) (waiting []valley.Job, uses []history.Use) {
	for c, t := range b.runs(end) {
		fate, job := b.fate(c, t)
		if fate == absent || c.one && t.Before(c.busy) || b.exists(c, t) {
			continue
		}
		if fate == held {
			c.busy = job.Earliest
			job.RunTime = cmp.Or(job.RunTime, c.next.Sub(t))
			waiting = append(waiting, job)
		} else if !b.usual(c, t, past) {
			took := cmp.Or(b.moment.RunTime(c.Object).Mean, c.next.Sub(t))
			uses = append(uses, history.Use{CPU: c.Job.CPU, From: t, To: t.Add(took)})
		}
	}
	return waiting, uses
}

// runs of CronJobs from now on until a time, in order, the first of them.
func (b *Backlog) runs(end time.Time) iter.Seq2[*cron, time.Time] {
	return func(yield func(*cron, time.Time) bool) {
		for _, c := range b.crons {
			c.next = c.after(b.now, end)
		}
		for range mostRuns {
			if len(b.crons) == 0 {
				return
			}
			c := slices.MinFunc(b.crons, func(a, b *cron) int { return a.next.Compare(b.next) })
			t := c.next
			if c.next = c.after(t, end); !t.Before(end) || !yield(c, t) {
				return
			}
		}
	}
}

// exists tells that a run is there already: the clock of the CronJob controller is ahead.
func (b *Backlog) exists(c *cron, t time.Time) bool {
	_, found, err := b.all.GetByKey(c.Namespace + "/" + c.at(t).Name)
	return found && err == nil
}

// ofCron is the CronJob of a Job, and the time for which that was created; nil where it has none that creates more.
func (b *Backlog) ofCron(j *job) (c *cron, t time.Time) {
	owner := metav1.GetControllerOf(j.u)
	if owner == nil || owner.Kind != string(v1alpha1.CronJob) {
		return nil, t
	}
	i, found := slices.BinarySearchFunc(b.crons, j.Namespace+"/"+owner.Name, func(c *cron, name string) int { return cmp.Compare(c.name, name) })
	if !found {
		return nil, t
	}
	t, err := time.Parse(time.RFC3339, j.u.GetAnnotations()[batchv1.CronJobScheduledTimestampAnnotation])
	if err != nil {
		t = j.Job.Created.Truncate(time.Minute)
	}
	return b.crons[i], t
}
