package hold

import (
	"context"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// fit sets the behavior of the autoscalers where the ScalingWindow asks for it. Fields that somebody else has set are left
// to them: that is an error which names them.
func (w *Writer) fit(ctx context.Context, one *wish.Wish) error {
	if one.Object.Spec.AutoscalerPolicy != v1alpha1.ApplyAutoscaler || one.Fault != nil {
		return nil //nolint:nilerr // the fault is told by the condition Ready
	}
	for _, a := range one.Autoscalers {
		want := hpa.Fit(&a.Spec, &one.Config).Behavior.ScaleDown
		if b := a.Spec.Behavior; b != nil && equality.Semantic.DeepEqual(b.ScaleDown, want) {
			continue
		}
		if err := w.apply(ctx, a, want); err != nil {
			return fmt.Errorf("setting spec.behavior.scaleDown of HorizontalPodAutoscaler %s: %w", a.Name, err)
		}
	}
	return nil
}

func (w *Writer) apply(ctx context.Context, a *autoscalingv2.HorizontalPodAutoscaler, rules *autoscalingv2.HPAScalingRules) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(rules)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"behavior": map[string]any{"scaleDown": fields}}}}
	u.SetGroupVersionKind(autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"))
	u.SetNamespace(a.Namespace)
	u.SetName(a.Name)
	u.SetUID(a.UID) // or one that was just deleted would come to be again
	resource := autoscalingv2.SchemeGroupVersion.WithResource("horizontalpodautoscalers")
	_, err = w.Client.Resource(resource).Namespace(a.Namespace).Apply(ctx, a.Name, u, metav1.ApplyOptions{FieldManager: Manager})
	return err
}
