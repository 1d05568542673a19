// Package kubelet is the kubelet of many simulated nodes at once: it reports them ready, renews their
// leases, and starts, finishes and removes the pods bound to them. No container runs.
package kubelet

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const (
	podWorkers   = 8
	nodeWorkers  = 2
	leaseWorkers = 4

	defaultLeaseSeconds = 40
	defaultStopAfter    = time.Second

	byNode = "node"
)

// Options say how the nodes live. The zero value is fit for some hundreds of them.
type Options struct {
	// LeaseSeconds is how long a node's lease lasts; it is renewed four times as often. Default 40, as
	// upstream. With thousands of nodes, raise it, and the node lifecycle controller's grace period.
	LeaseSeconds int
	// StopAfter is how long the containers of a deleted pod take to stop; the pod's own grace period
	// bounds it. Default 1 s.
	StopAfter time.Duration
}

func (o Options) complete() (Options, error) {
	if o.LeaseSeconds < 0 {
		return o, fmt.Errorf("checking node options: LeaseSeconds is %d: it must not be negative", o.LeaseSeconds)
	}
	if o.StopAfter < 0 {
		return o, fmt.Errorf("checking node options: StopAfter is %s: it must not be negative", o.StopAfter)
	}
	if o.LeaseSeconds == 0 {
		o.LeaseSeconds = defaultLeaseSeconds
	}
	if o.StopAfter == 0 {
		o.StopAfter = defaultStopAfter
	}
	return o, nil
}

// queue holds the keys of what may have to be done something about.
type queue = workqueue.TypedRateLimitingInterface[string]

// syncFunc does what is to be done for a key; it returns after how long to call it again, 0 for not
// before something changes.
type syncFunc func(ctx context.Context, key string) (after time.Duration, err error)

// fleet is all managed nodes and the pods bound to them.
type fleet struct {
	client  kubernetes.Interface
	clock   clock.PassiveClock
	options Options

	nodes     coreinformers.NodeInformer
	pods      coreinformers.PodInformer
	factories []informers.SharedInformerFactory
	addresses podAddresses

	podQueue, nodeQueue, leaseQueue queue
	leases                          leases
}

// Run is the kubelet of all nodes labelled NodeLabel=NodeLabelValue, those that exist and those still to
// come, until the context ends. It calls synced once existing nodes and pods are known.
func Run(ctx context.Context, client kubernetes.Interface, clock clock.PassiveClock, o Options, synced func()) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	f, err := newFleet(client, clock, o)
	if err != nil {
		return err
	}
	return f.run(ctx, synced)
}

// newFleet watches from the start only what it manages: labelled nodes and bound pods.
func newFleet(client kubernetes.Interface, clock clock.PassiveClock, o Options) (*fleet, error) {
	managed := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(l *metav1.ListOptions) {
		l.LabelSelector = labels.Set{NodeLabel: NodeLabelValue}.String()
	}), informers.WithTransform(trimManagedFields))
	bound := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(l *metav1.ListOptions) {
		l.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
	}), informers.WithTransform(trimManagedFields))
	f := &fleet{
		client:    client,
		clock:     clock,
		options:   o,
		nodes:     managed.Core().V1().Nodes(),
		pods:      bound.Core().V1().Pods(),
		factories: []informers.SharedInformerFactory{managed, bound},
	}
	if err := f.pods.Informer().AddIndexers(cache.Indexers{byNode: nodeOfPod}); err != nil {
		return nil, fmt.Errorf("indexing pods by node: %w", err)
	}
	return f, nil
}

