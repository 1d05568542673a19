package simulator

import (
	"context"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Ties choose among nodes of the same score. kube-scheduler takes whichever its heap has on top, which depends
// on the order in which threads finished; a simulation has to be repeatable.
type Ties interface {
	// Before tells that node a is taken rather than node b for the pod whose number this is.
	Before(pod uint64, a, b string) bool
}

// AtRandom takes any of them, by a seed.
func AtRandom(seed int64) Ties { return atRandom(seed) }

type atRandom uint64

// Before implements Ties: the order is another for each pod, and as good as random.
func (r atRandom) Before(pod uint64, a, b string) bool {
	return r.hash(pod, a) < r.hash(pod, b)
}

// hash is FNV-1a of a name, mixed with the seed and the number of the pod by the finaliser of SplitMix64.
func (r atRandom) hash(pod uint64, name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	h += (uint64(r)*0x9e3779b97f4a7c15 ^ pod) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// InOrder takes the one that comes first in an order of all nodes.
func InOrder(names []string) Ties {
	order := make(inOrder, len(names))
	for i, name := range names {
		order[name] = i
	}
	return order
}

type inOrder map[string]int

// Before implements Ties.
func (o inOrder) Before(_ uint64, a, b string) bool { return o[a] < o[b] }

// decided is a profile that leaves no tie among the best nodes.
type decided struct {
	framework.Framework
	ties Ties
	pods uint64
}

// RunScorePlugins implements framework.Framework. Scores are doubled, and the one chosen gets one more.
func (d *decided) RunScorePlugins(
	ctx context.Context, state fwk.CycleState, pod *v1.Pod, nodes []fwk.NodeInfo,
) ([]fwk.NodePluginScores, *fwk.Status) {
	scores, status := d.Framework.RunScorePlugins(ctx, state, pod, nodes)
	d.pods++
	if !status.IsSuccess() || len(scores) == 0 {
		return scores, status
	}
	best := 0
	for i := range scores {
		if a, b := scores[i].TotalScore, scores[best].TotalScore; a > b ||
			a == b && i != best && d.ties.Before(d.pods, scores[i].Name, scores[best].Name) {
			best = i
		}
	}
	for i := range scores {
		scores[i].TotalScore *= 2
	}
	scores[best].TotalScore++
	return scores, status
}
