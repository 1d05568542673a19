package wish

import (
	"os"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
)

func groupResource(resource string) schema.GroupResource {
	return schema.GroupResource{Resource: resource}
}

func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

func key() serve.Key {
	return serve.Key{Type: v1alpha1.PodsMetric, Namespace: "shop", Resource: groupResource("pods"), Metric: "http_requests_per_second", Name: "web"}
}

func scalingWindow() *v1alpha1.ScalingWindow {
	return &v1alpha1.ScalingWindow{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: v1alpha1.ScalingWindowSpec{
			ScaleTargetRef: &autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			Metric:         v1alpha1.WindowMetric{Type: v1alpha1.PodsMetric, Name: key().Metric},
			Target:         v1alpha1.WindowTarget{AverageValue: resource.NewQuantity(10, resource.DecimalSI)},
			SlowScaleDown:  &v1alpha1.SlowScaleDown{Hold: duration(5 * time.Minute), HalfLife: duration(2 * time.Minute)},
		},
	}
}

func testGrid() Grid {
	return Grid{Step: 15 * time.Second, Fresh: time.Minute, Stale: 10 * time.Minute}
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
		"sound": {key: key()},
		"by autoscaler": {key: key(), window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.ScaleTargetRef, w.Spec.Autoscaler = nil, "web"
		}},
		"no such autoscaler": {want: AutoscalerNotFound, says: "spec.autoscaler", window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.ScaleTargetRef, w.Spec.Autoscaler = nil, "none"
		}},
		"value target": {want: ValueTarget, key: key(), says: "AverageValue", hpa: func(a *autoscalingv2.HorizontalPodAutoscaler) {
			a.Spec.Metrics[0].Pods.Target.Type = autoscalingv2.ValueMetricType
		}},
		"value target of another metric": {key: key(), hpa: func(a *autoscalingv2.HorizontalPodAutoscaler) {
			a.Spec.Metrics[0].Pods.Metric.Name, a.Spec.Metrics[0].Pods.Target.Type = "other", autoscalingv2.ValueMetricType
		}},
		"window shorter than two steps": {want: Invalid, key: key(), says: "spec.maxWindow", window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.MaxWindow = duration(20 * time.Second)
		}},
		"pods per period without autoscaler": {want: Invalid, key: serve.Key{
			Type: v1alpha1.PodsMetric, Namespace: "shop", Resource: groupResource("pods"), Metric: key().Metric, Name: "api",
		}, says: "halfLife", window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.ScaleTargetRef.Name = "api"
			w.Spec.SlowScaleDown = &v1alpha1.SlowScaleDown{Pods: new(int32(1)), Period: duration(time.Minute)}
		}},
		"namespace": {key: serve.Key{
			Type: v1alpha1.ObjectMetric, Resource: groupResource("namespaces"), Metric: key().Metric, Name: "shop",
		}, window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.Metric.Type = v1alpha1.ObjectMetric
			w.Spec.Metric.DescribedObject = &autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: "Namespace", Name: "other"}
		}},
		"unknown kind": {want: Invalid, says: "describedObject", window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.Metric.Type = v1alpha1.ObjectMetric
			w.Spec.Metric.DescribedObject = &autoscalingv2.CrossVersionObjectReference{APIVersion: "x.y/v1", Kind: "Z", Name: "other"}
		}},
		"selector in another order": {key: serve.Key{
			Type: v1alpha1.PodsMetric, Namespace: "shop", Resource: groupResource("pods"), Metric: key().Metric, Name: "web",
			Selector: "code in (200,204),verb=GET",
		}, window: func(w *v1alpha1.ScalingWindow) {
			w.Spec.Metric.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"verb": "GET"}, MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "code", Operator: metav1.LabelSelectorOpIn, Values: []string{"204", "200"}},
			}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := scalingWindow(), autoscaler()
			w.CreationTimestamp = older
			if tc.window != nil {
				tc.window(w)
			}
			if tc.hpa != nil {
				tc.hpa(a)
			}
			got := Of([]*v1alpha1.ScalingWindow{w}, []*autoscalingv2.HorizontalPodAutoscaler{a}, rules.BuiltIn(), testGrid())[0]
			if got.Key != tc.key {
				t.Errorf("it is for %+v, want %+v", got.Key, tc.key)
			}
			switch {
			case got.Fault == nil && tc.want != "":
				t.Errorf("it is sound, want %s", tc.want)
			case got.Fault != nil && (got.Fault.Reason != tc.want || !strings.Contains(got.Fault.Error(), tc.says)):
				t.Errorf("its fault is %s: %v, want %q that says %q", got.Fault.Reason, got.Fault, tc.want, tc.says)
			}
		})
	}
}

func TestOfTwoForOneMetricTheOlderServes(t *testing.T) {
	young, old, same := scalingWindow(), scalingWindow(), scalingWindow()
	young.Name, old.Name, same.Name = "a", "c", "b"
	young.CreationTimestamp = metav1.NewTime(epoch().Add(time.Hour))
	old.CreationTimestamp, same.CreationTimestamp = metav1.NewTime(epoch()), metav1.NewTime(epoch())
	got := Of([]*v1alpha1.ScalingWindow{young, old, same}, nil, rules.BuiltIn(), testGrid())
	for i, want := range []string{"b", "c", "a"} {
		if w := got[i]; w.Object.Name != want || (w.Fault == nil) != (i == 0) || i > 0 && (w.Fault.Reason != Conflict || w.Key != (serve.Key{})) {
			t.Errorf("place %d: %s with the fault %v", i, w.Object.Name, w.Fault)
		}
	}
}

func TestExampleOfTheReadmeIsSound(t *testing.T) {
	text, err := os.ReadFile("../hold/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	var w v1alpha1.ScalingWindow
	if err := yaml.UnmarshalStrict([]byte(example), &w); err != nil {
		t.Fatal(err)
	}
	got := Of([]*v1alpha1.ScalingWindow{&w}, []*autoscalingv2.HorizontalPodAutoscaler{autoscaler()}, rules.BuiltIn(), testGrid())[0]
	if got.Fault != nil || got.Config.SlowScaleDown.MaxPods != 30 || w.Spec.AutoscalerPolicy != v1alpha1.ApplyAutoscaler {
		t.Errorf("it comes to %+v, %v", got.Config, got.Fault)
	}
}

func autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "web", Generation: 1},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MaxReplicas:    30,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: key().Metric},
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewQuantity(10, resource.DecimalSI)},
			}}},
		},
	}
}
