package explain

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/profile"
	testingclock "k8s.io/utils/clock/testing"
)

const profileName = "default-scheduler"

// cluster is a scheduler of the stock profile, driven by hand.
type cluster struct {
	testing.TB
	ctx   context.Context
	sched *scheduler.Scheduler
}

func newCluster(t testing.TB, nodes ...*v1.Node) *cluster {
	t.Helper()
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
	t.Cleanup(cancel)
	client := fake.NewClientset()
	informers := scheduler.NewInformerFactory(client, 0, nil)
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	sched, err := scheduler.New(ctx, client, informers, nil, profile.NewRecorderFactory(broadcaster))
	if err != nil {
		t.Fatal(err)
	}
	informers.Start(ctx.Done())
	informers.WaitForCacheSync(ctx.Done())
	c := &cluster{TB: t, ctx: ctx, sched: sched}
	for _, node := range nodes {
		sched.Cache.AddNode(klog.Logger{}, node)
	}
	return c
}

// schedule runs one scheduling cycle for pod and assumes it where it goes.
func (c *cluster) schedule(pod *v1.Pod, attempts int) (string, error) {
	c.Helper()
	logger := klog.Logger{}
	f := c.sched.Profiles[profileName]
	snapshot := f.SnapshotSharedLister().(*internalcache.Snapshot)
	if err := c.sched.Cache.UpdateSnapshot(logger, snapshot); err != nil {
		c.Fatal(err)
	}
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		c.Fatal(err)
	}
	queued := &framework.QueuedPodInfo{PodInfo: info}
	queued.Attempts = attempts
	result, err := c.sched.SchedulePod(c.ctx, f, framework.NewCycleState(), queued)
	if err != nil {
		c.sched.FailureHandler(c.ctx, f, queued, fwk.NewStatus(fwk.Unschedulable).WithError(err), nil, time.Now())
		return "", err
	}
	assumed := pod.DeepCopy()
	assumed.Spec.NodeName = result.SuggestedHost
	if err := c.sched.Cache.AssumePod(logger, assumed); err != nil {
		c.Fatal(err)
	}
	return result.SuggestedHost, nil
}

func node(name, cpu string) *v1.Node {
	resources := v1.ResourceList{
		v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("32Gi"), v1.ResourcePods: resource.MustParse("110"),
	}
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}},
		Status:     v1.NodeStatus{Allocatable: resources, Capacity: resources},
	}
}

func pod(name, cpu string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec: v1.PodSpec{
			SchedulerName: profileName,
			Containers: []v1.Container{{Name: "c", Image: "i", Resources: v1.ResourceRequirements{
				Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)},
			}}},
		},
	}
}

func TestRecorder(t *testing.T) {
	full := node("full", "1")
	tainted := node("tainted", "8")
	tainted.Spec.Taints = []v1.Taint{{Key: "k", Value: "v", Effect: v1.TaintEffectNoSchedule}}
	c := newCluster(t, node("small", "4"), node("big", "16"), full, tainted)
	clock := testingclock.NewFakePassiveClock(time.Unix(1000, 0))
	recorder := NewRecorder(10, clock)
	recorder.Attach(c.sched, map[string]Believe{profileName: func(pod *v1.Pod, nodes []string) func() [][]Belief {
		return func() [][]Belief {
			var beliefs [][]Belief
			for _, node := range nodes {
				beliefs = append(beliefs, []Belief{{Dimension: "cpu", Believed: float64(len(node)), PodFrom: pod.Name}})
			}
			return beliefs
		}
	}})

	if _, err := c.schedule(pod("web", "2"), 1); err != nil {
		t.Fatal(err)
	}
	records := recorder.Lookup("default", "web")
	if len(records) != 1 {
		t.Fatalf("got %d records, want 1: %+v", len(records), records)
	}
	got := records[0]
	candidates := got.Candidates
	rejections := got.Rejected
	got.Candidates, got.Rejected = nil, nil
	want := Record{
		Namespace: "default", Name: "web", UID: "uid-web", Profile: profileName, At: time.Unix(1000, 0),
		Attempt: 1, Outcome: Placed, Node: "big", Nodes: 4, Evaluated: 4, Feasible: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Rejection{
		{Plugin: "NodeResourcesFit", Reason: "Insufficient cpu", Nodes: 1, Examples: []string{"full"}},
		{Plugin: "TaintToleration", Reason: "node(s) had untolerated taint(s)", Nodes: 1, Examples: []string{"tainted"}},
	}, byPlugin(rejections)); diff != "" {
		t.Errorf("filtered out (-want +got):\n%s", diff)
	}
	if len(candidates) != 2 || candidates[0].Node != "big" || candidates[1].Node != "small" {
		t.Fatalf("candidates are %+v, want big and small", candidates)
	}
	for _, candidate := range candidates {
		var sum int64
		for _, score := range candidate.Scores {
			sum += score.Score
		}
		if sum != candidate.Total || len(candidate.Scores) == 0 {
			t.Errorf("the scores of %s are %v: they do not add up to %d", candidate.Node, candidate.Scores, candidate.Total)
		}
		believed := []Belief{{Dimension: "cpu", Believed: float64(len(candidate.Node)), PodFrom: "web"}}
		if diff := cmp.Diff(believed, candidate.Beliefs); diff != "" {
			t.Errorf("beliefs of %s (-want +got):\n%s", candidate.Node, diff)
		}
	}
}

