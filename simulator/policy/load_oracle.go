package policy

import (
	"context"
	"math"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/evenkeel/evenkeel/simulator"
)

// Future knows what pods will use.
type Future interface {
	// Peaks returns a function that tells the most that a node will have to give within the horizon if the pod goes
	// there, as a share of what it has. Threads may share the function.
	Peaks(pod *v1.Pod) func(node string) float64
}

// oracle places each pod where the highest use to come, which it knows, stays lowest. It is a bound of sorts: no
// better choice can be made pod by pod.
func oracle(s *LoadSetting, p *simulator.Policy) (Driver, error) {
	silence(p, append([]string{names.TaintToleration, names.NodeAffinity, names.PodTopologySpread, names.InterPodAffinity,
		names.DynamicResources, names.ImageLocality}, byRequests...)...)
	add(p, "Oracle", 1, nil, ready(&seer{future: s.Future}))
	return nil, nil
}

type seer struct{ future Future }

var (
	_ fwk.PreScorePlugin  = (*seer)(nil)
	_ fwk.ScorePlugin     = (*seer)(nil)
	_ fwk.ScoreExtensions = (*seer)(nil)
)

// foreseen is what it knows of one pod.
type foreseen func(node string) float64

// Clone implements fwk.StateData.
func (f foreseen) Clone() fwk.StateData { return f }

// Name implements fwk.Plugin.
func (*seer) Name() string { return "Oracle" }

const foreseenKey fwk.StateKey = "evenkeel.Oracle"

// PreScore implements fwk.PreScorePlugin.
func (s *seer) PreScore(_ context.Context, state fwk.CycleState, pod *v1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	state.Write(foreseenKey, foreseen(s.future.Peaks(pod)))
	return nil
}

// Score implements fwk.ScorePlugin.
func (*seer) Score(_ context.Context, state fwk.CycleState, _ *v1.Pod, info fwk.NodeInfo) (int64, *fwk.Status) {
	data, err := state.Read(foreseenKey)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	peak, ok := data.(foreseen)
	if !ok {
		return 0, fwk.NewStatus(fwk.Error, "what is foreseen is of another type")
	}
	return oracleScore(peak(info.Node().Name)), nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (s *seer) ScoreExtensions() fwk.ScoreExtensions { return s }

// NormalizeScore implements fwk.ScoreExtensions: the best has 100, and a point is a thousandth of a node.
func (*seer) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *v1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	best := int64(math.MinInt64)
	for i := range scores {
		best = max(best, scores[i].Score)
	}
	for i := range scores {
		scores[i].Score = max(0, 100-(best-scores[i].Score))
	}
	return nil
}

// oracleScore falls by one with each thousandth of the node that the peak takes.
func oracleScore(peak float64) int64 { return -int64(math.Round(1000 * peak)) }
