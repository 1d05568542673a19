package policy

import (
	"context"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/simulator"
)

const (
	loadAwareName = "LoadAwareScheduling"
	// koordinatorExpiry is how old a sample may be.
	koordinatorExpiry = 180 * time.Second
	// koordinatorScrapes is the same in measurements, where they come less often than each minute.
	koordinatorScrapes = 3
)

// koordinator is kube-scheduler with Koordinator's LoadAwareScheduling, at the weight that its chart gives it.
func koordinator(s *LoadSetting, p *simulator.Policy) (Driver, error) {
	plugin := &loadAware{
		usage: s.Usage, clock: s.Clock, young: s.Scrape,
		expiry:   max(koordinatorExpiry, koordinatorScrapes*s.Scrape),
		assigned: map[string][]assigned{},
	}
	add(p, loadAwareName, 1, nil, ready(plugin))
	return plugin, nil
}

// loadAware gathers what the formulas need. Only Filter and Score run on several threads, and nothing changes
// while they do.
type loadAware struct {
	usage         Usage
	clock         clock.PassiveClock
	expiry, young time.Duration
	// assigned are the pods, by node, that may not be in the measurements yet.
	assigned map[string][]assigned
}

type assigned struct {
	uid             types.UID
	namespace, name string
	since           time.Time
	estimate        amounts
}

var (
	_ fwk.FilterPlugin    = (*loadAware)(nil)
	_ fwk.PreScorePlugin  = (*loadAware)(nil)
	_ fwk.ScorePlugin     = (*loadAware)(nil)
	_ fwk.ScoreExtensions = (*loadAware)(nil)
	_ fwk.ReservePlugin   = (*loadAware)(nil)
	_ Driver              = (*loadAware)(nil)
)

// Name implements fwk.Plugin.
func (*loadAware) Name() string { return loadAwareName }

// measured is what a node used, and when; not ok if that is unknown or too old.
func (l *loadAware) measured(node string) (used amounts, at time.Time, ok bool) {
	known := l.usage.Snapshot().Node(node)
	if known == nil || !known.Usage[usage.CPU][usage.Mean].Known() {
		return amounts{}, time.Time{}, false
	}
	at = time.UnixMilli(known.Usage[usage.CPU][usage.Mean].At)
	return means(&known.Usage), at, l.clock.Since(at) <= l.expiry
}

func means(u *usage.Usage) amounts {
	return amounts{int64(u[usage.CPU][usage.Mean].Value * 1000), int64(u[usage.Memory][usage.Mean].Value)}
}

// Filter implements fwk.FilterPlugin.
func (l *loadAware) Filter(_ context.Context, _ fwk.CycleState, _ *v1.Pod, info fwk.NodeInfo) *fwk.Status {
	used, _, ok := l.measured(info.Node().Name)
	if ok && koordinatorRefuses(used, amountsOf(info.Node().Status.Allocatable)) {
		return fwk.NewStatus(fwk.Unschedulable, "the node is used above the threshold")
	}
	return nil
}

const incomingKey fwk.StateKey = "evenkeel.LoadAware"

// Clone implements fwk.StateData.
func (a amounts) Clone() fwk.StateData { return a }

// PreScore implements fwk.PreScorePlugin.
func (*loadAware) PreScore(_ context.Context, state fwk.CycleState, pod *v1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	state.Write(incomingKey, koordinatorEstimate(pod))
	return nil
}

// Score implements fwk.ScorePlugin.
func (l *loadAware) Score(_ context.Context, state fwk.CycleState, _ *v1.Pod, info fwk.NodeInfo) (int64, *fwk.Status) {
	name := info.Node().Name
	used, at, ok := l.measured(name)
	if !ok {
		return 0, nil
	}
	data, err := state.Read(incomingKey)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	if incoming, ok := data.(amounts); ok {
		used = used.plus(incoming)
	}
	snapshot := l.usage.Snapshot()
	for _, a := range l.assigned[name] {
		if at.Sub(a.since) >= l.young {
			continue
		}
		var own amounts
		if known := snapshot.Pod(a.namespace, a.name); known != nil {
			own = means(known)
		}
		used = used.plus(koordinatorPending(a.estimate, own))
	}
	return koordinatorScore(used, amountsOf(info.Node().Status.Allocatable)), nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (l *loadAware) ScoreExtensions() fwk.ScoreExtensions { return l }

// NormalizeScore implements fwk.ScoreExtensions: scores are from 0 to 100 as they are.
func (*loadAware) NormalizeScore(context.Context, fwk.CycleState, *v1.Pod, fwk.NodeScoreList) *fwk.Status {
	return nil
}

// Reserve implements fwk.ReservePlugin.
func (l *loadAware) Reserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, node string) *fwk.Status {
	l.assigned[node] = append(l.assigned[node], assigned{
		uid: pod.UID, namespace: pod.Namespace, name: pod.Name, since: l.clock.Now(), estimate: koordinatorEstimate(pod),
	})
	return nil
}

// Unreserve implements fwk.ReservePlugin.
func (l *loadAware) Unreserve(_ context.Context, _ fwk.CycleState, pod *v1.Pod, node string) {
	l.assigned[node] = slices.DeleteFunc(l.assigned[node], func(a assigned) bool { return a.uid == pod.UID })
}

// Refresh implements Driver: it forgets pods that the measurements have.
func (l *loadAware) Refresh(nodes []*v1.Node) {
	for _, n := range nodes {
		list := l.assigned[n.Name]
		if len(list) == 0 {
			continue
		}
		if _, at, ok := l.measured(n.Name); ok {
			l.assigned[n.Name] = slices.DeleteFunc(list, func(a assigned) bool { return at.Sub(a.since) >= l.young })
		}
	}
}

// Bound implements Driver. Reserve has said so already.
func (*loadAware) Bound(*v1.Pod) {}

// Gone implements Driver.
func (l *loadAware) Gone(pod *v1.Pod) { l.Unreserve(context.Background(), nil, pod, pod.Spec.NodeName) }
