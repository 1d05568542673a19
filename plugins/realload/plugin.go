// Package realload schedules by real load: it prefers the node least at risk of
// being overloaded, by what its pods were measured to use and are known to use
// elsewhere, and keeps pods off nodes that are hot.
//
// It believes no request where it has a measurement, and no measurement longer
// than that is fresh. Everything it knows is in one immutable view, swapped when
// usage or pods change; a scheduling cycle sees one view from begin to end.
package realload

import (
	"context"
	"fmt"
	"sync/atomic"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
	"github.com/evenkeel/evenkeel/plugins/realload/load"
)

// Name is the plugin's name in a scheduler configuration.
const Name = "RealLoad"

// Provider hands over usage. Snapshot never returns nil.
type Provider interface {
	Snapshot() *usage.Snapshot
	// Subscribe has the function called with each new snapshot.
	Subscribe(func(*usage.Snapshot))
}

// Plugin is one profile's plugin.
type Plugin struct {
	name     string
	policy   *load.Policy
	handle   fwk.Handle
	provider Provider
	clock    clock.Clock
	metrics  *profileMetrics

	ledger   *load.Ledger
	waiting  *waiting
	lastCool lastCool
	nodes    corelisters.NodeLister
	synced   []cache.InformerSynced

	stale chan struct{} // the view must be rebuilt
	cool  chan struct{} // a node became cool
}

var (
	_ fwk.PreFilterPlugin   = (*Plugin)(nil)
	_ fwk.FilterPlugin      = (*Plugin)(nil)
	_ fwk.PreScorePlugin    = (*Plugin)(nil)
	_ fwk.ScorePlugin       = (*Plugin)(nil)
	_ fwk.ScoreExtensions   = (*Plugin)(nil)
	_ fwk.ReservePlugin     = (*Plugin)(nil)
	_ fwk.EnqueueExtensions = (*Plugin)(nil)
	_ fwk.SignPlugin        = (*Plugin)(nil)
)

// Name implements fwk.Plugin.
func (p *Plugin) Name() string { return p.name }

// cycle is what one scheduling cycle knows; it does not change, but for rejected.
type cycle struct {
	*load.Case
	pod      *v1.Pod
	rejected atomic.Bool
}

const cycleKey fwk.StateKey = "evenkeel.RealLoad"

// Clone implements fwk.StateData.
func (c *cycle) Clone() fwk.StateData { return c }

func (p *Plugin) begin(state fwk.CycleState, pod *v1.Pod) *cycle {
	c := &cycle{Case: p.Case(pod), pod: pod}
	state.Write(p.key(), c)
	return c
}

// key keeps apart the plugins of one profile that go by different names.
func (p *Plugin) key() fwk.StateKey {
	if p.name == Name {
		return cycleKey
	}
	return cycleKey + "/" + fwk.StateKey(p.name)
}

func (p *Plugin) cycle(state fwk.CycleState) *cycle {
	data, err := state.Read(p.key())
	if err != nil {
		return nil
	}
	c, _ := data.(*cycle)
	return c
}

// PreFilter implements fwk.PreFilterPlugin: it fixes the view for the cycle and
// has Filter skipped where it would let the pod through everywhere or nowhere.
func (p *Plugin) PreFilter(
	ctx context.Context, state fwk.CycleState, pod *v1.Pod, nodes []fwk.NodeInfo,
) (*fwk.PreFilterResult, *fwk.Status) {
	c := p.begin(state, pod)
	if !c.Tight() {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	if p.patienceIsOver(c) {
		p.metrics.letThrough(reasonPatience)
		return nil, fwk.NewStatus(fwk.Skip)
	}
	if !p.hasCoolNode(ctx, c, nodes) {
		p.metrics.letThrough(reasonAllHot)
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin. There are none: evicting
// pods to cool a node is for the descheduler to decide, not for preemption.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin. Without PreFilter it refuses nothing,
// since it could not know whether that leaves the pod a node.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, pod *v1.Pod, info fwk.NodeInfo) *fwk.Status {
	c := p.cycle(state)
	if c == nil {
		return nil
	}
	verdict := c.Judge(info.Node().Name)
	if verdict.OK() {
		return nil
	}
	if c.rejected.CompareAndSwap(false, true) {
		p.waiting.add(pod, c.Cooled())
		p.metrics.rejected(c.Tier(), verdict.Dimension())
	}
	return fwk.NewStatus(fwk.Unschedulable, verdict.String())
}

// PreScore implements fwk.PreScorePlugin: it fixes the view where PreFilter is
// not enabled. In batching it is called again with a copy of the state, in which
// it leaves everything as it was.
func (p *Plugin) PreScore(_ context.Context, state fwk.CycleState, pod *v1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	if p.cycle(state) == nil {
		p.begin(state, pod)
	}
	return nil
}

// Score implements fwk.ScorePlugin. The score is raw: see NormalizeScore.
func (p *Plugin) Score(_ context.Context, state fwk.CycleState, pod *v1.Pod, info fwk.NodeInfo) (int64, *fwk.Status) {
	c := p.cycle(state)
	if c == nil {
		c = p.begin(state, pod)
	}
	return c.Score(info), nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (p *Plugin) ScoreExtensions() fwk.ScoreExtensions { return p }

// NormalizeScore implements fwk.ScoreExtensions: it ranks raw scores below the best
// of the candidates (see formula.Rank and formula.Stretch). A raw score depends on one node
// alone and the normalised ones on nothing but the raw ones, so that it is sound
// for batching to keep raw scores and normalise them anew with one of them redone.
func (p *Plugin) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *v1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	if p.policy.Trimaran() || len(scores) == 0 {
		return nil
	}
	best, worst := scores[0].Score, scores[0].Score
	for i := range scores {
		best, worst = max(best, scores[i].Score), min(worst, scores[i].Score)
	}
	rank := formula.Rank
	if p.policy.Packs() {
		rank = formula.Stretch
	}
	for i := range scores {
		scores[i].Score = rank(scores[i].Score, best, worst)
	}
	return nil
}

// Reserve implements fwk.ReservePlugin: from here on the pod counts on its node.
func (p *Plugin) Reserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	p.ledger.Reserve(pod, node, p.clock.Now().UnixMilli())
	p.waiting.remove(pod.UID)
	return nil
}

// Unreserve implements fwk.ReservePlugin.
func (p *Plugin) Unreserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ string) {
	p.ledger.Unreserve(pod.UID, p.clock.Now().UnixMilli())
}