// run works until the context ends; synced is called once all nodes and pods have been listed.
func (f *fleet) run(ctx context.Context, synced func()) error {
	f.podQueue, f.nodeQueue, f.leaseQueue = newQueue(), newQueue(), newQueue()
	loops := []struct {
		queue   queue
		sync    syncFunc
		workers int
	}{
		{f.podQueue, f.syncPod, podWorkers},
		{f.nodeQueue, f.syncNode, nodeWorkers},
		{f.leaseQueue, f.syncLease, leaseWorkers},
	}
	for _, loop := range loops {
		defer loop.queue.ShutDown()
		defer context.AfterFunc(ctx, loop.queue.ShutDown)()
	}
	for _, factory := range f.factories {
		defer factory.Shutdown()
	}
	if err := f.watch(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	synced()
	var workers sync.WaitGroup
	for _, loop := range loops {
		for range loop.workers {
			workers.Go(func() { work(ctx, loop.queue, loop.sync) })
		}
	}
	workers.Wait()
	return nil
}

// watch returns once all nodes and pods have been listed and queued, or the context has ended.
func (f *fleet) watch(ctx context.Context) error {
	if _, err := f.pods.Informer().AddEventHandler(keyHandler(f.podChanged)); err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	if _, err := f.nodes.Informer().AddEventHandler(keyHandler(f.nodeChanged)); err != nil {
		return fmt.Errorf("watching nodes: %w", err)
	}
	for _, factory := range f.factories {
		factory.Start(ctx.Done())
	}
	cache.WaitForCacheSync(ctx.Done(), f.nodes.Informer().HasSynced, f.pods.Informer().HasSynced)
	pods, err := f.pods.Lister().List(labels.Everything())
	if err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	for _, pod := range pods {
		f.addresses.seen(pod.Status.PodIP)
	}
	return nil
}

// work syncs keys from the queue until it is shut down. A key whose sync asks for it, or fails, comes
// back later.
func work(ctx context.Context, queue queue, sync syncFunc) {
	for {
		key, shutdown := queue.Get()
		if shutdown {
			return
		}
		after, err := sync(ctx, key)
		switch {
		case err != nil && ctx.Err() == nil:
			if !apierrors.IsConflict(err) {
				klog.FromContext(ctx).Error(err, "Simulated node failed, will try again", "key", key)
			}
			queue.AddRateLimited(key)
		case after > 0:
			queue.Forget(key)
			queue.AddAfter(key, after)
		default:
			queue.Forget(key)
		}
		queue.Done(key)
	}
}

func (f *fleet) podChanged(key string) { f.podQueue.Add(key) }

func (f *fleet) nodeChanged(key string) {
	f.nodeQueue.Add(key)
	f.leaseQueue.Add(key)
}

// node returns a managed node, or nil.
func (f *fleet) node(name string) *v1.Node {
	node, err := f.nodes.Lister().Get(name)
	if err != nil {
		return nil
	}
	return node
}

func (f *fleet) syncPod(ctx context.Context, key string) (time.Duration, error) {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return 0, err
	}
	pod, err := f.pods.Lister().Pods(namespace).Get(name)
	if err != nil {
		return 0, ignoreNotFound(err)
	}
	node := f.node(pod.Spec.NodeName)
	if node == nil || hostIP(node) == "" {
		// The node's own sync looks at its pods again.
		return 0, nil
	}
	next, err := nextStep(pod, f.placement(pod, node), f.clock.Now())
	if err != nil {
		klog.FromContext(ctx).Error(err, "Ignoring annotation")
		return 0, nil
	}
	switch {
	case next.remove:
		return 0, f.remove(ctx, pod)
	case next.status != nil:
		updated := pod.DeepCopy()
		updated.Status = *next.status
		_, err = f.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
		return 0, ignoreNotFound(err)
	}
	return next.after, nil
}

func (f *fleet) placement(pod *v1.Pod, node *v1.Node) placement {
	at := placement{hostIP: hostIP(node), podIP: pod.Status.PodIP, stopAfter: f.options.StopAfter}
	switch {
	case at.podIP != "":
	case pod.Spec.HostNetwork:
		at.podIP = at.hostIP
	default:
		at.podIP = f.addresses.next()
	}
	return at
}

// remove deletes exactly this pod: one created since under the same name stays.
func (f *fleet) remove(ctx context.Context, pod *v1.Pod) error {
	options := *metav1.NewDeleteOptions(0)
	options.Preconditions = metav1.NewUIDPreconditions(string(pod.UID))
	err := f.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	if apierrors.IsConflict(err) {
		return nil
	}
	return ignoreNotFound(err)
}

func (f *fleet) syncNode(ctx context.Context, name string) (time.Duration, error) {
	node := f.node(name)
	if node == nil {
		return 0, nil
	}
	if status := readyStatus(node, metav1.NewTime(f.clock.Now())); status != nil {
		updated := node.DeepCopy()
		updated.Status = *status
		_, err := f.client.CoreV1().Nodes().UpdateStatus(ctx, updated, metav1.UpdateOptions{})
		return 0, ignoreNotFound(err)
	}
	// The node may have become able to run the pods that were bound to it before.
	pods, err := f.pods.Informer().GetIndexer().IndexKeys(byNode, name)
	if err != nil {
		return 0, err
	}
	for _, key := range pods {
		f.podQueue.Add(key)
	}
	return 0, nil
}

func newQueue() queue {
	backOff := workqueue.NewTypedItemExponentialFailureRateLimiter[string](10*time.Millisecond, 5*time.Second)
	return workqueue.NewTypedRateLimitingQueue(backOff)
}

func nodeOfPod(object any) ([]string, error) {
	pod, ok := object.(*v1.Pod)
	if !ok {
		return nil, fmt.Errorf("indexing pods by node: a %T is no pod", object)
	}
	return []string{pod.Spec.NodeName}, nil
}

// keyHandler calls changed with the key of each object that appears, changes or goes.
func keyHandler(changed func(key string)) cache.ResourceEventHandler {
	enqueue := func(object any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			changed(key)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, object any) { enqueue(object) },
		DeleteFunc: enqueue,
	}
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// trimManagedFields keeps out of memory what nobody reads. An update without them changes nothing.
func trimManagedFields(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}
