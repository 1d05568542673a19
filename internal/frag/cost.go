package frag

import (
	"math"
	"math/bits"
)

const maxCopies = math.MaxInt64

// on tells how many pods the node's devices have room for, and how much of them is idle in pieces too small
// for one. The models of devices are left to the caller.
func (d *need) on(n *Node) (copies, small int64) {
	if d.devices > 1 || d.milli == Device {
		whole := int64(0)
		for _, idle := range n.Idle[:n.Count] {
			if idle == Device {
				whole++
			} else {
				small += int64(idle)
			}
		}
		return whole / int64(d.devices), small
	}
	for _, idle := range n.Idle[:n.Count] {
		if fits := int64(int32(idle) / d.milli); fits > 0 {
			copies += fits
		} else {
			small += int64(idle)
		}
	}
	return copies, small
}

// copies is how many pods of the shape the node can host, given how many its devices can. It divides only
// where it must.
func (s *priced) copies(n *Node, devices int64) int64 {
	if devices == 0 || s.models != 0 && s.models&n.Model == 0 {
		return 0
	}
	copies := devices
	for d, request := range s.request {
		if request > 0 && !enough(n.Free[d], copies, request) {
			copies = max(n.Free[d], 0) / request
		}
	}
	if copies == maxCopies {
		return 0 // it asks for nothing
	}
	return copies
}

// enough tells that there is so much left for so many copies of a request, which together may be more than any
// number.
func enough(left, copies, request int64) bool {
	high, low := bits.Mul64(uint64(copies), uint64(request))
	return left >= 0 && high == 0 && low <= uint64(left)
}

// Cost is what is wrong with what a node has left: little room for what is asked for, idle devices that
// nobody can use, and parts of devices that sell badly. Only differences between costs of one node mean
// something.
func (p *Prices) Cost(n *Node) float64 {
	if n.Count == 0 {
		return p.plainCost(n)
	}
	var cost float64
	idle := float64(n.IdleMilli())
	for i := range p.needs {
		need := &p.needs[i]
		copies, small := need.on(n)
		for j := range need.shapes {
			s := &need.shapes[j]
			hosted := s.copies(n, copies)
			if hosted == 0 {
				cost += s.sliver * idle
				continue
			}
			cost += s.sliver*float64(small) - s.room*float64(hosted)
		}
	}
	if p.slicing != nil {
		for _, idle := range n.Idle[:n.Count] {
			cost -= slicingWeight * p.slicing.worth[idle]
		}
	}
	return cost
}

// plainCost is the cost of a node without devices. There is no hole there that a device would tear, so that
// room alone would leave many nodes half empty that cost the same; what is left counts by its square too, to
// have it in one piece. Its unit is a pod of average size, as that of room is.
func (p *Prices) plainCost(n *Node) float64 {
	var cost float64
	for i := range p.plain {
		s := &p.plain[i]
		cost -= s.room * float64(s.copies(n, maxCopies))
	}
	left, pods := p.left(n)
	return cost - wholenessWeight*left*left*pods/2
}

// left is the part of a node without devices that is left, on average over what is asked for, and how many
// pods of average size it holds when empty.
func (p *Prices) left(n *Node) (part, pods float64) {
	kinds := 0.0
	for d, mean := range p.mean {
		if mean == 0 || n.Capacity[d] <= 0 {
			continue
		}
		if holds := float64(n.Capacity[d]) / float64(mean); kinds == 0 || holds < pods {
			pods = holds
		}
		part += max(0, float64(n.Free[d])/float64(n.Capacity[d]))
		kinds++
	}
	return over(part, kinds), pods
}

// Place is what it costs to put a pod of the shape on a node that has room for it, on the devices where it
// costs least.
func (p *Prices) Place(n *Node, s *Shape) (cost float64, devices Mask) {
	return p.PlaceFrom(n, s, p.Cost(n))
}

// PlaceFrom is Place for those who know what the node costs as it is.
func (p *Prices) PlaceFrom(n *Node, s *Shape, before float64) (cost float64, devices Mask) {
	if !s.Share() {
		devices, _ = n.firstWhole(s)
		return p.after(n, s, devices) - before, devices
	}
	found := false
	for i, idle := range n.Idle[:n.Count] {
		if int32(idle) < s.Milli || same(n, i) {
			continue
		}
		if c := p.after(n, s, 1<<i) - before; !found || c < cost {
			cost, devices, found = c, 1<<i, true
		}
	}
	return cost, devices
}

// same tells that a device before this one has as much left: they cost the same.
func same(n *Node, i int) bool {
	for _, idle := range n.Idle[:i] {
		if idle == n.Idle[i] {
			return true
		}
	}
	return false
}

func (p *Prices) after(n *Node, s *Shape, devices Mask) float64 {
	next := *n
	next.Add(s, devices)
	return p.Cost(&next)
}