func byPlugin(rejections []Rejection) []Rejection {
	if len(rejections) == 2 && rejections[0].Plugin > rejections[1].Plugin {
		rejections[0], rejections[1] = rejections[1], rejections[0]
	}
	return rejections
}

func TestRecorderOutcomes(t *testing.T) {
	cases := map[string]struct {
		reason string
		nodes  []*v1.Node
		pod    *v1.Pod
		after  func(*cluster, *v1.Pod)
		want   Record
	}{
		"FitsNowhere": {
			reason: "the message is the one of the pod's event",
			nodes:  []*v1.Node{node("a", "1"), node("b", "1")},
			pod:    pod("p", "2"),
			want: Record{
				Outcome: Unschedulable, Message: "0/2 nodes are available: 2 Insufficient cpu.", Nodes: 2, Evaluated: 2,
				Rejected: []Rejection{{Plugin: "NodeResourcesFit", Reason: "Insufficient cpu", Nodes: 2}},
			},
		},
		"NoNodes": {
			reason: "an empty cluster fits no pod",
			pod:    pod("p", "2"),
			want:   Record{Outcome: Unschedulable, Message: "no nodes available to schedule pods"},
		},
		"OneFits": {
			reason: "a single node is not scored",
			nodes:  []*v1.Node{node("a", "1"), node("b", "4")},
			pod:    pod("p", "2"),
			want: Record{
				Outcome: Placed, Node: "b", Nodes: 2, Evaluated: 2, Feasible: 1,
				Candidates: []Candidate{{Node: "b"}},
				Rejected:   []Rejection{{Plugin: "NodeResourcesFit", Reason: "Insufficient cpu", Nodes: 1}},
			},
		},
		"BindingFails": {
			reason: "what goes wrong after a node was chosen is told as well",
			nodes:  []*v1.Node{node("b", "4")},
			pod:    pod("p", "2"),
			after: func(c *cluster, p *v1.Pod) {
				info, err := framework.NewPodInfo(p)
				if err != nil {
					c.Fatal(err)
				}
				c.sched.FailureHandler(c.ctx, c.sched.Profiles[profileName], &framework.QueuedPodInfo{PodInfo: info},
					fwk.AsStatus(errors.New("binding refused")), nil, time.Now())
			},
			want: Record{
				Outcome: Failed, Node: "b", Message: "binding refused", Nodes: 1, Evaluated: 1, Feasible: 1,
				Candidates: []Candidate{{Node: "b"}},
			},
		},
		"MakesRoom": {
			reason: "the node on which pods are evicted is told",
			nodes:  []*v1.Node{node("a", "1")},
			pod:    pod("p", "2"),
			after: func(c *cluster, p *v1.Pod) {
				info, err := framework.NewPodInfo(p)
				if err != nil {
					c.Fatal(err)
				}
				c.sched.FailureHandler(c.ctx, c.sched.Profiles[profileName], &framework.QueuedPodInfo{PodInfo: info},
					fwk.NewStatus(fwk.Unschedulable, "later"), &fwk.NominatingInfo{NominatedNodeName: "a", NominatingMode: fwk.ModeOverride}, time.Now())
			},
			want: Record{
				Outcome: Unschedulable, NominatedNode: "a", Message: "later", Nodes: 1, Evaluated: 1,
				Rejected: []Rejection{{Plugin: "NodeResourcesFit", Reason: "Insufficient cpu", Nodes: 1}},
			},
		},
		"NamedNodes": {
			reason: "nodes ruled out before filtering are counted",
			nodes:  []*v1.Node{node("a", "4"), node("b", "4"), node("c", "4")},
			pod:    withNodeAffinity(pod("p", "2"), "b"),
			want: Record{
				Outcome: Placed, Node: "b", Nodes: 3, Evaluated: 1, Feasible: 1,
				Candidates: []Candidate{{Node: "b"}},
				Rejected:   []Rejection{{Plugin: "NodeAffinity", Reason: "ruled out before filtering", Nodes: 2}},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, tc.nodes...)
			recorder := NewRecorder(10, testingclock.NewFakePassiveClock(time.Unix(1000, 0)))
			recorder.Attach(c.sched, nil)
			_, _ = c.schedule(tc.pod, 3) // the record says how it went
			if tc.after != nil {
				tc.after(c, tc.pod)
			}
			records := recorder.Lookup("default", "p")
			if len(records) != 1 {
				t.Fatalf("%s: got %d records, want 1", tc.reason, len(records))
			}
			got := records[0]
			for i := range got.Rejected {
				got.Rejected[i].Examples = nil // in no particular order
			}
			want := tc.want
			want.Namespace, want.Name, want.UID, want.Profile, want.Attempt = "default", "p", "uid-p", profileName, 3
			want.At = time.Unix(1000, 0)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func withNodeAffinity(p *v1.Pod, name string) *v1.Pod {
	p.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
		NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchFields: []v1.NodeSelectorRequirement{
			{Key: "metadata.name", Operator: v1.NodeSelectorOpIn, Values: []string{name}},
		}}},
	}}}
	return p
}

