// Package bitbrains holds the processor use of 50 virtual machines over 30 days,
// as recorded in a Dutch hosting company's data centre in August 2013 (Bitbrains,
// GWA-T-12), and plays it as usage curves.
package bitbrains

import (
	"slices"
	"time"
)

// Trace is a set of machines that were watched over the same stretch of time.
type Trace struct {
	// Start is the wall time of the trace's beginning. Every time of day in the
	// trace counts from here, for all machines alike, so that machines keep
	// their common rhythm.
	Start time.Time
	// VMs are the machines in the order of the file.
	VMs []VM
}

// VM is what one virtual machine had and used.
//
// A row of the trace says what the machine used on average over [timestamp −
// duration, timestamp): the timestamp marks the end. The first row of each
// machine shows it, beginning exactly where the machine itself does.
type VM struct {
	ID          string
	Cores       int
	MemoryBytes int64

	// Rows in order of time. Row i holds over [ends[i-1], ends[i]), the first
	// one from first on; in milliseconds since the trace's start.
	first uint32
	ends  []uint32
	cores []float32
	// known is false for a row that fills a hole in the trace with the value
	// before the hole.
	known []bool
}

// First is when the machine's rows begin, since the trace's start.
func (v *VM) First() time.Duration { return millis(v.first) }

// Last is when the machine's rows end, since the trace's start.
func (v *VM) Last() time.Duration { return millis(v.ends[len(v.ends)-1]) }

// CPU is what the machine used, in cores, at a time since the trace's start. It
// is not ok outside the machine's life and in the holes of its record.
func (v *VM) CPU(at time.Duration) (cores float64, ok bool) {
	if at < v.First() || at >= v.Last() {
		return 0, false
	}
	i := v.row(at)
	if !v.known[i] {
		return 0, false
	}
	return float64(v.cores[i]), true
}

// row finds the row that covers at, which must lie in the machine's life.
func (v *VM) row(at time.Duration) int {
	i, _ := slices.BinarySearchFunc(v.ends, at, func(end uint32, at time.Duration) int {
		if millis(end) <= at {
			return -1
		}
		return 1
	})
	return i
}

func millis(ms uint32) time.Duration { return time.Duration(ms) * time.Millisecond }
