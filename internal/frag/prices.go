package frag

import (
	"iter"
	"slices"
)

// The parts of a cost, in devices. They were chosen on one pod list and hold within a factor of two either way;
// what matters is that each is there (see README.md).
const (
	roomWeight      = 1
	sliverWeight    = 2
	slicingWeight   = 16
	wholenessWeight = 8 // of nodes without devices
)

// The demand is never known wholly: next to what was seen, a job may come that wants a whole node. Its part in
// the demand is small, but where such nodes are few it keeps one free while another will do. Of CPU and
// memory it wants what daemons leave.
const (
	wholeNodePart  = 1.0 / 2000
	wholeNodeShare = 15.0 / 16
)

// Prices value what nodes have left by what is asked for. They do not change once made.
type Prices struct {
	needs   []need   // shapes with devices, by what they ask of devices
	plain   []priced // shapes without
	mean    Vector   // what one of those asks for on average
	slicing *slicing // nil where no shares are asked for
}

// need are shapes that ask the same of devices.
type need struct {
	devices, milli int32
	shapes         []priced
}

// priced is a shape with its prices: room is for a place to put one, sliver for a device that it cannot use.
type priced struct {
	request      Vector
	models       Models
	part         float64
	capacity     float64 // how many of it the cluster could host, if it hosted nothing else
	room, sliver float64
}

// NewPrices values nodes like these, all of a cluster, by a demand. nodes is gone through more than once.
func NewPrices(demand []Weighted, nodes iter.Seq[*Node]) *Prices {
	p := &Prices{}
	for _, w := range withWholeNodes(demand, nodes) {
		p.add(&w)
	}
	for n := range nodes {
		for s, copies := range p.hosted(n) {
			s.capacity += float64(copies)
		}
	}
	p.price()
	p.priceSlices()
	return p
}

// withWholeNodes adds to a demand the jobs that want a whole node, one for each sort of node.
func withWholeNodes(demand []Weighted, nodes iter.Seq[*Node]) []Weighted {
	seen := map[Shape]bool{}
	var whole []Weighted
	for n := range nodes {
		s := Shape{Devices: n.Count, Milli: Device}
		for _, d := range []int{CPU, Memory} {
			s.Request[d] = int64(float64(n.Capacity[d]) * wholeNodeShare)
		}
		if n.Count > 0 {
			s.Request[Memory] = 0 // who wants all devices rarely wants all memory
		}
		if !seen[s] {
			seen[s] = true
			whole = append(whole, Weighted{Shape: s})
		}
	}
	all := slices.Clone(demand)
	for i := range all {
		all[i].Weight *= 1 - wholeNodePart
	}
	for i := range whole {
		whole[i].Weight = wholeNodePart / float64(len(whole))
	}
	return append(all, whole...)
}

func (p *Prices) add(w *Weighted) {
	s := priced{request: w.Request, models: w.Models, part: w.Weight}
	if w.Devices == 0 {
		p.plain = append(p.plain, s)
		return
	}
	i := slices.IndexFunc(p.needs, func(n need) bool { return n.devices == w.Devices && n.milli == w.Milli })
	if i < 0 {
		i = len(p.needs)
		p.needs = append(p.needs, need{devices: w.Devices, milli: w.Milli})
	}
	p.needs[i].shapes = append(p.needs[i].shapes, s)
}

// hosted goes through all shapes, with how many of each a node can host. Shapes without devices count where there
// are none: on other nodes they take what the devices' users leave.
func (p *Prices) hosted(n *Node) iter.Seq2[*priced, int64] {
	return func(yield func(*priced, int64) bool) {
		for i := range p.needs {
			need := &p.needs[i]
			copies, _ := need.on(n)
			for j := range need.shapes {
				if s := &need.shapes[j]; !yield(s, s.copies(n, copies)) {
					return
				}
			}
		}
		free := int64(0)
		if n.Count == 0 {
			free = maxCopies
		}
		for i := range p.plain {
			if s := &p.plain[i]; !yield(s, s.copies(n, free)) {
				return
			}
		}
	}
}

// price sets the price of a place to put a pod to its part in the demand, over how many such places there are:
// taking one takes that part of what the demand has left. Shapes that fit nowhere any more have none, since
// nothing can be done for them.
func (p *Prices) price() {
	var room, sliver float64
	for i := range p.needs {
		need := &p.needs[i]
		size := float64(need.devices) * float64(need.milli) / Device
		for j := range need.shapes {
			if s := &need.shapes[j]; s.capacity > 0 {
				s.room = s.part / s.capacity
				s.sliver = s.room / size
				room += s.room
				sliver += s.sliver
			}
		}
	}
	for i := range p.needs {
		for j := range p.needs[i].shapes {
			s := &p.needs[i].shapes[j]
			s.room *= over(roomWeight, room)
			s.sliver *= over(sliverWeight, sliver) / Device
		}
	}
	p.pricePlain()
}

func (p *Prices) pricePlain() {
	var room, part float64
	var mean [Dimensions]float64
	for i := range p.plain {
		s := &p.plain[i]
		part += s.part
		for d, request := range s.request {
			mean[d] += s.part * float64(request)
		}
		if s.capacity > 0 {
			s.room = s.part / s.capacity
			room += s.room
		}
	}
	for i := range p.plain {
		p.plain[i].room *= over(roomWeight, room)
	}
	for d := range mean {
		p.mean[d] = int64(over(mean[d], part))
	}
}

// over divides, and is 0 where there is nothing to divide by.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func (p *Prices) priceSlices() {
	var demand []slice
	shares := false
	for i := range p.needs {
		need := &p.needs[i]
		s := slice{milli: int(need.milli)}
		for j := range need.shapes {
			s.demand += need.shapes[j].part * float64(need.devices)
		}
		if s.demand > 0 {
			demand = append(demand, s)
			shares = shares || need.milli < Device
		}
	}
	if shares {
		p.slicing = priceSlices(demand)
	}
}

// Bound is the largest part of all devices that any scheduler can fill before it has to turn a share away, if
// pods come in the proportions of the demand: how devices can be cut leaves the rest idle. It is 1 where
// nobody asks for shares.
func Bound(demand []Weighted) float64 {
	p := &Prices{}
	var filled float64
	for i := range demand {
		p.add(&demand[i])
		filled += demand[i].Weight * float64(demand[i].DeviceMilli()) / Device
	}
	if p.priceSlices(); p.slicing == nil {
		return 1
	}
	return min(1, filled/p.slicing.devices)
}
