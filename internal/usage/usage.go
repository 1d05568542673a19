// Package usage is what evenkeel knows of load: what each node, pod and
// workload used of CPU, memory, network and disk, each value with the time at
// which it was true. Readers share one immutable Snapshot; a Collector swaps it.
//
// No data is never zero: a Sample that was not measured is unknown, and says so.
package usage

import (
	"strconv"
	"time"
)

// Dimension is one kind of load.
type Dimension uint8

// The dimensions and their units.
const (
	CPU     Dimension = iota // cores
	Memory                   // bytes of working set
	Network                  // bytes per second, received and sent together
	Disk                     // bytes per second, read and written together

	Dimensions = 4
)

// String is the dimension's name in configuration, metrics and messages.
func (d Dimension) String() string {
	switch d {
	case CPU:
		return "cpu"
	case Memory:
		return "memory"
	case Network:
		return "network"
	case Disk:
		return "disk"
	default:
		return "dimension(" + strconv.Itoa(int(d)) + ")"
	}
}

// Statistic says how the values of a stretch of time were made one.
type Statistic uint8

// The statistics of one dimension.
const (
	Mean      Statistic = iota // over the recent window
	Deviation                  // standard deviation over the recent past
	P95                        // 95th percentile over the last hour
	Peak                       // highest value in the same hours of earlier days

	Statistics = 4

	// Capacity is what a node can carry in the dimension, where the source
	// knows it (network, disk). CPU and memory come from the node's allocatable.
	Capacity Statistic = Statistics
)

// String is the statistic's name in metrics and messages.
func (s Statistic) String() string {
	switch s {
	case Mean:
		return "mean"
	case Deviation:
		return "deviation"
	case P95:
		return "p95"
	case Peak:
		return "peak"
	case Capacity:
		return "capacity"
	default:
		return "statistic(" + strconv.Itoa(int(s)) + ")"
	}
}

// Sample is a value and the time at which it was true. The zero Sample is
// unknown, which is not the value zero.
type Sample struct {
	Value float64
	At    int64 // Unix milliseconds; 0: unknown
}

// Known reports whether s was ever measured.
func (s Sample) Known() bool { return s.At != 0 }

// Age is how long ago s was true. It is meaningless for an unknown sample.
func (s Sample) Age(now time.Time) time.Duration {
	return time.Duration(now.UnixMilli()-s.At) * time.Millisecond
}

// Usage is what one node, pod or workload used, by dimension and statistic.
type Usage [Dimensions][Statistics]Sample

// newest is the latest time at which anything in u was true, 0 if nothing was.
func (u *Usage) newest() int64 {
	var at int64
	for d := range u {
		for s := range u[d] {
			at = max(at, u[d][s].At)
		}
	}
	return at
}

// Node is the usage of a node and what it can carry.
type Node struct {
	Usage
	Capacity [Dimensions]Sample
}

func (n *Node) newest() int64 {
	at := n.Usage.newest()
	for d := range n.Capacity {
		at = max(at, n.Capacity[d].At)
	}
	return at
}

// Object names a node (Namespace empty) or a pod.
type Object struct {
	Namespace, Name string
}

// Reading is one value that a source handed over.
type Reading struct {
	Object    Object
	Dimension Dimension
	Sample    Sample
}
