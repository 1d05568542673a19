// Package controller makes objects what policies decide that they are to be, and what their owners made them again
// afterwards. It keeps nothing that it could lose: each reconciliation reads the object, its record (package ledger), the
// policies and the clock, and is right whatever happened before.
package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/telemetry"
)

// EventRecorder tells what happened to an object; record.EventRecorder is one.
type EventRecorder interface {
	Eventf(object runtime.Object, eventtype, reason, messageFmt string, args ...any)
}

// Config of a controller.
type Config struct {
	Client dynamic.Interface
	// Kinds that the cluster has, of those that a policy can change.
	Kinds    []v1alpha1.TargetKind
	Recorder EventRecorder
	// Clock that policies go by.
	Clock clock.WithTicker
	// Admission has the API server told which Jobs start suspended. It must have PeakAdmissions.
	Admission bool
	// AdmissionFor is how long that holds if it is not told again; two minutes if it is 0.
	AdmissionFor time.Duration
	// ServerClock is the API server's; Clock if it is nil.
	ServerClock clock.PassiveClock
	// WritesPerSecond bounds changes of objects; 200 if it is 0.
	WritesPerSecond float32
	// Workers at once; 16 if it is 0.
	Workers int
	// Usage tells the load for policies with a ceiling. Nil: nobody does.
	Usage Usage
	// Registerer takes the metrics. Nil: nobody does.
	Registerer prometheus.Registerer
}

const (
	defaultWrites  = 200
	defaultWorkers = 16
	// lookAgain is how long an object is at most not looked at, whatever is known of it.
	lookAgain = time.Hour
	// reload is how often calendars are read again, which are not watched.
	reload       = time.Minute
	statusPeriod = time.Second
	// tolerance of ticks, which come late where work is in their way.
	tolerance = 5 * time.Second
)

