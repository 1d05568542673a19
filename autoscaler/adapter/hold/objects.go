package hold

import (
	"context"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// scalingWindows is the resource of ScalingWindows.
var scalingWindows = v1alpha1.GroupVersion.WithResource("scalingwindows")

// Objects watches ScalingWindows and HorizontalPodAutoscalers, and makes the windows what they ask for.
type Objects struct {
	windows     *Windows
	scaling     cache.SharedIndexInformer
	autoscalers cache.SharedIndexInformer
	queue       workqueue.TypedInterface[string] // namespaces
	// absent says that the cluster does not have the kind, so that there are no windows.
	absent chan struct{}
}

// NewObjects prepares a watch. The factory, which others may share, is started by its owner; Run starts the rest.
func NewObjects(w *Windows, client dynamic.Interface, factory informers.SharedInformerFactory) (*Objects, error) {
	scaling := dynamicinformer.NewFilteredDynamicInformer(client, scalingWindows, metav1.NamespaceAll, 0,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}, nil).Informer()
	o := &Objects{
		windows: w, scaling: scaling, autoscalers: factory.Autoscaling().V2().HorizontalPodAutoscalers().Informer(),
		queue: workqueue.NewTyped[string](), absent: make(chan struct{}, 1),
	}
	if err := scaling.SetTransform(typed); err != nil {
		return nil, fmt.Errorf("watching ScalingWindows: %w", err)
	}
	if err := scaling.SetWatchErrorHandlerWithContext(o.failed); err != nil {
		return nil, fmt.Errorf("watching ScalingWindows: %w", err)
	}
	for _, informer := range []cache.SharedIndexInformer{o.scaling, o.autoscalers} {
		if _, err := informer.AddEventHandler(o.handler()); err != nil {
			return nil, fmt.Errorf("watching ScalingWindows and HorizontalPodAutoscalers: %w", err)
		}
	}
	return o, nil
}

// typed keeps ScalingWindows as what they are.
func typed(object any) (any, error) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	w := &v1alpha1.ScalingWindow{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, w); err != nil {
		return nil, fmt.Errorf("reading ScalingWindow %s/%s: %w", u.GetNamespace(), u.GetName(), err)
	}
	w.ManagedFields = nil
	return w, nil
}

// failed notices that there is no such kind. An API server that still starts answers otherwise.
func (o *Objects) failed(ctx context.Context, _ *cache.Reflector, err error) {
	if apierrors.IsNotFound(err) {
		select {
		case o.absent <- struct{}{}:
		default:
		}
	}
	klog.FromContext(ctx).V(2).Info("Watching ScalingWindows failed; it is tried again", "err", err)
}

// handler queues the namespace of what changed. The status of an autoscaler, which changes all the time, does not matter.
func (o *Objects) handler() cache.ResourceEventHandler {
	add := func(object any) {
		if key, err := cache.DeletionHandlingObjectToName(object); err == nil {
			o.queue.Add(key.Namespace)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: add, DeleteFunc: add,
		UpdateFunc: func(was, is any) {
			switch is := is.(type) {
			case *autoscalingv2.HorizontalPodAutoscaler:
				if before, ok := was.(*autoscalingv2.HorizontalPodAutoscaler); ok && equality.Semantic.DeepEqual(before.Spec, is.Spec) {
					return
				}
			case *v1alpha1.ScalingWindow:
				if before, ok := was.(*v1alpha1.ScalingWindow); ok && before.UID == is.UID && before.Generation == is.Generation {
					return
				}
			}
			add(is)
		},
	}
}

// Run watches until the context ends. Windows serve nothing until all objects are known.
func (o *Objects) Run(ctx context.Context) {
	go o.scaling.RunWithContext(ctx)
	defer o.queue.ShutDown()
	if !o.wait(ctx) {
		return
	}
	for _, namespace := range o.scaling.GetIndexer().ListIndexFuncValues(cache.NamespaceIndex) {
		o.reconcile(ctx, namespace)
	}
	o.windows.known.Store(true)
	go func() {
		<-ctx.Done()
		o.queue.ShutDown()
	}()
	for {
		namespace, stop := o.queue.Get()
		if stop {
			return
		}
		o.reconcile(ctx, namespace)
		o.queue.Done(namespace)
	}
}

// wait returns true once the objects are known, or are known not to be.
func (o *Objects) wait(ctx context.Context) bool {
	if !cache.WaitForCacheSync(ctx.Done(), o.autoscalers.HasSynced) {
		return false
	}
	synced := make(chan bool, 1)
	go func() { synced <- cache.WaitForCacheSync(ctx.Done(), o.scaling.HasSynced) }()
	select {
	case ok := <-synced:
		return ok
	case <-o.absent:
		klog.FromContext(ctx).Info("The cluster has no ScalingWindows: demand is served as it is", "cure", "apply manifests/crd")
		return true
	}
}

// reconcile makes the windows of a namespace what its objects ask for.
func (o *Objects) reconcile(ctx context.Context, namespace string) {
	o.windows.take(ctx, namespace, wish.Of(
		list[v1alpha1.ScalingWindow](o.scaling, namespace), list[autoscalingv2.HorizontalPodAutoscaler](o.autoscalers, namespace),
		o.windows.mapper, o.windows.grid))
}

func list[T any](informer cache.SharedIndexInformer, namespace string) []*T {
	objects, err := informer.GetIndexer().ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil // both informers have this index
	}
	var all []*T
	for _, object := range objects {
		if one, ok := object.(*T); ok {
			all = append(all, one)
		}
	}
	return all
}

// current is an object as it was last seen, with its status; nil if it has gone.
func (o *Objects) current(of *v1alpha1.ScalingWindow) *v1alpha1.ScalingWindow {
	object, ok, err := o.scaling.GetIndexer().GetByKey(of.Namespace + "/" + of.Name)
	if err != nil || !ok {
		return nil
	}
	w, ok := object.(*v1alpha1.ScalingWindow)
	if !ok || w.UID != of.UID {
		return nil
	}
	return w
}
