package metering

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// replicas are the pods of a workload, and what is known of them in one snapshot. A snapshot learns what a workload
// uses by itself, but sums in no order; what is said here is the same to the last bit each time.
type replicas struct {
	name usage.Workload
	pods int
	sums
}

type sums struct {
	cpu, memory      average
	steady, variance float64
	at               time.Time
}

// average is a running mean, with the sum of the squares around it.
type average struct {
	count, mean, squares float64
}

func (a *average) add(value float64) {
	a.count++
	delta := value - a.mean
	a.mean += delta / a.count
	a.squares += delta * (value - a.mean)
}

func (a *average) variance() float64 { return a.squares / a.count }

// add takes one replica's mean use, and its deviation if it is known.
func (r *replicas) add(mean, memory, deviation float64, steady bool, at time.Time) {
	r.cpu.add(mean)
	r.memory.add(memory)
	if steady {
		r.steady++
		r.variance += deviation * deviation
	}
	if at.After(r.at) {
		r.at = at
	}
}

// teach says what one replica uses, as package usage learns it, and begins anew.
func (r *replicas) teach(to *usage.Builder) {
	to.Workload(r.name, usage.CPU, usage.Mean, r.cpu.mean, r.at)
	to.Workload(r.name, usage.Memory, usage.Mean, r.memory.mean, r.at)
	to.Workload(r.name, usage.Memory, usage.Deviation, math.Sqrt(r.memory.variance()), r.at)
	if r.steady > 0 {
		to.Workload(r.name, usage.CPU, usage.Deviation, math.Sqrt(r.variance/r.steady+r.cpu.variance()), r.at)
	}
	r.sums = sums{}
}
