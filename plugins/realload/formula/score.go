// Package formula is the arithmetic of the realload plugin: values in, values out.
// What is believed of nodes and pods, how that makes a score, and when a node is
// hot. All is in integers, so that it is the same everywhere and costs nothing.
package formula

import (
	"math"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// Loads and shares are integers in basis points: Whole is a load of exactly the
// capacity.
const (
	Whole = 10_000
	// MaxLoad is where loads end: a node at ten times its capacity and one at
	// eleven times are equally bad.
	MaxLoad = 10 * Whole
	// Thousand is 1 for factors and confidences, which are integers per mille.
	Thousand = 1000
)

// Vector has one value for each dimension: CPU in thousandths of a core, memory
// in MiB, network and disk in KiB a second.
type Vector [usage.Dimensions]int64

// Demand is what a pod is believed to use: mean, and variance around it.
type Demand struct {
	Mean, Variance Vector
}

// Belief is what a node is believed to use now. A dimension without capacity is
// not judged.
type Belief struct {
	Mean, Variance Vector
	// Floor is the least that the near future will bring at its worst moments,
	// from the measured 95th percentile; 0 where that is unknown.
	Floor    Vector
	Capacity Vector
	// Churn is the variance that pods to come and go are expected to add.
	Churn Vector
	// Doubted has a bit for each dimension in which nothing measured has any
	// weight: the rest is hearsay, good enough to choose by, not to refuse by.
	Doubted uint8
}

// Worst returns what the node may come to use of a dimension with the pod on it:
// µ + z·σ over the node and the pod together, and not less than the floor. The
// sum of ten or more tasks is near Gaussian, so z is how rare an overload is to be.
func Worst(b *Belief, d *Demand, dim int, z int64) int64 {
	mean := b.Mean[dim] + d.Mean[dim]
	deviation := int64(math.Sqrt(float64(b.Variance[dim] + d.Variance[dim])))
	return max(mean+z*deviation/Thousand, b.Floor[dim]+d.Mean[dim])
}

// Load returns the node's load with the pod on it: the highest of its
// dimensions, because the first to run out is the one that hurts.
func Load(b *Belief, d *Demand, z int64) int64 {
	highest := int64(0)
	for dim, capacity := range b.Capacity {
		if capacity > 0 {
			highest = max(highest, min(MaxLoad, Worst(b, d, dim, z)*Whole/capacity))
		}
	}
	return highest
}

// PackScore rises to the target and falls to 0 at a full node:
// P ≤ T: (100−T)·P/T + T; T < P ≤ 100: T·(100−P)/(100−T); above: 0.
func PackScore(load, target int64) int64 {
	switch {
	case load > Whole:
		return 0
	case load > target:
		return target * (Whole - load) / (Whole - target)
	default:
		return (Whole-target)*load/target + target
	}
}

// Stretch maps a raw score to 0..100 so that the best candidate has 100 and one
// point is between a thousandth and a hundredth of a node's capacity: as fine as
// can be where the candidates are alike, never coarser than per cent, and never
// so fine that noise outweighs other plugins.
func Stretch(raw, best, worst int64) int64 {
	span := min(max(best-worst, Whole/10), Whole)
	return max(0, 100-(best-raw)*100/span)
}

// TargetLoadPacking is Trimaran's TargetLoadPacking: percent is the node's CPU
// with the pod on it as a percentage of its capacity.
func TargetLoadPacking(percent, target float64) int64 {
	switch {
	case percent > 100:
		return 0
	case percent > target:
		return int64(math.Round(target * (100 - percent) / (100 - target)))
	default:
		return int64(math.Round((100-target)*percent/target + target))
	}
}

// LoadVariationRisk is Trimaran's LoadVariationRiskBalancing of one resource:
// 100·(1 − (µ + margin·σ^(1/sensitivity))/2), with µ and σ as shares of capacity.
func LoadVariationRisk(used, deviation, request, capacity, margin, sensitivity float64) float64 {
	if capacity <= 0 {
		return 0
	}
	mean := clampShare((clamp(used, capacity) + max(request, 0)) / capacity)
	sigma := clampShare(deviation / capacity)
	if sensitivity >= 0 {
		sigma = math.Pow(sigma, 1/sensitivity)
	}
	return (1 - (mean+clampShare(sigma*margin))/2) * 100
}

// VariationRisk is LoadVariationRisk of the worse of CPU and memory.
func VariationRisk(b *Belief, d *Demand, margin, sensitivity float64) int64 {
	risk := 100.0
	for dim, capacity := range b.Capacity[:usage.Memory+1] {
		if capacity > 0 {
			deviation := math.Sqrt(float64(b.Variance[dim]))
			risk = min(risk, LoadVariationRisk(float64(b.Mean[dim]), deviation, float64(d.Mean[dim]), float64(capacity), margin, sensitivity))
		}
	}
	return int64(math.Round(risk))
}

func clamp(v, limit float64) float64 { return max(min(v, limit), 0) }

func clampShare(v float64) float64 { return clamp(v, 1) }
