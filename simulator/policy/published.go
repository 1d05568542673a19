package policy

import (
	"math/bits"

	"github.com/evenkeel/evenkeel/internal/frag"
)

// The policies that "Beware of Fragmentation" (Weng et al., USENIX ATC 2023) compares with, by the formulas of
// its published simulator. A score there is an integer from 0 to 100; a cost here is what it lacks of 100.
// They know CPU and GPUs, and measure both by the largest node of their cluster.
const (
	largestCPU     = 128_000
	largestDevices = 8 * frag.Device
)

func cost(score int64) float64 { return float64(100 - score) }

// tightest takes the tightest share and has no opinion on nodes.
type tightest struct{}

// Place implements antifragmentation.Placer.
func (tightest) Place(n *frag.Node, s *frag.Shape) (float64, frag.Mask) {
	devices, _ := n.Tightest(s)
	return 0, devices
}

// randomly takes any node, and any device of it that has room.
type randomly struct{ seed uint64 }

// Place implements antifragmentation.Placer. The choice follows from the seed and what the node has left, so
// that it is the same in whatever order nodes are asked.
func (r randomly) Place(n *frag.Node, s *frag.Shape) (float64, frag.Mask) {
	if !s.Share() {
		devices, _ := n.Tightest(s)
		return 0, devices
	}
	h := r.seed ^ uint64(n.Free[frag.CPU])<<20 ^ uint64(n.Free[frag.Memory])
	var fitting []int
	for i, idle := range n.Idle[:n.Count] {
		h = h*0x9e3779b97f4a7c15 + uint64(idle)
		if int32(idle) >= s.Milli {
			fitting = append(fitting, i)
		}
	}
	h = (h ^ h>>29) * 0xbf58476d1ce4e5b9
	return 0, 1 << fitting[(h>>33)%uint64(len(fitting))]
}

// bestFit leaves the least of CPU and GPUs.
type bestFit struct{}

// Place implements antifragmentation.Placer.
func (bestFit) Place(n *frag.Node, s *frag.Shape) (float64, frag.Mask) {
	devices, _ := n.Tightest(s)
	left := 0.5*float64(n.Free[frag.CPU]-s.Request[frag.CPU])/largestCPU +
		0.5*float64(n.IdleMilli()-s.DeviceMilli())/largestDevices
	return cost(int64((1 - left) * 100)), devices
}

// dotProduct (Tetris, SIGCOMM 2014) takes the node whose idle resources lie least along what is asked for.
type dotProduct struct{}

// Place implements antifragmentation.Placer.
func (dotProduct) Place(n *frag.Node, s *frag.Shape) (float64, frag.Mask) {
	devices, _ := n.Tightest(s)
	product := float64(n.Free[frag.CPU])/largestCPU*float64(s.Request[frag.CPU])/largestCPU +
		float64(n.IdleMilli())/largestDevices*float64(s.DeviceMilli())/largestDevices
	return cost(int64(100 * (1 - product/2))), devices
}

// clustering (Gandiva, OSDI 2018) keeps pods that want as many GPUs together.
type clustering struct{}

// Place implements antifragmentation.Placer.
func (clustering) Place(n *frag.Node, s *frag.Shape) (float64, frag.Mask) {
	devices, _ := n.Tightest(s)
	if s.Devices == 0 {
		return cost(0), devices
	}
	score := 25 * (largestDevices - n.IdleMilli()) / largestDevices
	switch kinds := bits.OnesCount64(n.Kinds); {
	case n.Kinds&s.Kind() != 0 && kinds == 1:
		score += 75
	case n.Kinds&s.Kind() != 0:
		score += 50
	case kinds == 0:
		score += 25
	}
	return cost(score), devices
}

// gpuPacking (Gandiva's packing) prefers GPUs in use, then nodes in use, then idle nodes.
type gpuPacking struct{}

// Place implements antifragmentation.Placer.
func (gpuPacking) Place(n *frag.Node, s *frag.Shape) (float64, frag.Mask) {
	devices, _ := n.Tightest(s)
	whole := int64(n.Whole())
	switch {
	case s.Devices == 0:
		return cost(0), devices
	case whole == int64(n.Count):
		return cost(max(33-whole, whole)), devices
	}
	idle := n.Idle[bits.TrailingZeros32(uint32(devices))]
	if idle == frag.Device {
		return cost(max(50-int64(s.Devices), 33)), devices
	}
	return cost(max(100-int64(idle)/10/10, 50)), devices
}
