package meter

import (
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
}

// Running is a Job that was released.
type Running struct {
	CPU int64 // millicores
	// Started is when its pods began to run; zero where they have not.
	Started time.Time
	RunTime history.RunTime
}

// Ahead forecasts the load from now on: what else there is by how it was on earlier days, and of what runs how long it still
// will. What was released and does not show in what is measured yet counts in full.
func (w *Work) Ahead(now time.Time, load Load, past history.Series, horizon time.Duration) valley.Load {
	uses, rest := w.Ended, load.Used
	for _, job := range w.Running {
		if job.Started.IsZero() {
			continue
		}
		uses = append(uses, history.Use{CPU: job.CPU, From: job.Started, To: now})
		if job.Started.Before(load.At.Add(-averaged)) {
			rest -= job.CPU
		}
	}
	ahead := history.Learn(past.Without(uses), now).Ahead(now, max(0, rest), load.At, Step, horizon)
	for _, job := range w.Running {
		started := job.Started
		if started.IsZero() {
			started = now
		}
		ahead.Add(job.CPU, now, job.RunTime.End(started, now))
	}
	return ahead
}