var (
	peakPolicies        = v1alpha1.GroupVersion.WithResource("peakpolicies")
	clusterPeakPolicies = v1alpha1.GroupVersion.WithResource("clusterpeakpolicies")
	peakAdmissions      = v1alpha1.GroupVersion.WithResource("peakadmissions")
	nodeResource        = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	namespaceResource   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	priorityResource    = schema.GroupVersionResource{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"}
	configMapResource   = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

// key names a target.
type key struct {
	kind v1alpha1.TargetKind
	name string // with its namespace
}

// Controller carries policies out.
type Controller struct {
	Config
	metrics *telemetry.Metrics
	limiter flowcontrol.RateLimiter
	queue   workqueue.TypedRateLimitingInterface[key]

	informers               dynamicinformer.DynamicSharedInformerFactory
	cluster                 target.Cluster
	namespaced, clusterWide cache.SharedIndexInformer // policies
	changed                 chan struct{}             // they did
	calendars               map[string]any            // data of ConfigMaps that policies were made with; Run's alone
	nodes                   cache.Store
	known                   time.Time // when the load was, last

	admissionTold *v1alpha1.PeakAdmissionSpec // nil: it is not known what is

	mu       sync.Mutex
	policies policies
	outcomes map[key]outcome
	filling  *filling
	surveyed bool      // each target was looked at since the start
	stale    bool      // statuses are
	told     time.Time // when statuses were looked at last
	until    time.Time // when a window opens or closes next
}

// New returns a controller that does not run yet.
func New(cfg Config) (*Controller, error) {
	if cfg.WritesPerSecond == 0 {
		cfg.WritesPerSecond = defaultWrites
	}
	if cfg.Usage == nil {
		cfg.Usage = meter.Nobody{}
	}
	if cfg.Workers == 0 {
		cfg.Workers = defaultWorkers
	}
	if cfg.AdmissionFor == 0 {
		cfg.AdmissionFor = defaultAdmission
	}
	if cfg.ServerClock == nil {
		cfg.ServerClock = cfg.Clock
	}
	m, err := telemetry.New(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	c := &Controller{
		Config: cfg, metrics: m,
		limiter: flowcontrol.NewTokenBucketRateLimiter(cfg.WritesPerSecond, max(1, int(cfg.WritesPerSecond/10))),
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(
			workqueue.NewTypedItemExponentialFailureRateLimiter[key](50*time.Millisecond, time.Minute),
			workqueue.TypedRateLimitingQueueConfig[key]{Clock: cfg.Clock}),
		informers: dynamicinformer.NewDynamicSharedInformerFactory(cfg.Client, 0),
		cluster:   target.Cluster{Targets: map[v1alpha1.TargetKind]cache.Indexer{}},
		changed:   make(chan struct{}, 1),
		outcomes:  map[key]outcome{},
		filling:   &filling{},
	}
	return c, c.watch()
}

// watch registers what is to be done when an object changes.
func (c *Controller) watch() error {
	for _, kind := range c.Kinds {
		if err := c.watchTargets(kind); err != nil {
			return fmt.Errorf("watching %s: %w", kind, err)
		}
	}
	c.namespaced = c.informers.ForResource(peakPolicies).Informer()
	c.clusterWide = c.informers.ForResource(clusterPeakPolicies).Informer()
	c.nodes = c.informers.ForResource(nodeResource).Informer().GetStore()
	namespaces := c.informers.ForResource(namespaceResource).Informer()
	priorities := c.informers.ForResource(priorityResource).Informer()
	c.cluster.Namespaces, c.cluster.Priorities = namespaces.GetStore(), priorities.GetStore()
	relabelled := later(func(before, after *unstructured.Unstructured) {
		if before == nil || !maps.Equal(before.GetLabels(), after.GetLabels()) {
			c.enqueueIn(after.GetName())
		}
	})
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		c.namespaced: c.onPolicies(), c.clusterWide: c.onPolicies(), namespaces: relabelled,
		priorities: later(func(*unstructured.Unstructured, *unstructured.Unstructured) { c.enqueueAll() }),
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watching what policies go by: %w", err)
		}
	}
	return nil
}

func (c *Controller) watchTargets(kind v1alpha1.TargetKind) error {
	informer := c.informers.ForResource(target.ResourceOf(kind)).Informer()
	if err := informer.SetTransform(target.Trim); err != nil {
		return err
	}
	if err := informer.AddIndexers(target.Indexers(kind)); err != nil {
		return err
	}
	c.cluster.Targets[kind] = informer.GetIndexer()
	_, err := informer.AddEventHandler(each(func(u *unstructured.Unstructured) { c.enqueue(kind, u) }))
	return err
}

// each is for an object that comes, goes or changes; what it was before is one, too.
func each(do func(*unstructured.Unstructured)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(item any) { do(target.AsObject(item)) },
		UpdateFunc: func(before, item any) {
			do(target.AsObject(before))
			do(target.AsObject(item))
		},
		DeleteFunc: func(item any) { do(target.AsObject(item)) },
	}
}

// later is for what comes or changes after the start, when everything is looked at. Watches are not in step: what comes may
// belong to objects that were seen before it. Before is nil for one that comes.
func later(do func(before, after *unstructured.Unstructured)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(item any, initial bool) {
			if !initial {
				do(nil, target.AsObject(item))
			}
		},
		UpdateFunc: func(before, after any) { do(target.AsObject(before), target.AsObject(after)) },
	}
}

// onPolicies: what the controller itself writes, their statuses, is no change.
func (c *Controller) onPolicies() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { c.policyChanged() },
		UpdateFunc: func(before, after any) {
			if b, a := target.AsObject(before), target.AsObject(after); b.GetGeneration() != a.GetGeneration() || b.GetUID() != a.GetUID() {
				c.policyChanged()
			}
		},
		DeleteFunc: func(any) { c.policyChanged() },
	}
}

