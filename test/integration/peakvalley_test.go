package integration

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
)

const deferred = "deferred"

// steady is a cluster of ten CPUs that uses what it is told to, as do its Jobs.
type steady struct {
	mu   sync.Mutex
	used int64
	uses meter.Uses // of Jobs
}

func (s *steady) set(used int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = used
}

func (s *steady) Now(_ cache.Store, now time.Time) (meter.Load, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return meter.Load{Used: s.used, Capacity: 10_000, At: now}, nil
}

func (*steady) Past(context.Context, time.Time) (history.Series, error) { return history.Series{}, nil }

func (s *steady) Jobs(context.Context, []meter.Job, time.Time) (meter.Uses, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.uses), nil
}

const underCeiling = `
apiVersion: evenkeel.dev/v1alpha1
kind: PeakPolicy
metadata: {name: day, namespace: deferred}
spec:
  windows:
  - {name: day, timeZone: Europe/Berlin, from: "08:00", to: "18:00"}
  selection: {kinds: [Job]}
  action: {suspend: true}
  grace: {running: Stop}
  deadline: {expectedRunTime: 1h, margin: 0}
  ceiling: {cpu: 50}
`

// TestPeakCeiling: under the real Job controller Jobs start in order of their deadlines as there is room under the ceiling,
// and one that cannot wait for the end of the window starts inside it.
func TestPeakCeiling(t *testing.T) {
	newCRDs(t)
	newNamespace(t, deferred)
	client := admin(t)
	jobs := client.BatchV1().Jobs(deferred)
	template := v1.PodTemplateSpec{Spec: newPod("", "", "", "none", "1").Spec}
	template.Spec.SchedulerName, template.Spec.RestartPolicy = "nobody", v1.RestartPolicyNever
	// The clock of the policies is not the API server's: days are counted from the Jobs' creation.
	monday := time.Now().UTC().Truncate(24 * time.Hour)
	monday = monday.AddDate(0, 0, 15-int(monday.Weekday())).Add(6 * time.Hour)
	for name, due := range map[string]float64{"third": 40, "first": 20, "second": 30, "hurries": 6} {
		create(t, jobs.Create, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: deferred, Name: name, Annotations: map[string]string{
			v1alpha1.AnnotationDeadline: monday.Add(time.Duration(due * float64(time.Hour))).Format(time.RFC3339),
		}}, Spec: batchv1.JobSpec{Template: template}})
	}
	apply(t, objectOf(t, underCeiling))
	clock, load := clocktesting.NewFakeClock(monday), &steady{used: 4500}
	shaveBy(t, cluster(t).RESTConfig(), clock, load)
	// running are the Jobs that have a pod.
	running := func(ctx context.Context) (names []string, err error) {
		list, err := jobs.List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if list.Items[i].Status.Active > 0 {
				names = append(names, list.Items[i].Name)
			}
		}
		slices.Sort(names)
		return names, nil
	}
	becomes := func(what string, want ...string) {
		t.Helper()
		eventually(t, what, func(ctx context.Context) (bool, error) {
			clock.Step(time.Second)
			got, err := running(ctx)
			return slices.Equal(got, want), err
		})
	}
	at := func(hours float64) { clock.SetTime(monday.Add(time.Duration(hours * float64(time.Hour)))) }
	done := func(name string) {
		t.Helper()
		job, err := jobs.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pods, err := client.CoreV1().Pods(deferred).List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=" + name})
		if err != nil || len(pods.Items) != 1 || job.Status.Active != 1 {
			t.Fatalf("%s has %d pods: %v", name, len(pods.Items), err)
		}
		pods.Items[0].Status.Phase = v1.PodSucceeded
		if _, err := client.CoreV1().Pods(deferred).UpdateStatus(t.Context(), &pods.Items[0], metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	at(2)
	becomes("all to be suspended")
	at(4.9)
	becomes("the one that hurries to start", "hurries")
	done("hurries")
	becomes("it to be done")
	at(11)
	becomes("the others to wait for room")
	load.set(3900)
	at(11.1)
	becomes("the first to start", "first")
	done("first")
	becomes("the second to start", "second")
	done("second")
	becomes("the third to start", "third")
}
