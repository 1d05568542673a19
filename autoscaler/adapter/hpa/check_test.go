package hpa

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

var (
	line = window.Config{Target: target, SlowScaleDown: &window.SlowScaleDown{Pods: 1, Period: 10 * time.Minute, MaxPods: 40}}
	held = window.Config{Max: &window.Max{Window: time.Hour}}
)

// whole is the metric m without a selector.
func whole(m *autoscalingv2.MetricSpec) bool {
	id := autoscalingv2.MetricIdentifier{}
	switch {
	case m.Pods != nil:
		id = m.Pods.Metric
	case m.Object != nil:
		id = m.Object.Metric
	case m.External != nil:
		id = m.External.Metric
	}
	return id.Name == "m" && id.Selector == nil
}

func TestCheck(t *testing.T) {
	with := func(change func(*autoscalingv2.HorizontalPodAutoscalerSpec)) *autoscalingv2.HorizontalPodAutoscalerSpec {
		spec := Fit(scaler(autoscalingv2.ObjectMetricSourceType, 40), &line)
		change(spec)
		return spec
	}
	const down = "spec.behavior.scaleDown."
	for name, tc := range map[string]struct {
		spec   *autoscalingv2.HorizontalPodAutoscalerSpec
		window window.Config
		want   []string // fields; those that must be begin with !
	}{
		"fits":        {with(func(*autoscalingv2.HorizontalPodAutoscalerSpec) {}), line, nil},
		"fits a hold": {Fit(scaler(autoscalingv2.PodsMetricSourceType, 99), &held), held, nil},
		"as it comes": {
			scaler(autoscalingv2.ExternalMetricSourceType, 40), line,
			[]string{"!" + down + "tolerance", down + "stabilizationWindowSeconds", down + "policies"},
		},
		"as it comes, held": {
			scaler(autoscalingv2.PodsMetricSourceType, 40), held, []string{down + "tolerance", down + "stabilizationWindowSeconds"},
		},
		"a value": {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) {
			s.Metrics[0].Object.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: threshold(target)}
		}), line, []string{"!spec.metrics[0].object.target.type"}},
		"another target": {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) {
			s.Metrics[0].Object.Target.AverageValue = threshold(2 * target)
		}), line, []string{"!spec.metrics[0].object.target.averageValue"}},
		"another of the name, a value": {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) {
			other := *s.Metrics[0].Object
			other.Metric.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"verb": "put"}}
			other.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: threshold(target)}
			s.Metrics = append(s.Metrics, autoscalingv2.MetricSpec{Type: autoscalingv2.ObjectMetricSourceType, Object: &other})
		}), line, nil},
		"only another of the name": {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) {
			s.Metrics[0].Object.Metric.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"verb": "put"}}
		}), line, []string{"!spec.metrics"}},
		"another metric": {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) { s.Metrics[0].Object.Metric.Name = "n" }), line, []string{"!spec.metrics"}},
		"tolerance": {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) {
			s.Behavior.ScaleDown.Tolerance = resource.NewMilliQuantity(50, resource.DecimalSI)
		}), line, []string{"!" + down + "tolerance"}},
		"stabilisation": {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) {
			s.Behavior.ScaleDown.StabilizationWindowSeconds = new(int32(60))
		}), line, []string{down + "stabilizationWindowSeconds"}},
		"never down": {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) {
			s.Behavior.ScaleDown.SelectPolicy = new(autoscalingv2.DisabledPolicySelect)
		}), line, []string{"!" + down + "selectPolicy"}},
		"too many pods":          {with(func(s *autoscalingv2.HorizontalPodAutoscalerSpec) { s.MaxReplicas = 41 }), line, []string{"!spec.maxReplicas"}},
		"slower than the window": {with(func(*autoscalingv2.HorizontalPodAutoscalerSpec) {}), held, []string{down + "policies"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Check(tc.spec, "m", whole, &tc.window) {
				must := ""
				if f.Must {
					must = "!"
				}
				got = append(got, must+f.Field)
				if f.Is == "" || f.Should == "" || len(f.Why) < 20 || f.Is == f.Should {
					t.Errorf("the finding says too little: %+v", f)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFitMendsBehavior: what is left afterwards is no matter of behavior, and the original stays as it is.
func TestFitMendsBehavior(t *testing.T) {
	for _, c := range []window.Config{line, held} {
		spec := scaler(autoscalingv2.ExternalMetricSourceType, 99)
		spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: new(int32(7))}}
		before := spec.DeepCopy()
		fitted := Fit(spec, &c)
		left := slices.DeleteFunc(Check(fitted, "m", whole, &c), func(f Finding) bool { return f.Field == "spec.maxReplicas" })
		if len(left) > 0 || *fitted.Behavior.ScaleUp.StabilizationWindowSeconds != 7 {
			t.Errorf("after fitting: %v", left)
		}
		if diff := cmp.Diff(before, spec); diff != "" {
			t.Errorf("the original changed: %s", diff)
		}
	}
}

func TestBelt(t *testing.T) {
	for _, tc := range []struct {
		pods   int32
		period time.Duration
		want   string
	}{{1, 30 * time.Minute, "1 pods per 1800s"}, {3, time.Minute, "3 pods per 60s"}, {1, 2 * time.Hour, "1 pods per 1800s"}, {8, 2 * time.Hour, "2 pods per 1800s"}} {
		if got := policyText(belt(&window.SlowScaleDown{Pods: tc.pods, Period: tc.period})); got != tc.want {
			t.Errorf("%d per %v: %s, want %s", tc.pods, tc.period, got, tc.want)
		}
	}
	f := Check(scaler(autoscalingv2.ExternalMetricSourceType, 41), "m", whole, &line)
	if text := f[len(f)-1].String(); !strings.HasPrefix(text, "spec.maxReplicas is 41, should be 40: ") {
		t.Error(text)
	}
}
