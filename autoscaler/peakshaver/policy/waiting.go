package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// Defers tells that a policy with a ceiling suspends an object such as this one.
func (m *Moment) Defers(o *Object) bool {
	return slices.ContainsFunc(m.policies, func(p *Policy) bool { return p.defers(o) })
}

func (p *Policy) defers(o *Object) bool {
	return p.spec.Ceiling != nil && p.spec.Action.Suspend != nil && *p.spec.Action.Suspend && !p.broken && p.Selects(o)
}

// Waiting is a Job as package valley wants it, if policies with a ceiling have it wait: it is suspended by one, or is to be.
// Capacity is all CPU that the ceilings are shares of, in millicores; where it is 0 there is no ceiling. The Job has the
// earliest latest start, the latest earliest start and the lowest ceiling of all of them.
func (m *Moment) Waiting(o *Object, capacity int64) (job valley.Job, ok bool) {
	if o.Job == nil || o.Original.Suspend || o.protected() {
		return job, false
	}
	alone := *o
	alone.Job = new(*o.Job)
	alone.Job.Admitted = ""
	if !m.Decide(&alone).Want.Suspend {
		return job, false
	}
	job = valley.Job{Name: o.Namespace + "/" + o.Name, Created: o.Job.Created, CPU: o.Job.CPU, RunTime: m.RunTime(o).Mean}
	for i, p := range m.policies {
		if p.defers(o) {
			f := phaseOf(p, m.now, m.spans[i], o)
			f.valley(&job)
			p.bind(&job, o, capacity)
			ok = true
		}
	}
	return job, ok
}

// RunTime of a Job: what is forecast, else the longest that policies with a ceiling expect; zero where nobody says.
func (m *Moment) RunTime(o *Object) history.RunTime {
	if o.Job.RunTime != (history.RunTime{}) {
		return o.Job.RunTime
	}
	expected := time.Duration(0)
	for _, p := range m.policies {
		if p.spec.Deadline != nil && p.defers(o) {
			expected = max(expected, p.spec.Deadline.ExpectedRunTime.Duration)
		}
	}
	return history.Exactly(expected)
}

// Deadline of a Job: the earliest of the policies that select it; zero without one.
func (m *Moment) Deadline(o *Object) (earliest time.Time) {
	for _, p := range m.policies {
		if o.Job == nil || p.broken || !p.Selects(o) {
			continue
		}
		if deadline := p.deadline(o.Job); earliest.IsZero() || !deadline.IsZero() && deadline.Before(earliest) {
			earliest = deadline
		}
	}
	return earliest
}

// Ceiling is the lowest that policies have, in per cent of all CPU; 0 where none has one.
func (m *Moment) Ceiling() (lowest int32) {
	for _, p := range m.policies {
		if c := p.spec.Ceiling; c != nil && !p.broken && (lowest == 0 || c.CPU < lowest) {
			lowest = c.CPU
		}
	}
	return lowest
}

// WithoutRoom is since when a Job that waits has found no room: the first window of the last days that it met has closed. Zero
// where none has.
func (m *Moment) WithoutRoom(o *Object) (since time.Time) {
	for i, p := range m.policies {
		if !p.defers(o) {
			continue
		}
		f := phaseOf(p, m.now, m.spans[i], o)
		closed := f.closed(o.Job.Created)
		if closed.IsZero() {
			return closed
		}
		if closed.After(since) {
			since = closed
		}
	}
	return since
}

// closed is when the first window after a time closed; zero where none has.
func (f *phase) closed(after time.Time) (first time.Time) {
	for _, s := range f.spans {
		if s.end.After(after) && !s.end.After(f.now) && (first.IsZero() || s.end.Before(first)) {
			first = s.end
		}
	}
	return first
}

// bind a Job by a policy's deadline, order and ceiling.
func (p *Policy) bind(job *valley.Job, o *Object, capacity int64) {
	if ceiling := capacity / 100 * int64(p.spec.Ceiling.CPU); job.Ceiling == 0 || ceiling < job.Ceiling {
		job.Ceiling = ceiling
	}
	if latest := p.latestStart(o.Job); job.Latest.IsZero() || !latest.IsZero() && latest.Before(job.Latest) {
		job.Latest = latest
	}
	job.Order = len(p.order) - p.group(o)
}

// valley narrows when a Job may start to the time between the window that is open, or was lately, and the next.
func (f *phase) valley(job *valley.Job) {
	var end time.Time
	for _, s := range f.spans {
		switch closes := cmp.Or(s.end, f.now.Add(schedule.Foresight)); {
		case !f.now.Before(s.begin):
			if closes.After(end) {
				end = closes
			}
		case !end.IsZero() && !s.begin.After(end): // the next one touches it
			end = closes
		case job.Until.IsZero() || s.begin.Before(job.Until):
			job.Until = s.begin
		}
	}
	if end.After(job.Earliest) {
		job.Earliest = end
	}
}
