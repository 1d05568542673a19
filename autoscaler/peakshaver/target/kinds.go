// Package target tells what policies want to know of the objects of a cluster: where they are served, their priority, what
// scales them, and how their values are told.
package target

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
)

// ResourceOf is where the objects of a kind are served.
func ResourceOf(kind v1alpha1.TargetKind) schema.GroupVersionResource {
	switch kind {
	case v1alpha1.Job:
		return schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	case v1alpha1.CronJob:
		return schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}
	case v1alpha1.Deployment:
		return schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	case v1alpha1.StatefulSet:
		return schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	case v1alpha1.HorizontalPodAutoscaler:
		return schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	case v1alpha1.ScaledObject:
		return schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"}
	case v1alpha1.LocalQueue:
		return schema.GroupVersionResource{Group: "kueue.x-k8s.io", Version: "v1beta1", Resource: "localqueues"}
	case v1alpha1.ClusterQueue:
		return schema.GroupVersionResource{Group: "kueue.x-k8s.io", Version: "v1beta1", Resource: "clusterqueues"}
	}
	return schema.GroupVersionResource{}
}

// Kinds that a policy can change.
func Kinds() []v1alpha1.TargetKind {
	return []v1alpha1.TargetKind{
		v1alpha1.Job, v1alpha1.CronJob, v1alpha1.Deployment, v1alpha1.StatefulSet, v1alpha1.HorizontalPodAutoscaler,
		v1alpha1.ScaledObject, v1alpha1.LocalQueue, v1alpha1.ClusterQueue,
	}
}

// Describe tells the values that a kind has.
func Describe(kind v1alpha1.TargetKind, v policy.Values) string {
	switch kind {
	case v1alpha1.Job, v1alpha1.CronJob:
		return map[bool]string{true: "suspended", false: "running"}[v.Suspend]
	case v1alpha1.Deployment, v1alpha1.StatefulSet:
		return fmt.Sprintf("%d replicas", v.Replicas)
	case v1alpha1.HorizontalPodAutoscaler:
		return fmt.Sprintf("%d to %d replicas", v.MinReplicas, v.MaxReplicas)
	case v1alpha1.ScaledObject:
		return map[bool]string{true: "paused", false: "scaling"}[v.Paused]
	case v1alpha1.LocalQueue, v1alpha1.ClusterQueue:
		if v.StopPolicy == "" {
			return "not stopped"
		}
	}
	return "stopPolicy " + v.StopPolicy
}
