package scaledown

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// watch keeps every size that each contender had.
type watch struct {
	factory           informers.SharedInformerFactory
	pods, deployments cache.Indexer
	now               func() time.Duration // of the trace

	mu    sync.Mutex
	sizes map[string][]Size // by namespace
}

// newWatch watches until the context ends.
func newWatch(ctx context.Context, client kubernetes.Interface, now func() time.Duration) (*watch, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, deployments := factory.Core().V1().Pods().Informer(), factory.Apps().V1().Deployments().Informer()
	w := &watch{factory: factory, pods: pods.GetIndexer(), deployments: deployments.GetIndexer(), now: now, sizes: map[string][]Size{}}
	for _, informer := range []cache.SharedIndexInformer{pods, deployments} {
		changed := func(object any) {
			if namespace, _, err := cache.SplitMetaNamespaceKey(keyOf(object)); err == nil {
				w.look(namespace)
			}
		}
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: changed, UpdateFunc: func(_, object any) { changed(object) }, DeleteFunc: changed,
		}); err != nil {
			return nil, fmt.Errorf("watching sizes: %w", err)
		}
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), pods.HasSynced, deployments.HasSynced) {
		return nil, fmt.Errorf("watching sizes: %w", context.Cause(ctx))
	}
	return w, nil
}

func keyOf(object any) string {
	key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
	if err != nil {
		return ""
	}
	return key
}

// look notes the size of a namespace if it is another than the last.
func (w *watch) look(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	object, found, err := w.deployments.GetByKey(namespace + "/" + web)
	deployment, ok := object.(*appsv1.Deployment)
	if !found || err != nil || !ok {
		return
	}
	size := Size{At: w.now(), Replicas: ptr.Deref(deployment.Spec.Replicas, 1), Ready: w.ready(namespace)}
	sizes := w.sizes[namespace]
	if n := len(sizes); n > 0 && sizes[n-1].Replicas == size.Replicas && sizes[n-1].Ready == size.Ready {
		return
	}
	w.sizes[namespace] = append(sizes, size)
}

// ready counts the pods that serve.
func (w *watch) ready(namespace string) int32 {
	objects, err := w.pods.ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return 0 // the index is made with the informer
	}
	var n int32
	for _, object := range objects {
		pod, ok := object.(*v1.Pod)
		if !ok || pod.DeletionTimestamp != nil {
			continue
		}
		if slices.ContainsFunc(pod.Status.Conditions, func(c v1.PodCondition) bool {
			return c.Type == v1.PodReady && c.Status == v1.ConditionTrue
		}) {
			n++
		}
	}
	return n
}

// of is what a namespace has had so far.
func (w *watch) of(namespace string) []Size {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sizes[namespace])
}
