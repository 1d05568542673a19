package realload

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-base/metrics/testutil"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/testing/defaults"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	schedulermetrics "k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/kubernetes/pkg/scheduler/profile"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// scheduling is the real scheduler, with all its default plugins and this one, on
// a client that remembers what it is told.
type scheduling struct {
	t        *testing.T
	client   *fake.Clientset
	provider *provider
	pods     informers.SharedInformerFactory

	mu     sync.Mutex
	plugin map[string]*Plugin
	nodes  map[string]string // of pods
	failed map[string]string // the last message of pods that found no node
	moved  chan struct{}     // something of the above changed
}

// startScheduling runs a scheduler with a profile for each of the arguments, by name.
func startScheduling(t *testing.T, p *provider, args map[string]string, objects ...runtime.Object) *scheduling {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &scheduling{
		t: t, client: fake.NewClientset(objects...), provider: p,
		plugin: map[string]*Plugin{}, nodes: map[string]string{}, failed: map[string]string{}, moved: make(chan struct{}, 1),
	}
	s.client.PrependReactor("create", "pods", s.bind)
	s.pods = informers.NewSharedInformerFactory(s.client, 0)
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: s.client.EventsV1()})
	if _, err := broadcaster.StartEventWatcher(s.event); err != nil {
		t.Fatal(err)
	}
	factory := NewFactory((&opener{provider: p}).open)
	var profiles []schedulerconfig.KubeSchedulerProfile
	for name, text := range args {
		plugins := defaults.PluginsV1.DeepCopy()
		plugins.MultiPoint.Enabled = append(plugins.MultiPoint.Enabled, schedulerconfig.Plugin{Name: Name, Weight: 5})
		configs := []schedulerconfig.PluginConfig{{Name: Name, Args: &runtime.Unknown{Raw: []byte(text)}}}
		for _, c := range defaults.PluginConfigsV1 {
			if c.Name == "PodTopologySpread" {
				// With its default constraints that plugin signs no pod: nothing would be batched.
				c.Args = &schedulerconfig.PodTopologySpreadArgs{DefaultingType: schedulerconfig.ListDefaulting}
			}
			configs = append(configs, c)
		}
		profiles = append(profiles, schedulerconfig.KubeSchedulerProfile{SchedulerName: name, Plugins: plugins, PluginConfig: configs})
	}
	sched, err := scheduler.New(ctx, s.client, s.pods, nil, profile.NewRecorderFactory(broadcaster),
		scheduler.WithProfiles(profiles...),
		scheduler.WithPodInitialBackoffSeconds(1), scheduler.WithPodMaxBackoffSeconds(1),
		scheduler.WithFrameworkOutOfTreeRegistry(frameworkruntime.Registry{Name: factory}))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range sched.Profiles {
		s.plugin[name] = pluginOf(t, f)
	}
	s.pods.Start(ctx.Done())
	s.pods.WaitForCacheSync(ctx.Done())
	if err := sched.WaitForHandlersSync(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); sched.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; broadcaster.Shutdown(); s.pods.Shutdown() })
	return s
}

// pluginOf takes the plugin out of a framework.
func pluginOf(t *testing.T, f any) *Plugin {
	lister, ok := f.(interface {
		EnqueueExtensions() []fwk.EnqueueExtensions
	})
	if !ok {
		t.Fatalf("a %T has no plugins", f)
	}
	for _, p := range lister.EnqueueExtensions() {
		if plugin, ok := p.(*Plugin); ok {
			return plugin
		}
	}
	t.Fatal("the plugin is not in the profile")
	return nil
}

// bind does what the API server does with a binding.
func (s *scheduling) bind(action clienttesting.Action) (bool, runtime.Object, error) {
	if action.GetSubresource() != "binding" {
		return false, nil, nil
	}
	create, ok := action.(clienttesting.CreateAction)
	if !ok {
		return true, nil, fmt.Errorf("a binding came as a %T", action)
	}
	binding, ok := create.GetObject().(*v1.Binding)
	if !ok {
		return true, nil, fmt.Errorf("a binding is a %T", create.GetObject())
	}
	obj, err := s.client.Tracker().Get(v1.SchemeGroupVersion.WithResource("pods"), binding.Namespace, binding.Name)
	if err != nil {
		return true, nil, err
	}
	pod, ok := obj.DeepCopyObject().(*v1.Pod)
	if !ok {
		return true, nil, fmt.Errorf("pod %s is a %T", binding.Name, obj)
	}
	if pod.Spec.NodeName != "" {
		s.t.Errorf("pod %s was bound twice", pod.Name)
	}
	pod.Spec.NodeName = binding.Target.Name
	s.mu.Lock()
	s.nodes[pod.Name] = pod.Spec.NodeName
	s.mu.Unlock()
	signal(s.moved)
	return true, binding, s.client.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), pod, binding.Namespace)
}

