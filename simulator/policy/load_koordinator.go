package policy

import (
	"math"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// The formulas of Koordinator's LoadAwareScheduling, with the defaults that it documents. Amounts are of CPU in
// millicores and of memory in bytes.

// amounts are of CPU and memory.
type amounts [2]int64

var (
	// koordinatorFactors are what a pod is expected to use of what it asks for, in per cent.
	koordinatorFactors = amounts{85, 70}
	// koordinatorDefaults are what a pod that asks for nothing is expected to use.
	koordinatorDefaults = amounts{250, 200 << 20}
	// koordinatorThresholds are the use, in per cent, above which a node takes no pod.
	koordinatorThresholds = amounts{65, 95}
)

// koordinatorEstimate is what a pod not measured is expected to use: a part of its limits or requests, whichever are
// higher.
func koordinatorEstimate(pod *v1.Pod) (estimate amounts) {
	options := resource.PodResourcesOptions{}
	requests, limits := amountsOf(resource.PodRequests(pod, options)), amountsOf(resource.PodLimits(pod, options))
	for i := range estimate {
		asked := max(requests[i], limits[i])
		if asked == 0 {
			estimate[i] = koordinatorDefaults[i]
			continue
		}
		estimate[i] = int64(math.Round(float64(asked) * float64(koordinatorFactors[i]) / 100))
	}
	return estimate
}

func amountsOf(list v1.ResourceList) amounts {
	return amounts{list.Cpu().MilliValue(), list.Memory().Value()}
}

// koordinatorPending is what is still to come of a pod that was measured only in part, or not at all.
func koordinatorPending(estimate, measured amounts) (pending amounts) {
	for i := range pending {
		pending[i] = max(0, estimate[i]-measured[i])
	}
	return pending
}

// koordinatorScore is 100 for an idle node and 0 for one that would be full: the average of what is left of CPU and
// of memory.
func koordinatorScore(used, capacity amounts) (score int64) {
	for i := range used {
		if capacity[i] > 0 && used[i] < capacity[i] {
			score += (capacity[i] - used[i]) * 100 / capacity[i]
		}
	}
	return score / int64(len(used))
}

// koordinatorRefuses tells that a node is used too much to take a pod.
func koordinatorRefuses(measured, capacity amounts) bool {
	for i := range measured {
		if capacity[i] == 0 {
			continue
		}
		percent := int64(math.Round(float64(measured[i]) / float64(capacity[i]) * 100))
		if percent > koordinatorThresholds[i] {
			return true
		}
	}
	return false
}

// plus is the sum of two amounts.
func (a amounts) plus(b amounts) amounts { return amounts{a[0] + b[0], a[1] + b[1]} }
