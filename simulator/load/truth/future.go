package truth

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/simulator/load/world"
)

const (
	// slot is how finely the future is known.
	slot = 5 * time.Minute
	// horizon is how far a node's pods must not want more than it has.
	horizon = 24 * time.Hour
)

// Future knows what the pods of each node will want until the end, in millicores by slot: each pod until it departs.
type Future struct {
	*world.State
	end    time.Duration
	demand [][]int32
	// Now is the present time.
	Now   time.Duration
	curve []int32 // of the pod that was asked about last
}

// NewFuture returns the future up to an end, of which no pod is part yet.
func NewFuture(s *world.State, end time.Duration) *Future {
	f := &Future{State: s, end: end, demand: make([][]int32, len(s.Nodes))}
	for i := range f.demand {
		f.demand[i] = make([]int32, int(end/slot)+1)
	}
	return f
}

// of is what a pod will want in each slot from the present one on, up to a time.
func (f *Future) of(i int32, until time.Duration) []int32 {
	p := &f.Pods[i]
	if d := p.From.Departure; d > 0 {
		until = min(until, d)
	}
	f.curve = f.curve[:0]
	for at := f.Now.Truncate(slot); at < until || len(f.curve) == 0; at += slot {
		f.curve = append(f.curve, int32(p.Use(at)))
	}
	return f.curve
}

// Put counts a pod on a node (sign 1) or takes what is left of it off (sign -1).
func (f *Future) Put(i, on, sign int32) {
	first := int(f.Now / slot)
	demand := f.demand[on]
	for k, v := range f.of(i, f.end) {
		if first+k < len(demand) {
			demand[first+k] += sign * v
		}
	}
}

// peak is the most that the pods of a node will want within the horizon, with another one's curve added.
func (f *Future) peak(on int32, with []int32) int64 {
	from := int(f.Now / slot)
	demand := f.demand[on][min(from, len(f.demand[on])-1):]
	demand = demand[:min(len(demand), int(horizon/slot))]
	var highest int32
	for k, v := range demand {
		if k < len(with) {
			v += with[k]
		}
		highest = max(highest, v)
	}
	return int64(highest)
}

// Violated tells that a node will not have what its pods will want.
func (f *Future) Violated(on int32) bool { return f.peak(on, nil) > f.Nodes[on].Capacity[0] }

// Peaks implements policy.Future. What it returns is good until it is called again.
func (f *Future) Peaks(object *v1.Pod) func(string) float64 {
	i, ok := f.ByUID[object.UID]
	if !ok {
		return func(string) float64 { return 0 }
	}
	with := f.of(i, min(f.end, f.Now+horizon))
	return func(name string) float64 {
		on, ok := f.ByName[name]
		if !ok || f.Nodes[on].Capacity[0] == 0 {
			return 0
		}
		return float64(f.peak(on, with)) / float64(f.Nodes[on].Capacity[0])
	}
}
