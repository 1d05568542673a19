package integration

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

const (
	admitted = "admitted"
	// admissionFor is how long the API server goes by what a peak shaver told it that is gone.
	admissionFor = 6 * time.Second
)

const admitting = `
apiVersion: evenkeel.dev/v1alpha1
kind: PeakPolicy
metadata: {name: day, namespace: admitted}
spec:
  windows:
  - {name: day, timeZone: Europe/Berlin, from: "08:00", to: "18:00"}
  selection: {kinds: [Job], labels: {matchLabels: {tier: batch}}}
  action: {suspend: true}
`

// newOnce is of a Job that runs one pod, which nobody schedules.
func newOnce() batchv1.JobSpec {
	pod := newPod("", "", "nobody", "none", "10m").Spec
	pod.RestartPolicy = v1.RestartPolicyNever
	return batchv1.JobSpec{Template: v1.PodTemplateSpec{Spec: pod}}
}

// newJob creates a Job whose pod runs for a second, and returns it as it is stored.
func newJob(t *testing.T, name string, change func(*batchv1.Job)) *batchv1.Job {
	t.Helper()
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: admitted, Name: name, Labels: map[string]string{"tier": "batch"}},
		Spec:       newOnce(),
	}
	if change != nil {
		change(job)
	}
	stored, err := admin(t).BatchV1().Jobs(admitted).Create(t.Context(), job, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func jobNow(ctx context.Context, t *testing.T, name string) (*batchv1.Job, error) {
	t.Helper()
	return admin(t).BatchV1().Jobs(admitted).Get(ctx, name, metav1.GetOptions{})
}

// recordOf is what policies wrote on a Job.
func recordOf(job *batchv1.Job) map[string]string {
	all := map[string]string{}
	for _, from := range []map[string]string{job.Labels, job.Annotations} {
		for key, value := range from {
			if strings.HasPrefix(key, "peakshaver.evenkeel.dev/") {
				all[strings.TrimPrefix(key, "peakshaver.evenkeel.dev/")] = value
			}
		}
	}
	return all
}

// podsOf are the Jobs that ever had a pod: pods are not taken away here.
func podsOf(t *testing.T) []string {
	t.Helper()
	pods, err := admin(t).CoreV1().Pods(admitted).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	jobs := map[string]bool{}
	for i := range pods.Items {
		jobs[pods.Items[i].Labels[batchv1.JobNameLabel]] = true
	}
	return slices.Sorted(maps.Keys(jobs))
}

// TestPeakAdmission: Jobs that are created in a window start suspended, as the controller would have suspended them, whatever
// becomes of the controller; and are released by it.
func TestPeakAdmission(t *testing.T) {
	newCRDs(t)
	for _, object := range readObjects(t, filepath.Join(manifests, "overlays/peakshaver/admission.yaml")) {
		apply(t, object)
	}
	eventually(t, "PeakAdmissions to be served", func(ctx context.Context) (bool, error) {
		_, err := dynamicOf(t).Resource(v1alpha1.GroupVersion.WithResource("peakadmissions")).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
	newNamespace(t, admitted)
	newJob(t, "before", nil)
	apply(t, objectOf(t, admitting))
	t.Cleanup(func() {
		policies := dynamicOf(t).Resource(v1alpha1.GroupVersion.WithResource("peakpolicies")).Namespace(admitted)
		if err := policies.Delete(context.Background(), "day", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	clock := clocktesting.NewFakeClock(atSeven)
	events := make(chan string, 1000)
	stop := shaveAndTell(t, cluster(t).RESTConfig(), clock, events)
	becomes := func(what string, name string, ready func(*batchv1.Job) bool) *batchv1.Job {
		t.Helper()
		var job *batchv1.Job
		eventually(t, what, func(ctx context.Context) (_ bool, err error) {
			clock.Step(time.Second)
			if job, err = jobNow(ctx, t, name); err != nil {
				return false, err
			}
			return ready(job), nil
		})
		return job
	}
	runs := func(job *batchv1.Job) bool { return job.Status.Active == 1 && len(recordOf(job)) == 0 }
	becomes("a Job outside the window to run", "before", runs)

	clock.SetTime(atSeven.Add(2 * time.Hour))
	suspended := map[string]string{
		"original": "false", "set": "true", "reason": "WindowOpen: admitted/day", "until": "2026-03-02T17:00:00Z", "admission": "suspended",
	}
	// The policy of admission itself is seen some time after it was created.
	i := 0
	eventually(t, "the API server to suspend what is created", func(context.Context) (bool, error) {
		clock.Step(time.Second)
		i++
		return recordOf(newJob(t, "try-"+strings.Repeat("i", i), nil))["admission"] != "", nil
	})
	if diff := cmp.Diff(suspended, recordOf(newJob(t, "first", nil))); diff != "" {
		t.Errorf("-want +created:\n%s", diff)
	}
	delete(suspended, "admission")
	job := becomes("the controller to see it", "first", func(job *batchv1.Job) bool { return recordOf(job)["admission"] == "" })
	if diff := cmp.Diff(suspended, recordOf(job)); diff != "" || !*job.Spec.Suspend {
		t.Errorf("-want +seen:\n%s", diff)
	}
	want := "Normal PeakBegun suspended until 2026-03-02T17:00:00Z at least, by admitted/day (WindowOpen)"
	for told := ""; told != want; {
		select {
		case told = <-events:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody was told")
		}
	}
	// As the controller makes one that is created as before there was admission.
	for name, change := range map[string]func(*batchv1.Job){
		"owner-suspends": func(job *batchv1.Job) { job.Spec.Suspend = ptr.To(true) },
		"not-selected":   func(job *batchv1.Job) { job.Labels = nil },
	} {
		if got := recordOf(newJob(t, name, change)); len(got) > 0 {
			t.Errorf("%s: changed: %v", name, got)
		}
	}

	stop() // and nobody is there to release Jobs any more
	newJob(t, "orphan", nil)
	deadline := time.Now().Add(2 * admissionFor)
	for recordOf(newJob(t, "late-"+time.Now().Format("150405.000"), nil))["admission"] != "" {
		if time.Now().After(deadline) {
			t.Fatal("Jobs are suspended for a controller that is gone")
		}
		<-time.After(100 * time.Millisecond)
	}
	newJob(t, "unshaved", nil)
	becomes("a Job to run that nobody shaves", "unshaved", runs)

	clock.SetTime(atSeven.Add(12 * time.Hour))
	for _, name := range podsOf(t) {
		if name == "first" || name == "orphan" || name == "owner-suspends" {
			t.Errorf("a pod of %s was started in the window", name)
		}
	}
	shaveAndTell(t, cluster(t).RESTConfig(), clock, events)
	plain := becomes("the Job from before the window to run again", "before", runs)
	for _, name := range []string{"first", "orphan"} {
		job := becomes(name+" to be released", name, runs)
		ignored := cmpopts.IgnoreFields(batchv1.JobSpec{}, "Selector", "Template")
		if diff := cmp.Diff(plain.Spec, job.Spec, ignored); diff != "" {
			t.Errorf("%s is not as it was created:\n%s", name, diff)
		}
	}
	if job, err := jobNow(t.Context(), t, "owner-suspends"); err != nil || !*job.Spec.Suspend {
		t.Errorf("what its owner suspended was released: %v", err)
	}
	if got := recordOf(newJob(t, "after", nil)); len(got) > 0 {
		t.Errorf("changed after the window: %v", got)
	}
}
