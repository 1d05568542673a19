package target

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// Cluster is what is known of a cluster.
type Cluster struct {
	// Targets by kind; those of autoscalers have the Indexers of this package.
	Targets map[v1alpha1.TargetKind]cache.Indexer
	// Namespaces and Priorities (classes) by name.
	Namespaces, Priorities cache.Store
}

// Object is what policies want to know of an object.
func (c *Cluster) Object(kind v1alpha1.TargetKind, u *unstructured.Unstructured, state *ledger.State) *policy.Object {
	o := &policy.Object{
		Kind: kind, Namespace: u.GetNamespace(), Name: u.GetName(), UID: string(u.GetUID()),
		Labels: u.GetLabels(), Original: state.Original, Priority: c.priorityOf(kind, u),
	}
	if namespace := Get(c.Namespaces, u.GetNamespace()); namespace != nil {
		o.NamespaceLabels = namespace.GetLabels()
	}
	switch kind {
	case v1alpha1.Deployment, v1alpha1.StatefulSet:
		o.Autoscaled = len(c.ScalersOf(kind, u)) > 0
	case v1alpha1.Job:
		o.Job = jobOf(u, state)
		o.Job.Queued = c.Queues() && u.GetLabels()[queueLabel] != ""
	}
	return o
}

// queueLabel names the queue of a Job that Kueue manages.
const queueLabel = "kueue.x-k8s.io/queue-name"

// Queues tells that the cluster has Kueue.
func (c *Cluster) Queues() bool { return c.Targets[v1alpha1.LocalQueue] != nil }

func jobOf(u *unstructured.Unstructured, state *ledger.State) *policy.Job {
	job := &policy.Job{
		Created: u.GetCreationTimestamp().Time,
		Held:    state.Held && state.Current.Suspend && !state.Original.Suspend,
		// The load is not known here, and what is not known is not waited for.
		Admitted: valley.NoUsage,
		Released: state.Released,
	}
	if !state.Current.Suspend {
		job.Started = timeAt(u, "status", "startTime")
	}
	if deadline, err := time.Parse(time.RFC3339, u.GetAnnotations()[v1alpha1.AnnotationDeadline]); err == nil {
		job.Deadline = deadline
	}
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	job.Finished = slices.ContainsFunc(conditions, func(condition any) bool {
		of, ok := condition.(map[string]any)
		return ok && (of["type"] == "Complete" || of["type"] == "Failed") && of["status"] == string(metav1.ConditionTrue)
	})
	return job
}

func timeAt(u *unstructured.Unstructured, path ...string) time.Time {
	text, _, _ := unstructured.NestedString(u.Object, path...)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// priorityOf is the priority of the object's pods; of an autoscaler's, that of what it scales. It is 0 where there are none.
func (c *Cluster) priorityOf(kind v1alpha1.TargetKind, u *unstructured.Unstructured) int32 {
	switch kind {
	case v1alpha1.Job, v1alpha1.Deployment, v1alpha1.StatefulSet:
		return c.priorityOfPods(u, "spec", "template", "spec")
	case v1alpha1.CronJob:
		return c.priorityOfPods(u, "spec", "jobTemplate", "spec", "template", "spec")
	case v1alpha1.HorizontalPodAutoscaler, v1alpha1.ScaledObject:
		scaled, name := ScaledBy(u)
		if objects := c.Targets[scaled]; objects != nil && scaled != kind {
			if of := Get(objects, u.GetNamespace()+"/"+name); of != nil {
				return c.priorityOf(scaled, of)
			}
		}
	case v1alpha1.LocalQueue, v1alpha1.ClusterQueue: // of many
	}
	return 0
}

// priorityOfPods is that of a pod's specification at a path.
func (c *Cluster) priorityOfPods(u *unstructured.Unstructured, path ...string) int32 {
	if priority, found, _ := unstructured.NestedInt64(u.Object, append(path, "priority")...); found {
		return int32(priority)
	}
	class, _, _ := unstructured.NestedString(u.Object, append(path, "priorityClassName")...)
	classes, byDefault := c.PriorityClasses()
	if class == "" {
		return byDefault
	}
	for _, of := range classes {
		if of.Name == class {
			return of.Value
		}
	}
	return 0
}

// PriorityClasses in any order, and the priority of pods that name none.
func (c *Cluster) PriorityClasses() (classes []v1alpha1.PeakPriorityClass, byDefault int32) {
	for _, item := range c.Priorities.List() {
		u := AsObject(item)
		value, _, _ := unstructured.NestedInt64(u.Object, "value")
		classes = append(classes, v1alpha1.PeakPriorityClass{Name: u.GetName(), Value: int32(value)})
		if isDefault, _, _ := unstructured.NestedBool(u.Object, "globalDefault"); isDefault {
			byDefault = int32(value)
		}
	}
	return classes, byDefault
}

// ScaledBy is what an autoscaler or ScaledObject scales, in its own namespace.
func ScaledBy(u *unstructured.Unstructured) (kind v1alpha1.TargetKind, name string) {
	name, _, _ = unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "name")
	of, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "kind")
	return v1alpha1.TargetKind(cmp.Or(of, string(v1alpha1.Deployment))), name
}

const byScaled = "scaled"

// Indexers find autoscalers by what they scale; nil for other kinds.
func Indexers(kind v1alpha1.TargetKind) cache.Indexers {
	if kind == v1alpha1.HorizontalPodAutoscaler || kind == v1alpha1.ScaledObject {
		return cache.Indexers{byScaled: indexScaled}
	}
	return nil
}

func indexScaled(item any) ([]string, error) {
	u := AsObject(item)
	kind, name := ScaledBy(u)
	return []string{scaledKey(kind, u.GetNamespace(), name)}, nil
}

func scaledKey(kind v1alpha1.TargetKind, namespace, name string) string {
	return string(kind) + "/" + namespace + "/" + name
}

// ScalersOf names what scales an object, by kind.
func (c *Cluster) ScalersOf(kind v1alpha1.TargetKind, u *unstructured.Unstructured) map[v1alpha1.TargetKind][]string {
	scalers := map[v1alpha1.TargetKind][]string{}
	for _, by := range []v1alpha1.TargetKind{v1alpha1.HorizontalPodAutoscaler, v1alpha1.ScaledObject} {
		if objects := c.Targets[by]; objects != nil {
			found, err := objects.IndexKeys(byScaled, scaledKey(kind, u.GetNamespace(), u.GetName()))
			if err == nil && len(found) > 0 {
				scalers[by] = found
			}
		}
	}
	return scalers
}

// AsObject is what a cache has, or had.
func AsObject(item any) *unstructured.Unstructured {
	if gone, ok := item.(cache.DeletedFinalStateUnknown); ok {
		item = gone.Obj
	}
	if u, ok := item.(*unstructured.Unstructured); ok {
		return u
	}
	return &unstructured.Unstructured{}
}

// NameOf is the name of an object, with its namespace if it has one, as caches have it.
func NameOf(u *unstructured.Unstructured) string {
	if u.GetNamespace() == "" {
		return u.GetName()
	}
	return u.GetNamespace() + "/" + u.GetName()
}

// Get returns an object of a cache, nil if it is not there.
func Get(store cache.Store, name string) *unstructured.Unstructured {
	item, found, err := store.GetByKey(name)
	if err != nil || !found {
		return nil
	}
	return AsObject(item)
}
