package formula

import "math"

// Room and the scores made of it are in thousandths of a deviation.
const (
	// Sure is the room beyond which no load that is near Gaussian comes to the line.
	Sure = 5 * Thousand
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
	variance := b.Variance[dim] + d.Variance[dim] + capacity*capacity/Whole
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
//	(T·C − µ) / σ    with σ² = node's variance + pod's variance + (C/100)²
//
// The last term is what no model is surer than. A floor F above µ + 1.645·σ says
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

// SpreadScore prefers the node least at risk of overload. Up to S = Sure deviations a
// dimension scores its room z. Beyond, deviations say no more: what is left to fear is
// load that nobody knows of yet, such as pods to come, and the room for that is
// reckoned in shares of the capacity,
//
//	z ≤ S: z;  z > S: S · (1 + what is left of the capacity after S deviations)
//
// The node scores the least of its dimensions: at most 2·S.
func SpreadScore(b *Belief, d *Demand, hot *Vector) int64 {
	least := int64(2 * Sure)
	for dim, capacity := range b.Capacity {
		if capacity == 0 {
			continue
		}
		o := outlookOf(b, d, dim, hot[dim])
		score := o.margin()
		if score > Sure {
			left := min((o.room-Sure*o.sigma)/capacity, ((o.room-o.rise)-(Sure-p95Room)*o.sigma)/capacity) // in millionths
			score = Sure + left*Sure/(Thousand*Thousand)
		}
		least = min(least, score)
	}
	return max(least, -MaxRoom)
}

// Rank maps a score of SpreadScore to 0..100 so that the best candidate has 100 and one
// point is at most a twentieth of a deviation or, among nodes that have room to spare, a
// hundredth of their capacity: an outlier squeezes nobody. Where all are nearly alike a
// point is less, so that a burst of pods does not herd, but not less than a tenth of
// that, so that noise does not outvote other plugins.
func Rank(score, best, worst int64) int64 {
	span := min(max(best-worst, Sure/10), Sure)
	return max(0, 100-(best-score)*100/span)
}