func (s *scheduling) event(obj runtime.Object) {
	if e, ok := obj.(*eventsv1.Event); ok && e.Reason == "FailedScheduling" {
		s.mu.Lock()
		s.failed[e.Regarding.Name] = e.Note
		s.mu.Unlock()
		signal(s.moved)
	}
}

func (s *scheduling) create(pods ...*v1.Pod) {
	s.t.Helper()
	for _, pod := range pods {
		if pod.Spec.SchedulerName == "" {
			pod.Spec.SchedulerName = "evenkeel"
		}
		pod.CreationTimestamp = metav1.Now()
		if _, err := s.client.CoreV1().Pods(pod.Namespace).Create(s.t.Context(), pod, metav1.CreateOptions{}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// until waits for something to become true of what pods have nodes and failed.
func (s *scheduling) until(what string, is func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for {
		s.mu.Lock()
		ok := is()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-s.moved:
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			s.t.Fatalf("waiting for %s: %d pods have nodes, these failed: %v", what, len(s.nodes), s.failed)
		}
	}
}

// believes waits until the plugin's view has caught up with the usage set.
func (s *scheduling) believes(node string, cores float64) {
	s.t.Helper()
	s.until(fmt.Sprintf("%s to be believed at %v cores", node, cores), func() bool {
		e := s.plugin["evenkeel"].Explain(task("x", "", ""), node)
		return e.Known && e.Dimensions[usage.CPU].Believed == cores
	})
}

// gauged is usage of now: the real scheduler runs on the real clock.
func gauged(cores map[string]float64) *usage.Snapshot {
	now := time.Now()
	b := usage.NewBuilder(now)
	for node, value := range cores {
		b.Node(node, usage.CPU, usage.Mean, value, now).Node(node, usage.CPU, usage.Deviation, 0.1, now)
	}
	return b.Build()
}

func TestSchedulerPlacesByLoad(t *testing.T) {
	p := newProvider()
	p.set(gauged(map[string]float64{"a": 9, "b": 6, "c": 1}))
	s := startScheduling(t, p, map[string]string{"evenkeel": ""},
		machine("a", "10", "64Gi"), machine("b", "10", "64Gi"), machine("c", "10", "64Gi"))
	s.believes("c", 1)
	s.create(task("p", "1", "1Gi"))
	s.until("the pod to be placed", func() bool { return s.nodes["p"] != "" })
	if s.nodes["p"] != "c" {
		t.Errorf("the pod is on %s, want c, the least loaded", s.nodes["p"])
	}
	// Pods of others count as soon as the API server tells of them.
	other := task("other", "6", "1Gi")
	other.Spec.NodeName = "c"
	s.create(other)
	s.until("the other scheduler's pod to count", func() bool {
		return s.plugin["evenkeel"].Explain(task("x", "", ""), "c").Dimensions[usage.CPU].Believed > 6
	})
	s.create(task("q", "500m", "1Gi"))
	s.until("the second pod to be placed", func() bool { return s.nodes["q"] != "" })
	if s.nodes["q"] == "a" {
		t.Error("the second pod is on a, which is hot")
	}
}

// TestSchedulerWakesPods has a pod rejected by a hot node, beside a cool one that
// another plugin refuses, and the node cool down: no event of the API tells.
func TestSchedulerWakesPods(t *testing.T) {
	p := newProvider()
	p.set(gauged(map[string]float64{"hot": 9, "ported": 1}))
	holder := task("holder", "1", "1Gi")
	holder.Spec.NodeName = "ported"
	holder.Spec.Containers[0].Ports = []v1.ContainerPort{{HostPort: 80, ContainerPort: 80}}
	s := startScheduling(t, p, map[string]string{"evenkeel": ""},
		machine("hot", "10", "64Gi"), machine("ported", "10", "64Gi"), holder)
	s.believes("hot", 9)
	pod := task("p", "1", "1Gi")
	pod.Spec.Containers[0].Ports = holder.Spec.Containers[0].Ports
	s.create(pod)
	s.until("the pod to be refused", func() bool { return s.failed["p"] != "" })
	if got, want := s.failed["p"], "node is hot: CPU 0.90 > 0.80"; !strings.Contains(got, want) {
		t.Errorf("the event says %q, want it to say %q", got, want)
	}
	p.set(gauged(map[string]float64{"hot": 2, "ported": 1}))
	s.until("the pod to be placed", func() bool { return s.nodes["p"] == "hot" })
}

func TestSchedulerDoesNotBlock(t *testing.T) {
	tests := map[string]func() *usage.Snapshot{
		"all nodes hot": func() *usage.Snapshot { return gauged(map[string]float64{"a": 9.5, "b": 9}) },
		"no usage":      func() *usage.Snapshot { return usage.NewBuilder(time.Time{}).Build() },
		"usage of an hour": func() *usage.Snapshot {
			return usage.NewBuilder(noon).Node("a", usage.CPU, usage.Mean, 99, time.Now().Add(-time.Hour)).Build()
		},
		"usage to come": func() *usage.Snapshot {
			return usage.NewBuilder(noon).Node("a", usage.CPU, usage.Mean, 99, time.Now().Add(time.Hour)).Build()
		},
		"one node missing":  func() *usage.Snapshot { return gauged(map[string]float64{"a": 9.5}) },
		"nodes not in here": func() *usage.Snapshot { return gauged(map[string]float64{"x": 1}) },
	}
	for name, snapshot := range tests {
		t.Run(name, func(t *testing.T) {
			p := newProvider()
			p.set(snapshot())
			s := startScheduling(t, p, map[string]string{"evenkeel": ""}, machine("a", "10", "64Gi"), machine("b", "10", "64Gi"))
			for i := range 10 {
				s.create(task(fmt.Sprintf("p%d", i), "500m", "1Gi"))
			}
			s.until("all pods to be placed", func() bool { return len(s.nodes) == 10 })
		})
	}
}

// TestSchedulerBurst places 500 replicas on usage of a minute ago, with batching.
func TestSchedulerBurst(t *testing.T) {
	const nodes, pods = 20, 500
	p := newProvider()
	at := time.Now().Add(-time.Minute)
	b := usage.NewBuilder(at)
	var objects []runtime.Object
	for i := range nodes {
		name := fmt.Sprintf("n%d", i)
		objects = append(objects, machine(name, "64", "256Gi"))
		b.Node(name, usage.CPU, usage.Mean, 4, at).Node(name, usage.CPU, usage.Deviation, 1, at)
	}
	p.set(b.Build())
	s := startScheduling(t, p, map[string]string{"evenkeel": ""}, objects...)
	s.believes("n7", 4)
	attempts := func() float64 {
		used := schedulermetrics.BatchAttemptStats.WithLabelValues("evenkeel", schedulermetrics.BatchAttemptHintUsed)
		value, err := testutil.GetCounterMetricValue(used)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	before := attempts()
	for i := range pods {
		s.create(task(fmt.Sprintf("web-%d", i), "100m", "128Mi"))
	}
	s.until("all pods to be placed", func() bool { return len(s.nodes) == pods })
	count := map[string]int{}
	for _, node := range s.nodes {
		count[node]++
	}
	for node, n := range count {
		if n*nodes*2 > 3*pods {
			t.Errorf("%s received %d pods, the fair share is %d", node, n, pods/nodes)
		}
	}
	if attempts() == before {
		t.Error("no pod was placed by batching")
	}
	s.until("all pods to be counted once", func() bool {
		young := 0.0
		for i := range nodes {
			young += s.plugin["evenkeel"].Explain(task("x", "", ""), fmt.Sprintf("n%d", i)).Dimensions[usage.CPU].Predicted
		}
		return young > 0.99*pods*0.085 && young < 1.01*pods*0.085+nodes*4
	})
}

// TestSchedulerWithTwoProfiles has one profile that spreads and one that packs.
func TestSchedulerWithTwoProfiles(t *testing.T) {
	p := newProvider()
	p.set(gauged(map[string]float64{"a": 4, "b": 1}))
	s := startScheduling(t, p, map[string]string{
		"evenkeel": "",
		"packer":   "{mode: pack, target: 60, riskFactor: 0, tiers: [{name: all, minPriority: -1, hotAbove: {cpu: 95}}]}",
	}, machine("a", "10", "64Gi"), machine("b", "10", "64Gi"))
	s.believes("a", 4)
	s.until("the other profile's view", func() bool { return s.plugin["packer"].Explain(task("x", "", ""), "a").Known })
	spread, pack := task("spread", "1", "1Gi"), task("pack", "1", "1Gi")
	pack.Spec.SchedulerName = "packer"
	s.create(spread, pack)
	s.until("both pods to be placed", func() bool { return len(s.nodes) == 2 })
	if s.nodes["spread"] != "b" || s.nodes["pack"] != "a" {
		t.Errorf("pods are placed %v, want spread on b and pack on a", s.nodes)
	}
}

// TestNodeGoneMidway deletes a node while pods are being placed.
func TestNodeGoneMidway(t *testing.T) {
	p := newProvider()
	p.set(gauged(map[string]float64{"a": 1, "b": 2, "c": 2}))
	s := startScheduling(t, p, map[string]string{"evenkeel": ""},
		machine("a", "64", "64Gi"), machine("b", "64", "64Gi"), machine("c", "64", "64Gi"))
	s.believes("a", 1)
	for i := range 40 {
		s.create(task(fmt.Sprintf("p%d", i), "100m", "128Mi"))
		if i == 20 {
			if err := s.client.CoreV1().Nodes().Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.until("all pods to be placed", func() bool { return len(s.nodes) == 40 })
	s.until("the node to leave the view", func() bool { return !s.plugin["evenkeel"].Explain(task("x", "", ""), "a").Known })
}
