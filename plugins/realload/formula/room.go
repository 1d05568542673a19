package formula

import "math"

// Room is in thousandths of a deviation.
const (
	// MaxRoom is where room ends, either way: there is no more of it below the whole
	// capacity, at the least deviation that is reckoned with.
	MaxRoom = 100 * Thousand

	p95Room = p95Sigmas * Thousand
)

// outlook is how one dimension of a node stands with the pod on it.
type outlook struct {
	sigma int64 // in thousandths of its unit
	room  int64 // from the mean up to the line, in millionths
	rise  int64 // from the mean up to the floor, likewise
}

func outlookOf(b *Belief, d *Demand, dim int, hot int64) outlook {
	if hot == 0 {
		hot = Whole
	}
	capacity := b.Capacity[dim]
	variance := b.Variance[dim] + b.Churn[dim] + d.Variance[dim] + capacity*capacity/Whole
	return outlook{
		sigma: max(1, int64(math.Sqrt(float64(variance))*Thousand)),
		room:  (hot*capacity/Whole - b.Mean[dim] - d.Mean[dim]) * Thousand * Thousand,
		rise:  (b.Floor[dim] - b.Mean[dim]) * Thousand * Thousand,
	}
}

func (o *outlook) margin() int64 {
	switch {
	case o.room <= 0 || o.rise <= p95Room*o.sigma:
		return o.room / o.sigma
	case o.rise <= o.room:
		return p95Room + (o.room-o.rise)/o.sigma
	default:
		return p95Room * (o.room / Thousand) / (o.rise / Thousand)
	}
}

// Margin returns the room in one dimension, which must have a capacity C, with the
// pod on the node: by how many deviations the load stays below the share T of the
// capacity, in basis points, above which the node is hot (0: all of it),
//
//	(T·C − µ) / σ    with σ² = node's variance + pod's variance + churn + (C/100)²
//
// Churn is load that nobody knows of yet: pods come and go. It is why room counts
// beyond what the present pods may ever need, and in which dimension. The last term
// is what no model is surer than. A floor F above µ + 1.645·σ says
// that the high loads are higher than σ has them: the way from µ to F then makes
// 1.645 deviations, as of a 95th percentile, and σ counts from there on only. So
// more mean or more floor never makes more room, nor does more variance, where
// there is room.
func Margin(b *Belief, d *Demand, dim int, hot int64) int64 {
	o := outlookOf(b, d, dim, hot)
	return min(max(o.margin(), -MaxRoom), MaxRoom)
}

// Room returns the node's room for the pod: the least of its dimensions, because the
// first to run out is the one that hurts.
func Room(b *Belief, d *Demand, hot *Vector) int64 {
	least := int64(MaxRoom)
	for dim, capacity := range b.Capacity {
		if capacity > 0 {
			least = min(least, Margin(b, d, dim, hot[dim]))
		}
	}
	return least
}

// Rank maps a room to 0..100 so that the best candidate has 100 and one point is at most
// a twentieth of a deviation: an outlier squeezes nobody. Where all are nearly alike a
// point is less, so that a burst of pods does not herd, but not less than a tenth of
// that, so that noise does not outvote other plugins.
func Rank(room, best, worst int64) int64 {
	const widest = 5 * Thousand
	span := min(max(best-worst, widest/10), widest)
	return max(0, 100-(best-room)*100/span)
}
