// Package shaving plays days of load with Jobs that can wait, as peak policies have it and as it would be without, and says
// how low the peak could have been for somebody who knew everything beforehand.
package shaving

import (
	"cmp"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// Work is a Job as it truly is.
type Work struct {
	Name, Family string
	Created      time.Time
	// Deadline by which it must be done; zero: none.
	Deadline time.Time
	CPU      int64 // millicores while it runs
	Took     time.Duration
	// Object as policies see it; nil for a Job that all select that select no labels and no namespaces.
	Object *policy.Object
}

// Options say what is played.
type Options struct {
	// Base is the load of everything else. It begins before From by what is to be learned of earlier days.
	Base history.Series
	// From and To bound the time that is played; a whole number of Base's steps.
	From, To time.Time
	Work     []Work
	// Past are runs that ended before From.
	Past []history.Run
	// Policies, and the CPU that their ceilings are shares of. Without policies Jobs run as they come.
	Policies []*policy.Policy
	Capacity int64
	// Exact forecasts: the load and run times are known beforehand, what will come is not.
	Exact bool
	// Horizon that is planned ahead; a day if it is 0.
	Horizon time.Duration
}

// Result is what came of it.
type Result struct {
	// Load from From to To, with Base's steps.
	Load valley.Load
	// Start of each piece of work, in their order; zero where it was never started.
	Start []time.Time
	// Missed deadlines, and work that was not done by To.
	Missed, Undone int
	// Forced is how many were started by their deadline rather than where there was room.
	Forced int
}

// run is work in play.
type run struct {
	*Work
	object *policy.Object
	start  time.Time // zero: it waits
}

// Play plays.
func Play(o *Options) Result {
	p := &play{Options: o, done: slices.Clone(o.Past)}
	p.Horizon = cmp.Or(o.Horizon, 24*time.Hour)
	for i := range o.Work {
		w := &o.Work[i]
		p.runs = append(p.runs, &run{Work: w, object: w.object()})
	}
	for now := o.From; now.Before(o.To); now = now.Add(o.Base.Step) {
		p.ask(now)
	}
	return p.result()
}

// object of the work before it runs.
func (w *Work) object() *policy.Object {
	o := policy.Object{Kind: v1alpha1.Job, Namespace: "work", Name: w.Name, UID: w.Name}
	if w.Object != nil {
		o = *w.Object
	}
	o.Job = &policy.Job{Created: w.Created, Deadline: w.Deadline, CPU: w.CPU}
	return &o
}

type play struct {
	*Options
	runs   []*run
	done   []history.Run
	forced int
}

// ask plays a moment: what has come since the last one, and what is released.
func (p *play) ask(now time.Time) {
	moment, runTimes := policy.At(now, p.Policies), p.learn(now)
	question := valley.Question{Now: now}
	waiting := map[string]*run{}
	for _, r := range p.runs {
		if !r.start.IsZero() || r.Created.After(now) {
			continue
		}
		r.object.Job.RunTime = p.forecast(r.Work, runTimes)
		if !r.object.Job.Held && !policy.At(r.Created, p.Policies).Decide(r.object).Want.Suspend {
			r.start = r.Created
			continue
		}
		r.object.Job.Held = true
		if job, ok := moment.Waiting(r.object, p.Capacity); ok {
			question.Jobs = append(question.Jobs, job)
			waiting[job.Name] = r
		} else if !moment.Decide(r.object).Want.Suspend {
			r.start = now
		}
	}
	if len(waiting) == 0 {
		return
	}
	question.Load = p.ahead(moment, now, runTimes)
	for _, release := range valley.Fill(&question).Release {
		p.release(waiting[release.Name], moment, now, release.Reason)
	}
}

// release starts work, if its policies agree.
func (p *play) release(r *run, moment *policy.Moment, now time.Time, reason valley.Reason) {
	r.object.Job.Admitted = reason
	if moment.Decide(r.object).Want.Suspend {
		r.object.Job.Admitted = ""
		return
	}
	r.start = now
	if reason == valley.Deadline {
		p.forced++
	}
}

// learn forecasts run times from the runs that have ended.
func (p *play) learn(now time.Time) history.Runs {
	done := slices.Clone(p.done)
	for _, r := range p.runs {
		if end := r.start.Add(r.Took); !r.start.IsZero() && !end.After(now) {
			done = append(done, history.Run{Name: r.Name, Family: r.Family, Ended: end, Took: r.Took})
		}
	}
	return history.Of(done)
}

// ahead is the load as it is forecast: of everything else by earlier days, and of what runs by how long it usually does.
func (p *play) ahead(moment *policy.Moment, now time.Time, runTimes history.Runs) valley.Load {
	var load valley.Load
	if p.Exact {
		load = p.base(now, now.Add(p.Horizon))
	} else {
		before := now.Add(-p.Base.Step)
		measured, _ := p.Base.At(before)
		load = history.Learn(p.Base, now).Ahead(now, measured, before, p.Base.Step, p.Horizon)
	}
	for _, r := range p.runs {
		end := r.start.Add(r.Took)
		if r.start.IsZero() || !end.After(now) {
			continue
		}
		if !p.Exact {
			r.object.Job.RunTime = p.forecast(r.Work, runTimes)
			end = moment.RunTime(r.object).End(r.start, now)
		}
		load.Add(r.CPU, now, end)
	}
	return load
}

// forecast of the run time of a piece of work.
func (p *play) forecast(w *Work, runTimes history.Runs) history.RunTime {
	if p.Exact {
		return history.Exactly(w.Took)
	}
	return runTimes[w.Family]
}

// base is the load of everything else over a time. Where it is not known it is taken to stay as it was.
func (o *Options) base(from, to time.Time) valley.Load {
	load := valley.Load{Start: from, Step: o.Base.Step, CPU: make([]int64, to.Sub(from)/o.Base.Step)}
	last := int64(0)
	for i := range load.CPU {
		if cpu, ok := o.Base.At(from.Add(time.Duration(i) * o.Base.Step)); ok {
			last = cpu
		}
		load.CPU[i] = last
	}
	return load
}

func (p *play) result() Result {
	result := Result{Load: p.base(p.From, p.To), Forced: p.forced}
	for _, r := range p.runs {
		result.Start = append(result.Start, r.start)
		end := r.start.Add(r.Took)
		if r.start.IsZero() || end.After(p.To) {
			result.Undone++
		}
		if !r.Deadline.IsZero() && (r.start.IsZero() || end.After(r.Deadline)) {
			result.Missed++
		}
		if !r.start.IsZero() {
			result.Load.Add(r.CPU, r.start, end)
		}
	}
	return result
}

// Peak is the load that is exceeded in at most so many parts of a hundred of all steps.
func Peak(load []int64, percent float64) int64 {
	sorted := slices.Sorted(slices.Values(load))
	if len(sorted) == 0 {
		return 0
	}
	over := int(float64(len(sorted)) * percent / 100)
	return sorted[len(sorted)-1-over]
}
