package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/status"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	peakshaver "github.com/evenkeel/evenkeel/cmd/peakshaver/app"
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

// define has the API server serve a kind.
func define(t *testing.T, kind v1alpha1.TargetKind, scope string) {
	t.Helper()
	resource := target.ResourceOf(kind)
	apply(t, objectOf(t, fmt.Sprintf(definition, resource.Resource, resource.Group, kind, strings.ToLower(string(kind)), scope, resource.Version)))
	eventually(t, string(kind)+" to be served", func(ctx context.Context) (bool, error) {
		_, err := dynamicOf(t).Resource(resource).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
}

const later = `
apiVersion: evenkeel.dev/v1alpha1
kind: PeakPolicy
metadata: {name: later, namespace: later}
spec:
  windows:
  - {name: always, timeZone: UTC, from: "00:00", to: "24:00"}
  selection: {kinds: [ScaledObject, Job]}
  action: {pauseScaledObjects: true, suspend: true}
`

// TestPeakShaverKindsLater: a policy is carried out of the kinds that there are, and of one that is installed later without
// a restart.
func TestPeakShaverKindsLater(t *testing.T) {
	newCRDs(t)
	newNamespace(t, "later")
	client := dynamicOf(t)
	scaled := client.Resource(target.ResourceOf(v1alpha1.ScaledObject))
	definitions := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	if err := definitions.Delete(t.Context(), "scaledobjects.keda.sh", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	eventually(t, "ScaledObjects to be served no more", func(ctx context.Context) (bool, error) {
		_, err := scaled.List(ctx, metav1.ListOptions{})
		return apierrors.IsNotFound(err), nil
	})
	create(t, admin(t).BatchV1().Jobs("later").Create, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "later", Name: "it"}, Spec: newOnce()})
	apply(t, objectOf(t, later))
	cmd := peakshaver.NewCommand()
	cmd.SetArgs([]string{"--kubeconfig=" + writeKubeconfig(t, cluster(t).RESTConfig()), "--leader-elect=false", "--secure-port=0"})
	ctx, cancel := context.WithCancel(t.Context())
	cmd.SetContext(ctx)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Execute() }()
	policies := client.Resource(v1alpha1.GroupVersion.WithResource("peakpolicies")).Namespace("later")
	ready := func(want string) {
		t.Helper()
		eventually(t, "the policy's Ready to be "+want, func(ctx context.Context) (bool, error) {
			u, err := policies.Get(ctx, "later", metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			var policy v1alpha1.PeakPolicy
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &policy); err != nil {
				return false, err
			}
			is := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionReady)
			return is != nil && is.Reason == want, nil
		})
	}
	ready(status.NoSuchKind)
	eventually(t, "the Job to be suspended all the same", func(ctx context.Context) (bool, error) {
		job, err := admin(t).BatchV1().Jobs("later").Get(ctx, "it", metav1.GetOptions{})
		return err == nil && *job.Spec.Suspend, err
	})
	define(t, v1alpha1.ScaledObject, "Namespaced")
	object := objectOf(t, "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: it, namespace: later}, spec: {scaleTargetRef: {name: none}}}")
	if _, err := scaled.Namespace("later").Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	paused := func(want string) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			u, err := scaled.Namespace("later").Get(ctx, "it", metav1.GetOptions{})
			return err == nil && u.GetAnnotations()["autoscaling.keda.sh/paused"] == want, err
		}
	}
	eventually(t, "the ScaledObject to be paused", paused("true"))
	ready(status.CarriedOut)
	if err := policies.Delete(t.Context(), "later", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the ScaledObject to be given back", paused(""))
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the command ended with %v", err)
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
		define(t, kind, scope)
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
	inQueue := newOnce()
	inQueue.Suspend = ptr.To(false)
	for name, labels := range map[string]map[string]string{"plain": {"shaved": "queues"}, "queued": {"shaved": "queues", "kueue.x-k8s.io/queue-name": "it"}} {
		create(t, admin(t).BatchV1().Jobs(queued).Create, &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Namespace: queued, Name: name, Labels: labels}, Spec: inQueue,
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
