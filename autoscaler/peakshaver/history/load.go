package history

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// Series is a load over time that has been measured: value i is the mean over the step from Start + i·Step on, in
// millicores; below 0 it is not known.
type Series struct {
	Start time.Time
	Step  time.Duration
	CPU   []int64
}

// At is the load at a time; ok is false where it is not known.
func (s *Series) At(t time.Time) (cpu int64, ok bool) {
	if s.Step <= 0 || t.Before(s.Start) {
		return 0, false
	}
	i := int(t.Sub(s.Start) / s.Step)
	if i >= len(s.CPU) || s.CPU[i] < 0 {
		return 0, false
	}
	return s.CPU[i], true
}

// Without takes uses away that are known: what is left is the load of everything else, not below 0. The series itself
// stays as it is.
func (s Series) Without(uses []Use) Series {
	taken := valley.Load{Start: s.Start, Step: s.Step, CPU: make([]int64, len(s.CPU))}
	for _, u := range uses {
		if u.From.Before(u.To) {
			taken.Add(u.CPU, u.From, u.To)
		}
	}
	for i, cpu := range s.CPU {
		if cpu >= 0 {
			cpu = max(0, cpu-taken.CPU[i])
		}
		taken.CPU[i] = cpu
	}
	s.CPU = taken.CPU
	return s
}

// Use of CPU, in millicores, over [From, To).
type Use struct {
	CPU      int64
	From, To time.Time
}

// guesses are ways to forecast a load from what was measured a day before it or earlier.
const (
	yesterday = iota
	lastWeek
	usualDay // the mean of the same time of seven days
	flat     // the mean of the 24 hours before
	guesses
)

// guess the load of a time; known says which ways there are. sums makes means of 24 hours.
func (s *Series) guess(t time.Time, sums *sums) (values [guesses]float64, known [guesses]bool) {
	set := func(way int, value float64, ok bool) { values[way], known[way] = value, ok }
	total, days := 0.0, 0
	for k := 1; k <= 7; k++ {
		cpu, ok := s.At(t.Add(-time.Duration(k) * day))
		switch {
		case !ok:
			continue
		case k == 1:
			set(yesterday, float64(cpu), true)
		case k == 7:
			set(lastWeek, float64(cpu), true)
		}
		total, days = total+float64(cpu), days+1
	}
	if days > 1 {
		set(usualDay, total/float64(days), true)
	}
	mean, ok := sums.mean(s, t.Add(-2*day), t.Add(-day))
	set(flat, mean, ok)
	return values, known
}

// sums of a series, of its known values, up to each step.
type sums struct {
	total []float64
	known []int
}

func newSums(s *Series) *sums {
	c := &sums{total: make([]float64, len(s.CPU)+1), known: make([]int, len(s.CPU)+1)}
	for i, cpu := range s.CPU {
		c.total[i+1], c.known[i+1] = c.total[i], c.known[i]
		if cpu >= 0 {
			c.total[i+1] += float64(cpu)
			c.known[i+1]++
		}
	}
	return c
}

// mean of what is known of [from, to); ok is false where nothing is.
func (c *sums) mean(s *Series, from, to time.Time) (mean float64, ok bool) {
	if s.Step <= 0 {
		return 0, false
	}
	index := func(t time.Time) int { return min(max(0, int(t.Sub(s.Start)/s.Step)), len(s.CPU)) }
	a, b := index(from), index(to)
	if n := c.known[b] - c.known[a]; n > 0 {
		return (c.total[b] - c.total[a]) / float64(n), true
	}
	return 0, false
}

// Forecaster tells the load of the coming day.
type Forecaster struct {
	series  Series
	sums    *sums
	weights [guesses]float64
	// stays is the part of a deviation from the forecast that is left after an hour.
	stays float64
}

// Learn looks at how well each way to guess would have told the last week, and weighs them by the inverse of their mean
// squared error (Bates and Granger, The Combination of Forecasts, 1969). Of the last week's errors it learns, too, how long
// a deviation stays: their correlation over an hour. Only what was measured before now counts.
func Learn(s Series, now time.Time) *Forecaster {
	if n := int(now.Sub(s.Start) / max(1, s.Step)); n < len(s.CPU) {
		s.CPU = s.CPU[:max(0, n)]
	}
	f := &Forecaster{series: s, sums: newSums(&s)}
	f.weigh(now)
	f.correlate(now)
	return f
}

func (f *Forecaster) weigh(now time.Time) {
	var squares, counts [guesses]float64
	f.each(now, func(_ time.Time, cpu float64, values [guesses]float64, known [guesses]bool) {
		for way := range values {
			if known[way] {
				squares[way] += (values[way] - cpu) * (values[way] - cpu)
				counts[way]++
			}
		}
	})
	for way := range f.weights {
		if counts[way] > 0 {
			f.weights[way] = counts[way] / (squares[way] + 1) // 1: a way that never erred
		}
	}
	if f.weights[yesterday] == 0 { // nobody knows how well it does, but it is all there is
		f.weights[yesterday] = math.SmallestNonzeroFloat32
	}
}

func (f *Forecaster) correlate(now time.Time) {
	var own, hour float64
	f.each(now, func(t time.Time, cpu float64, values [guesses]float64, known [guesses]bool) {
		was, ok := f.deviation(t.Add(-time.Hour))
		usual, guessed := f.combine(values, known)
		if ok && guessed {
			own += was * was
			hour += was * (cpu - usual)
		}
	})
	if own > 0 {
		f.stays = min(max(0, hour/own), 1)
	}
}

// deviation of what was measured from what would have been forecast.
func (f *Forecaster) deviation(t time.Time) (above float64, ok bool) {
	was, measured := f.series.At(t)
	usual, ok := f.combine(f.series.guess(t, f.sums))
	return float64(was) - usual, ok && measured
}

// each goes through the last week with what would have been guessed.
func (f *Forecaster) each(now time.Time, do func(t time.Time, cpu float64, values [guesses]float64, known [guesses]bool)) {
	for t := now.Add(-week); t.Before(now); t = t.Add(max(f.series.Step, time.Minute)) {
		if cpu, ok := f.series.At(t); ok {
			values, known := f.series.guess(t, f.sums)
			do(t, float64(cpu), values, known)
		}
	}
}

func (f *Forecaster) combine(values [guesses]float64, known [guesses]bool) (cpu float64, ok bool) {
	total, weights := 0.0, 0.0
	for way := range values {
		if known[way] {
			total, weights = total+f.weights[way]*values[way], weights+f.weights[way]
		}
	}
	if weights == 0 {
		return 0, false
	}
	return total / weights, true
}

// Ahead forecasts the load from now on, where it was measured to be so much at a time before: what is usual at that hour,
// and what the measured was above or below the usual, of which less and less is left. Where nothing is known of an hour,
// the load is taken to stay as it was.
func (f *Forecaster) Ahead(now time.Time, measured int64, at time.Time, step, horizon time.Duration) valley.Load {
	load := valley.Load{Start: now, Step: step, CPU: make([]int64, horizon/step)}
	above, last := 0.0, float64(measured)
	if usual, ok := f.combine(f.series.guess(at, f.sums)); ok {
		above = float64(measured) - usual
	}
	for i := range load.CPU {
		t := now.Add(time.Duration(i) * step)
		if usual, ok := f.combine(f.series.guess(t, f.sums)); ok {
			last = max(0, usual+above*math.Pow(f.stays, t.Sub(at).Hours()))
		}
		load.CPU[i] = int64(math.Round(last))
	}
	return load
}
