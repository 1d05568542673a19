// Package simulator drives the real scheduler on virtual time: kube-scheduler's own algorithm with any
// configuration and the plugins of this repository, without an API server.
//
// The same input and the same seed give the same result to the bit. A Cluster leaves nothing behind when it is
// closed, and Clusters run in parallel.
package simulator

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// Policy is a scheduler to try.
type Policy struct {
	Name string
	// Profiles are those of a KubeSchedulerConfiguration. Pods choose one by their schedulerName; a pod without
	// one gets the first.
	Profiles []schedulerconfig.KubeSchedulerProfile
	// Plugins are plugins beside those of kube-scheduler.
	Plugins frameworkruntime.Registry
	// Ties choose among the best nodes.
	Ties Ties
	// Sampled has only so many nodes looked at as kube-scheduler does by default (all of up to 100, a tenth of
	// 5,000), from one to the next in turn. Otherwise all are. A sample takes one thread, since with more it would
	// depend on which is first; and plugins whose PreFilter names nodes leave their order open.
	Sampled bool
	// Stranded tells how many devices are idle, and how many of those pods cannot use where they are; nil: it is not
	// known. It may be asked once there is a cluster.
	Stranded func() (idle, stranded float64)
}

// Cluster is one simulated cluster. It is not safe for concurrent use.
type Cluster struct {
	ctx       context.Context
	cancel    context.CancelFunc
	scheduler *scheduler.Scheduler
	snapshot  *cache.Snapshot
	profiles  map[string]framework.Framework
	first     string
	logger    klog.Logger
	ties      Ties
	placed    map[types.UID]placement
}

type placement struct {
	pod     *v1.Pod
	profile string
}

// NewCluster returns a cluster of nodes without pods. Decisions take that many threads, and are the same with
// any number of them.
func NewCluster(ctx context.Context, policy *Policy, nodes []*v1.Node, threads int) (*Cluster, error) {
	if len(policy.Profiles) == 0 {
		return nil, fmt.Errorf("simulating policy %q: it has no profile", policy.Name)
	}
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, logr.Discard()))
	c := &Cluster{
		ctx: ctx, cancel: cancel, logger: logr.Discard(), ties: policy.Ties,
		snapshot: cache.NewEmptySnapshot(), first: policy.Profiles[0].SchedulerName,
		profiles: map[string]framework.Framework{}, placed: map[types.UID]placement{},
	}
	if err := c.start(policy, threads); err != nil {
		cancel()
		return nil, fmt.Errorf("simulating policy %q: %w", policy.Name, err)
	}
	for _, n := range nodes {
		c.AddNode(n)
	}
	return c, nil
}

// start makes the scheduler. Nothing it watches is ever started, and nothing it would write is written: its
// cache is filled by hand.
func (c *Cluster) start(policy *Policy, threads int) error {
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "simulated.invalid"})
	if err != nil {
		return fmt.Errorf("making a client that nobody calls: %w", err)
	}
	percentage := int32(100)
	if policy.Sampled {
		percentage, threads = 0, 1
	}
	c.scheduler, err = scheduler.New(c.ctx, client, informers.NewSharedInformerFactory(client, 0), nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
		scheduler.WithProfiles(policy.Profiles...),
		scheduler.WithFrameworkOutOfTreeRegistry(policy.Plugins),
		scheduler.WithPercentageOfNodesToScore(&percentage),
		scheduler.WithNodeInfoSnapshot(c.snapshot),
		scheduler.WithParallelism(int32(max(threads, 1))),
	)
	if err != nil {
		return err
	}
	for name, profile := range c.scheduler.Profiles {
		c.profiles[name] = &decided{Framework: profile, ties: c.ties}
	}
	return nil
}

// Close stops what the cluster started.
func (c *Cluster) Close() {
	for _, profile := range c.scheduler.Profiles {
		_ = profile.Close() // of plugins that hold nothing outside
	}
	c.cancel()
}

// AddNode adds a node.
func (c *Cluster) AddNode(n *v1.Node) { c.scheduler.Cache.AddNode(c.logger, n) }

// RemoveNode takes a node away. Its pods are for the caller to remove.
func (c *Cluster) RemoveNode(n *v1.Node) error {
	if err := c.scheduler.Cache.RemoveNode(c.logger, n); err != nil {
		return fmt.Errorf("removing node %q: %w", n.Name, err)
	}
	return nil
}

// UpdateNode changes a node, such as to cordon it.
func (c *Cluster) UpdateNode(before, after *v1.Node) {
	c.scheduler.Cache.UpdateNode(c.logger, before, after)
}

