package churn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// pod asks for so many of a node's four cores, from one hour to another; 0: it stays.
func pod(name, cpu string, from, to int) trace.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	p.Spec.Containers = []v1.Container{{Name: "app", Resources: v1.ResourceRequirements{
		Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("1Gi")},
	}}}
	return trace.Pod{Object: p, Arrival: time.Duration(from) * time.Hour, Departure: time.Duration(to) * time.Hour}
}

// play plays pods on one node of four cores, and tells what happened.
func play(ctx context.Context, t *testing.T, seed int64, pods ...trace.Pod) ([]string, error) {
	t.Helper()
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	p, err := policy.New("bestfit", &policy.Setting{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	amounts := v1.ResourceList{v1.ResourceCPU: resource.MustParse("4"), v1.ResourceMemory: resource.MustParse("64Gi"), v1.ResourcePods: resource.MustParse("9")}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: v1.NodeStatus{Allocatable: amounts, Capacity: amounts}}
	c, err := simulator.NewCluster(ctx, p, []*v1.Node{node}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var told []string
	tell := func(what string) func(int) {
		return func(i int) { told = append(told, what+" "+pods[i].Object.Name) }
	}
	player := Player{
		Cluster: c, Clock: clock, Pods: pods, Placed: tell("placed"), Left: tell("left"),
		Refused: func(i int, reason string) {
			if !strings.Contains(reason, "CPU") {
				t.Errorf("%s was told %q", pods[i].Object.Name, reason)
			}
			tell("refused")(i)
		},
		Moment: func(at time.Duration, waiting int) {
			if got := clock.Now().Sub(time.Unix(0, 0)); got != at {
				t.Errorf("at %v the clock says %v", at, got)
			}
			told = append(told, fmt.Sprintf("%v: %d wait", at, waiting))
		},
	}
	return told, player.Play(ctx, seed)
}

func TestPlay(t *testing.T) {
	for reason, tc := range map[string]struct {
		pods []trace.Pod
		want []string
	}{
		"one after another": {
			[]trace.Pod{pod("a", "4", 0, 1), pod("b", "4", 1, 2)},
			[]string{"placed a", "0s: 0 wait", "left a", "placed b", "1h0m0s: 0 wait", "left b", "2h0m0s: 0 wait"},
		},
		"who waits is next": {
			[]trace.Pod{pod("a", "4", 0, 2), pod("b", "4", 1, 0), pod("c", "4", 2, 0)},
			[]string{"placed a", "0s: 0 wait", "refused b", "1h0m0s: 1 wait", "left a", "placed b", "refused c", "2h0m0s: 1 wait"},
		},
		"who gives up was never there": {
			[]trace.Pod{pod("a", "4", 0, 0), pod("b", "4", 1, 2)},
			[]string{"placed a", "0s: 0 wait", "refused b", "1h0m0s: 1 wait", "2h0m0s: 0 wait"},
		},
		"all who go make room first": {
			[]trace.Pod{pod("a", "2", 0, 1), pod("b", "2", 0, 1), pod("c", "4", 1, 0)},
			[]string{"placed a", "placed b", "0s: 0 wait", "left a", "left b", "placed c", "1h0m0s: 0 wait"},
		},
		"nobody": {nil, nil},
	} {
		got, err := play(t.Context(), t, 0, tc.pods...)
		if err != nil {
			t.Fatal(err)
		}
		if reason == "all who go make room first" && got[0] == "placed b" {
			got[0], got[1] = got[1], got[0] // those who come together come in any order
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
}

func TestSeedDrawsTheOrder(t *testing.T) {
	pods := []trace.Pod{pod("a", "4", 0, 0), pod("b", "4", 0, 0), pod("c", "4", 0, 0)}
	first := map[string]bool{}
	for seed := range int64(20) {
		one, err := play(t.Context(), t, seed, pods...)
		if err != nil {
			t.Fatal(err)
		}
		two, err := play(t.Context(), t, seed, pods...)
		if diff := cmp.Diff(one, two); diff != "" || err != nil {
			t.Fatalf("seed %d, run again: %v\n%s", seed, err, diff)
		}
		first[one[0]] = true
	}
	if len(first) != 3 {
		t.Errorf("of twenty seeds, first came %v", first)
	}
}

func TestPlayStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := play(ctx, t, 0, pod("a", "1", 0, 0)); !errors.Is(err, why) {
		t.Errorf("interrupted: %v", err)
	}
}
