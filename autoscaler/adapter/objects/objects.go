// Package objects knows the objects of a cluster by their labels, from watches rather than from a list for each read.
package objects

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
)

// patience is how long a read waits for a watch that it was the first to need.
const patience = 5 * time.Second

// Objects watches pods, and of other resources those that are read about.
type Objects struct {
	pods   cache.SharedIndexInformer
	lister listers.PodLister
	others metadatainformer.SharedInformerFactory
	// done ends the watches.
	done <-chan struct{}
	mu   sync.Mutex
}

var _ serve.Objects = (*Objects)(nil)

// New returns the objects that two clients see. Start begins to watch pods.
func New(client kubernetes.Interface, other metadata.Interface) *Objects {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(slim))
	pods := factory.Core().V1().Pods()
	return &Objects{pods: pods.Informer(), lister: pods.Lister(), others: metadatainformer.NewSharedInformerFactory(other, 0)}
}

// Start watches pods until the context ends.
func (o *Objects) Start(ctx context.Context) {
	o.mu.Lock()
	o.done = ctx.Done()
	o.mu.Unlock()
	go o.pods.Run(ctx.Done())
}

// HasSynced tells whether all pods are known.
func (o *Objects) HasSynced() bool { return o.pods.HasSynced() }

// slim keeps of a pod what is asked about it: a cluster has many.
func slim(obj any) (any, error) {
	pod, ok := obj.(*v1.Pod)
	if !ok {
		return obj, nil
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
			Labels: pod.Labels, DeletionTimestamp: pod.DeletionTimestamp,
		},
		Status: v1.PodStatus{Phase: pod.Status.Phase},
	}, nil
}

// Select implements serve.Objects.
func (o *Objects) Select(ctx context.Context, resource schema.GroupVersionResource, namespace string, by labels.Selector) ([]serve.Object, error) {
	if resource.GroupResource() == v1.Resource("pods") {
		return o.selectPods(ctx, namespace, by)
	}
	informer := o.informer(resource)
	if err := wait(ctx, resource, informer.Informer().HasSynced); err != nil {
		return nil, err
	}
	var found []serve.Object
	err := cache.ListAllByNamespace(informer.Informer().GetIndexer(), namespace, by, func(obj any) {
		if object, ok := obj.(metav1.Object); ok {
			found = append(found, serve.Object{Name: object.GetName()})
		}
	})
	return found, err
}

func (o *Objects) selectPods(ctx context.Context, namespace string, by labels.Selector) ([]serve.Object, error) {
	if err := wait(ctx, v1.SchemeGroupVersion.WithResource("pods"), o.pods.HasSynced); err != nil {
		return nil, err
	}
	pods, err := o.lister.Pods(namespace).List(by)
	if err != nil {
		return nil, fmt.Errorf("selecting pods of %s: %w", namespace, err)
	}
	found := make([]serve.Object, len(pods))
	for i, pod := range pods {
		// An autoscaler leaves out the same ones.
		idle := pod.DeletionTimestamp != nil || pod.Status.Phase == v1.PodFailed || pod.Status.Phase == v1.PodPending
		found[i] = serve.Object{Name: pod.Name, Idle: idle}
	}
	return found, nil
}

// informer returns that of a resource, and starts it if it is new.
func (o *Objects) informer(resource schema.GroupVersionResource) informers.GenericInformer {
	o.mu.Lock()
	defer o.mu.Unlock()
	informer := o.others.ForResource(resource)
	informer.Informer() // Start starts those that were asked for
	o.others.Start(o.done)
	return informer
}

// wait waits for a watch to know what there is.
func wait(ctx context.Context, resource schema.GroupVersionResource, synced func() bool) error {
	if synced() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), synced) {
		return fmt.Errorf("watching %s: they are not known yet; see whether the adapter may list and watch them", resource.GroupResource())
	}
	return nil
}
