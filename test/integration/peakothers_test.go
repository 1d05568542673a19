package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

const queued = "queued"

// definition is a CRD that takes any object, in place of one whose controller is not here.
const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.%[2]s}
spec:
  group: %[2]s
  names: {kind: %[3]s, listKind: %[3]sList, plural: %[1]s, singular: %[4]s}
  scope: %[5]s
  versions:
  - name: %[6]s
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

const stopping = `
apiVersion: evenkeel.dev/v1alpha1
kind: ClusterPeakPolicy
metadata: {name: queues}
spec:
  windows:
  - {name: day, timeZone: Europe/Berlin, from: "08:00", to: "18:00"}
  selection: {kinds: [ScaledObject, LocalQueue, ClusterQueue, Job], labels: {matchLabels: {shaved: queues}}}
  action: {pauseScaledObjects: true, stopQueues: Hold, suspend: true}
`

// others are objects of KEDA and Kueue, each with what it has in the window.
func others() map[v1alpha1.TargetKind][2]string {
	return map[v1alpha1.TargetKind][2]string{
		v1alpha1.ScaledObject: {"spec: {scaleTargetRef: {name: none}}", "true"},
		v1alpha1.LocalQueue:   {"spec: {clusterQueue: all}", "Hold"},
		v1alpha1.ClusterQueue: {"spec: {stopPolicy: None}", "Hold"},
	}
}

// TestPeakShaverOthers: what KEDA and Kueue have is paused, stopped and given back as it was, and a Job in a queue is left to that.
func TestPeakShaverOthers(t *testing.T) {
	newCRDs(t)
	newNamespace(t, queued)
	client := dynamicOf(t)
	kinds := map[v1alpha1.TargetKind]*unstructured.Unstructured{}
	for kind, object := range others() {
		resource, scope := target.ResourceOf(kind), "Namespaced"
		if kind == v1alpha1.ClusterQueue {
			scope = "Cluster"
		}
		apply(t, objectOf(t, fmt.Sprintf(definition, resource.Resource, resource.Group, kind, strings.ToLower(string(kind)), scope, resource.Version)))
		eventually(t, string(kind)+" to be served", func(ctx context.Context) (bool, error) {
			_, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
			return err == nil, nil
		})
		u := objectOf(t, fmt.Sprintf("{apiVersion: %s/%s, kind: %s, metadata: {name: it, labels: {shaved: queues}}}", resource.Group, resource.Version, kind))
		if scope == "Namespaced" {
			u.SetNamespace(queued)
		}
		u.Object["spec"] = objectOf(t, object[0]).Object["spec"]
		created, err := client.Resource(resource).Namespace(u.GetNamespace()).Create(t.Context(), u, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		kinds[kind] = created
	}
	inQueue := newPod("", "", "nobody", "none", "10m").Spec
	inQueue.RestartPolicy = v1.RestartPolicyNever
	for name, labels := range map[string]map[string]string{"plain": {"shaved": "queues"}, "queued": {"shaved": "queues", "kueue.x-k8s.io/queue-name": "it"}} {
		create(t, admin(t).BatchV1().Jobs(queued).Create, &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Namespace: queued, Name: name, Labels: labels},
			Spec:       batchv1.JobSpec{Suspend: ptr.To(false), Template: v1.PodTemplateSpec{Spec: inQueue}},
		})
	}
	apply(t, objectOf(t, stopping))
	policies := client.Resource(v1alpha1.GroupVersion.WithResource("clusterpeakpolicies"))
	t.Cleanup(func() {
		if err := policies.Delete(context.Background(), "queues", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	clock := clocktesting.NewFakeClock(atSeven)
	shaveAndTell(t, cluster(t).RESTConfig(), clock, nil, v1alpha1.ScaledObject, v1alpha1.LocalQueue, v1alpha1.ClusterQueue)
	now := func(ctx context.Context, kind v1alpha1.TargetKind) (*unstructured.Unstructured, error) {
		return client.Resource(target.ResourceOf(kind)).Namespace(kinds[kind].GetNamespace()).Get(ctx, "it", metav1.GetOptions{})
	}
	in := func(ctx context.Context) (bool, error) {
		clock.Step(time.Second)
		for kind, object := range others() {
			u, err := now(ctx, kind)
			if err != nil {
				return false, err
			}
			stop, _, _ := unstructured.NestedString(u.Object, "spec", "stopPolicy")
			if stop != object[1] && u.GetAnnotations()["autoscaling.keda.sh/paused"] != object[1] {
				return false, nil
			}
		}
		job, err := admin(t).BatchV1().Jobs(queued).Get(ctx, "plain", metav1.GetOptions{})
		return err == nil && *job.Spec.Suspend, err
	}
	clock.SetTime(atSeven.Add(2 * time.Hour))
	eventually(t, "everything to be stopped", in)
	if job, err := admin(t).BatchV1().Jobs(queued).Get(t.Context(), "queued", metav1.GetOptions{}); err != nil || *job.Spec.Suspend {
		t.Errorf("a Job of a queue was suspended: %v", err)
	}
	clock.SetTime(atSeven.Add(12 * time.Hour))
	eventually(t, "everything to be given back", func(ctx context.Context) (bool, error) {
		clock.Step(time.Second)
		for kind := range others() {
			if u, err := now(ctx, kind); err != nil || len(u.GetLabels()) != 1 {
				return false, err
			}
		}
		return true, nil
	})
	for kind, before := range kinds {
		after, err := now(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]any{before.Object["spec"], before.GetAnnotations()}, []any{after.Object["spec"], after.GetAnnotations()}); diff != "" {
			t.Errorf("%s is not as it was:\n%s", kind, diff)
		}
	}
}
