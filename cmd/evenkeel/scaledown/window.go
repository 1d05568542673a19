package scaledown

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

// createWindow gives a contender its ScalingWindow.
func (s *stage) createWindow(ctx context.Context, c contender) error {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s.window(c))
	if err != nil {
		return err
	}
	delete(object, "status")
	windows := s.dynamic.Resource(v1alpha1.GroupVersion.WithResource("scalingwindows")).Namespace(c.name)
	_, err = windows.Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
	return err
}
