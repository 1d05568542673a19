package peak

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// dated is a client that has Jobs created, started and ended by the clock of the day rather than the API server's.
type dated struct {
	dynamic.Interface
	clock *fastClock
}

// Resource has Jobs read so.
func (d *dated) Resource(resource schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	of := d.Interface.Resource(resource)
	if resource.Resource != "jobs" {
		return of
	}
	return &datedJobs{NamespaceableResourceInterface: of, dated: d}
}

type datedJobs struct {
	dynamic.NamespaceableResourceInterface
	dated *dated
}

// Namespace has the Jobs of one, or of all, read so.
func (d *datedJobs) Namespace(name string) dynamic.ResourceInterface {
	return &datedIn{ResourceInterface: d.NamespaceableResourceInterface.Namespace(name), dated: d.dated}
}

type datedIn struct {
	dynamic.ResourceInterface
	dated *dated
}

// List redates.
func (d *datedIn) List(ctx context.Context, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	list, err := d.ResourceInterface.List(ctx, options)
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		d.dated.redate(&list.Items[i])
	}
	return list, nil
}

// Watch redates.
func (d *datedIn) Watch(ctx context.Context, options metav1.ListOptions) (apiwatch.Interface, error) {
	w, err := d.ResourceInterface.Watch(ctx, options)
	if err != nil {
		return nil, err
	}
	return apiwatch.Filter(w, func(event apiwatch.Event) (apiwatch.Event, bool) {
		if u, ok := event.Object.(*unstructured.Unstructured); ok {
			d.dated.redate(u)
		}
		return event, true
	}), nil
}

// redate a Job; those of earlier days have the day's times.
func (d *dated) redate(u *unstructured.Unstructured) {
	if by, _, _ := unstructured.NestedString(u.Object, "spec", "managedBy"); by == archivist {
		return
	}
	for _, path := range [][2]string{{"metadata", "creationTimestamp"}, {"status", "startTime"}, {"status", "completionTime"}} {
		of, _ := u.Object[path[0]].(map[string]any)
		text, _ := of[path[1]].(string)
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			of[path[1]] = d.clock.at(at).UTC().Format(time.RFC3339)
		}
	}
}
