package formula

import (
	"fmt"
	"math/bits"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// Thresholds say from which load on a node is hot, and below which it is cool
// again, in basis points of its capacity; 0: never hot.
type Thresholds struct {
	Hot, Cool Vector
}

// Heat returns the dimensions in which a node is hot: above the one threshold,
// or, if it was hot, not yet below the other. Without a measurement that is to be
// trusted it is neither: what pods request must not keep pods pending.
func Heat(b *Belief, t *Thresholds, was uint8) uint8 {
	var hot uint8
	for d, capacity := range b.Capacity {
		bit := uint8(1) << d
		if capacity == 0 || t.Hot[d] == 0 || b.Doubted&bit != 0 {
			continue
		}
		share := b.Mean[d] * Whole / capacity
		if share > t.Hot[d] || was&bit != 0 && share >= t.Cool[d] {
			hot |= bit
		}
	}
	return hot
}

// Verdict is what Filter found: a node that is hot, or would be.
type Verdict struct {
	dim          int // -1: the node is cool
	share, limit int64
	would, still bool
}

// Cool is the verdict on a node that may be used.
func Cool() Verdict { return Verdict{dim: -1} }

// OK tells that the node may be used.
func (v Verdict) OK() bool { return v.dim < 0 }

// Dimension is the one found hot first.
func (v Verdict) Dimension() usage.Dimension { return usage.Dimension(v.dim) }

// String is the reason that users see. The scheduler formats events once more
// with this as the format, so there must be no per cent sign in it.
func (v Verdict) String() string {
	if v.still {
		return fmt.Sprintf("node is hot: %s %s has not fallen below %s", title(v.dim), hundredths(v.share), hundredths(v.limit))
	}
	what := "node is hot"
	if v.would {
		what = "node would be hot"
	}
	return fmt.Sprintf("%s: %s %s > %s", what, title(v.dim), hundredths(v.share+Whole/100-1), hundredths(v.limit))
}

// hundredths writes a share of capacity, cut to two digits: one that is above a
// limit is passed rounded up, so that it reads as above.
func hundredths(share int64) string {
	return fmt.Sprintf("%d.%02d", share/Whole, share%Whole/(Whole/100))
}

func title(d int) string {
	return [...]string{usage.CPU: "CPU", usage.Memory: "memory", usage.Network: "network", usage.Disk: "disk"}[d]
}

// Judge tells whether a node, hot in these dimensions, may be used for a pod. With
// countIncoming it may not if it would be hot with the pod on it.
func Judge(b *Belief, d *Demand, t *Thresholds, hot uint8, countIncoming bool) Verdict {
	if hot != 0 {
		dim := bits.TrailingZeros8(hot)
		share := b.Mean[dim] * Whole / b.Capacity[dim]
		if share > t.Hot[dim] {
			return Verdict{dim: dim, share: share, limit: t.Hot[dim]}
		}
		return Verdict{dim: dim, share: share, limit: t.Cool[dim], still: true}
	}
	if !countIncoming {
		return Cool()
	}
	for dim, capacity := range b.Capacity {
		if capacity == 0 || t.Hot[dim] == 0 || d.Mean[dim] == 0 || b.Doubted&(1<<dim) != 0 {
			continue
		}
		if share := (b.Mean[dim] + d.Mean[dim]) * Whole / capacity; share > t.Hot[dim] {
			return Verdict{dim: dim, share: share, limit: t.Hot[dim], would: true}
		}
	}
	return Cool()
}
