package trial

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// census counts the pods of each pool from an informer's cache.
type census struct {
	pods cache.Indexer
}

func newCensus(ctx context.Context, client kubernetes.Interface) (*census, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Pods().Informer()
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, fmt.Errorf("counting pods: %w", context.Cause(ctx))
	}
	return &census{pods: informer.GetIndexer()}, nil
}

// count says how many pods of a namespace have a node, and how many wait for one.
func (c *census) count(namespace string) (bound, pending int) {
	objects, err := c.pods.ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return 0, 0 // the index is made with the informer
	}
	for _, o := range objects {
		pod, ok := o.(*v1.Pod)
		switch {
		case !ok || pod.DeletionTimestamp != nil:
		case pod.Spec.NodeName == "":
			pending++
		default:
			bound++
		}
	}
	return bound, pending
}
