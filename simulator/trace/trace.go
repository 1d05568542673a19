// Package trace reads what the simulator plays: nodes, pods that come and go, and what they use.
//
// Pods and nodes come from CSV lists (the columns of Alibaba's openb trace), from kubectl's output or from a
// cluster; usage comes from traces of machines; a Scenario joins them. The objects share their immutable parts,
// so callers must not change them.
package trace

import (
	"math/rand/v2"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/simulator/trace/spec"
)

// Pod is a pod with the time that it is there.
type Pod struct {
	// Object has no schedulerName. Its Spec.NodeName is set only if it runs already, as in a snapshot.
	Object *v1.Pod
	// Arrival is when it is created, since the trace's start.
	Arrival time.Duration
	// Departure is when it goes, since the trace's start; 0: it stays.
	Departure time.Duration
	// Curve is what it uses; nil: unknown.
	Curve Curve
}

// Curve is CPU used, in millicores, at a time since the trace's start. It may be asked from several threads at once.
type Curve interface {
	At(time.Duration) int64
}

// EventKind says what an event does.
type EventKind string

// The events that a scenario may hold.
const (
	// NodeLoss takes nodes away at once, with all that runs on them.
	NodeLoss EventKind = spec.NodeLoss
	// Drain makes nodes unschedulable and evicts their pods.
	Drain EventKind = spec.Drain
	// Burst is many pods at one moment.
	Burst EventKind = spec.Burst
)

// Event is what befalls the cluster at a moment.
type Event struct {
	// At is since the trace's start.
	At   time.Duration
	Kind EventKind
	// Nodes are the names of those lost or drained.
	Nodes []string
	// Pods is how many come in a burst. They are among the workload's pods already: this only marks the moment.
	Pods int
}

// Workload is all that a simulation plays.
type Workload struct {
	Nodes []*v1.Node
	// Pods are in the order of their arrival.
	Pods []Pod
	// Events are in the order of their time.
	Events []Event
	// Duration is when the simulation ends; 0: when nothing happens any more.
	Duration time.Duration
}

// LastArrival is when the last of the pods comes.
func LastArrival(pods []Pod) (last time.Duration) {
	for i := range pods {
		last = max(last, pods[i].Arrival)
	}
	return last
}

// RollOut has pods come one by one within a time, in an order that the seed draws, and stay. Those that run already
// stay as they are.
func RollOut(pods []Pod, within time.Duration, seed int64) {
	var coming []int
	for i := range pods {
		if pods[i].Object.Spec.NodeName == "" {
			coming = append(coming, i)
		}
	}
	rand.New(rand.NewPCG(uint64(seed), 2)).Shuffle(len(coming), func(i, j int) { coming[i], coming[j] = coming[j], coming[i] })
	for place, i := range coming {
		pods[i].Arrival, pods[i].Departure = within*time.Duration(place)/time.Duration(len(coming)), 0
	}
}
