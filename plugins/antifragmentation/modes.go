package antifragmentation

import (
	"iter"
	"math"

	"github.com/evenkeel/evenkeel/internal/frag"
)

// Placer tells what it costs to put a pod of a shape on a node that has room for it, and on which devices. It
// depends on nothing else, and costs of different nodes compare. Placers are compared with ==.
type Placer interface {
	Place(n *frag.Node, s *frag.Shape) (cost float64, devices frag.Mask)
}

// Policy makes a Placer for a cluster and what it is asked for. It is made anew as these change, unless Fixed.
type Policy struct {
	Fixed bool
	Make  func(demand []frag.Weighted, nodes iter.Seq[*frag.Node]) Placer
}

// policyOf returns the policy of a mode.
func policyOf(m Mode) Policy {
	switch m {
	case MostRequested:
		return Fixed(mostRequested{})
	case Balanced:
		return Fixed(balanced{})
	default:
		return Policy{Make: func(demand []frag.Weighted, nodes iter.Seq[*frag.Node]) Placer {
			return frag.NewPrices(demand, nodes)
		}}
	}
}

// Fixed is a policy that learns nothing.
func Fixed(p Placer) Policy {
	return Policy{Fixed: true, Make: func([]frag.Weighted, iter.Seq[*frag.Node]) Placer { return p }}
}

// mostRequested costs the part of a node that is left, on average over its resources.
type mostRequested struct{}

// Place implements Placer.
func (mostRequested) Place(n *frag.Node, s *frag.Shape) (cost float64, devices frag.Mask) {
	devices, _ = n.Tightest(s)
	var left, kinds float64
	for part := range requestedParts(n, s) {
		left += 1 - part
		kinds++
	}
	return left / max(kinds, 1), devices
}

// balanced costs the deviation of the parts of a node that are requested of each resource.
type balanced struct{}

// Place implements Placer.
func (balanced) Place(n *frag.Node, s *frag.Shape) (cost float64, devices frag.Mask) {
	devices, _ = n.Tightest(s)
	var sum, squares, kinds float64
	for part := range requestedParts(n, s) {
		sum, squares, kinds = sum+part, squares+part*part, kinds+1
	}
	if kinds == 0 {
		return 0, devices
	}
	mean := sum / kinds
	return math.Sqrt(max(0, squares/kinds-mean*mean)), devices
}

// requestedParts are the parts of each resource of a node that are requested once the pod is there.
func requestedParts(n *frag.Node, s *frag.Shape) iter.Seq[float64] {
	return func(yield func(float64) bool) {
		for d, capacity := range n.Capacity {
			if capacity > 0 && !yield(1-float64(n.Free[d]-s.Request[d])/float64(capacity)) {
				return
			}
		}
		if n.Count > 0 {
			yield(1 - float64(n.IdleMilli()-s.DeviceMilli())/float64(int64(n.Count)*frag.Device))
		}
	}
}
