package antifragmentation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	testingclock "k8s.io/utils/clock/testing"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// cluster is the real scheduler with this plugin in each of its profiles, on virtual time and without
// goroutines: its cache is filled by hand.
type cluster struct {
	t         testing.TB
	ctx       context.Context
	clock     *testingclock.FakeClock
	client    *fake.Clientset
	scheduler *scheduler.Scheduler
	snapshot  *cache.Snapshot
	plugins   map[string]*Plugin
	nodes     map[string]*v1.Node
	pods      map[string]*v1.Pod // that have a node
}

// newCluster has a profile for each of the arguments, by name.
func newCluster(t testing.TB, args map[string]string, options ...Option) *cluster {
	t.Helper()
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	t.Cleanup(cancel)
	c := &cluster{
		t: t, ctx: ctx, clock: testingclock.NewFakeClock(noon), client: fake.NewClientset(),
		snapshot: cache.NewEmptySnapshot(), plugins: map[string]*Plugin{},
		nodes: map[string]*v1.Node{}, pods: map[string]*v1.Pod{},
	}
	factory := NewFactory(append([]Option{WithClock(c.clock)}, options...)...)
	registry := frameworkruntime.Registry{
		Name: func(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			plugin, err := factory(ctx, obj, handle)
			if p, ok := plugin.(*Plugin); ok {
				c.plugins[handle.ProfileName()] = p
			}
			return plugin, err
		},
	}
	var profiles []schedulerconfig.KubeSchedulerProfile
	for name, text := range args {
		profiles = append(profiles, profileOf(name, text))
	}
	all := int32(100)
	var err error
	c.scheduler, err = scheduler.New(ctx, c.client, informers.NewSharedInformerFactory(c.client, 0), nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
		scheduler.WithProfiles(profiles...), scheduler.WithFrameworkOutOfTreeRegistry(registry),
		scheduler.WithPercentageOfNodesToScore(&all), scheduler.WithNodeInfoSnapshot(c.snapshot))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func enabled(plugins ...string) schedulerconfig.PluginSet {
	var set schedulerconfig.PluginSet
	for _, name := range plugins {
		set.Enabled = append(set.Enabled, schedulerconfig.Plugin{Name: name, Weight: 1})
	}
	return set
}

func profileOf(name, args string) schedulerconfig.KubeSchedulerProfile {
	return schedulerconfig.KubeSchedulerProfile{
		SchedulerName: name,
		Plugins: &schedulerconfig.Plugins{
			MultiPoint: enabled(Name), QueueSort: enabled("PrioritySort"), Bind: enabled("DefaultBinder"),
			PreFilter: enabled("NodeAffinity"), Filter: enabled("NodeAffinity", "NodeUnschedulable"),
		},
		PluginConfig: []schedulerconfig.PluginConfig{
			{Name: Name, Args: &runtime.Unknown{Raw: []byte(args)}},
			{Name: "NodeAffinity", Args: &schedulerconfig.NodeAffinityArgs{}},
		},
	}
}

// alone is a cluster with one profile.
func alone(t testing.TB, args string, nodes ...*v1.Node) *cluster {
	t.Helper()
	c := newCluster(t, map[string]string{"evenkeel": args})
	c.add(nodes...)
	return c
}

func (c *cluster) add(nodes ...*v1.Node) {
	for _, n := range nodes {
		c.nodes[n.Name] = n
		c.scheduler.Cache.AddNode(logr.Discard(), n)
	}
}

func (c *cluster) profile(pod *v1.Pod) framework.Framework {
	name := pod.Spec.SchedulerName
	if name == "" {
		name = "evenkeel"
	}
	return c.scheduler.Profiles[name]
}

// refresh takes a snapshot.
func (c *cluster) refresh() []fwk.NodeInfo {
	c.t.Helper()
	if err := c.scheduler.Cache.UpdateSnapshot(logr.Discard(), c.snapshot); err != nil {
		c.t.Fatal(err)
	}
	infos, err := c.snapshot.List()
	if err != nil {
		c.t.Fatal(err)
	}
	return infos
}

// find runs the scheduling cycle of a pod up to the choice of a node. Where there is none it says why.
func (c *cluster) find(pod *v1.Pod) (state fwk.CycleState, node, reason string) {
	c.t.Helper()
	c.refresh()
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		c.t.Fatal(err)
	}
	state = framework.NewCycleState()
	result, err := c.scheduler.SchedulePod(c.ctx, c.profile(pod), state, &framework.QueuedPodInfo{PodInfo: info})
	var fit *framework.FitError
	switch {
	case errors.As(err, &fit) && fit.Diagnosis.PreFilterMsg != "":
		return state, "", fit.Diagnosis.PreFilterMsg
	case err != nil:
		return state, "", err.Error()
	}
	return state, result.SuggestedHost, ""
}

