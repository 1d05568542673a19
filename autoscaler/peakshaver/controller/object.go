package controller

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
)

// objectOf is what policies want to know of an object.
func (c *Controller) objectOf(kind v1alpha1.TargetKind, u *unstructured.Unstructured, state *ledger.State) *policy.Object {
	o := &policy.Object{
		Kind: kind, Namespace: u.GetNamespace(), Name: u.GetName(), UID: string(u.GetUID()),
		Labels: u.GetLabels(), Original: state.Original, Priority: c.priorityOf(kind, u),
	}
	if namespace := get(c.namespaces, u.GetNamespace()); namespace != nil {
		o.NamespaceLabels = namespace.GetLabels()
	}
	switch kind {
	case v1alpha1.Deployment, v1alpha1.StatefulSet:
		o.Autoscaled = c.autoscaled(kind, u)
	case v1alpha1.Job:
		o.Job = jobOf(u, state)
	}
	return o
}

func jobOf(u *unstructured.Unstructured, state *ledger.State) *policy.Job {
	job := &policy.Job{
		Created: u.GetCreationTimestamp().Time,
		Held:    state.Held && state.Current.Suspend && !state.Original.Suspend,
		// There is no source of usage here yet, and what is not known is not waited for.
		Admitted: true,
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
func (c *Controller) priorityOf(kind v1alpha1.TargetKind, u *unstructured.Unstructured) int32 {
	path := []string{"spec", "template", "spec"}
	switch kind {
	case v1alpha1.Job, v1alpha1.Deployment, v1alpha1.StatefulSet:
	case v1alpha1.CronJob:
		path = []string{"spec", "jobTemplate", "spec", "template", "spec"}
	case v1alpha1.HorizontalPodAutoscaler, v1alpha1.ScaledObject:
		scaled, name := scaledBy(u)
		if informer := c.targets[scaled]; informer != nil && (scaled == v1alpha1.Deployment || scaled == v1alpha1.StatefulSet) {
			if target := get(informer, u.GetNamespace()+"/"+name); target != nil {
				return c.priorityOf(scaled, target)
			}
		}
		return 0
	default:
		return 0
	}
	if priority, found, _ := unstructured.NestedInt64(u.Object, append(path, "priority")...); found {
		return int32(priority) //nolint:gosec // the API server holds it to 32 bits
	}
	class, _, _ := unstructured.NestedString(u.Object, append(path, "priorityClassName")...)
	for _, item := range c.priorities.GetStore().List() {
		of := asObject(item)
		byDefault, _, _ := unstructured.NestedBool(of.Object, "globalDefault")
		if of.GetName() == class || class == "" && byDefault {
			value, _, _ := unstructured.NestedInt64(of.Object, "value")
			return int32(value) //nolint:gosec // the API server holds it to 32 bits
		}
	}
	return 0
}

// scaledBy is what an autoscaler or ScaledObject scales, in its own namespace.
func scaledBy(u *unstructured.Unstructured) (kind v1alpha1.TargetKind, name string) {
	name, _, _ = unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "name")
	of, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "kind")
	return v1alpha1.TargetKind(cmp.Or(of, string(v1alpha1.Deployment))), name
}

const byScaled = "scaled"

// indexScaled finds autoscalers by what they scale.
func indexScaled(item any) ([]string, error) {
	u := asObject(item)
	kind, name := scaledBy(u)
	return []string{scaledKey(kind, u.GetNamespace(), name)}, nil
}

func scaledKey(kind v1alpha1.TargetKind, namespace, name string) string {
	return string(kind) + "/" + namespace + "/" + name
}

func (c *Controller) autoscaled(kind v1alpha1.TargetKind, u *unstructured.Unstructured) bool {
	for _, by := range []v1alpha1.TargetKind{v1alpha1.HorizontalPodAutoscaler, v1alpha1.ScaledObject} {
		if informer := c.targets[by]; informer != nil {
			found, err := informer.GetIndexer().IndexKeys(byScaled, scaledKey(kind, u.GetNamespace(), u.GetName()))
			if err == nil && len(found) > 0 {
				return true
			}
		}
	}
	return false
}
