// Package packing repeats the experiment of "Beware of Fragmentation" (Weng et al., USENIX ATC 2023) with any
// scheduler: pods come one after another until they ask for more than there is, none goes, and none that was
// turned away is tried again. How much of the GPUs is allocated then?
package packing

import (
	"cmp"
	"fmt"
	"math/rand"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

// List is a list of pods.
type List struct {
	Name string
	Pods []*v1.Pod
}

// sequence is what one seed makes of a list.
type sequence struct {
	pods []*v1.Pod
	// order is the order of nodes in which the published policies take those of the same score.
	order []string
}

// draw shuffles a list, and drops or clones pods at random until they ask for tune times all GPUs. Each step
// draws what the published experiment draws, so that a seed gives the pods that it gives there.
func draw(list *List, nodes []*v1.Node, seed int64, tune float64) sequence {
	rng := rand.New(rand.NewSource(seed))
	rng.Int() // drawn there for a line of log
	byName := slices.SortedFunc(slices.Values(list.Pods), func(a, b *v1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	pods := slices.Clone(byName)
	rng.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })

	asked, target := int64(0), tune*float64(offered(nodes))
	for _, pod := range pods {
		asked += trace.PodGPUMilli(pod)
	}
	if float64(asked) > target {
		pods = drop(pods, rng, asked, target)
	} else {
		pods = clone(pods, byName, rng, asked, target)
	}
	return sequence{pods: pods, order: shuffled(nodes, rng)}
}

func offered(nodes []*v1.Node) (milli int64) {
	for _, n := range nodes {
		milli += trace.NodeGPUMilli(n)
	}
	return milli
}

func drop(pods []*v1.Pod, rng *rand.Rand, asked int64, target float64) []*v1.Pod {
	for float64(asked) > target {
		i := rng.Intn(len(pods))
		asked -= trace.PodGPUMilli(pods[i])
		pods = slices.Delete(pods, i, i+1)
	}
	return pods
}

// clone goes on until the next pod's share of one GPU would exceed the target: not all of its GPUs, as there.
func clone(pods, from []*v1.Pod, rng *rand.Rand, asked int64, target float64) []*v1.Pod {
	for i := 0; float64(asked) < target; i++ {
		pod := from[rng.Intn(len(from))]
		milli := trace.PodGPUMilli(pod)
		if float64(asked+min(milli, wholeGPU)) > target {
			break
		}
		asked += milli
		copied := *pod // the rest is shared, and nobody writes it
		copied.Name = fmt.Sprintf("%s-tuned-%d", pod.Name, i)
		copied.UID = types.UID(copied.Namespace + "/" + copied.Name)
		pods = append(pods, &copied)
	}
	return pods
}

const wholeGPU = 1000

// shuffled numbers the nodes, by name, at random, and sorts them by those numbers.
func shuffled(nodes []*v1.Node, rng *rand.Rand) []string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	slices.Sort(names)
	order := make([]string, len(names))
	for i, place := range rng.Perm(len(names)) {
		order[place] = names[i]
	}
	return order
}
