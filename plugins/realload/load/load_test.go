package load

import (
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
)

// noon is now in these tests.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func policyOf(t testing.TB, yaml string) *Policy {
	t.Helper()
	args, err := config.Decode(&runtime.Unknown{Raw: []byte(yaml)})
	if err != nil {
		t.Fatal(err)
	}
	return NewPolicy(args)
}

// machine returns a node with that many cores and GiB.
func machine(name string, cores, gib int64) *v1.Node {
	list := v1.ResourceList{
		v1.ResourceCPU:    *resource.NewQuantity(cores, resource.DecimalSI),
		v1.ResourceMemory: *resource.NewQuantity(gib<<30, resource.BinarySI),
	}
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: v1.NodeStatus{Allocatable: list, Capacity: list}}
}

// task returns a pod that requests so much; on a node unless that is empty.
func task(name, node, cpu, memory string) *v1.Pod {
	requests := v1.ResourceList{}
	if cpu != "" {
		requests[v1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		requests[v1.ResourceMemory] = resource.MustParse(memory)
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(noon)},
		Spec: v1.PodSpec{
			NodeName:   node,
			Containers: []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{Requests: requests}}},
		},
	}
}

func started(pod *v1.Pod, ago time.Duration) *v1.Pod {
	t := metav1.NewTime(noon.Add(-ago))
	pod.Status.StartTime = &t
	return pod
}

func newTestLedger(t testing.TB, yaml string) *Ledger {
	t.Helper()
	return NewLedger(policyOf(t, yaml), usage.NewBuilder(noon).Build(), noon.UnixMilli(), func() {})
}

func nodesOf(n int, cores, gib int64) []*v1.Node {
	var out []*v1.Node
	for i := range n {
		out = append(out, machine(fmt.Sprintf("n%d", i), cores, gib))
	}
	return out
}
