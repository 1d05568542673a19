package valley

import "time"

// Load is what is used of CPU over time, in millicores: value i from Start + i·Step on, for a step. Beyond its last value
// nothing is known.
type Load struct {
	Start time.Time
	Step  time.Duration
	CPU   []int64
}

// Add counts a use over [from, to), in proportion where that covers a part of a step. Zero for to is for ever.
func (l *Load) Add(cpu int64, from, to time.Time) {
	end := l.Start.Add(time.Duration(len(l.CPU)) * l.Step)
	if to.IsZero() || to.After(end) {
		to = end
	}
	if from.Before(l.Start) {
		from = l.Start
	}
	for from.Before(to) {
		i := int(from.Sub(l.Start) / l.Step)
		next := l.Start.Add(time.Duration(i+1) * l.Step)
		if next.After(to) {
			next = to
		}
		l.CPU[i] += cpu * int64(next.Sub(from)/time.Millisecond) / int64(l.Step/time.Millisecond)
		from = next
	}
}
