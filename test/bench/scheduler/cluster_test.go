package scheduler

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"
	core "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
)

const defaultProfile = v1.DefaultSchedulerName

// cluster is the real scheduler on a client without an API server: no figure of it is about anything but
// scheduling, and it starts at once.
type cluster struct {
	client *fake.Clientset
	sched  *scheduler.Scheduler
	gauge  *gauge
	nodes  []string
}

// startCluster starts a scheduler with this profile on nodes of which usage was measured once, so long ago.
func startCluster(tb testing.TB, p profile, nodes int, l load, age time.Duration) *cluster {
	tb.Helper()
	return startWith(tb, p, p.decode(tb), nodes, l, age)
}

func startWith(
	tb testing.TB, p profile, cfg *config.KubeSchedulerConfiguration, nodes int, l load, age time.Duration,
) *cluster {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	c := &cluster{client: fake.NewClientset(), gauge: newGauge()}
	c.client.PrependReactor("create", "pods", c.bind)
	for i := range nodes {
		node := newNode(fmt.Sprintf("node-%04d", i))
		c.nodes = append(c.nodes, node.Name)
		if err := c.client.Tracker().Add(node); err != nil {
			tb.Fatal(err)
		}
	}
	c.gauge.set(l.snapshot(c.nodes, time.Now().Add(-age)))

	informers := scheduler.NewInformerFactory(c.client, 0, nil)
	var err error
	c.sched, err = scheduler.New(ctx, c.client, informers, nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
		scheduler.WithProfiles(cfg.Profiles...),
		scheduler.WithFrameworkOutOfTreeRegistry(p.plugins(c.gauge)))
	if err != nil {
		tb.Fatalf("creating a scheduler with the profile %s: %v", p.name, err)
	}
	informers.Start(ctx.Done())
	informers.WaitForCacheSync(ctx.Done())
	if err := c.sched.WaitForHandlersSync(ctx); err != nil {
		tb.Fatalf("waiting for the scheduler to know the cluster: %v", err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.sched.Run(ctx)
	}()
	tb.Cleanup(func() {
		cancel()
		<-stopped
		informers.Shutdown()
	})
	return c
}

// bind does what the API server does with a binding.
func (c *cluster) bind(action core.Action) (bool, runtime.Object, error) {
	create, ok := action.(core.CreateAction)
	if !ok || action.GetSubresource() != "binding" {
		return false, nil, nil
	}
	binding, ok := create.GetObject().(*v1.Binding)
	if !ok {
		return true, nil, errors.New("not a binding")
	}
	object, err := c.client.Tracker().Get(action.GetResource(), action.GetNamespace(), binding.Name)
	if err != nil {
		return true, nil, err
	}
	pod, ok := object.(*v1.Pod)
	if !ok || pod.Spec.NodeName != "" {
		return true, nil, fmt.Errorf("pod %s cannot be bound to %s", binding.Name, binding.Target.Name)
	}
	pod = pod.DeepCopy()
	pod.Spec.NodeName = binding.Target.Name
	return true, binding, c.client.Tracker().Update(action.GetResource(), pod, action.GetNamespace())
}

// place creates identical pods at once and answers how many each node received.
func (c *cluster) place(tb testing.TB, pods int) map[string]int {
	tb.Helper()
	for i := range pods {
		if err := c.client.Tracker().Add(newPod(i)); err != nil {
			tb.Fatal(err)
		}
	}
	var byNode map[string]int
	err := wait.PollUntilContextTimeout(tb.Context(), 50*time.Millisecond, time.Minute, true,
		func(ctx context.Context) (bool, error) {
			var err error
			byNode, err = c.podsByNode(ctx)
			return byNode[""] == 0, err
		})
	if err != nil {
		tb.Fatalf("waiting for %d pods to be placed, %d are not: %v", pods, byNode[""], err)
	}
	return byNode
}

func (c *cluster) podsByNode(ctx context.Context) (map[string]int, error) {
	list, err := c.client.CoreV1().Pods(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	byNode := map[string]int{}
	for i := range list.Items {
		byNode[list.Items[i].Spec.NodeName]++
	}
	return byNode, nil
}

// newNode is like a node of scheduler_perf.
func newNode(name string) *v1.Node {
	resources := v1.ResourceList{
		v1.ResourcePods:   resource.MustParse("110"),
		v1.ResourceCPU:    *resource.NewQuantity(nodeCores, resource.DecimalSI),
		v1.ResourceMemory: *resource.NewQuantity(nodeBytes, resource.BinarySI),
	}
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: v1.NodeStatus{
			Capacity:    resources,
			Allocatable: resources,
			Conditions:  []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}},
		},
	}
}

// newPod is like a pod of scheduler_perf, one of the replicas of a workload and named like one.
func newPod(index int) *v1.Pod {
	name := "pod-" + rand.SafeEncodeString(fmt.Sprintf("%05d", index))
	resources := v1.ResourceList{
		v1.ResourceCPU:    resource.MustParse("100m"),
		v1.ResourceMemory: resource.MustParse("500Mi"),
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name, UID: types.UID(name)},
		Spec: v1.PodSpec{
			SchedulerName: defaultProfile,
			Containers: []v1.Container{{
				Name:      "pause",
				Image:     "registry.k8s.io/pause:3.10.2",
				Resources: v1.ResourceRequirements{Limits: resources, Requests: resources},
			}},
		},
		Status: v1.PodStatus{Phase: v1.PodPending},
	}
}
