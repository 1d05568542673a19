package peakshaver

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/controller"
	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/test/bench"
)

const day = `
apiVersion: evenkeel.dev/v1alpha1
kind: PeakPolicy
metadata: {name: day, namespace: default}
spec:
  windows: [{name: day, timeZone: UTC, from: "08:00", to: "18:00"}]
  selection: {kinds: [CronJob]}
  action: {suspend: true}
`

func apply(tb testing.TB, client dynamic.Interface, resource schema.GroupVersionResource, text []byte) {
	tb.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &u.Object); err != nil {
		tb.Fatal(err)
	}
	err := wait.PollUntilContextTimeout(tb.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := client.Resource(resource).Namespace(u.GetNamespace()).Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: "bench"})
		return err == nil, nil
	})
	if err != nil {
		tb.Fatalf("applying %s %s: %v", u.GetKind(), u.GetName(), err)
	}
}

// edge has a window open for a number of CronJobs, and returns how long it took until all of them were suspended, on an
// API server of its own.
func edge(tb testing.TB, targets int) time.Duration {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			tb.Error(err)
		}
	}()
	client, err := dynamic.NewForConfig(plane.RESTConfig())
	if err != nil {
		tb.Fatal(err)
	}
	createCronJobs(tb, kubernetes.NewForConfigOrDie(plane.RESTConfig()), targets)
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	for _, plural := range []string{"clusterpeakpolicies", "peakpolicies"} {
		text, err := os.ReadFile("../../../manifests/crd/evenkeel.dev_" + plural + ".yaml")
		if err != nil {
			tb.Fatal(err)
		}
		apply(tb, client, crds, text)
	}
	apply(tb, client, v1alpha1.GroupVersion.WithResource("peakpolicies"), []byte(day))

	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC))
	registry := prometheus.NewRegistry()
	c, err := controller.New(controller.Config{
		Client: client, Kinds: []v1alpha1.TargetKind{v1alpha1.CronJob}, Clock: clock, Recorder: &record.FakeRecorder{}, Registerer: registry,
	})
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	policies := client.Resource(v1alpha1.GroupVersion.WithResource("peakpolicies")).Namespace("default")
	until(tb, "all targets to be seen", func(ctx context.Context) (bool, error) {
		u, err := policies.Get(ctx, "day", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		selected, _, err := unstructured.NestedInt64(u.Object, "status", "targets", "selected")
		return selected == int64(targets), err
	})
	start := time.Now()
	clock.Step(3 * time.Hour)
	until(tb, "all targets to be switched", func(context.Context) (bool, error) { return written(tb, registry) >= targets, nil })
	took := time.Since(start)
	cancel()
	if err := <-ended; err != nil {
		tb.Error(err)
	}
	return took
}

func until(tb testing.TB, what string, done wait.ConditionWithContextFunc) {
	tb.Helper()
	if err := wait.PollUntilContextTimeout(tb.Context(), 50*time.Millisecond, 5*time.Minute, true, done); err != nil {
		tb.Fatalf("waiting for %s: %v", what, err)
	}
}

func createCronJobs(tb testing.TB, client kubernetes.Interface, targets int) {
	tb.Helper()
	template := v1.PodTemplateSpec{Spec: v1.PodSpec{RestartPolicy: v1.RestartPolicyNever, Containers: []v1.Container{{Name: "c", Image: "registry.example/c:1"}}}}
	workqueue.ParallelizeUntil(tb.Context(), 16, targets, func(i int) {
		_, err := client.BatchV1().CronJobs("default").Create(tb.Context(), &batchv1.CronJob{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("target-%05d", i)},
			Spec:       batchv1.CronJobSpec{Schedule: "0 0 1 1 *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}},
		}, metav1.CreateOptions{})
		if err != nil {
			tb.Error(err)
		}
	})
}

// written is how many writes were carried out.
func written(tb testing.TB, registry *prometheus.Registry) int {
	tb.Helper()
	families, err := registry.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	done := 0.
	for _, family := range families {
		if family.GetName() != "evenkeel_peakshaver_writes_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "result" && label.GetValue() == "done" {
					done += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return int(done)
}

// TestEdge: writes keep their limit of 200 a second, of which 20 may come at once.
func TestEdge(t *testing.T) {
	if took := edge(t, 220); took < 900*time.Millisecond {
		t.Errorf("220 targets were switched within %s", took)
	}
}

func BenchmarkEdge(b *testing.B) {
	targets := 10_000
	if testing.Short() {
		targets = 1000
	}
	for range b.N {
		took := edge(b, targets)
		b.Logf("%.0f writes/s", float64(targets)/took.Seconds())
		bench.Report(b, bench.Result{Area: "peakshaver", Name: fmt.Sprintf("edge_%d_targets_seconds", targets), Value: took.Seconds(), Unit: "s"})
	}
}