// Unschedulable says why a pod has no place.
type Unschedulable struct {
	Reason string
	// Plugins are those that refused.
	Plugins []string
}

// Error implements error.
func (u *Unschedulable) Error() string { return u.Reason }

// Schedule finds a place for a pod and puts it there, as one scheduling cycle does: without preemption, and
// with binding that always succeeds. It returns the node, or an Unschedulable.
func (c *Cluster) Schedule(pod *v1.Pod) (node string, err error) {
	profile, err := c.profileOf(pod)
	if err != nil {
		return "", err
	}
	if err := c.scheduler.Cache.UpdateSnapshot(c.logger, c.snapshot); err != nil {
		return "", fmt.Errorf("taking a snapshot: %w", err)
	}
	podInfo, err := framework.NewPodInfo(pod)
	if err != nil {
		return "", fmt.Errorf("reading pod %q: %w", klog.KObj(pod), err)
	}
	state := framework.NewCycleState()
	result, err := c.scheduler.SchedulePod(c.ctx, profile, state, &framework.QueuedPodInfo{PodInfo: podInfo})
	if err != nil {
		return "", explain(pod, err)
	}
	return result.SuggestedHost, c.reserve(profile, state, pod, result.SuggestedHost)
}

func (c *Cluster) profileOf(pod *v1.Pod) (framework.Framework, error) {
	name := pod.Spec.SchedulerName
	if name == "" {
		name = c.first
	}
	profile, ok := c.profiles[name]
	if !ok {
		return nil, &Unschedulable{Reason: fmt.Sprintf("no profile is called %q", name)}
	}
	return profile, nil
}

func explain(pod *v1.Pod, err error) error {
	var fit *framework.FitError
	switch {
	case errors.Is(err, scheduler.ErrNoNodesAvailable):
		return &Unschedulable{Reason: err.Error()}
	case !errors.As(err, &fit):
		return fmt.Errorf("scheduling pod %q: %w", klog.KObj(pod), err)
	}
	reason := fit.Diagnosis.PreFilterMsg
	if reason == "" {
		reason = fit.Error()
	}
	return &Unschedulable{Reason: reason, Plugins: fit.Diagnosis.UnschedulablePlugins.UnsortedList()}
}

// reserve does what follows a decision: the pod counts on its node, and plugins take note.
func (c *Cluster) reserve(profile framework.Framework, state fwk.CycleState, pod *v1.Pod, node string) error {
	bound := c.bind(pod, node)
	if err := c.scheduler.Cache.AddPod(c.logger, bound); err != nil {
		return fmt.Errorf("putting pod %q on node %q: %w", klog.KObj(pod), node, err)
	}
	if status := profile.RunReservePluginsReserve(c.ctx, state, bound, node); !status.IsSuccess() {
		profile.RunReservePluginsUnreserve(c.ctx, state, bound, node)
		if err := c.scheduler.Cache.RemovePod(c.logger, bound); err != nil {
			return fmt.Errorf("taking pod %q off node %q: %w", klog.KObj(pod), node, err)
		}
		return &Unschedulable{Reason: status.Message(), Plugins: []string{status.Plugin()}}
	}
	c.placed[pod.UID] = placement{pod: bound, profile: profile.ProfileName()}
	return nil
}

func (*Cluster) bind(pod *v1.Pod, node string) *v1.Pod {
	bound := *pod // the rest is shared, and nobody writes it
	bound.Spec.NodeName = node
	return &bound
}

// Place puts a pod on a node that it is known to be on.
func (c *Cluster) Place(pod *v1.Pod, node string) error {
	bound := c.bind(pod, node)
	if err := c.scheduler.Cache.AddPod(c.logger, bound); err != nil {
		return fmt.Errorf("putting pod %q on node %q: %w", klog.KObj(pod), node, err)
	}
	c.placed[pod.UID] = placement{pod: bound, profile: c.first}
	return nil
}

// Remove takes a pod off its node; nothing happens to one that has none.
func (c *Cluster) Remove(uid types.UID) error {
	p, ok := c.placed[uid]
	if !ok {
		return nil
	}
	delete(c.placed, uid)
	if err := c.scheduler.Cache.RemovePod(c.logger, p.pod); err != nil {
		return fmt.Errorf("removing pod %q: %w", klog.KObj(p.pod), err)
	}
	return nil
}

// NodeOf is where a pod is; empty if nowhere.
func (c *Cluster) NodeOf(uid types.UID) string {
	if p, ok := c.placed[uid]; ok {
		return p.pod.Spec.NodeName
	}
	return ""
}