// hinted is a profile that hands out a node hint, as batching does.
type hinted struct {
	framework.Framework
	hint string
}

func (h *hinted) GetNodeHint(context.Context, *v1.Pod, fwk.PodSignature, fwk.CycleState, int64) string {
	return h.hint
}

func TestRecorderReusedScores(t *testing.T) {
	c := newCluster(t, node("a", "4"), node("b", "4"))
	recorder := NewRecorder(10, testingclock.NewFakePassiveClock(time.Unix(1000, 0)))
	recorder.Attach(c.sched, nil)
	if _, err := c.schedule(pod("first", "1"), 1); err != nil {
		t.Fatal(err)
	}
	h := &hinted{Framework: c.sched.Profiles[profileName], hint: "b"}
	c.sched.Profiles[profileName] = h
	if _, err := c.schedule(pod("second", "1"), 1); err != nil {
		t.Fatal(err)
	}
	if got := recorder.Lookup("default", "second")[0]; got.ReusedFrom != "default/first" || got.Node != "b" {
		t.Errorf("placed on %q with the scores of %q, want b with those of default/first", got.Node, got.ReusedFrom)
	}
	// A hint that the pod does not fit leaves the scores its own.
	h.hint = "b"
	if _, err := c.schedule(pod("third", "3500m"), 1); err == nil {
		t.Fatal("the third pod was placed, want no room")
	}
	if got := recorder.Lookup("default", "third")[0]; got.ReusedFrom != "" {
		t.Errorf("a pod that was not placed reused the scores of %q", got.ReusedFrom)
	}
}

// TestRecorderConcurrently asks while scheduling goes on, with Run digesting.
func TestRecorderConcurrently(t *testing.T) {
	c := newCluster(t, node("a", "400"), node("b", "1"))
	recorder := NewRecorder(50, testingclock.NewFakePassiveClock(time.Unix(1000, 0)))
	recorder.Attach(c.sched, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { recorder.Run(ctx) })
	group.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			recorder.Lookup("default", fmt.Sprintf("p-%d", i%100))
			recorder.Extent()
			runtime.Gosched()
		}
	})
	for i := range 100 {
		if _, err := c.schedule(pod(fmt.Sprintf("p-%d", i), "1500m"), 1); err != nil {
			t.Error(err)
		}
	}
	cancel()
	group.Wait()
	if capacity, kept, _ := recorder.Extent(); capacity != 50 || kept != 50 {
		t.Errorf("keeps %d of %d, want 50 of 50", kept, capacity)
	}
	for i := 50; i < 100; i++ {
		name := fmt.Sprintf("p-%d", i)
		if got := recorder.Lookup("default", name); len(got) != 1 || got[0].Node != "a" || len(got[0].Rejected) != 1 {
			t.Errorf("pod %s has the records %+v, want one on node a with b filtered out", name, got)
		}
	}
}
