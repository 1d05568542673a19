package bitbrains

import "time"

const day = 24 * time.Hour

// Curve is what one pod uses: a share of what a machine of the trace used.
//
// The curve has no end in either direction. Beyond the machine's record it
// repeats by whole days, so that it keeps its hours; a machine recorded for
// less than a day repeats at once. Holes in the record keep the value before
// them.
type Curve struct {
	VM *VM
	// Offset is the time in the trace, since its start, at which the curve
	// begins.
	Offset time.Duration
	// Share is the pod's part of the machine's use; above 1 it magnifies.
	Share float64
}

// CPU is the pod's use in cores at a time since the curve's beginning.
func (c Curve) CPU(at time.Duration) float64 {
	position, _ := c.position(at)
	return c.Share * float64(c.VM.cores[c.VM.row(position)])
}

// Mean is the pod's exact mean use in cores over [from, to), and its use at
// from where that is empty.
func (c Curve) Mean(from, to time.Duration) float64 {
	if to <= from {
		return c.CPU(from)
	}
	var sum float64 // cores × nanoseconds
	for at := from; at < to; {
		position, end := c.position(at)
		row := c.VM.row(position)
		stretch := min(min(millis(c.VM.ends[row]), end)-position, to-at)
		sum += float64(c.VM.cores[row]) * float64(stretch)
		at += stretch
	}
	return c.Share * sum / float64(to-from)
}

// position is the time in the trace that the curve plays at a time of its own,
// and the time in the trace at which it next starts over.
func (c Curve) position(at time.Duration) (position, end time.Duration) {
	first := c.VM.First()
	period := c.VM.Last() - first
	if period >= day {
		period = period.Truncate(day)
	}
	since := (c.Offset + at - first) % period
	if since < 0 {
		since += period
	}
	return first + since, first + period
}
