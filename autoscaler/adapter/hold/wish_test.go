package hold

import (
	"os"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
)

func testGrid() grid {
	return grid{step: 15 * time.Second, fresh: time.Minute, stale: 10 * time.Minute}
}

func TestWishes(t *testing.T) {
	older := metav1.NewTime(epoch())
	for name, tc := range map[string]struct {
		window func(*v1alpha1.ScalingWindow)
		hpa    func(*autoscalingv2.HorizontalPodAutoscaler)
		want   string // the reason of the fault; "" for none
		key    serve.Key
		says   string
	}{
		"sound": {key: podsKey},
		"by autoscaler": {key: podsKey, window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.ScaleTargetRef, w.Spec.Autoscaler = nil, "web"
		}},
		"no such autoscaler": {want: AutoscalerNotFound, says: "spec.autoscaler", window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.ScaleTargetRef, w.Spec.Autoscaler = nil, "none"
		}},
		"value target": {want: ValueTarget, key: podsKey, says: "AverageValue", hpa: func(a *autoscalingv2.HorizontalPodAutoscaler) {
			a.Spec.Metrics[0].Pods.Target.Type = autoscalingv2.ValueMetricType
		}},
		"value target of another metric": {key: podsKey, hpa: func(a *autoscalingv2.HorizontalPodAutoscaler) {
			a.Spec.Metrics[0].Pods.Metric.Name, a.Spec.Metrics[0].Pods.Target.Type = "other", autoscalingv2.ValueMetricType
		}},
		"window shorter than two steps": {want: Invalid, key: podsKey, says: "spec.max.window", window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.MaxWindow = duration(20 * time.Second)
		}},
		"pods per period without autoscaler": {want: Invalid, key: serve.Key{
			Type: v1alpha1.PodsMetric, Namespace: "shop", Resource: groupResource("pods"), Metric: podsKey.Metric, Name: "api",
		}, says: "halfLife", window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.ScaleTargetRef.Name = "api"
			w.Spec.SlowScaleDown = &v1alpha1.SlowScaleDown{Pods: new(int32(1)), Period: duration(time.Minute)}
		}},
		"namespace": {key: serve.Key{
			Type: v1alpha1.ObjectMetric, Resource: groupResource("namespaces"), Metric: podsKey.Metric, Name: "shop",
		}, window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.Metric.Type = v1alpha1.ObjectMetric
			w.Spec.Metric.DescribedObject = &autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: "Namespace", Name: "other"}
		}},
		"unknown kind": {want: Invalid, says: "describedObject", window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.Metric.Type = v1alpha1.ObjectMetric
			w.Spec.Metric.DescribedObject = &autoscalingv2.CrossVersionObjectReference{APIVersion: "x.y/v1", Kind: "Z", Name: "other"}
		}},
		"selector in another order": {key: serve.Key{
			Type: v1alpha1.PodsMetric, Namespace: "shop", Resource: groupResource("pods"), Metric: podsKey.Metric, Name: "web",
			Selector: "code in (200,204),verb=GET",
		}, window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.Metric.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"verb": "GET"}, MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "code", Operator: metav1.LabelSelectorOpIn, Values: []string{"204", "200"}},
			}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := four()[0], autoscaler()
			w.CreationTimestamp = older
			if tc.window != nil {
				tc.window(w)
			}
			if tc.hpa != nil {
				tc.hpa(a)
			}
			got := wishes([]*v1alpha1.ScalingWindow{w}, []*autoscalingv2.HorizontalPodAutoscaler{a}, rules.BuiltIn(), testGrid())[0]
			if got.key != tc.key {
				t.Errorf("it is for %+v, want %+v", got.key, tc.key)
			}
			switch {
			case got.fault == nil && tc.want != "":
				t.Errorf("it is sound, want %s", tc.want)
			case got.fault != nil && (got.fault.reason != tc.want || !strings.Contains(got.fault.Error(), tc.says)):
				t.Errorf("its fault is %s: %v, want %q that says %q", got.fault.reason, got.fault, tc.want, tc.says)
			}
		})
	}
}

func TestOfTwoForOneMetricTheOlderServes(t *testing.T) {
	young, old, same := four()[0], four()[0], four()[0]
	young.Name, old.Name, same.Name = "a", "c", "b"
	young.CreationTimestamp = metav1.NewTime(epoch().Add(time.Hour))
	old.CreationTimestamp, same.CreationTimestamp = metav1.NewTime(epoch()), metav1.NewTime(epoch())
	got := wishes([]*v1alpha1.ScalingWindow{young, old, same}, nil, rules.BuiltIn(), testGrid())
	for i, want := range []string{"b", "c", "a"} {
		if w := got[i]; w.object.Name != want || (w.fault == nil) != (i == 0) || i > 0 && (w.fault.reason != Conflict || w.key != (serve.Key{})) {
			t.Errorf("place %d: %s with the fault %v", i, w.object.Name, w.fault)
		}
	}
}

func TestExampleOfTheReadmeIsSound(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	var w v1alpha1.ScalingWindow
	if err := yaml.UnmarshalStrict([]byte(example), &w); err != nil {
		t.Fatal(err)
	}
	got := wishes([]*v1alpha1.ScalingWindow{&w}, []*autoscalingv2.HorizontalPodAutoscaler{autoscaler()}, rules.BuiltIn(), testGrid())[0]
	if got.fault != nil || got.config.SlowScaleDown.MaxPods != 30 || w.Spec.AutoscalerPolicy != v1alpha1.ApplyAutoscaler {
		t.Errorf("it comes to %+v, %v", got.config, got.fault)
	}
}

func TestRetained(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"15d": 15 * 24 * time.Hour, "15d or 10GiB": 15 * 24 * time.Hour, "10GiB": 0, "": 0, "1y": 365 * 24 * time.Hour,
	} {
		if got := retained(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
