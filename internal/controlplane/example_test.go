package controlplane_test

import (
	"context"
	"errors"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/evenkeel/evenkeel/internal/controlplane"
)

// The README shows this function's body; it is here to be compiled.
func Example() {
	_ = func(ctx context.Context) (err error) {
		plane, err := controlplane.Start(ctx, controlplane.Options{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, plane.Stop()) }()
		if err := plane.StartNodes(ctx, controlplane.NodeOptions{}); err != nil {
			return err
		}
		client, err := kubernetes.NewForConfig(plane.RESTConfig())
		if err != nil {
			return err
		}
		node := controlplane.NewNode("node-1", nil, v1.ResourceList{v1.ResourceCPU: resource.MustParse("8")})
		_, err = client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		return err
	}
}
