package trace

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"
)

// unfinished selects the pods that still wait or run.
const unfinished = "status.phase!=Succeeded,status.phase!=Failed"

// FromCluster lists a cluster's nodes and unfinished pods, page by page. It only reads, and copies what it keeps: the
// objects are the workload's own. All pods arrive at 0; those with a node run already.
func FromCluster(ctx context.Context, client kubernetes.Interface) (*Workload, error) {
	w := &Workload{}
	nodes := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return client.CoreV1().Nodes().List(ctx, options)
	})
	err := nodes.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		if node, ok := object.(*v1.Node); ok {
			node = node.DeepCopy()
			node.ManagedFields = nil
			w.Nodes = append(w.Nodes, node)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	pods := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, options)
	})
	err = pods.EachListItem(ctx, metav1.ListOptions{FieldSelector: unfinished}, func(object runtime.Object) error {
		// The fake client does not select by fields.
		if pod, ok := object.(*v1.Pod); ok && !finished(pod) {
			pod = pod.DeepCopy()
			pod.ManagedFields = nil
			w.Pods = append(w.Pods, running([]*v1.Pod{pod})...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing pods: %w", err)
	}
	return w, w.Validate()
}

func finished(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
}
