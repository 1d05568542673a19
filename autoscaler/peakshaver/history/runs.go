// Package history forecasts from what has been: how long a Job will run from runs like it, and the load of the coming day
// from that of earlier days.
package history

import (
	"cmp"
	"slices"
	"time"
)

const (
	// kept is how many of the latest runs of a family count.
	kept = 50
	// tail is the part of runs, in per cent, that may take longer than is forecast.
	tail = 5
)

// Run is one that succeeded.
type Run struct {
	// Name with its namespace. No two are the same.
	Name string
	// Family of those that are alike: of one CronJob, or of the same pods.
	Family string
	Ended  time.Time
	Took   time.Duration
}

// RunTime is how long a run is expected to take.
type RunTime struct {
	// Mean of the runs of the family.
	Mean time.Duration
	// AtMost is what one run in 20 exceeds.
	AtMost time.Duration
	// Runs that this is known from.
	Runs int
}

// Runs are those that are known, by family. They do not depend on the order in which they were added.
type Runs map[string]RunTime

// Of makes forecasts of runs. Of each family the latest 50 count.
func Of(runs []Run) Runs {
	families := map[string][]Run{}
	for _, r := range runs {
		if r.Took > 0 {
			families[r.Family] = append(families[r.Family], r)
		}
	}
	forecasts := Runs{}
	for family, runs := range families {
		slices.SortFunc(runs, func(a, b Run) int { return cmp.Or(b.Ended.Compare(a.Ended), cmp.Compare(a.Name, b.Name)) })
		took := make([]time.Duration, min(kept, len(runs)))
		for i := range took {
			took[i] = runs[i].Took
		}
		forecasts[family] = forecast(took)
	}
	return forecasts
}

// forecast of the next run. The next of n+1 exceeds the kth smallest of n with probability 1 − k/(n+1), whatever their
// distribution; where n is too small for the tail, the longest is exceeded with 1/(n+1), and as much is added to it as
// one run is of all: a single run is doubled.
func forecast(took []time.Duration) RunTime {
	slices.Sort(took)
	n := len(took)
	var sum time.Duration
	for _, t := range took {
		sum += t
	}
	f := RunTime{Mean: sum / time.Duration(n), Runs: n}
	if k := ((n+1)*(100-tail) + 99) / 100; k <= n {
		f.AtMost = took[k-1]
	} else {
		f.AtMost = took[n-1] + took[n-1]/time.Duration(n)
	}
	f.AtMost = max(f.AtMost, f.Mean)
	return f
}
