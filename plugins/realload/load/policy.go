// Package load is what the realload plugin believes of nodes and pods: a View of
// all nodes that does not change, a Ledger that keeps the present view true to the
// pods, and a Case, which is a pod to be placed against a view.
package load

import (
	"cmp"
	"math"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
	"github.com/evenkeel/evenkeel/plugins/realload/subject"
)

// Policy is the arguments as the hot path wants them: integers, milliseconds, sorted.
type Policy struct {
	mode   string
	target int64 // basis points
	z      int64 // per mille
	formula.Horizon
	warmup int64
	// window is what a node's mean averages over.
	window int64

	habits   [2]formula.Habit // what a request of CPU and memory is taken for
	fallback [2]int64         // usage without a request
	capacity formula.Vector   // where the source knows none

	tiers         []tier // highest minPriority first
	countIncoming bool

	targetUtilization   float64
	prediction          *subject.Prediction // nil: nothing is predicted
	margin, sensitivity float64
}

type tier struct {
	formula.Thresholds
	name        string
	minPriority int32
	patience    time.Duration
	filters     bool
}

// NewPolicy takes defaulted and valid arguments.
func NewPolicy(a *config.Args) *Policy {
	p := &Policy{
		mode:   a.Mode,
		target: a.Target * formula.Whole / 100,
		z:      int64(math.Round(*a.RiskFactor * formula.Thousand)),
		Horizon: formula.Horizon{
			Fresh: a.FreshFor.Milliseconds(), Expire: a.ExpireAfter.Milliseconds(), Skew: a.ClockSkew.Milliseconds(),
		},
		warmup:            max(1, a.Warmup.Milliseconds()),
		window:            max(1, a.MeanWindow().Milliseconds()),
		countIncoming:     *a.CountIncoming,
		targetUtilization: float64(a.TargetLoadPacking.TargetUtilization),
		margin:            *a.LoadVariationRiskBalancing.SafeVarianceMargin,
		sensitivity:       *a.LoadVariationRiskBalancing.SafeVarianceSensitivity,
	}
	if p.mode == config.ModeTargetLoadPacking {
		p.prediction = &subject.Prediction{
			DefaultRequests:    a.TargetLoadPacking.DefaultRequests.MilliValue(),
			RequestsMultiplier: *a.TargetLoadPacking.DefaultRequestsMultiplier,
		}
	}
	for d, factor := range [...]float64{usage.CPU: *a.Requests.CPUFactor, usage.Memory: *a.Requests.MemoryFactor} {
		p.habits[d] = formula.Habit{Ratio: int64(factor * formula.Thousand), Spread: -1}
	}
	p.fallback[usage.CPU] = formula.Quantity(usage.CPU, a.Requests.DefaultCPU)
	p.fallback[usage.Memory] = formula.Quantity(usage.Memory, a.Requests.DefaultMemory)
	p.capacity[usage.Network] = formula.Quantity(usage.Network, a.Capacity.Network)
	p.capacity[usage.Disk] = formula.Quantity(usage.Disk, a.Capacity.Disk)
	for i := range a.Tiers {
		p.tiers = append(p.tiers, newTier(&a.Tiers[i]))
	}
	slices.SortFunc(p.tiers, func(a, b tier) int { return cmp.Compare(b.minPriority, a.minPriority) })
	return p
}

func newTier(t *config.Tier) tier {
	out := tier{name: t.Name, minPriority: t.MinPriority, patience: t.Patience.Duration}
	cool := t.CoolBelow.Fields()
	for d, hot := range t.HotAbove.Fields() {
		if *hot != nil {
			out.Hot[d], out.Cool[d], out.filters = **hot*formula.Whole/100, **cool[d]*formula.Whole/100, true
		}
	}
	return out
}

// Trimaran tells that scores are to be exactly those of Trimaran's plugins.
func (p *Policy) Trimaran() bool {
	return p.mode == config.ModeTargetLoadPacking || p.mode == config.ModeLoadVariationRiskBalancing
}

// Signature returns a pod's.
func (p *Policy) Signature(pod *v1.Pod) subject.Signature {
	s := p.subjectOf(pod)
	return s.Sign(p.tierOf(pod), p.Trimaran())
}

func (p *Policy) subjectOf(pod *v1.Pod) subject.Subject { return subject.Of(pod, p.prediction) }

// Tiers returns the names of the tiers.
func (p *Policy) Tiers() []string {
	names := make([]string, len(p.tiers))
	for i := range p.tiers {
		names[i] = p.tiers[i].name
	}
	return names
}

// tierOf returns the index of the pod's tier, -1 where it has none.
func (p *Policy) tierOf(pod *v1.Pod) int {
	priority := corev1helpers.PodPriority(pod)
	return slices.IndexFunc(p.tiers, func(t tier) bool { return priority >= t.minPriority })
}

// seen tells how much of a task a node's mean has in it. Trimaran's rules are
// coarser: a task of a minute is in it, or every task.
func (p *Policy) seen(start, end, at int64) int64 {
	switch p.mode {
	case config.ModeLoadVariationRiskBalancing:
		return formula.Thousand
	case config.ModeTargetLoadPacking:
		if at-start < time.Minute.Milliseconds() {
			return 0
		}
		return formula.Thousand
	default:
		return formula.Seen(start, end, at, p.window)
	}
}

// Packs tells that raw scores are to be put through Stretch rather than Rank.
func (p *Policy) Packs() bool { return p.mode == config.ModePack }