// SignPod implements fwk.SignPlugin. Scores and verdicts of a node depend on the
// pod through its tier and its estimate alone, and that comes from its workload
// and requests. The estimate itself is not signed: pods are signed when they are
// queued, and usage may be learned before they are placed.
//
// Batching keeps the raw scores of nodes for up to half a second, from one cycle
// to the next. Meanwhile only the node chosen last changes by our doing, and that
// one is filtered and scored anew, with the pod on it since Reserve. What depends
// on more, that is patience and letting pods through where all is hot, is decided
// by PreFilter, which runs for each pod, batched or not; and the node that
// batching proposes passes Filter before it is taken.
func (p *Plugin) SignPod(_ context.Context, pod *v1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return []fwk.SignFragment{{Key: p.name + ".Signature()", Value: p.policy.Signature(pod)}}, nil
}

// Explanation tells why a node has its score for a pod.
type Explanation = load.Explanation

// Case returns the pod's case on what the plugin believes at present. It does not
// change, so that what is believed now can be told later, and on another thread.
func (p *Plugin) Case(pod *v1.Pod) *load.Case { return p.ledger.View().Case(pod) }

// Explain tells what the plugin believes at present of a node as a place for a pod.
func (p *Plugin) Explain(pod *v1.Pod, node string) Explanation { return p.Case(pod).Explain(node) }

// Args are the plugin's arguments.
type Args = config.Args

// Factory makes the plugin of one profile.
type Factory = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error)

// NewFactory returns a factory of plugins that read usage from what open returns
// for the profile's configuration. The plugins of one factory share metrics.
func NewFactory(open func(ctx context.Context, config usage.Config) (Provider, error), options ...Option) Factory {
	o := newOptions(options)
	return func(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		args, err := config.Decode(obj)
		if err != nil {
			return nil, fmt.Errorf("reading arguments of %s: %w", o.name, err)
		}
		metrics, err := o.metrics()
		if err != nil {
			return nil, fmt.Errorf("registering metrics of %s: %w", o.name, err)
		}
		provider, err := open(ctx, args.Usage)
		if err != nil {
			return nil, fmt.Errorf("opening the usage source of %s: %w", o.name, err)
		}
		p := newPlugin(o, load.NewPolicy(args), handle, provider, metrics)
		if o.driven {
			return p, nil
		}
		if err := p.watch(); err != nil {
			return nil, fmt.Errorf("watching nodes and pods for %s: %w", o.name, err)
		}
		go p.run(ctx)
		return p, nil
	}
}

func newPlugin(o *options, policy *load.Policy, handle fwk.Handle, provider Provider, metrics *metrics) *Plugin {
	p := &Plugin{
		name: o.name, policy: policy, handle: handle, provider: provider, clock: o.clock,
		metrics: metrics.of(handle.ProfileName(), policy),
		waiting: newWaiting(),
		stale:   make(chan struct{}, 1),
		cool:    make(chan struct{}, 1),
	}
	p.ledger = load.NewLedger(policy, provider.Snapshot(), o.clock.Now().UnixMilli(), func() { signal(p.cool) })
	provider.Subscribe(func(*usage.Snapshot) { signal(p.stale) })
	return p
}

// signal says something to whoever listens, once for many times.
func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
