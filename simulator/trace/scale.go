package trace

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// Each random choice has a stream of its own, so that one more of one kind leaves the others as they are.
const (
	streamScale = iota + 1
	streamTune
	streamArrivals
	streamEvents
)

func random(seed int64, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), stream))
}

// Scale multiplies the number of pods: it drops some of them or adds clones, drawn by the seed. Clones share the
// arrival, departure and requests of their pod, come after all pods, are called pod.2, pod.3, … and run nowhere yet.
// At most two million pods result.
func Scale(pods []Pod, factor float64, seed int64) []Pod {
	if len(pods) == 0 || !(factor > 0) { // also not a number
		return nil
	}
	return resample(pods, scaled(len(pods), factor), random(seed, streamScale))
}

func scaled(count int, factor float64) int {
	return int(min(math.Round(float64(count)*factor), maxPods))
}

// resample takes count of the pods: all of them as often as possible and then a random part, in their order.
func resample(pods []Pod, count int, random *rand.Rand) []Pod {
	if len(pods) == 0 {
		return nil
	}
	result := make([]Pod, 0, count)
	for copies := 1; len(result) < count; copies++ {
		chosen := pods
		if left := count - len(result); left < len(pods) {
			drawn := random.Perm(len(pods))[:left]
			slices.Sort(drawn)
			chosen = pick(pods, drawn)
		}
		for i := range chosen {
			result = append(result, cloneOf(&chosen[i], copies))
		}
	}
	return result
}

func pick(pods []Pod, indices []int) []Pod {
	picked := make([]Pod, len(indices))
	for i, index := range indices {
		picked[i] = pods[index]
	}
	return picked
}

// cloneOf is the nth copy of a pod; the first is the pod itself.
func cloneOf(pod *Pod, n int) Pod {
	if n == 1 {
		return *pod
	}
	return renamed(pod, fmt.Sprintf("%s.%d", pod.Object.Name, n))
}

// renamed copies a pod under another name. The copy shares its immutable parts and runs nowhere yet.
func renamed(pod *Pod, name string) Pod {
	object := *pod.Object
	object.Spec.NodeName, object.Status = "", v1.PodStatus{}
	rename(&object, name)
	clone := *pod
	clone.Object = &object
	return clone
}

// Tune clones or drops pods, drawn by the seed, until they ask for a share of all the GPUs of the nodes; 1 is all. The
// last pod may overshoot when adding; dropping ends at or below the share.
func Tune(pods []Pod, nodes []*v1.Node, share float64, seed int64) ([]Pod, error) {
	var capacity, demand int64
	for _, node := range nodes {
		capacity += NodeGPUMilli(node)
	}
	for i := range pods {
		demand += PodGPUMilli(pods[i].Object)
	}
	if capacity == 0 || demand == 0 {
		return nil, fmt.Errorf("tuning demand: the nodes offer %d and the pods ask for %d thousandths of a GPU: use scale instead", capacity, demand)
	}
	target, random := share*float64(capacity), random(seed, streamTune)
	if float64(demand) > target {
		return drop(pods, demand, target, random), nil
	}
	if expected := float64(len(pods)) * target / float64(demand); expected > maxPods {
		return nil, fmt.Errorf("tuning demand: it takes about %.0f pods, at most %d: lower the share", expected, maxPods)
	}
	result, copies := slices.Clone(pods), make([]int, len(pods))
	for float64(demand) < target {
		i := random.IntN(len(pods))
		copies[i]++
		result = append(result, cloneOf(&pods[i], copies[i]+1))
		demand += PodGPUMilli(pods[i].Object)
	}
	return result, nil
}

// drop leaves out random pods until demand is within target.
func drop(pods []Pod, demand int64, target float64, random *rand.Rand) []Pod {
	kept := random.Perm(len(pods))
	for len(kept) > 0 && float64(demand) > target {
		demand -= PodGPUMilli(pods[kept[len(kept)-1]].Object)
		kept = kept[:len(kept)-1]
	}
	slices.Sort(kept)
	return pick(pods, kept)
}

func sortByArrival(pods []Pod) {
	slices.SortStableFunc(pods, func(a, b Pod) int { return cmp.Compare(a.Arrival, b.Arrival) })
}
