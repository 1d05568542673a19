package policy

import (
	"time"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

const defaultMargin = 20 // per cent

// deadline of a Job by the policy; zero where it has none.
func (p *Policy) deadline(job *Job) time.Time {
	d := p.spec.Deadline
	switch {
	case d == nil:
		return time.Time{}
	case job.Deadline.IsZero() && d.After != nil:
		return job.Created.Add(d.After.Duration)
	}
	return job.Deadline
}

// latestStart is when a Job must start so that it surely meets its deadline; or so that it likely does, where it came too
// late for that. Zero for a Job without a deadline.
func (p *Policy) latestStart(job *Job) time.Time {
	deadline := p.deadline(job)
	if deadline.IsZero() {
		return deadline
	}
	if surely := deadline.Add(-p.lead(job.RunTime.Mean, job.RunTime.Surely)); !surely.Before(job.Created) {
		return surely
	}
	return deadline.Add(-p.lead(job.RunTime.Mean, job.RunTime.Likely))
}

// lead is how long before its deadline a Job must start that runs for so long on average, and at most: for the mean with the
// policy's margin, or for the most if that is longer. Where no run time is known, the mean is what the policy says.
func (p *Policy) lead(mean, most time.Duration) time.Duration {
	if mean <= 0 {
		mean = p.spec.Deadline.ExpectedRunTime.Duration
	}
	mean, most = min(mean, history.Longest), min(most, history.Longest)
	margin := int32(defaultMargin)
	if p.spec.Deadline.Margin != nil {
		margin = *p.spec.Deadline.Margin
	}
	return max(most, mean+mean/100*time.Duration(margin))
}

// verdict is what one policy makes of suspending one object. suspend is nil where it has no say, and reason then tells
// why it lets an object be though a window is open.
type verdict struct {
	suspend *bool
	reason  Reason
	until   time.Time
}

// suspension judges an object that can be suspended.
func (f *phase) suspension(o *Object) verdict {
	want := f.policy.spec.Action.Suspend
	span, inside := f.inside()
	v := verdict{until: f.edge()}
	switch {
	case want == nil:
		return verdict{}
	case !*want && inside:
		v.suspend, v.reason = want, Exempted
	case !*want:
	case o.Job != nil:
		f.suspendJob(o.Job, span, inside, &v)
	case inside:
		v.suspend, v.reason = want, WindowOpen
	}
	return v
}

// suspendJob suspends a Job inside a window, and after it while there is no room; unless it must start for its deadline,
// or runs and is let run.
func (f *phase) suspendJob(job *Job, span shifted, inside bool, v *verdict) {
	if job.Finished || !inside && !f.waits(job) {
		return
	}
	if job.Queued {
		v.reason = Queued
		return
	}
	latest := f.policy.latestStart(job)
	if f.due(latest) || inside && job.early() {
		v.reason = Deadline
		return
	}
	v.until = sooner(v.until, f.now, latest)
	if inside {
		if until, reason := f.grace(job, span); reason != "" {
			v.reason, v.until = reason, sooner(v.until, f.now, until)
			return
		}
	}
	v.suspend, v.reason = new(true), map[bool]Reason{true: WindowOpen, false: WaitingForRoom}[inside]
}

// due tells that a latest start has come.
func (f *phase) due(latest time.Time) bool { return !latest.IsZero() && !f.now.Before(latest) }

// early tells that a Job is, or was, released before its latest start to meet its deadline.
func (j *Job) early() bool { return j.Released || j.Admitted == valley.Deadline }

// grace tells why a Job that runs is not stopped yet, and until when.
func (f *phase) grace(job *Job, span shifted) (until time.Time, reason Reason) {
	grace := f.policy.spec.Grace
	if job.Started.IsZero() {
		return time.Time{}, ""
	}
	if grace == nil || grace.Running != v1alpha1.StopRunning {
		begin := span.begin
		if begin.IsZero() {
			begin = f.now.Add(-schedule.Memory)
		}
		if job.Started.Before(begin) {
			return span.end, Finishing
		}
		return time.Time{}, ""
	}
	if grace.MinRunTime == nil {
		return time.Time{}, ""
	}
	if until = job.Started.Add(grace.MinRunTime.Duration); f.now.Before(until) {
		return until, TooYoung
	}
	return time.Time{}, ""
}

// waits tells that a window has closed lately for a Job, and that there is no room for it yet. Lately is within
// schedule.Memory, beyond which a Job waits no more.
func (f *phase) waits(job *Job) bool {
	if f.policy.spec.Ceiling == nil || !job.Held || job.Admitted != "" {
		return false
	}
	for _, s := range f.spans {
		if !s.end.IsZero() && !f.now.Before(s.end) {
			return true
		}
	}
	return false
}
