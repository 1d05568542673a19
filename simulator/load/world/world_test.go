package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

var epoch = time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)

type steady int64

func (s steady) At(time.Duration) int64 { return int64(s) }

func list(cpu, memory string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
}

func cluster(nodes, pods int) *State {
	w := &trace.Workload{}
	for i := range nodes {
		w.Nodes = append(w.Nodes, &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i)}, Status: v1.NodeStatus{Allocatable: list("4", "8Gi")},
		})
	}
	for i := range pods {
		name := fmt.Sprintf("p%d", i)
		w.Pods = append(w.Pods, trace.Pod{Object: &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)},
			Spec:       v1.PodSpec{NodeName: "n0", Containers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: list("1", "1Gi")}}}},
		}})
	}
	return New(w)
}

func TestNew(t *testing.T) {
	s := cluster(2, 1)
	n, p := &s.Nodes[1], &s.Pods[0]
	if n.Capacity != (Amounts{4000, 8 << 30}) || !n.There || n.Cordoned || s.ByName["n1"] != 1 {
		t.Errorf("a node is %+v", n)
	}
	if p.Request != (Amounts{1000, 1 << 30}) || p.Node != Nowhere || p.Present || p.Name() != "ns/p0" {
		t.Errorf("a pod is %+v", p)
	}
}

// TestPutAndTake puts and takes at random, and holds what is where to a plain record of it.
func TestPutAndTake(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := cluster(4, 30)
	where := map[int32]int32{}
	for step := range 3000 {
		i := int32(random.IntN(30))
		if on, ok := where[i]; ok {
			s.Take(i)
			if delete(where, i); s.Pods[i].Node != Nowhere {
				t.Fatalf("taken off node %d it is on %d", on, s.Pods[i].Node)
			}
		} else {
			where[i] = int32(random.IntN(4))
			s.Put(i, where[i], time.Duration(step))
			if s.Pods[i].Placed != time.Duration(step) {
				t.Fatalf("placed at %d, it says %d", step, s.Pods[i].Placed)
			}
		}
		for on := range s.Nodes {
			var want []int32
			for i, at := range where {
				if at == int32(on) {
					want = append(want, i)
				}
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, slices.Sorted(slices.Values(s.Nodes[on].Pods))); diff != "" {
				t.Fatalf("step %d, node %d (-want +got):\n%s", step, on, diff)
			}
			if got := s.Nodes[on].Requested; got != (Amounts{int64(len(want)) * 1000, int64(len(want)) << 30}) {
				t.Fatalf("step %d, node %d: %v requested by %d pods", step, on, got, len(want))
			}
		}
	}
}

func TestRoom(t *testing.T) {
	s := cluster(1, 3)
	n := &s.Nodes[0]
	for i := range int32(3) {
		s.Put(i, 0, 0)
	}
	for _, tc := range []struct {
		reason string
		asked  Amounts
		change func()
		want   bool
	}{
		{reason: "all that is left", asked: Amounts{1000, 5 << 30}, want: true},
		{reason: "too much CPU", asked: Amounts{1001, 0}},
		{reason: "too much memory", asked: Amounts{0, 5<<30 + 1}},
		{reason: "it takes no more pods", asked: Amounts{1, 1}, change: func() { n.Cordoned = true }},
		{reason: "it is gone", asked: Amounts{1, 1}, change: func() { n.Cordoned, n.There = false, false }},
	} {
		if tc.change != nil {
			tc.change()
		}
		if got := n.Room(tc.asked); got != tc.want {
			t.Errorf("%s: got %v", tc.reason, got)
		}
	}
}

func TestLives(t *testing.T) {
	s := cluster(1, 1)
	p := &s.Pods[0]
	seen := map[types.UID]bool{}
	for life := range 40 {
		p.Begin(epoch, time.Duration(life)*time.Hour)
		if seen[p.Object.UID] {
			t.Fatalf("life %d has the UID %q of an earlier one", life, p.Object.UID)
		}
		seen[p.Object.UID] = true
		if p.Object.Name != "p0" || p.Object.Spec.NodeName != "" || !p.Present || p.Node != Nowhere {
			t.Fatalf("life %d begins as %+v", life, p)
		}
		if got := p.Object.CreationTimestamp.Sub(epoch); got != time.Duration(life)*time.Hour {
			t.Fatalf("life %d began at %v", life, got)
		}
	}
	if !seen["p0"] {
		t.Error("the first life has another UID than the trace gives")
	}
	if from := p.From.Object; from.Spec.NodeName != "n0" || from.UID != "p0" || !from.CreationTimestamp.IsZero() {
		t.Errorf("the trace's object was changed: %+v", from)
	}
}

func TestUse(t *testing.T) {
	s := cluster(1, 1)
	p := &s.Pods[0]
	for _, tc := range []struct {
		reason string
		curve  trace.Curve
		want   int64
	}{
		{"of unknown use it wants what it requests", nil, 1000},
		{"else what its curve says", steady(70), 70},
		{"which is not below zero", steady(-70), 0},
	} {
		p.From.Curve = tc.curve
		if got := p.Use(time.Hour); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.reason, got, tc.want)
		}
	}
}

func TestStanding(t *testing.T) {
	s := cluster(3, 0)
	s.Nodes[1].There = false
	s.Nodes[2].Cordoned = true
	var names []string
	for _, n := range s.Standing() {
		names = append(names, n.Name)
	}
	if diff := cmp.Diff([]string{"n0", "n2"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
