package frag

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// MaxShapes is how many shapes a demand tells apart. The rarest are left out beyond that.
const MaxShapes = 512

// Demand is how much of each shape a cluster is asked for: the pods that it has, and, fading, those that it had.
// The zero Demand is empty.
type Demand struct {
	present map[Shape]float64
	past    map[Shape]float64
	faded   float64 // when past was last faded, in half-lives
}

// Come counts a pod that is there now.
func (d *Demand) Come(s *Shape) {
	d.begin()
	d.present[*s]++
}

func (d *Demand) begin() {
	if d.present == nil {
		d.present, d.past = map[Shape]float64{}, map[Shape]float64{}
	}
}

// Go takes note that a pod is gone. It is remembered, at half its weight after each half-life. now counts
// half-lives.
func (d *Demand) Go(s *Shape, now float64) {
	d.begin()
	if d.present[*s]--; d.present[*s] <= 0 {
		delete(d.present, *s)
	}
	d.fade(now)
	d.past[*s]++
}

// forgotten is the weight at which a shape of the past is no longer worth a thought.
const forgotten = 1.0 / 64

func (d *Demand) fade(now float64) {
	if now <= d.faded {
		return
	}
	factor := math.Exp2(d.faded - now)
	d.faded = now
	for s, weight := range d.past {
		if weight *= factor; weight < forgotten {
			delete(d.past, s)
			continue
		}
		d.past[s] = weight
	}
}

// Weighted is a shape and its part in the demand.
type Weighted struct {
	Shape
	Weight float64
}

// Shapes lists the demand, the most wanted first, in an order that depends on nothing else. The weights add
// up to 1.
func (d *Demand) Shapes(now float64) []Weighted {
	d.fade(now)
	sum := maps.Clone(d.present)
	for s, weight := range d.past {
		sum[s] += weight
	}
	list := make([]Weighted, 0, len(sum))
	for s, weight := range sum {
		list = append(list, Weighted{s, weight})
	}
	slices.SortFunc(list, func(a, b Weighted) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), compare(&a.Shape, &b.Shape))
	})
	list = list[:min(len(list), MaxShapes)]
	normalise(list)
	return list
}

func normalise(list []Weighted) {
	var total float64
	for i := range list {
		total += list[i].Weight
	}
	for i := range list {
		list[i].Weight /= total
	}
}

func compare(a, b *Shape) int {
	return cmp.Or(
		slices.Compare(a.Request[:], b.Request[:]),
		cmp.Compare(a.Devices, b.Devices), cmp.Compare(a.Milli, b.Milli), cmp.Compare(a.Models, b.Models),
	)
}
