package ledger

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/frag"
)

// Look is what a node has left, for reading; nil if it is not as it was in the last snapshot.
func (l *Ledger) Look(info fwk.NodeInfo) *frag.Node {
	if i := l.Index(info.Node().Name); i >= 0 && l.nodes[i].generation == info.GetGeneration() {
		return &l.nodes[i].Node
	}
	return nil
}

// Read works out what a node has left, with whatever pods it is given.
func (l *Ledger) Read(info fwk.NodeInfo) *frag.Node {
	n, _ := l.read(info)
	return &n
}

// read works out what a node has left. It may be asked of a node with pods that are not really there, as in a
// trial of preemption.
func (l *Ledger) read(info fwk.NodeInfo) (n frag.Node, lowest int32) {
	allocatable, requested := info.GetAllocatable(), info.GetRequested()
	n.Capacity = l.format.vector(allocatable)
	used := l.format.vector(requested)
	for d := range n.Free {
		n.Free[d] = n.Capacity[d] - used[d]
	}
	n.Count = l.format.devices(allocatable)
	n.Model = l.models.bit(info.Node().Labels[l.format.ModelLabel])
	for i := range n.Idle[:n.Count] {
		n.Idle[i] = frag.Device
	}
	lowest = math.MaxInt32
	var unplaced []frag.Shape
	for _, p := range info.GetPods() {
		pod := p.GetPod()
		lowest = min(lowest, corev1helpers.PodPriority(pod))
		if r := l.look(pod); r.shape.Devices > 0 && !occupy(&n, r) {
			unplaced = append(unplaced, r.shape)
		}
	}
	guess(&n, unplaced)
	return n, lowest
}

// occupy takes the devices that a pod is known to have.
func occupy(n *frag.Node, r *record) bool {
	if bits.OnesCount32(uint32(r.devices)) != int(r.shape.Devices) || r.devices>>n.Count != 0 {
		return false
	}
	take(n, &r.shape, r.devices)
	return true
}

// guess takes devices for pods that do not say which they have: the tightest that fit, and where none do, as
// when another scheduler put too much on the node, whatever is left. The largest choose first, so that the
// order of pods does not matter.
func guess(n *frag.Node, unplaced []frag.Shape) {
	slices.SortFunc(unplaced, func(a, b frag.Shape) int {
		return cmp.Or(cmp.Compare(b.DeviceMilli(), a.DeviceMilli()), cmp.Compare(b.Devices, a.Devices))
	})
	for i := range unplaced {
		s := &unplaced[i]
		if devices, ok := n.Tightest(s); ok {
			take(n, s, devices)
			continue
		}
		n.Kinds |= s.Kind()
		left := s.DeviceMilli()
		for i := range n.Idle[:n.Count] {
			part := min(left, int64(n.Idle[i]))
			n.Idle[i] -= int16(part)
			left -= part
		}
	}
}

// take is Add for devices alone: amounts are in the node's sums already.
func take(n *frag.Node, s *frag.Shape, devices frag.Mask) {
	n.Kinds |= s.Kind()
	for rest := devices; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros32(uint32(rest))
		n.Idle[i] = int16(max(0, int32(n.Idle[i])-s.Milli))
	}
}