// enqueue has a target looked at; what it scales, since whether that is left to an autoscaler may have changed; and what
// scales it, the priority of which is its own.
func (c *Controller) enqueue(kind v1alpha1.TargetKind, u *unstructured.Unstructured) {
	c.queue.Add(key{kind, target.NameOf(u)})
	for by, names := range c.cluster.ScalersOf(kind, u) {
		for _, name := range names {
			c.queue.Add(key{by, name})
		}
	}
	if kind == v1alpha1.HorizontalPodAutoscaler || kind == v1alpha1.ScaledObject {
		if scaled, name := target.ScaledBy(u); c.cluster.Targets[scaled] != nil {
			c.queue.Add(key{scaled, u.GetNamespace() + "/" + name})
		}
	}
}

func (c *Controller) enqueueAll() {
	for kind, objects := range c.cluster.Targets {
		for _, name := range objects.ListKeys() {
			c.queue.Add(key{kind, name})
		}
	}
}

// enqueueIn has the targets in a namespace looked at.
func (c *Controller) enqueueIn(namespace string) {
	for kind, objects := range c.cluster.Targets {
		names, _ := objects.IndexKeys(cache.NamespaceIndex, namespace) // dynamic informers have that index
		for _, name := range names {
			c.queue.Add(key{kind, name})
		}
	}
}

func (c *Controller) policyChanged() {
	select {
	case c.changed <- struct{}{}:
	default: // somebody said so already
	}
}

// Run works until the context ends, and then returns when all work that was begun has ended.
func (c *Controller) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer c.queue.ShutDown()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.informers.Start(ctx.Done())
	defer c.informers.Shutdown()
	defer cancel()
	for resource, synced := range c.informers.WaitForCacheSync(ctx.Done()) {
		if !synced && ctx.Err() == nil {
			return fmt.Errorf("reading %s: the cache was not filled", resource)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	c.known = c.Clock.Now()
	c.loadPolicies(ctx)
	c.fill(ctx)
	klog.FromContext(ctx).Info("Carrying policies out", "kinds", c.Kinds, "writesPerSecond", c.WritesPerSecond)
	for range c.Workers {
		running.Go(func() { c.work(ctx) })
	}
	running.Go(func() { wait.UntilWithContext(ctx, c.writeStatuses, statusPeriod) })
	running.Go(func() { wait.UntilWithContext(ctx, c.tellAdmission, admissionPeriod) })
	c.keepUp(ctx)
	return nil
}

// keepUp takes up what changes policies, and plans which Jobs start, until the context ends.
func (c *Controller) keepUp(ctx context.Context) {
	again, plan := c.Clock.NewTicker(reload), c.Clock.NewTicker(fillPeriod)
	defer again.Stop()
	defer plan.Stop()
	looked := c.Clock.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		case <-again.C():
			before := looked
			looked = c.Clock.Now()
			if !isSet(before, looked) && !c.calendarsChanged(ctx) {
				continue
			}
		case <-plan.C():
			c.fill(ctx)
			continue
		}
		c.loadPolicies(ctx)
	}
}

// isSet tells that the clock was set between two ticks, which timers do not notice: it is not as long as that from one to
// the other.
func isSet(before, after time.Time) bool {
	passed := after.Round(0).Sub(before.Round(0)) // by the clock on the wall
	return (passed - reload).Abs() > tolerance
}

func (c *Controller) work(ctx context.Context) {
	for {
		k, ended := c.queue.Get()
		if ended {
			return
		}
		c.handle(ctx, k)
		c.queue.Done(k)
	}
}

func (c *Controller) handle(ctx context.Context, k key) {
	if ctx.Err() != nil {
		return
	}
	after, err := c.reconcile(ctx, k)
	if err != nil {
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Will try again", "kind", k.kind, "object", k.name)
		}
		c.queue.AddRateLimited(k)
		return
	}
	c.queue.Forget(k)
	if after > 0 {
		c.queue.AddAfter(k, after)
	}
}
