package peak

import (
	"math"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
)

// Load is what a contender's cluster was asked for in a stretch of the day that ends at a time, in cores.
type Load struct {
	At    time.Duration
	Cores float64
}

// Verdict is how a contender fared. CPU is what was asked for, of what the cluster has: it can be above 100.
type Verdict struct {
	CPUP99  float64 `json:"cpuP99Percent"`
	CPUMost float64 `json:"cpuMostPercent"`
	CPUMean float64 `json:"cpuMeanPercent"`
	Jobs    int     `json:"jobs"`
	Done    int     `json:"jobsDone"`
	// Missed are those that were due before the end of the day and not done by then.
	Missed int `json:"deadlinesMissed"`
	// Hours from the creation of a Job to its end, the mean of those done.
	Hours float64 `json:"hoursToEnd"`
}

// judge takes loads in order of time and when Jobs ended, by name.
func judge(d *workload.Day, length time.Duration, loads []Load, ended map[string]time.Duration) Verdict {
	v := Verdict{Jobs: len(d.Jobs)}
	for i := range d.Jobs {
		job := &d.Jobs[i]
		end, done := ended[job.Name]
		if done = done && end <= length; done {
			v.Done++
			v.Hours += (end - job.Arrives).Hours()
		}
		if job.Due <= length && (!done || end > job.Due) {
			v.Missed++
		}
	}
	v.Hours /= math.Max(1, float64(v.Done))
	v.judgeLoad(d, loads)
	return v
}

// judgeLoad weighs each load with the time that it lasted.
func (v *Verdict) judgeLoad(d *workload.Day, loads []Load) {
	type stretch struct {
		percent float64
		lasted  time.Duration
	}
	var all []stretch
	var last, total time.Duration
	for _, load := range loads {
		s := stretch{100 * load.Cores / d.Capacity, load.At - last}
		last = load.At
		if s.lasted <= 0 {
			continue
		}
		all = append(all, s)
		total += s.lasted
		v.CPUMean += s.percent * float64(s.lasted)
		v.CPUMost = math.Max(v.CPUMost, s.percent)
	}
	if total == 0 {
		return
	}
	v.CPUMean /= float64(total)
	slices.SortFunc(all, func(a, b stretch) int {
		switch {
		case a.percent > b.percent:
			return -1
		case a.percent < b.percent:
			return 1
		}
		return 0
	})
	above := total / 100
	for _, s := range all {
		if v.CPUP99 = s.percent; above < s.lasted {
			return
		}
		above -= s.lasted
	}
}
