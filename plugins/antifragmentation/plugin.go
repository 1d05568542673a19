// Package antifragmentation places pods where they spoil the least of what the cluster's own demand could
// still use: CPU, memory, devices whole and shared, and other resources.
//
// What is asked for is learned from the pods that are there; every place that could host a shape has a price,
// which is the higher the more of the shape is wanted and the fewer such places are left. A pod goes where it
// costs least. It decides on the devices of a node too, since for a share of one that is half the matter.
package antifragmentation

import (
	"context"
	"fmt"
	"math"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/frag"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation/ledger"
)

// Name is the plugin's name in a scheduler configuration.
const Name = "AntiFragmentation"

// Plugin is one profile's plugin.
type Plugin struct {
	args    *Args
	handle  fwk.Handle
	clock   clock.PassiveClock
	policy  Policy
	metrics *profileMetrics

	// mu guards what follows. Those who only look at nodes share it, and write no cell but that of their node.
	mu      sync.RWMutex
	ledger  *ledger.Ledger
	market  market
	tables  tables
	fitting []int // of the present cycle; kept for its memory
}

var (
	_ fwk.PreFilterPlugin   = (*Plugin)(nil)
	_ fwk.FilterPlugin      = (*Plugin)(nil)
	_ fwk.ScorePlugin       = (*Plugin)(nil)
	_ fwk.ScoreExtensions   = (*Plugin)(nil)
	_ fwk.ReservePlugin     = (*Plugin)(nil)
	_ fwk.PreBindPlugin     = (*Plugin)(nil)
	_ fwk.EnqueueExtensions = (*Plugin)(nil)
	_ fwk.SignPlugin        = (*Plugin)(nil)
)

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// cycle is what one scheduling cycle knows.
type cycle struct {
	shape *frag.Shape
	costs *table
	// A pod of a group is reserved twice in a cycle: on trial, one after the other, and, once all have a place,
	// for good. The devices are those of the trial, since the others' are not in the ledger the second time.
	node    string
	devices frag.Mask
}

const cycleKey fwk.StateKey = "evenkeel.AntiFragmentation"

// Clone implements fwk.StateData.
func (c *cycle) Clone() fwk.StateData { return c }

func readCycle(state fwk.CycleState) *cycle {
	data, err := state.Read(cycleKey)
	if err != nil {
		return nil
	}
	c, _ := data.(*cycle)
	return c
}

// PreFilter implements fwk.PreFilterPlugin. It names the nodes that have room for the pod, so that nobody need
// ask the others one by one, and those where preemption might make room.
func (p *Plugin) PreFilter(
	_ context.Context, state fwk.CycleState, pod *v1.Pod, infos []fwk.NodeInfo,
) (*fwk.PreFilterResult, *fwk.Status) {
	now := p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Sync(infos, now)
	shape, err := p.ledger.Try(pod, now)
	if err != nil {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, err.Error())
	}
	placer := p.market.open(p, now)
	state.Write(cycleKey, &cycle{shape: shape, costs: p.tables.of(shape, placer, len(infos))})
	return p.candidates(shape, corev1helpers.PodPriority(pod))
}

// candidates are the nodes worth a look; nil is all of them.
func (p *Plugin) candidates(shape *frag.Shape, priority int32) (*fwk.PreFilterResult, *fwk.Status) {
	nodes := p.ledger.Nodes()
	p.fitting = p.fitting[:0]
	for i := range nodes {
		if n := &nodes[i]; n.Lowest < priority || n.Fits(shape) {
			p.fitting = append(p.fitting, i)
		}
	}
	switch len(p.fitting) {
	case len(nodes):
		return nil, nil
	case 0:
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, p.lack(shape))
	}
	names := make(sets.Set[string], len(p.fitting))
	for _, i := range p.fitting {
		names.Insert(nodes[i].Name)
	}
	return &fwk.PreFilterResult{NodeNames: names}, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin. None are needed: Filter looks at the node it is given.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, _ *v1.Pod, info fwk.NodeInfo) *fwk.Status {
	c := readCycle(state)
	if c == nil {
		return nil
	}
	n := p.look(info)
	switch {
	case n.Fits(c.shape):
		return nil
	case n.Count < c.shape.Devices || c.shape.Devices > 0 && !n.Accepts(c.shape):
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) did not have the devices asked for")
	default:
		return fwk.NewStatus(fwk.Unschedulable, "node(s) "+p.lacking(n, c.shape))
	}
}

