package history

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
	// halfLife is how fast the load is taken to come back to that of earlier days.
	halfLife = time.Hour
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

// usual is the load of a time by earlier days: the mean of the same hour a day and a week before, of which the day is the
// last one that is over.
func (s *Series) usual(t, now time.Time) (cpu int64, ok bool) {
	before := t.Add(-day)
	for !before.Before(now) {
		before = before.Add(-day)
	}
	yesterday, ok := s.At(before)
	lastWeek, known := s.At(t.Add(-week))
	switch {
	case ok && known:
		return (yesterday + lastWeek) / 2, true
	case ok:
		return yesterday, true
	}
	return lastWeek, known
}

// Ahead forecasts the load from now on: what it usually is at that hour, and what it is above or below that now, of which
// half is left after an hour. Where nothing is known of an hour, the load is taken to stay as it was the step before.
func (s *Series) Ahead(now time.Time, current int64, step, horizon time.Duration) valley.Load {
	load := valley.Load{Start: now, Step: step, CPU: make([]int64, horizon/step)}
	above := int64(0)
	if usual, ok := s.usual(now, now); ok {
		above = current - usual
	}
	last := current
	for i := range load.CPU {
		after := time.Duration(i) * step
		if usual, ok := s.usual(now.Add(after), now); ok {
			left := math.Exp2(-float64(after) / float64(halfLife))
			last = max(0, usual+int64(math.Round(float64(above)*left)))
		}
		load.CPU[i] = last
	}
	return load
}
