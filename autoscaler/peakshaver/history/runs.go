// Package history forecasts from what has been: how long a Job will run from runs like it, and the load of the coming day
// from that of earlier days.
package history

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// kept is how many of the latest runs of a family count.
	kept = 50
	// likely and surely are what 1 in 20 and 1 in 100 values of the standard normal distribution exceed.
	likely, surely = 1.6448536269514722, 2.3263478740408408
	// Longest is what a run is taken for that is said to be longer, so that times can be reckoned with: some say that theirs
	// may last for ever, in seconds.
	Longest = 10 * 365 * 24 * time.Hour
	// most is how many times as long as the longest run one is taken to run at most.
	most = 4
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
	// Likely is what one run in 20 exceeds, and Surely what one in 100 does.
	Likely, Surely time.Duration
	// Runs that this is known from.
	Runs int
}

// Exactly is the run time of which somebody says how long it is.
func Exactly(took time.Duration) RunTime {
	took = min(took, Longest)
	return RunTime{Mean: took, Likely: took, Surely: took}
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
	var all []*sample
	for family, runs := range families {
		all = append(all, newSample(family, runs))
	}
	slices.SortFunc(all, func(a, b *sample) int { return cmp.Compare(a.family, b.family) })
	common, forecasts := commonOf(all), Runs{}
	for _, s := range all {
		forecasts[s.family] = s.forecast(common)
	}
	return forecasts
}

// sample of a family's runs: the mean and variance are of the logarithms of their times.
type sample struct {
	family         string
	n              float64
	mean, variance float64
	took, longest  time.Duration // took: on average
}

// Latest are the runs of a family that count, of all of them: the last 50. It sorts them.
func Latest(runs []Run) []Run {
	slices.SortFunc(runs, func(a, b Run) int { return cmp.Or(b.Ended.Compare(a.Ended), cmp.Compare(a.Name, b.Name)) })
	return runs[:min(kept, len(runs))]
}

func newSample(family string, runs []Run) *sample {
	runs = Latest(runs)
	s := &sample{family: family, n: float64(len(runs))}
	for _, r := range runs {
		s.took += r.Took
		s.longest = max(s.longest, r.Took)
		s.mean += math.Log(float64(r.Took)) / s.n
	}
	s.took /= time.Duration(len(runs))
	for _, r := range runs {
		off := math.Log(float64(r.Took)) - s.mean
		s.variance += off * off / max(1, s.n-1)
	}
	return s
}

// forecast of the next run, by the prediction interval of a lognormal distribution: with mean m and deviation s of the
// logarithms of n runs, the next exceeds exp(m + t·s·√(1+1/n)) as often as Student's distribution of s's degrees of freedom
// exceeds t. It is not taken for less than the longest of them, nor for more than four times that; a single one, where
// nothing is known of others either, is doubled.
func (s *sample) forecast(c common) RunTime {
	variance, degrees := c.moderate(s)
	bound := func(z float64) time.Duration {
		if degrees == 0 {
			return 2 * s.took
		}
		bound := math.Exp(s.mean + student(z, degrees)*math.Sqrt(variance*(1+1/s.n)))
		return time.Duration(min(max(bound, float64(s.longest)), most*float64(s.longest)))
	}
	return RunTime{Mean: s.took, Likely: bound(likely), Surely: bound(surely), Runs: int(s.n)}
}

// student is the value that Student's distribution exceeds as often as the standard normal one exceeds z: Abramowitz and
// Stegun, 26.7.5, which at 1 in 100 is 7 per cent low with two degrees of freedom, and a thousandth with six.
func student(z, degrees float64) float64 {
	z2 := z * z
	return z + z*(z2+1)/4/degrees + z*(5*z2*z2+16*z2+3)/96/degrees/degrees +
		z*(3*z2*z2*z2+19*z2*z2+17*z2-15)/384/degrees/degrees/degrees
}

// End is when a run that began at start is expected to end, if it has not by now: at its mean, then at what one in 20
// exceeds; after that it is taken to run for as long again as it has. Zero where nothing is known.
func (f RunTime) End(start, now time.Time) time.Time {
	if f == (RunTime{}) {
		return time.Time{}
	}
	for _, took := range []time.Duration{f.Mean, f.Likely} {
		if end := start.Add(took); end.After(now) {
			return end
		}
	}
	return now.Add(now.Sub(start))
}
