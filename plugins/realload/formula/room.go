package formula

import "math"

// Room is counted in thousandths of a deviation.
const (
	// Sure is the room up to which more of it counts in full.
	Sure = 5 * Thousand
	// MaxRoom is where room ends, either way: there is no more of it below the whole
	// capacity, at the least deviation that is reckoned with.
	MaxRoom = 100 * Thousand
)

// Margin returns the room in one dimension, which must have a capacity C, with the
// pod on the node: by how many deviations the load stays below the share T of the
// capacity, in basis points, from which on the node is hot (0: all of it),
//
//	(T·C − µ) / σ    with σ² = node's variance + pod's variance + (C/100)²
//
// The last term is what no model is surer than. A floor F above µ + 1.645·σ says
// that the high loads are higher than σ has them: the way from µ to F then makes
// 1.645 deviations, as of a 95th percentile, and σ counts from there on only. So
// more mean or more floor never makes more room, nor does more variance, where
// there is room.
func Margin(b *Belief, d *Demand, dim int, hot int64) int64 {
	const p95 = p95Sigmas * Thousand
	if hot == 0 {
		hot = Whole
	}
	capacity := b.Capacity[dim]
	variance := b.Variance[dim] + d.Variance[dim] + capacity*capacity/Whole
	sigma := max(1, int64(math.Sqrt(float64(variance))*Thousand)) // thousandths
	room := (hot*capacity/Whole - b.Mean[dim] - d.Mean[dim]) * Thousand * Thousand
	rise := (b.Floor[dim] - b.Mean[dim]) * Thousand * Thousand
	margin := room / sigma
	switch {
	case room <= 0 || rise <= p95*sigma:
	case rise <= room:
		margin = p95 + (room-rise)/sigma
	default:
		margin = p95 * (room / Thousand) / (rise / Thousand)
	}
	return min(max(margin, -MaxRoom), MaxRoom)
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

// SpreadScore prefers the node with the most room z, and is in thousandths of room.
// Beyond S = Sure deviations no load that is near Gaussian comes to the line, and what
// no deviation tells of, such as pods to come, is all that is left to fear. So more
// room is better still, but ever less so, and the end is at twice as much:
//
//	z ≤ S: z;  z > S: S·(2 − S/z)
func SpreadScore(room int64) int64 {
	if room <= Sure {
		return room * Thousand
	}
	return 2*Sure*Thousand - Sure*Sure*Thousand/room
}

// Rank maps a score of SpreadScore to 0..100 so that the best candidate has 100 and one
// point is at most a twentieth of a deviation: beside other plugins' scores five
// deviations weigh all that there is, however much more the worst candidate is off.
// Where all are nearly alike a point is less, so that a burst of pods does not herd,
// but not less than a thousandth of a deviation.
func Rank(score, best, worst int64) int64 {
	const widest = Sure * Thousand
	span := min(max(best-worst, widest/50), widest)
	return max(0, 100-(best-score)*100/span)
}
