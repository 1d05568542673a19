// Package verdict judges how evenly pools of nodes were loaded, and shows it.
package verdict

import (
	"math"
	"slices"
	"time"
)

// HotAbove is the share of allocatable CPU above which a node counts as hot.
const HotAbove = 0.80

// Verdict is how one contender's pool fared. Utilisation is CPU demand as a
// share of allocatable: above 1, pods were throttled.
type Verdict struct {
	HotNodeMinutes     float64 `json:"hotNodeMinutes"`
	MaxNodeUtilisation float64 `json:"maxNodeUtilisation"`
	P99NodeUtilisation float64 `json:"p99NodeUtilisation"`
	PodsPending        int     `json:"podsPending"`
	PodsBound          int     `json:"podsBound"`
}

// Frame is the utilisation of each node of a pool at one moment of the trace.
type Frame struct {
	At    time.Duration
	Nodes []float64
}

// Hot counts the nodes above the limit.
func (f Frame) Hot() int {
	n := 0
	for _, u := range f.Nodes {
		if u > HotAbove {
			n++
		}
	}
	return n
}

// Mean is the utilisation of the pool as a whole (its nodes are identical).
func (f Frame) Mean() float64 {
	if len(f.Nodes) == 0 {
		return 0
	}
	sum := 0.0
	for _, u := range f.Nodes {
		sum += u
	}
	return sum / float64(len(f.Nodes))
}

// Max is the hottest node.
func (f Frame) Max() float64 {
	hottest := 0.0
	for _, u := range f.Nodes {
		hottest = max(hottest, u)
	}
	return hottest
}

// Judge turns a pool's frames into a verdict. A frame stands for the time since
// the one before it; the first stands for none. Node percentiles are over all
// nodes and frames alike.
func Judge(frames []Frame) Verdict {
	var v Verdict
	var all []float64
	for i, f := range frames {
		all = append(all, f.Nodes...)
		v.MaxNodeUtilisation = max(v.MaxNodeUtilisation, f.Max())
		if i > 0 {
			v.HotNodeMinutes += float64(f.Hot()) * (f.At - frames[i-1].At).Minutes()
		}
	}
	v.P99NodeUtilisation = percentile(all, 0.99)
	return v
}

// percentile is the smallest value with at least the share p of all at or below it.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}