// look is what a node has left, though it may have pods that are not really there, as in a trial of preemption.
func (p *Plugin) look(info fwk.NodeInfo) *frag.Node {
	p.mu.RLock()
	n := p.ledger.Look(info)
	p.mu.RUnlock()
	if n != nil {
		return n
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ledger.Read(info)
}

// scale turns costs into integers; a millionth of a device makes no difference.
const scale = 1e6

// Score implements fwk.ScorePlugin. The score is raw: see NormalizeScore.
func (p *Plugin) Score(_ context.Context, state fwk.CycleState, _ *v1.Pod, info fwk.NodeInfo) (int64, *fwk.Status) {
	c := readCycle(state)
	if c == nil {
		return 0, nil
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	i := p.ledger.Index(info.Node().Name)
	if i < 0 || !p.ledger.Nodes()[i].Fits(c.shape) {
		return -math.MaxInt32 * scale, nil // Filter is off, or it is here for what preemption might do
	}
	return -int64(math.Round(c.costs.cost(i, &p.ledger.Nodes()[i], c.shape).cost * scale)), nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (p *Plugin) ScoreExtensions() fwk.ScoreExtensions { return p }

// NormalizeScore implements fwk.ScoreExtensions. The best nodes score 100 and no others do, so that where this
// plugin alone decides, rounding does not. The others fall off by what they cost more, from the best to the
// worst, or to one device more if the worst is not as bad.
func (*Plugin) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *v1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	if len(scores) == 0 {
		return nil
	}
	best, worst := scores[0].Score, scores[0].Score
	for i := range scores {
		best, worst = max(best, scores[i].Score), min(worst, scores[i].Score)
	}
	span := float64(max(best-worst, scale))
	for i := range scores {
		part := float64(best-scores[i].Score) / span
		scores[i].Score = fwk.MaxScore - int64(math.Ceil(part*float64(fwk.MaxScore)))
	}
	return nil
}

// Reserve implements fwk.ReservePlugin: it decides on the devices.
func (p *Plugin) Reserve(_ context.Context, state fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	c := readCycle(state)
	if c == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.shape.Devices > 0 && c.node != node {
		i := p.ledger.Index(node)
		if i < 0 || !p.ledger.Nodes()[i].FitsDevices(c.shape) {
			return fwk.NewStatus(fwk.Unschedulable, fmt.Sprintf("node %s no longer has the devices asked for", node))
		}
		c.node, c.devices = node, c.costs.cost(i, &p.ledger.Nodes()[i], c.shape).devices
	}
	if err := p.ledger.Reserve(pod.UID, c.devices); err != nil {
		return fwk.AsStatus(err)
	}
	return nil
}

// Unreserve implements fwk.ReservePlugin.
func (p *Plugin) Unreserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Unreserve(pod.UID)
}

// SignPod implements fwk.SignPlugin: pods of one shape cost the same, and go to the same nodes.
func (p *Plugin) SignPod(_ context.Context, pod *v1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shape, err := p.ledger.Shape(pod)
	if err != nil {
		return nil, fwk.NewStatus(fwk.Unschedulable, err.Error())
	}
	return []fwk.SignFragment{{Key: Name + ".Shape()", Value: shape}}, nil
}

// Factory makes the plugin of one profile.
type Factory = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error)

// NewFactory returns a factory of plugins. The plugins of one factory share metrics.
func NewFactory(options ...Option) Factory {
	o := newOptions(options)
	return func(_ context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		args, err := decode(obj)
		if err != nil {
			return nil, fmt.Errorf("reading arguments of %s: %w", Name, err)
		}
		metrics, err := o.metrics()
		if err != nil {
			return nil, fmt.Errorf("registering metrics of %s: %w", Name, err)
		}
		policy := policyOf(args.Mode)
		if o.policy != nil {
			policy = *o.policy
		}
		pods := ledger.New(args.format(), args.HalfLife.Duration)
		pods.Tell(o.workload)
		return &Plugin{
			args: args, handle: handle, clock: o.clock, policy: policy,
			metrics: metrics.of(handle.ProfileName()), ledger: pods,
		}, nil
	}
}
