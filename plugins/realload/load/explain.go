package load

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
)

// Explanation tells why a node has its score for a pod. CPU is in cores, memory
// in bytes, network and disk in bytes a second; shares are of capacity.
type Explanation struct {
	Node string `json:"node"`
	// Known is false where the plugin knows nothing of the node: it then goes by requests.
	Known bool `json:"known"`
	// View is when what follows was put together.
	View time.Time `json:"view"`
	Mode string    `json:"mode"`
	// Score is from 0 to 100, before candidates are compared with each other.
	Score int64 `json:"score"`
	// Load is the share that the highest dimension is reckoned to reach, pod included.
	Load float64 `json:"load"`
	// Room is the deviations up to where the node is hot for the pod; see formula.Room.
	Room float64 `json:"room"`
	Tier string  `json:"tier,omitempty"`
	// Refused is why Filter would refuse the node, if it would.
	Refused    string                 `json:"refused,omitempty"`
	Dimensions []DimensionExplanation `json:"dimensions,omitempty"`
}

// DimensionExplanation is one dimension of an Explanation.
type DimensionExplanation struct {
	Dimension string `json:"dimension"`
	// Measured is the node's recent mean, Age how old it is; absent where never measured.
	Measured *float64 `json:"measured,omitempty"`
	Age      string   `json:"age,omitempty"`
	// Confidence in what was measured, from 0 to 1.
	Confidence float64 `json:"confidence"`
	// Predicted is the sum of what the node's pods are believed to use.
	Predicted float64 `json:"predicted"`
	// Believed is what is reckoned with, Spread its deviation, Floor its least
	// at the worst moments. The pod is not in them.
	Believed float64 `json:"believed"`
	Spread   float64 `json:"spread"`
	Floor    float64 `json:"floor,omitempty"`
	// Capacity is 0 where it is not known: the dimension is then not judged.
	Capacity float64 `json:"capacity"`
	// Load and Room are the dimension's, with the pod.
	Load float64 `json:"load"`
	Room float64 `json:"room"`
	Hot  bool    `json:"hot"`
	// Pod is what the pod is believed to use, and where that is from: own,
	// workload, requests, default or none.
	Pod       float64 `json:"pod"`
	PodSpread float64 `json:"podSpread"`
	PodFrom   string  `json:"podFrom"`
}

// Explain tells what is believed of a node as a place for the pod.
func (c *Case) Explain(name string) Explanation {
	out := Explanation{Node: name, View: time.UnixMilli(c.now), Mode: c.mode}
	if c.tier >= 0 {
		out.Tier = c.tiers[c.tier].name
	}
	n := c.node(name)
	if n == nil {
		return out
	}
	d := &c.estimate.Demand
	out.Known = true
	out.Load = share(formula.Load(&n.Belief, d, c.z), formula.Whole)
	out.Room = share(formula.Room(&n.Belief, d, c.limits()), formula.Thousand)
	out.Score = absolute(c.View, c.score(&n.Belief, n.machine))
	if verdict := c.Judge(name); !verdict.OK() {
		out.Refused = verdict.String()
	}
	for dim := range usage.Dimensions {
		out.Dimensions = append(out.Dimensions, c.explain(n, dim))
	}
	return out
}

func (c *Case) explain(n *node, dim int) DimensionExplanation {
	m := &n.measured[dim]
	out := DimensionExplanation{
		Dimension:  usage.Dimension(dim).String(),
		Confidence: float64(m.Confidence) / formula.Thousand,
		Predicted:  formula.Natural(dim, n.pods[dim].Predicted),
		Believed:   formula.Natural(dim, n.Mean[dim]),
		Spread:     formula.Natural(dim, root(n.Variance[dim])),
		Floor:      formula.Natural(dim, n.Floor[dim]),
		Capacity:   formula.Natural(dim, n.Capacity[dim]),
		Pod:        formula.Natural(dim, c.estimate.Mean[dim]),
		PodSpread:  formula.Natural(dim, root(c.estimate.Variance[dim])),
		PodFrom:    c.estimate.origin[dim].String(),
		Hot:        c.tier >= 0 && n.hot[c.tier]&(1<<dim) != 0,
	}
	if m.At != 0 {
		measured := formula.Natural(dim, m.Mean)
		out.Measured, out.Age = &measured, (time.Duration(c.now-m.At) * time.Millisecond).String()
	}
	if n.Capacity[dim] > 0 {
		out.Load = share(formula.Worst(&n.Belief, &c.estimate.Demand, dim, c.z), n.Capacity[dim])
		out.Room = share(formula.Margin(&n.Belief, &c.estimate.Demand, dim, c.limits()[dim]), formula.Thousand)
	}
	return out
}

// absolute turns a raw score into one from 0 to 100.
func absolute(v *View, raw int64) int64 {
	switch v.mode {
	case config.ModeSpread:
		return min(max(0, raw)/100, 100) // all points from ten deviations on
	case config.ModePack:
		return raw * 100 / formula.Whole
	default:
		return raw
	}
}

func share(value, of int64) float64 { return float64(value) / float64(of) }

func root(variance int64) int64 { return int64(math.Sqrt(float64(variance))) }