// schedule finds a place for a pod, reserves it and binds; it returns the node and the devices, or why not.
func (c *cluster) schedule(pod *v1.Pod) (node, devices, reason string) {
	c.t.Helper()
	state, node, reason := c.find(pod)
	if node == "" {
		return "", "", reason
	}
	bound := c.place(pod, node)
	profile := c.profile(pod)
	if status := profile.RunReservePluginsReserve(c.ctx, state, bound, node); !status.IsSuccess() {
		profile.RunReservePluginsUnreserve(c.ctx, state, bound, node)
		c.remove(pod.Name)
		return "", "", status.Message()
	}
	if _, err := c.client.CoreV1().Pods(pod.Namespace).Create(c.ctx, bound, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
	if status := profile.RunPreBindPlugins(c.ctx, state, bound, node); !status.IsSuccess() {
		c.t.Fatalf("binding pod %s: %v", pod.Name, status)
	}
	return node, c.annotated(bound), ""
}

// annotated is what the API server has in the annotation of a pod; it tells the scheduler.
func (c *cluster) annotated(pod *v1.Pod) string {
	c.t.Helper()
	stored, err := c.client.CoreV1().Pods(pod.Namespace).Get(c.ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.scheduler.Cache.UpdatePod(logr.Discard(), c.pods[pod.Name], stored); err != nil {
		c.t.Fatal(err)
	}
	c.pods[pod.Name] = stored
	return stored.Annotations["evenkeel.dev/gpu-devices"]
}

// place puts a pod on a node, whoever decided so.
func (c *cluster) place(pod *v1.Pod, node string) *v1.Pod {
	c.t.Helper()
	bound := pod.DeepCopy()
	bound.Spec.NodeName = node
	if err := c.scheduler.Cache.AddPod(logr.Discard(), bound); err != nil {
		c.t.Fatal(err)
	}
	c.pods[pod.Name] = bound
	return bound
}

func (c *cluster) remove(name string) {
	c.t.Helper()
	if err := c.scheduler.Cache.RemovePod(logr.Discard(), c.pods[name]); err != nil {
		c.t.Fatal(err)
	}
	delete(c.pods, name)
}

// scores are the plugin's for a pod on all nodes, not normalised, and the cycle that they are of.
func (c *cluster) scores(p *Plugin, pod *v1.Pod) (fwk.NodeScoreList, fwk.CycleState) {
	c.t.Helper()
	infos, state := c.refresh(), framework.NewCycleState()
	if _, status := p.PreFilter(c.ctx, state, pod, infos); !status.IsSuccess() {
		c.t.Fatal(status)
	}
	var list fwk.NodeScoreList
	for _, info := range infos {
		score, status := p.Score(c.ctx, state, pod, info)
		if !status.IsSuccess() {
			c.t.Fatal(status)
		}
		list = append(list, fwk.NodeScore{Name: info.Node().Name, Score: score})
	}
	return list, state
}

// amounts reads "cpu=1 memory=1Gi gpu=2 milli=300".
func amounts(text string) v1.ResourceList {
	list := v1.ResourceList{}
	for _, part := range strings.Fields(text) {
		name, amount, _ := strings.Cut(part, "=")
		name = strings.NewReplacer("gpu", "nvidia.com/gpu", "milli", "evenkeel.dev/gpu-milli", "disk", "example.com/disk").Replace(name)
		list[v1.ResourceName(name)] = resource.MustParse(amount)
	}
	return list
}

// machine is a node with that much of everything, and devices of a model.
func machine(name, has, model string) *v1.Node {
	list := amounts(has)
	list[v1.ResourcePods] = resource.MustParse("500")
	if gpus, ok := list["nvidia.com/gpu"]; ok {
		list["evenkeel.dev/gpu-milli"] = *resource.NewQuantity(gpus.Value()*1000, resource.DecimalSI)
	}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if model != "" {
		node.Labels["nvidia.com/gpu.product"] = model
	}
	node.Status.Allocatable, node.Status.Capacity = list, list
	return node
}

// task is a pod that asks for that much.
func task(name, asks string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name)},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{Requests: amounts(asks)}}}},
	}
}

func taskOfTwo(name string) *v1.Pod { return task(name, "gpu=2") }

func withModel(pod *v1.Pod, model string) *v1.Pod {
	pod.Spec.NodeSelector = map[string]string{"nvidia.com/gpu.product": model}
	return pod
}

func withPriority(pod *v1.Pod, priority int32) *v1.Pod {
	pod.Spec.Priority = &priority
	return pod
}

func withProfile(pod *v1.Pod, name string) *v1.Pod {
	pod.Spec.SchedulerName = name
	return pod
}

// numbered makes several of something.
func numbered[T any](n int, make func(name string) T, prefix string) []T {
	var list []T
	for i := range n {
		list = append(list, make(fmt.Sprintf("%s%d", prefix, i)))
	}
	return list
}
