package subject

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/internal/usage"
)

func pod(name string, requests v1.ResourceList) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: requests}}}},
	}
}

func cores(text string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceCPU: resource.MustParse(text)}
}

func TestOf(t *testing.T) {
	tests := map[string]struct {
		reason   string
		requests v1.ResourceList
		request  [2]int64
		asked    [2]bool
	}{
		"nothing": {reason: "nothing is requested"},
		"cpu":     {"in thousandths", cores("1500m"), [2]int64{1500, 0}, [2]bool{true, false}},
		"both":    {"memory in MiB", v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("1Gi")}, [2]int64{2000, 1024}, [2]bool{true, true}},
		"zero":    {"a request of nothing is none", cores("0"), [2]int64{}, [2]bool{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := Subject{
				Namespace: "ns", Name: "web-5d89bdcf78-x2vz9", Workload: usage.Workload{Namespace: "ns", Name: "web"},
				Request: tc.request, Requested: tc.asked,
			}
			if diff := cmp.Diff(want, Of(pod("web-5d89bdcf78-x2vz9", tc.requests), nil)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPrediction(t *testing.T) {
	p := pod("p", cores("1"))
	p.Spec.Containers = append(p.Spec.Containers,
		v1.Container{Resources: v1.ResourceRequirements{Limits: cores("2"), Requests: cores("100m")}},
		v1.Container{})
	p.Spec.Overhead = cores("50m")
	// 1 × 1.2 requested, a limit of 2, a default of 0.5, an overhead of 0.05.
	if got := Of(p, &Prediction{DefaultRequests: 500, RequestsMultiplier: 1.2}).Predicted; got != 3750 {
		t.Errorf("predicted %d, want 3750", got)
	}
	if got := Of(p, nil).Predicted; got != 0 {
		t.Errorf("without a prediction it is %d", got)
	}
}

func TestStart(t *testing.T) {
	noon := metav1.NewTime(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))
	placed := v1.PodCondition{Type: v1.PodScheduled, Status: v1.ConditionTrue, LastTransitionTime: noon}
	waiting := v1.PodCondition{Type: v1.PodScheduled, Status: v1.ConditionFalse, LastTransitionTime: noon}
	later := metav1.NewTime(noon.Add(time.Second))
	tests := map[string]struct {
		reason string
		status v1.PodStatus
		want   int64
	}{
		"unknown": {reason: "it does not say"},
		"waiting": {reason: "it has no place yet", status: v1.PodStatus{Conditions: []v1.PodCondition{waiting}}},
		"placed":  {"when it was placed", v1.PodStatus{Conditions: []v1.PodCondition{placed}}, noon.UnixMilli()},
		"started": {"the kubelet knows better", v1.PodStatus{StartTime: &later, Conditions: []v1.PodCondition{placed}}, later.UnixMilli()},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Start(&v1.Pod{Status: tc.status}); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

func TestSign(t *testing.T) {
	one, other := Of(pod("web-5d89bdcf78-x2vz9", cores("1")), nil), Of(pod("db-0", cores("1")), nil)
	if one.Sign(0, false) == other.Sign(0, false) {
		t.Error("pods of two workloads are signed alike")
	}
	if one.Sign(0, true) != other.Sign(0, true) {
		t.Error("to Trimaran pods that request the same are not the same")
	}
	if one.Sign(0, false) == one.Sign(1, false) {
		t.Error("pods of two tiers are signed alike")
	}
}
