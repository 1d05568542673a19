package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hold"
)

// testApply has windows mend the behavior of their autoscalers: one that nobody has set, and one that somebody else has.
func (s *adapterStage) testApply(t *testing.T) {
	for name, behavior := range map[string]*autoscalingv2.HorizontalPodAutoscalerBehavior{
		"untouched": nil,
		"taken":     {ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](77)}},
	} {
		s.queue.WithLabelValues(name).Set(1)
		metric := autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: "queue_depth", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"queue": name}}},
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: ptr.To(resource.MustParse("10"))},
		}}
		s.autoscaleBy(t, name, metric, behavior)
		apply(t, objectOf(t, fmt.Sprintf(`
apiVersion: evenkeel.dev/v1alpha1
kind: ScalingWindow
metadata: {namespace: adapter, name: %[1]s}
spec:
  autoscaler: %[1]s
  autoscalerPolicy: Apply
  metric: {type: External, name: queue_depth, selector: {matchLabels: {queue: %[1]s}}}
  target: {averageValue: "10"}
  slowScaleDown: {hold: 10m, pods: 1, period: 10m}
`, name)))
	}
	s.awaitFits(t, "untouched", hold.Fits, "")
	down := s.scaleDown(t, "untouched")
	if !down.Tolerance.IsZero() || *down.StabilizationWindowSeconds != 0 || len(down.Policies) != 1 || down.Policies[0].PeriodSeconds != 600 {
		t.Errorf("what nobody had set became %+v", down)
	}
	s.awaitFits(t, "taken", hold.NotApplied, `"integration.test"`)
	if down := s.scaleDown(t, "taken"); *down.StabilizationWindowSeconds != 77 || down.Tolerance != nil {
		t.Errorf("what is somebody else's became %+v", down)
	}
}

func (s *adapterStage) scaleDown(t *testing.T, name string) *autoscalingv2.HPAScalingRules {
	t.Helper()
	hpa, err := s.client.AutoscalingV2().HorizontalPodAutoscalers(adapterNamespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return hpa.Spec.Behavior.ScaleDown
}

// awaitFits waits until a window says that of its autoscaler.
func (s *adapterStage) awaitFits(t *testing.T, name, reason, says string) {
	t.Helper()
	windows := dynamicOf(t).Resource(v1alpha1.GroupVersion.WithResource("scalingwindows")).Namespace(adapterNamespace)
	said := ""
	defer func() {
		if t.Failed() {
			t.Logf("window %s says %s", name, said)
		}
	}()
	eventually(t, fmt.Sprintf("window %s to say %s", name, reason), func(ctx context.Context) (bool, error) {
		u, err := windows.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		w := &v1alpha1.ScalingWindow{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, w); err != nil {
			return false, err
		}
		c := meta.FindStatusCondition(w.Status.Conditions, hold.AutoscalerFits)
		if c != nil {
			said = c.Reason + ": " + c.Message
		}
		return c != nil && c.Reason == reason && strings.Contains(c.Message, says), nil
	})
}
