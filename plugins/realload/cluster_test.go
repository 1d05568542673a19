package realload

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/plugins/realload/load"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// provider hands over what a test says.
type provider struct {
	mu       sync.Mutex
	snapshot *usage.Snapshot
	tell     []func(*usage.Snapshot)
}

func newProvider() *provider { return &provider{snapshot: usage.NewBuilder(noon).Build()} }

func (p *provider) Snapshot() *usage.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snapshot
}

func (p *provider) Subscribe(f func(*usage.Snapshot)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell = append(p.tell, f)
}

func (p *provider) set(s *usage.Snapshot) {
	p.mu.Lock()
	p.snapshot = s
	tell := slices.Clone(p.tell)
	p.mu.Unlock()
	for _, f := range tell {
		f(s)
	}
}

// handle is the part of the framework's handle that the plugin uses.
type handle struct {
	fwk.Handle
	profile   string
	mu        sync.Mutex
	activated []string
}

func (h *handle) ProfileName() string { return h.profile }

func (h *handle) Activate(_ klog.Logger, pods map[string]*v1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.activated = append(h.activated, slices.Sorted(maps.Keys(pods))...)
}

// woken returns the pods activated since it was last asked.
func (h *handle) woken() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.activated = nil }()
	return h.activated
}

// cluster is the plugin with everything around it, on virtual time and without
// goroutines: it does what the scheduler does, in the scheduler's order.
type cluster struct {
	t        testing.TB
	ctx      context.Context
	clock    *testingclock.FakeClock
	provider *provider
	builder  *usage.Builder
	handle   *handle
	plugin   *Plugin
	indexer  cache.Indexer
	nodes    []*framework.NodeInfo
	pods     map[string]*v1.Pod
}

func newCluster(t testing.TB, args string) *cluster {
	t.Helper()
	decoded, err := config.Decode(&runtime.Unknown{Raw: []byte(args)})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{
		t: t, ctx: t.Context(), clock: testingclock.NewFakeClock(noon), provider: newProvider(),
		builder: usage.NewBuilder(noon), handle: &handle{profile: "evenkeel"},
		indexer: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{}), pods: map[string]*v1.Pod{},
	}
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.plugin = newPlugin(newOptions([]Option{WithClock(c.clock)}), load.NewPolicy(decoded), c.handle, c.provider, m)
	c.plugin.nodes = corelisters.NewNodeLister(c.indexer)
	return c
}

func (c *cluster) addNode(node *v1.Node) {
	info := framework.NewNodeInfo()
	info.SetNode(node)
	c.nodes = append(c.nodes, info)
	if err := c.indexer.Add(node); err != nil {
		c.t.Fatal(err)
	}
}

// refresh has the usage source read and the view made anew, as the plugin's own
// goroutine does.
func (c *cluster) refresh() {
	c.provider.set(c.builder.Build())
	c.plugin.rebuild(c.ctx)
	c.plugin.wake(c.ctx)
}

func (c *cluster) infos() []fwk.NodeInfo {
	out := make([]fwk.NodeInfo, len(c.nodes))
	for i, n := range c.nodes {
		out[i] = n
	}
	return out
}

func (c *cluster) info(name string) *framework.NodeInfo {
	for _, n := range c.nodes {
		if n.Node().Name == name {
			return n
		}
	}
	c.t.Fatalf("no node %q", name)
	return nil
}

// outcome is how one scheduling cycle went.
type outcome struct {
	skipped bool // Filter
	refused map[string]string
	scores  fwk.NodeScoreList
	node    string
}

// cycle runs the cycle of a pod; what other plugins ask is place and room.
func (c *cluster) cycle(pod *v1.Pod) outcome {
	state := framework.NewCycleState()
	out := outcome{refused: map[string]string{}}
	_, status := c.plugin.PreFilter(c.ctx, state, pod, c.infos())
	out.skipped = status.IsSkip()
	if !status.IsSuccess() && !out.skipped {
		c.t.Fatalf("PreFilter said %v", status)
	}
	var feasible []fwk.NodeInfo
	fits := newFitting(c.ctx, pod)
	for _, info := range c.infos() {
		if !fits.place(info.Node()) || !fits.room(info) {
			continue
		}
		if !out.skipped {
			if status := c.plugin.Filter(c.ctx, state, pod, info); !status.IsSuccess() {
				out.refused[info.Node().Name] = status.Message()
				continue
			}
		}
		feasible = append(feasible, info)
	}
	if len(feasible) == 0 {
		return out
	}
	c.plugin.PreScore(c.ctx, state, pod, feasible)
	for _, info := range feasible {
		score, status := c.plugin.Score(c.ctx, state, pod, info)
		if !status.IsSuccess() {
			c.t.Fatalf("Score said %v", status)
		}
		out.scores = append(out.scores, fwk.NodeScore{Name: info.Node().Name, Score: score})
	}
	c.plugin.NormalizeScore(c.ctx, state, pod, out.scores)
	best := slices.MaxFunc(out.scores, func(a, b fwk.NodeScore) int { return int(a.Score - b.Score) })
	out.node = best.Name
	return out
}

// schedule runs the cycle and, where it found a node, reserves and binds.
func (c *cluster) schedule(pod *v1.Pod) outcome {
	out := c.cycle(pod)
	if out.node == "" {
		return out
	}
	c.plugin.Reserve(c.ctx, framework.NewCycleState(), pod, out.node)
	c.bind(pod, out.node)
	return out
}

// bind has the API server say that the pod is on the node, since now.
func (c *cluster) bind(pod *v1.Pod, node string) *v1.Pod {
	pod = pod.DeepCopy()
	pod.Spec.NodeName = node
	now := metav1.NewTime(c.clock.Now())
	pod.Status.StartTime = &now
	info := c.info(node)
	info.AddPodInfo(must(framework.NewPodInfo(pod)))
	c.pods[pod.Name] = pod
	c.plugin.podChanged(pod)
	return pod
}

func (c *cluster) delete(name string) {
	pod := c.pods[name]
	delete(c.pods, name)
	if err := c.info(pod.Spec.NodeName).RemovePod(klog.FromContext(c.ctx), pod); err != nil {
		c.t.Fatal(err)
	}
	c.plugin.podDeleted(pod)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func machine(name, cpu, memory string) *v1.Node {
	list := v1.ResourceList{
		v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory), v1.ResourcePods: resource.MustParse("500"),
	}
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}},
		Status:     v1.NodeStatus{Allocatable: list, Capacity: list},
	}
}

func task(name, cpu, memory string) *v1.Pod {
	requests := v1.ResourceList{}
	if cpu != "" {
		requests[v1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		requests[v1.ResourceMemory] = resource.MustParse(memory)
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(noon)},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{Requests: requests}}}},
	}
}

func (o outcome) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(o.refused)) {
		fmt.Fprintf(&b, "%s refused: %s\n", name, o.refused[name])
	}
	for _, s := range o.scores {
		fmt.Fprintf(&b, "%s scores %d\n", s.Name, s.Score)
	}
	if o.node == "" {
		return b.String() + "pending\n"
	}
	if o.skipped {
		b.WriteString("(not filtered)\n")
	}
	return b.String() + "→ " + o.node + "\n"
}
