package scaledown

import (
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
)

func TestUnsettled(t *testing.T) {
	down := &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{}}
	active := func(status v1.ConditionStatus) []autoscalingv2.HorizontalPodAutoscalerCondition {
		return []autoscalingv2.HorizontalPodAutoscalerCondition{
			{Type: autoscalingv2.AbleToScale, Status: v1.ConditionTrue, Message: "it can"},
			{Type: autoscalingv2.ScalingActive, Status: status, Message: "no metric"},
		}
	}
	ready := []Size{{Replicas: 3}, {Replicas: 3, Ready: 3}}
	tests := map[string]struct {
		behavior   *autoscalingv2.HorizontalPodAutoscalerBehavior
		conditions []autoscalingv2.HorizontalPodAutoscalerCondition
		desired    int32
		sizes      []Size
		want       string
	}{
		"all there":       {down, active(v1.ConditionTrue), 3, ready, ""},
		"new":             {down, nil, 0, ready, "not been looked at"},
		"no metric yet":   {down, active(v1.ConditionFalse), 3, ready, "no metric"},
		"window is late":  {&autoscalingv2.HorizontalPodAutoscalerBehavior{}, active(v1.ConditionTrue), 3, ready, "behavior"},
		"no behavior":     {nil, active(v1.ConditionTrue), 3, ready, "behavior"},
		"no Deployment":   {down, active(v1.ConditionTrue), 3, nil, "pods"},
		"pods come still": {down, active(v1.ConditionTrue), 3, ready[:1], "pods"},
		"it wants more":   {down, active(v1.ConditionTrue), 4, ready, "pods"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			hpa := &autoscalingv2.HorizontalPodAutoscaler{}
			hpa.Spec.Behavior, hpa.Status.Conditions, hpa.Status.DesiredReplicas = tc.behavior, tc.conditions, tc.desired
			if got := unsettled(hpa, tc.sizes); !strings.Contains(got, tc.want) || (got == "") != (tc.want == "") {
				t.Errorf("it lacks %q, want %q", got, tc.want)
			}
		})
	}
}

// TestNow: the trace stands still until the replay says where its beginning lies, and then runs at its speed.
func TestNow(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1000, 0))
	s := &stage{ScaleDown: New(), setting: &scenario.Setting{Clock: clock}}
	clock.Step(time.Minute)
	if got := s.now(); got != 0 {
		t.Errorf("before it runs the trace is at %v", got)
	}
	s.zero = clock.Now()
	clock.Step(90 * time.Second)
	if got := s.now(); got != 90*time.Minute {
		t.Errorf("after 90 s at sixty times the speed the trace is at %v, want 90m", got)
	}
}
