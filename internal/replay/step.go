package replay

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// player is a pod that runs, and the curve that it plays.
type player struct {
	UID             types.UID
	Namespace, Name string
	Container       string // the one that all use counts for
	Node            string // empty: not known
	Labels          map[string]string
	MemoryBytes     int64 // what it requests; it uses just that
	Curve           Curve
}

// machine is a node as far as usage goes.
type machine struct {
	Name             string
	Labels           map[string]string
	CPUs             int     // of its capacity
	AllocatableCores float64 // what its pods can use together
	MemoryBytes      int64   // of its capacity
}

// podUsage is what a pod used up to the time of its frame.
type podUsage struct {
	player
	DemandCores float64 // mean over the step that the frame ends
	UsedCores   float64 // likewise, as far as the node could give it
	CPUSeconds  float64 // ∫ used, since the pod began to play
}

// nodeUsage is what a node used up to the time of its frame.
type nodeUsage struct {
	machine
	Pods        int
	DemandCores float64 // Σ over the pods
	UsedCores   float64 // likewise: never above AllocatableCores
	UsedBytes   int64   // of memory, never above MemoryBytes
	BusySeconds float64 // ∫ used, since the node was first seen
	IdleSeconds float64 // ∫ CPUs − used
}

// frame is everything that the exporters of a cluster know at one moment. It
// never changes.
type frame struct {
	At    time.Time
	Trace time.Duration // the time that the curves play
	Pods  []podUsage    // by namespace and name
	Nodes []nodeUsage   // by name
}

// advance plays the curves from the frame before to a later moment. A pod plays
// in the stretch if it was there at both ends: so it begins with the first
// frame that has it, and what it did after its last frame is lost. A node whose
// pods want more than its allocatable cores gives each the same share of what
// it wants; the rest is not made up for later.
func advance(before *frame, pods []player, nodes []machine, at time.Time, trace time.Duration) *frame {
	next := &frame{At: at, Trace: trace}
	next.Pods = playPods(before, pods, trace)
	next.Nodes = sumNodes(next.Pods, nodes)

	wall := at.Sub(before.At).Seconds()
	scale := map[string]float64{}
	busy := secondsBefore(before.Nodes)
	for i := range next.Nodes {
		n := &next.Nodes[i]
		n.UsedCores = min(n.DemandCores, n.AllocatableCores)
		if n.DemandCores > n.AllocatableCores {
			scale[n.Name] = n.AllocatableCores / n.DemandCores
		}
		if last, seen := busy[n.Name]; seen {
			n.BusySeconds = last.BusySeconds + n.UsedCores*wall
			n.IdleSeconds = last.IdleSeconds + max(float64(n.CPUs)-n.UsedCores, 0)*wall
		}
	}
	for i := range next.Pods {
		p := &next.Pods[i]
		p.UsedCores = p.DemandCores
		if s, hot := scale[p.Node]; hot {
			p.UsedCores *= s
		}
		p.CPUSeconds += p.UsedCores * wall
	}
	return next
}

// playPods finds each pod's demand and carries its counter over.
func playPods(before *frame, pods []player, trace time.Duration) []podUsage {
	seconds := make(map[types.UID]float64, len(before.Pods))
	for i := range before.Pods {
		seconds[before.Pods[i].UID] = before.Pods[i].CPUSeconds
	}
	usage := make([]podUsage, len(pods))
	for i, pod := range pods {
		usage[i].player = pod
		if last, playing := seconds[pod.UID]; playing {
			usage[i].CPUSeconds = last
			usage[i].DemandCores = pod.Curve.Mean(before.Trace, trace)
		}
	}
	slices.SortFunc(usage, func(a, b podUsage) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return usage
}

// sumNodes adds up the pods of each node.
func sumNodes(pods []podUsage, nodes []machine) []nodeUsage {
	usage := make([]nodeUsage, len(nodes))
	for i, node := range nodes {
		usage[i].machine = node
	}
	slices.SortFunc(usage, func(a, b nodeUsage) int { return cmp.Compare(a.Name, b.Name) })
	index := make(map[string]int, len(usage))
	for i := range usage {
		index[usage[i].Name] = i
	}
	for i := range pods {
		at, known := index[pods[i].Node]
		if !known {
			continue
		}
		n := &usage[at]
		n.Pods++
		n.DemandCores += pods[i].DemandCores
		n.UsedBytes = min(n.UsedBytes+pods[i].MemoryBytes, n.MemoryBytes)
	}
	return usage
}

func secondsBefore(nodes []nodeUsage) map[string]nodeUsage {
	seen := make(map[string]nodeUsage, len(nodes))
	for _, n := range nodes {
		seen[n.Name] = n
	}
	return seen
}
