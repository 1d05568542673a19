package app

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
	"github.com/evenkeel/evenkeel/plugins/realload/load"
)

// A plugin that can tell what it believes of nodes either hands over a case, which
// does not change and can be asked later, or has to be asked at once.
type (
	judge interface {
		Case(pod *v1.Pod) *load.Case
	}
	explainer interface {
		Explain(pod *v1.Pod, node string) load.Explanation
	}
)

// beliefsOf asks a plugin for its beliefs; nil where it has none to tell.
func beliefsOf(plugin any) explain.Believe {
	switch plugin := plugin.(type) {
	case judge:
		return func(pod *v1.Pod, nodes []string) func() [][]explain.Belief {
			judged := plugin.Case(pod)
			return func() [][]explain.Belief { return tell(nodes, judged.Explain) }
		}
	case explainer:
		return func(pod *v1.Pod, nodes []string) func() [][]explain.Belief {
			told := tell(nodes, func(node string) load.Explanation { return plugin.Explain(pod, node) })
			return func() [][]explain.Belief { return told }
		}
	default:
		return nil
	}
}

func tell(nodes []string, explanation func(node string) load.Explanation) [][]explain.Belief {
	told := make([][]explain.Belief, len(nodes))
	for i, node := range nodes {
		dimensions := explanation(node).Dimensions
		for j := range dimensions {
			if d := &dimensions[j]; d.Measured != nil || d.Capacity > 0 { // else nothing was judged by it
				told[i] = append(told[i], beliefOf(d))
			}
		}
	}
	return told
}

func beliefOf(d *load.DimensionExplanation) explain.Belief {
	belief := explain.Belief{
		Dimension:  d.Dimension,
		Unit:       unitOf(d.Dimension),
		AgeSeconds: -1,
		Trust:      d.Confidence,
		Believed:   d.Believed,
		Capacity:   d.Capacity,
		Pod:        d.Pod,
		PodFrom:    d.PodFrom,
		Worst:      d.Load,
		Room:       d.Room,
		Hot:        d.Hot,
	}
	if age, err := time.ParseDuration(d.Age); err == nil && d.Measured != nil {
		// A sample from the near future, by a clock ahead of ours, is as good as new.
		belief.Measured, belief.AgeSeconds = *d.Measured, max(0, age.Seconds())
	}
	return belief
}

func unitOf(dimension string) string {
	switch dimension {
	case "cpu":
		return "cores"
	case "memory":
		return "B"
	default:
		return "B/s"
	}
}
