package realload

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// watch follows nodes and pods.
func (p *Plugin) watch() error {
	factory := p.handle.SharedInformerFactory()
	p.nodes = factory.Core().V1().Nodes().Lister()
	nodes, err := factory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { signal(p.stale) },
		UpdateFunc: p.nodeUpdated,
		DeleteFunc: func(any) { signal(p.stale) },
	})
	if err != nil {
		return fmt.Errorf("adding a handler of nodes: %w", err)
	}
	pods, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    p.podChanged,
		UpdateFunc: func(_, pod any) { p.podChanged(pod) },
		DeleteFunc: p.podDeleted,
	})
	if err != nil {
		return fmt.Errorf("adding a handler of pods: %w", err)
	}
	p.synced = []cache.InformerSynced{nodes.HasSynced, pods.HasSynced}
	return nil
}

func (p *Plugin) nodeUpdated(before, after any) {
	a, ok := before.(*v1.Node)
	b, okToo := after.(*v1.Node)
	if ok && okToo && equality.Semantic.DeepEqual(a.Status.Allocatable, b.Status.Allocatable) {
		return
	}
	signal(p.stale)
}

func (p *Plugin) podChanged(obj any) {
	pod, ok := obj.(*v1.Pod)
	if !ok || pod.Spec.NodeName == "" {
		return
	}
	now := p.clock.Now().UnixMilli()
	p.waiting.remove(pod.UID)
	if pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed {
		p.ledger.Remove(pod.UID, now)
		return
	}
	p.ledger.Observe(pod, now)
}

func (p *Plugin) podDeleted(obj any) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	if pod, ok := obj.(*v1.Pod); ok {
		p.waiting.remove(pod.UID)
		p.ledger.Remove(pod.UID, p.clock.Now().UnixMilli())
	}
}

const (
	// refreshInterval is how long a view lasts without news: confidence falls all
	// the time.
	refreshInterval = 15 * time.Second
	// leastPause is between two views; it is longer where building them takes
	// long, so that it takes at most one part in pauseFactor of a core.
	leastPause  = 100 * time.Millisecond
	pauseFactor = 10
)

// run keeps the view up to date and wakes pods that wait for cool nodes. The
// view stays empty until all pods are known: a half-known cluster looks idle.
func (p *Plugin) run(ctx context.Context) {
	ctx = klog.NewContext(ctx, klog.FromContext(ctx).WithValues("plugin", p.name, "profile", p.handle.ProfileName()))
	if !cache.WaitForCacheSync(ctx.Done(), p.synced...) {
		return
	}
	for {
		took := p.rebuild(ctx)
		p.wake(ctx)
		if !p.await(ctx, p.clock.After(max(leastPause, pauseFactor*took)), nil) ||
			!p.await(ctx, p.clock.After(refreshInterval), p.stale) {
			return
		}
	}
}

// await returns when the time has come or the view is stale; false when it is
// time to stop. Meanwhile it wakes pods when nodes become cool.
func (p *Plugin) await(ctx context.Context, due <-chan time.Time, stale <-chan struct{}) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-due:
			return true
		case <-stale:
			return true
		case <-p.cool:
			p.wake(ctx)
		}
	}
}

// rebuild makes the view anew and returns how long that took.
func (p *Plugin) rebuild(ctx context.Context) time.Duration {
	nodes, err := p.nodes.List(labels.Everything())
	if err != nil {
		klog.FromContext(ctx).Error(err, "Listing nodes failed, the view stays as it was")
		return 0
	}
	return p.rebuildOf(ctx, nodes)
}

func (p *Plugin) rebuildOf(ctx context.Context, nodes []*v1.Node) time.Duration {
	begin := p.clock.Now()
	v := p.ledger.Rebuild(nodes, p.provider.Snapshot(), begin.UnixMilli())
	took := p.clock.Since(begin)
	p.metrics.built(v, took)
	klog.FromContext(ctx).V(4).Info("Rebuilt the view of load", "summary", v.Summary())
	return took
}
