package policy

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/evenkeel/evenkeel/internal/frag"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation"
)

// fgd is Fragmentation Gradient Descent ("Beware of Fragmentation", Weng et al., USENIX ATC 2023): place where
// the amount of GPU that typical pods could not use rises least.
type fgd struct {
	typical []frag.Weighted
}

// typicalPart is how much of the workload its typical pods make up.
const typicalPart = 0.95

// newFGD returns the policy for a workload. Memory is not in its model.
func newFGD(demand []frag.Weighted, _ iter.Seq[*frag.Node]) antifragmentation.Placer {
	sum := map[frag.Shape]float64{}
	for i := range demand {
		s := demand[i].Shape
		s.Request = frag.Vector{frag.CPU: s.Request[frag.CPU]}
		sum[s] += demand[i].Weight
	}
	f := &fgd{}
	for s, weight := range sum {
		f.typical = append(f.typical, frag.Weighted{Shape: s, Weight: weight})
	}
	slices.SortFunc(f.typical, func(a, b frag.Weighted) int {
		return cmp.Or(
			cmp.Compare(b.Weight, a.Weight), cmp.Compare(b.Request[frag.CPU], a.Request[frag.CPU]),
			cmp.Compare(b.Milli, a.Milli), cmp.Compare(b.Devices, a.Devices), cmp.Compare(b.Models, a.Models),
		)
	})
	var covered float64
	for i := range f.typical {
		if covered >= typicalPart-1e-9 {
			f.typical = f.typical[:i]
			break
		}
		covered += f.typical[i].Weight
	}
	for i := range f.typical {
		f.typical[i].Weight /= covered
	}
	return f
}

// fragment is how much of a node's idle GPU the typical pods cannot use, in thousandths. To a pod without GPUs
// all of it is.
func (f *fgd) fragment(n *frag.Node) (sum float64) {
	idle := n.IdleMilli()
	for i := range f.typical {
		s := &f.typical[i]
		unusable := idle
		if s.Devices > 0 && n.Free[frag.CPU] >= s.Request[frag.CPU] && n.FitsDevices(&s.Shape) {
			unusable = 0
			for _, left := range n.Idle[:n.Count] {
				if int32(left) < s.Milli {
					unusable += int64(left)
				}
			}
		}
		sum += s.Weight * float64(unusable)
	}
	return sum
}

// Place implements antifragmentation.Placer.
func (f *fgd) Place(n *frag.Node, s *frag.Shape) (float64, frag.Mask) {
	before := f.fragment(n)
	if !s.Share() {
		devices, _ := n.Tightest(s)
		return cost(f.score(n, s, devices, before)), devices
	}
	best, chosen := int64(-1), frag.Mask(0)
	for i, idle := range n.Idle[:n.Count] {
		if int32(idle) < s.Milli || slices.Contains(n.Idle[:i], idle) {
			continue
		}
		if score := f.score(n, s, 1<<i, before); score > best {
			best, chosen = score, 1<<i
		}
	}
	return cost(best), chosen
}

func (f *fgd) score(n *frag.Node, s *frag.Shape, devices frag.Mask, before float64) int64 {
	after := *n
	after.Add(s, devices)
	return int64(100 / (1 + math.Exp((f.fragment(&after)-before)/frag.Device)))
}
