package frag

import "iter"

// Stranded tells how many devices are idle, and how many of those the pods of a demand cannot use where they
// are, on average over the pods that ask for devices: the measure of "Beware of Fragmentation" (Weng et al.,
// USENIX ATC 2023), without counting what pods without devices cannot use.
func Stranded(demand []Weighted, nodes iter.Seq[*Node]) (idle, stranded float64) {
	p := &Prices{}
	var asked float64
	for i := range demand {
		if demand[i].Devices > 0 {
			p.add(&demand[i])
			asked += demand[i].Weight
		}
	}
	for n := range nodes {
		left := float64(n.IdleMilli()) / Device
		idle += left
		for i := range p.needs {
			stranded += p.needs[i].stranded(n, left)
		}
	}
	return idle, over(stranded, asked)
}

// stranded is what the shapes cannot use of a node, times their parts in the demand.
func (d *need) stranded(n *Node, idle float64) (sum float64) {
	copies, small := d.on(n)
	for i := range d.shapes {
		s := &d.shapes[i]
		if s.copies(n, copies) == 0 {
			sum += s.part * idle
		} else {
			sum += s.part * float64(small) / Device
		}
	}
	return sum
}
