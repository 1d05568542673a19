package meter

import (
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// averaged is how long a use takes to show in the mean that is measured.
const averaged = 5 * time.Minute

// Work is what Jobs that can wait use and used, which says nothing of how the load will be.
type Work struct {
	Running []Running
	Ended   []history.Use
	// Coming is what those use that will come and not wait.
	Coming []history.Use
}

// Running is a Job that was released.
type Running struct {
	// CPU that it is expected to use, in millicores.
	CPU int64
	// Measured is what it uses now; nil where that is not known.
	Measured *Use
	// Started is when its pods began to run; zero where they have not.
	Started time.Time
	RunTime history.RunTime
}

// Ahead forecasts the load from now on: what else there is by how it was on earlier days, and of what runs how long it still
// will. What was released and does not show in what is measured yet counts in full.
func (w *Work) Ahead(now time.Time, load Load, past history.Series, horizon time.Duration) valley.Load {
	uses, rest := slices.Clone(w.Ended), load.Used
	for i := range w.Running {
		if job := &w.Running[i]; !job.Started.IsZero() {
			uses = append(uses, history.Use{CPU: job.cpu(load), From: job.Started, To: now})
			rest -= job.shown(load)
		}
	}
	ahead := history.Learn(past.Without(uses), now).Ahead(now, max(0, rest), load.At, Step, horizon)
	for i := range w.Running {
		job := &w.Running[i]
		started := job.Started
		if started.IsZero() {
			started = now
		}
		ahead.Add(job.cpu(load), now, job.RunTime.End(started, now))
	}
	for _, use := range w.Coming {
		ahead.Add(use.CPU, use.From, use.To)
	}
	return ahead
}

// cpu that it uses as long as it runs. What it was measured to use in its first minutes does not say so yet.
func (r *Running) cpu(load Load) int64 {
	if r.Measured != nil && r.old(load) {
		return r.Measured.CPU
	}
	return r.CPU
}

// shown is what of a load is its.
func (r *Running) shown(load Load) int64 {
	switch {
	case r.Measured != nil:
		return r.Measured.Shown
	case r.old(load):
		return r.CPU
	}
	return 0
}

// old tells that it ran for long enough to show in a load.
func (r *Running) old(load Load) bool {
	return !r.Started.IsZero() && r.Started.Before(load.At.Add(-averaged))
}
