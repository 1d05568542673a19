package kubelet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestNewNode(t *testing.T) {
	capacity := v1.ResourceList{v1.ResourceCPU: resource.MustParse("4")}
	node := NewNode("n", map[string]string{"pool": "a", v1.LabelArchStable: "arm64"}, capacity)
	for label, want := range map[string]string{
		NodeLabel: NodeLabelValue, "pool": "a", v1.LabelHostname: "n", v1.LabelArchStable: "arm64",
	} {
		if got := node.Labels[label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
	if diff := cmp.Diff(node.Status.Capacity, node.Status.Allocatable); diff != "" {
		t.Errorf("capacity and allocatable differ:\n%s", diff)
	}
	if pods := node.Status.Capacity[v1.ResourcePods]; pods.Value() != 110 {
		t.Errorf("holds %s pods, want 110", pods.String())
	}
	if len(capacity) != 1 {
		t.Errorf("the caller's capacity was changed: %v", capacity)
	}
	node = NewNode("n", nil, v1.ResourceList{v1.ResourcePods: resource.MustParse("7")})
	if pods := node.Status.Allocatable[v1.ResourcePods]; pods.Value() != 7 {
		t.Errorf("holds %s pods, want the 7 given", pods.String())
	}
}

func TestReadyStatus(t *testing.T) {
	status := readyStatus(NewNode("n", nil, nil), *ago(0))
	if status == nil {
		t.Fatal("a new node has nothing to report")
	}
	want := map[v1.NodeConditionType]v1.ConditionStatus{
		v1.NodeReady: v1.ConditionTrue, v1.NodeMemoryPressure: v1.ConditionFalse,
		v1.NodeDiskPressure: v1.ConditionFalse, v1.NodePIDPressure: v1.ConditionFalse,
	}
	got := map[v1.NodeConditionType]v1.ConditionStatus{}
	for _, condition := range status.Conditions {
		got[condition.Type] = condition.Status
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions (-want +got)\n%s", diff)
	}

	reported := NewNode("n", nil, nil)
	reported.Status = *status
	if again := readyStatus(reported, *ago(-time.Minute)); again != nil {
		t.Errorf("a ready node reports again: %+v", again)
	}
	reported.Status.Conditions[len(reported.Status.Conditions)-1].Status = v1.ConditionUnknown
	if again := readyStatus(reported, *ago(-time.Minute)); again == nil {
		t.Error("a node given up for lost does not report")
	} else if len(again.Addresses) != 2 {
		t.Errorf("addresses are %v, want the two it had", again.Addresses)
	}
}

func TestReadyStatusKeepsAnAddress(t *testing.T) {
	node := NewNode("n", nil, nil)
	node.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: "192.0.2.9"}}
	status := readyStatus(node, *ago(0))
	if diff := cmp.Diff(node.Status.Addresses, status.Addresses); diff != "" {
		t.Errorf("addresses (-want +got)\n%s", diff)
	}
}
