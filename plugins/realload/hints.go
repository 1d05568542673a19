package realload

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/evenkeel/evenkeel/plugins/realload/load"
)

// EventsToRegister implements fwk.EnqueueExtensions. That a node cooled down is
// no event of the API: see wake.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	nodeChanges := fwk.Add | fwk.UpdateNodeAllocatable | fwk.UpdateNodeLabel | fwk.UpdateNodeTaint
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: nodeChanges}, QueueingHintFn: p.afterNodeChange},
		{Event: fwk.ClusterEvent{Resource: fwk.AssignedPod, ActionType: fwk.Delete}, QueueingHintFn: p.afterPodDelete},
		// A pod that asks for less, or tolerates more, is another pod to us.
		{Event: fwk.ClusterEvent{Resource: fwk.TargetPod, ActionType: fwk.UpdatePodScaleDown | fwk.UpdatePodToleration}},
	}, nil
}

func (p *Plugin) afterNodeChange(logger klog.Logger, pod *v1.Pod, _, after any) (fwk.QueueingHint, error) {
	node, ok := after.(*v1.Node)
	if !ok {
		return fwk.Queue, fmt.Errorf("reading a node event: got a %T", after)
	}
	return p.hint(logger, pod, node), nil
}

func (p *Plugin) afterPodDelete(logger klog.Logger, pod *v1.Pod, before, _ any) (fwk.QueueingHint, error) {
	gone, ok := before.(*v1.Pod)
	if !ok {
		return fwk.Queue, fmt.Errorf("reading a pod event: got a %T", before)
	}
	node, err := p.nodes.Get(gone.Spec.NodeName)
	switch {
	case apierrors.IsNotFound(err):
		return fwk.QueueSkip, nil
	case err != nil:
		return fwk.Queue, fmt.Errorf("getting node %q: %w", gone.Spec.NodeName, err)
	}
	return p.hint(logger, pod, node), nil
}

// hint says Queue where the pod may use the node and the node is cool. Where the
// event is about to make it so, the pod is woken when it did.
func (p *Plugin) hint(logger klog.Logger, pod *v1.Pod, node *v1.Node) fwk.QueueingHint {
	ctx := klog.NewContext(context.Background(), logger)
	if !p.Case(pod).Judge(node.Name).OK() || !newFitting(ctx, pod).place(node) {
		return fwk.QueueSkip
	}
	return fwk.Queue
}

// maxWaiting bounds the pods that are remembered. Those beyond it wake by events,
// and by the scheduler's own clock.
const maxWaiting = 10_000

// waiting are the pods that this plugin rejected and that are not placed yet.
type waiting struct {
	mu   sync.Mutex
	pods map[types.UID]*waiter
}

// waiter does not change: another takes its place.
type waiter struct {
	pod    *v1.Pod
	view   int64 // which nodes had cooled when it was rejected last, or woken since
	gaveUp bool  // it was woken because its patience was over
}

func newWaiting() *waiting { return &waiting{pods: map[types.UID]*waiter{}} }

func (w *waiting) add(pod *v1.Pod, view int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.pods[pod.UID]; !known && len(w.pods) >= maxWaiting {
		return
	}
	w.pods[pod.UID] = &waiter{pod: pod, view: view}
}

func (w *waiting) remove(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pods, uid)
}

func (w *waiting) list() []*waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.pods))
}

// woken takes note that a pod was woken on a view, unless it has been rejected
// again or placed meanwhile.
func (w *waiting) woken(pod *waiter, view int64, gaveUp bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pods[pod.pod.UID] == pod {
		w.pods[pod.pod.UID] = &waiter{pod: pod.pod, view: max(pod.view, view), gaveUp: pod.gaveUp || gaveUp}
	}
}

// waitingSince tells since when a pod has been waiting to be placed.
func waitingSince(pod *v1.Pod) time.Time {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == v1.PodScheduled && c.Status == v1.ConditionFalse {
			return c.LastTransitionTime.Time
		}
	}
	return pod.CreationTimestamp.Time
}

// wake activates the pods for which it is worth while to be tried again: those
// that could use a node that became cool after they were rejected, and those
// whose patience is over. All others sleep on.
func (p *Plugin) wake(ctx context.Context) {
	pods := p.waiting.list()
	if len(pods) == 0 {
		return
	}
	v := p.ledger.View()
	oldest := slices.MinFunc(pods, func(a, b *waiter) int { return cmp.Compare(a.view, b.view) })
	cooled := v.CooledSince(oldest.view)
	awake := map[string]*v1.Pod{}
	for _, w := range pods {
		if reason := p.worthWaking(ctx, v, w, cooled); reason != "" {
			awake[w.pod.Namespace+"/"+w.pod.Name] = w.pod
			p.waiting.woken(w, v.Cooled(), reason == reasonPatience)
			p.metrics.woke(reason)
		}
	}
	if len(awake) > 0 {
		klog.FromContext(ctx).V(2).Info("Waking pods that wait for a cool node", "pods", len(awake))
		p.handle.Activate(klog.FromContext(ctx), awake)
	}
}

func (p *Plugin) worthWaking(ctx context.Context, v *load.View, w *waiter, cooled []string) string {
	if len(cooled) == 0 && w.gaveUp {
		return ""
	}
	c := v.Case(w.pod)
	if !w.gaveUp && p.clock.Since(waitingSince(w.pod)) >= c.Patience() {
		return reasonPatience
	}
	fits := newFitting(ctx, w.pod)
	for _, name := range cooled {
		if v.CooledAfter(name, w.view) && c.Judge(name).OK() && c.Room(name) && p.mayUse(fits, name) {
			return reasonCooled
		}
	}
	return ""
}

func (p *Plugin) mayUse(fits *fitting, name string) bool {
	node, err := p.nodes.Get(name)
	return err == nil && fits.place(node)
}
