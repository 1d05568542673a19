package load

import (
	"time"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
	"github.com/evenkeel/evenkeel/plugins/realload/subject"
)

// Case is a pod to be placed, against one view.
type Case struct {
	*View
	subject  subject.Subject
	estimate estimate
	tier     int // -1: none
}

// Case returns what there is to decide for a pod.
func (v *View) Case(pod *v1.Pod) *Case {
	s := v.subjectOf(pod)
	return &Case{View: v, subject: s, estimate: v.estimate(&s, nil, 0), tier: v.tierOf(pod)}
}

// Signature is the pod's.
func (c *Case) Signature() subject.Signature { return c.subject.Sign(c.tier, c.Trimaran()) }

// Tier is the name of the pod's tier, empty where it has none.
func (c *Case) Tier() string {
	if c.tier < 0 {
		return ""
	}
	return c.tiers[c.tier].name
}

// Patience is how long the pod is to stay away from hot nodes.
func (c *Case) Patience() time.Duration {
	if c.tier < 0 {
		return 0
	}
	return c.tiers[c.tier].patience
}

// Tight tells whether some node might be refused to the pod.
func (c *Case) Tight() bool {
	return c.tier >= 0 && c.tiers[c.tier].filters && !c.roomy(c.tier, &c.estimate.Demand)
}

// Judge tells whether a node is hot for the pod. A node that the view does not
// have is not.
func (c *Case) Judge(name string) formula.Verdict {
	n := c.node(name)
	if n == nil || c.tier < 0 {
		return formula.Cool()
	}
	return formula.Judge(&n.Belief, &c.estimate.Demand, &c.tiers[c.tier].Thresholds, n.hot[c.tier], c.countIncoming)
}

// Room tells whether a node has free the CPU and memory that the pod requests.
func (c *Case) Room(name string) bool {
	n := c.node(name)
	if n == nil {
		return false
	}
	for d, request := range c.subject.Request {
		if n.Capacity[d] > 0 && request > n.Capacity[d]-n.requested[d] {
			return false
		}
	}
	return true
}

// imagine is what is believed of a node that the view does not have, such as one
// just added: what its pods request, taken as requests are.
func (c *Case) imagine(info fwk.NodeInfo) formula.Belief {
	has, used := info.GetAllocatable(), info.GetNonZeroRequested()
	b := formula.Belief{Capacity: c.capacity}
	b.Capacity[usage.CPU], b.Capacity[usage.Memory] = has.GetMilliCPU(), has.GetMemory()>>20
	b.Churn = formula.Churn(&c.habits, &b.Capacity)
	for d, request := range [...]int64{usage.CPU: used.GetMilliCPU(), usage.Memory: used.GetMemory() >> 20} {
		mean, spread := c.habits[d].Use(request)
		b.Mean[d], b.Variance[d] = mean, spread*spread/int64(max(1, len(info.GetPods())))
	}
	return b
}

// Score is the raw score of a node for the pod: 0..100 in Trimaran's modes, else
// to be put through Rank.
func (c *Case) Score(info fwk.NodeInfo) int64 {
	if n := c.node(info.Node().Name); n != nil {
		return c.score(&n.Belief, n.machine)
	}
	b := c.imagine(info)
	return c.score(&b, b.Capacity[usage.CPU])
}

func (c *Case) score(b *formula.Belief, machine int64) int64 {
	d := &c.estimate.Demand
	switch c.mode {
	case config.ModePack:
		return formula.PackScore(formula.Load(b, d, c.z), c.target)
	case config.ModeTargetLoadPacking:
		if machine == 0 {
			return 0
		}
		return formula.TargetLoadPacking(100*float64(b.Mean[usage.CPU]+d.Mean[usage.CPU])/float64(machine), c.targetUtilization)
	case config.ModeLoadVariationRiskBalancing:
		return formula.VariationRisk(b, d, c.margin, c.sensitivity)
	default:
		return formula.Room(b, d, c.limits())
	}
}

// limits are the loads above which a node is hot for the pod; 0: none.
func (c *Case) limits() *formula.Vector {
	if c.tier < 0 {
		return &formula.Vector{}
	}
	return &c.tiers[c.tier].Hot
}
