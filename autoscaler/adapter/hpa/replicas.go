package hpa

import (
	"errors"
	"math"

	v1 "k8s.io/api/core/v1"
)

// Tolerances are how far from 1 the ratio of usage to target may be without a change.
type Tolerances struct {
	Down, Up float64
}

func (t Tolerances) within(ratio float64) bool { return 1-t.Down <= ratio && ratio <= 1+t.Up }

// Pod is a pod of the scale target, as a metric of pods sees it.
type Pod struct {
	Phase    v1.PodPhase
	Deleting bool
	Ready    bool // its condition; a metric of pods does not ask, a Value target does
	Missing  bool // it has no value
	Value    int64
}

// The errors of a metric. With any of them an HPA does not scale down, and not at all when every metric has one.
var (
	ErrNoPods   = errors.New("no pods match the selector")
	ErrNoValues = errors.New("no pod that counts has a value")
)

// PodsReplicas is for Pods metrics: ⌈average / target · pods⌉. Pods that fail or go away do not count; those pending count
// as idle when it would scale up; those without a value do so too, and as at their target when it would scale down. All
// values are thousandths.
func PodsReplicas(current int32, target int64, pods []Pod, t Tolerances) (int32, error) {
	if len(pods) == 0 {
		return 0, ErrNoPods
	}
	g := group(pods)
	if g.counted == 0 {
		return 0, ErrNoValues
	}
	ratio := averageRatio(g.total, g.counted, target)
	pending := g.pending > 0 && ratio > 1
	if ratio == 1 || !pending && g.missing == 0 {
		if t.within(ratio) {
			return current, nil
		}
		return ceil(ratio * float64(g.counted)), nil
	}
	count := g.counted + g.missing
	if pending {
		count += g.pending
	}
	return redone(current, ratio, averageRatio(g.filled(ratio, target), count, target), count, t), nil
}

// filled is the total with what pods without a value are taken for.
func (g groups) filled(ratio float64, target int64) int64 {
	if ratio < 1 {
		return g.total + g.missing*target
	}
	return g.total
}

// redone weighs the ratio that takes in pods without a value: it must not turn the direction.
func redone(current int32, before, ratio float64, count int64, t Tolerances) int32 {
	if t.within(ratio) || (before < 1 && ratio > 1) || (before > 1 && ratio < 1) {
		return current
	}
	replicas := ceil(ratio * float64(count))
	if (ratio < 1 && replicas > current) || (ratio > 1 && replicas < current) {
		return current
	}
	return replicas
}

type groups struct {
	counted, missing, pending int64
	total                     int64
}

func group(pods []Pod) groups {
	var g groups
	for _, pod := range pods {
		switch {
		case pod.Deleting || pod.Phase == v1.PodFailed:
		case pod.Phase == v1.PodPending:
			g.pending++
		case pod.Missing:
			g.missing++
		default:
			g.counted++
			g.total += pod.Value
		}
	}
	return g
}

// averageRatio rounds the average down to thousandths, as the controller does.
func averageRatio(total, count, target int64) float64 { return float64(total/count) / float64(target) }

// ValueReplicas is for Value targets of Object and External metrics: ⌈usage / target · ready pods⌉.
func ValueReplicas(current int32, usage, target int64, pods []Pod, t Tolerances) (int32, error) {
	ratio := float64(usage) / float64(target)
	if current == 0 {
		return ceil(ratio), nil
	}
	if t.within(ratio) {
		return current, nil
	}
	if len(pods) == 0 {
		return 0, ErrNoPods
	}
	ready := 0
	for _, pod := range pods {
		if pod.Phase == v1.PodRunning && pod.Ready {
			ready++
		}
	}
	return ceil(ratio * float64(ready)), nil
}

// AverageValueReplicas is for AverageValue targets of Object and External metrics: ⌈usage / target⌉. It is the only one
// that does not depend on how many pods there are, but within the tolerance.
func AverageValueReplicas(current int32, usage, target int64, t Tolerances) int32 {
	if t.within(float64(usage) / (float64(target) * float64(current))) {
		return current
	}
	return ceil(float64(usage) / float64(target))
}

// Sum adds up the values of an External metric. What is too much stays the most there is.
func Sum(values []int64) int64 {
	sum := int64(0)
	for _, value := range values {
		if value > 0 && sum > math.MaxInt64-value {
			return math.MaxInt64
		}
		sum += value
	}
	return sum
}

func ceil(replicas float64) int32 {
	return int32(math.Ceil(min(replicas, math.MaxInt32)))
}
