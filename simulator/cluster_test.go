package simulator_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/policy"
)

func node(name string, cpu string) *v1.Node {
	amounts := v1.ResourceList{
		v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("64Gi"), v1.ResourcePods: resource.MustParse("100"),
	}
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: v1.NodeStatus{Allocatable: amounts, Capacity: amounts}}
}

func pod(name string, cpu string) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	p.Spec.Containers = []v1.Container{{Name: "app", Resources: v1.ResourceRequirements{
		Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("1Gi")},
	}}}
	return p
}

func cluster(t *testing.T, name string, nodes ...*v1.Node) *simulator.Cluster {
	t.Helper()
	p, err := policy.New(name, &policy.Setting{Seed: 1, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0))})
	if err != nil {
		t.Fatal(err)
	}
	c, err := simulator.NewCluster(context.Background(), p, nodes, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestPodsComeAndGo(t *testing.T) {
	c := cluster(t, "antifragmentation", node("a", "4"), node("b", "4"))
	for i := range 4 {
		if _, err := c.Schedule(pod(fmt.Sprint(i), "2")); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.Schedule(pod("late", "2"))
	var refused *simulator.Unschedulable
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "too little CPU") {
		t.Fatalf("on a full cluster: %v", err)
	}
	freed := c.NodeOf("2")
	if err := c.Remove("2"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Schedule(pod("late", "2")); err != nil || got != freed {
		t.Errorf("placed on %q, %v; want %q, where there is room", got, err, freed)
	}
	if c.NodeOf("2") != "" || c.NodeOf("late") != freed {
		t.Error("the cluster does not know where its pods are")
	}
	if err := c.Remove("nobody"); err != nil {
		t.Errorf("removing a pod that is not there: %v", err)
	}
}

func TestNodesComeAndGo(t *testing.T) {
	a := node("a", "4")
	c := cluster(t, "mostallocated", a)
	if err := c.Place(pod("old", "3"), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Schedule(pod("p", "2")); err == nil {
		t.Error("placed beside a pod that leaves no room")
	}
	c.AddNode(node("b", "4"))
	if got, err := c.Schedule(pod("p", "2")); got != "b" {
		t.Errorf("placed on %q, %v", got, err)
	}
	cordoned := a.DeepCopy()
	cordoned.Spec.Unschedulable = true
	c.UpdateNode(a, cordoned)
	if got, err := c.Schedule(pod("q", "1")); got != "b" {
		t.Errorf("placed on %q, %v, with a cordoned", got, err)
	}
	if err := errors.Join(c.Remove("old"), c.RemoveNode(cordoned)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Schedule(pod("big", "4")); err == nil {
		t.Error("placed on a node that is gone")
	}
}

func TestUnknownProfile(t *testing.T) {
	p := pod("p", "1")
	p.Spec.SchedulerName = "somebody-else"
	_, err := cluster(t, "random", node("a", "4")).Schedule(p)
	if err == nil || !strings.Contains(err.Error(), `"somebody-else"`) {
		t.Errorf("got %v", err)
	}
	if _, err := simulator.NewCluster(context.Background(), &simulator.Policy{Name: "empty"}, nil, 1); err == nil {
		t.Error("a policy without a profile made a cluster")
	}
}

// TestNothingIsLeftBehind counts goroutines, since each is what keeps a cluster in memory. The first cluster does
// not count: what a process does once stays.
func TestNothingIsLeftBehind(t *testing.T) {
	cluster(t, "antifragmentation", node("a", "4")).Close()
	before := runtime.NumGoroutine()
	for range 5 {
		c := cluster(t, "antifragmentation", node("a", "4"))
		if _, err := c.Schedule(pod("p", "1")); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	gone := func(context.Context) (bool, error) { return runtime.NumGoroutine() <= before, nil }
	if err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 10*time.Second, true, gone); err != nil {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
	}
}

func TestTies(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	wins := map[string]int{}
	ties := simulator.AtRandom(3)
	for pod := range uint64(4000) {
		best := slices.MinFunc(names, func(a, b string) int {
			if ties.Before(pod, a, b) {
				return -1
			}
			return 1
		})
		wins[best]++
	}
	for _, name := range names {
		if wins[name] < 850 || wins[name] > 1150 {
			t.Errorf("of 4000 ties among four nodes, %s won %d", name, wins[name])
		}
	}
	if simulator.AtRandom(3).Before(1, "a", "b") != ties.Before(1, "a", "b") {
		t.Error("the same seed decided otherwise")
	}
	if order := simulator.InOrder([]string{"c", "a"}); !order.Before(9, "c", "a") || order.Before(9, "a", "c") {
		t.Error("an order is not kept")
	}
}

func TestTieIsTheFirstInOrder(t *testing.T) {
	p, err := policy.New("gpupacking", &policy.Setting{
		Order: []string{"b", "c", "a"}, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0)),
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := simulator.NewCluster(context.Background(), p, []*v1.Node{node("a", "4"), node("b", "4"), node("c", "4")}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, want := range []string{"b", "b", "c", "c", "a"} {
		if got, err := c.Schedule(pod(fmt.Sprint(i), "2")); got != want {
			t.Errorf("pod %d is on %q, %v; want %q", i, got, err, want)
		}
	}
}
