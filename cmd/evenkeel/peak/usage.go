package peak

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
)

// usage tells the peak shaver what its contender's node was asked for: today and on the days before.
type usage struct {
	stage  *stage
	before history.Series // up to the beginning of the day
}

// newUsage adds up what services asked for on the days before, and Jobs in those of their runs that are known.
func newUsage(s *stage) *usage {
	const steps = int(workload.HistoryDays * day / meter.Step)
	load := valley.Load{Start: s.epoch.Add(-workload.HistoryDays * day), Step: meter.Step, CPU: make([]int64, steps)}
	for i := range load.CPU {
		from := time.Duration(i-steps) * meter.Step
		load.CPU[i] = millicores(s.plan.Asked(from, from+meter.Step))
	}
	for i := range s.plan.Jobs {
		for _, run := range s.plan.Jobs[i].Earlier {
			began := s.epoch.Add(run.Began)
			load.Add(millicores(s.plan.Jobs[i].Cores), began, began.Add(run.Took))
		}
	}
	return &usage{stage: s, before: history.Series(load)}
}

func millicores(cores float64) int64 { return int64(math.Round(cores * 1000)) }

// mean of samples.
type mean struct {
	cores   float64
	samples int
}

func (m *mean) add(l Load) { m.cores, m.samples = m.cores+l.Cores, m.samples+1 }

// millicores are below 0 without a sample.
func (m *mean) millicores() int64 {
	if m.samples == 0 {
		return -1
	}
	return millicores(m.cores / float64(m.samples))
}

// Now is the mean over the minutes before the last sample, as it is where counters are read.
func (u *usage) Now(cache.Store, time.Time) (meter.Load, error) {
	loads, _ := u.stage.watch.of(withPolicy)
	if len(loads) == 0 {
		return meter.Load{}, errors.New("nothing was measured yet")
	}
	var lately mean
	at := loads[len(loads)-1].At
	for _, load := range slices.Backward(loads) {
		if load.At <= at-meter.Step {
			break
		}
		lately.add(load)
	}
	return meter.Load{Used: lately.millicores(), Capacity: millicores(u.stage.plan.Capacity), At: u.stage.epoch.Add(at)}, nil
}

// Past is that of the days before, and of today until then; a step without a sample is not known.
func (u *usage) Past(_ context.Context, until time.Time) (history.Series, error) {
	today := make([]mean, max(0, until.Sub(u.stage.epoch)/meter.Step))
	loads, _ := u.stage.watch.of(withPolicy)
	for _, load := range loads {
		if i := int((load.At - 1) / meter.Step); load.At > 0 && i < len(today) {
			today[i].add(load)
		}
	}
	past := u.before
	past.CPU = slices.Clone(past.CPU)
	for i := range today {
		past.CPU = append(past.CPU, today[i].millicores())
	}
	return past, nil
}

// Jobs are not measured one by one: they use what they request.
func (*usage) Jobs(context.Context, []meter.Job, time.Time) (meter.Uses, error) { return nil, nil }
