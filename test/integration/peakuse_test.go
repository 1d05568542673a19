package integration

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/internal/promapi"
	"github.com/evenkeel/evenkeel/internal/replay"
)

const remembered = "remembered"

// remembering is a steady cluster of which a Prometheus knows what its pods used.
type remembering struct {
	steady

	ran meter.Ran
}

// Jobs by the clock of the Prometheus, which is not the policies'.
func (r *remembering) Jobs(ctx context.Context, jobs []meter.Job, _ time.Time) (meter.Uses, error) {
	return r.ran.Uses(ctx, jobs, time.Now())
}

// prometheusOf answers as one that scraped these pods.
func prometheusOf(t *testing.T, pods ...replay.History) meter.Ranger {
	t.Helper()
	r, err := replay.New(replay.Options{
		Client: fake.NewClientset(), BackfillStep: 30 * time.Second,
		Assign: func(*v1.Pod) (replay.Curve, bool) { return nil, false },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := r.Backfill(t.Context(), pods); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	t.Cleanup(server.Close)
	api, err := promapi.New(promapi.Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// TestPeakMeasuredUse: Jobs that request 4 CPUs are planned as 0.5 where one like them used that by Prometheus.
func TestPeakMeasuredUse(t *testing.T) {
	newCRDs(t)
	newNamespace(t, remembered)
	jobs := admin(t).BatchV1().Jobs(remembered)
	const took, ago = time.Hour, 10 * time.Minute
	newJob := func(family string) *batchv1.Job {
		template := v1.PodTemplateSpec{Spec: newPod("", "", "", "none", "4").Spec}
		template.Spec.SchedulerName, template.Spec.RestartPolicy = "nobody", v1.RestartPolicyNever
		return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: remembered, GenerateName: family + "-"}, Spec: batchv1.JobSpec{Template: template}}
	}
	add := func(job *batchv1.Job) *batchv1.Job {
		t.Helper()
		created, err := jobs.Create(t.Context(), job, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	past := newJob("report")
	past.Spec.ManagedBy = new("evenkeel.dev/test") // its status is what this test says
	past = add(past)
	now := time.Now().Truncate(time.Second)
	yes := func(condition batchv1.JobConditionType) batchv1.JobCondition {
		return batchv1.JobCondition{Type: condition, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-ago))}
	}
	past.Status = batchv1.JobStatus{
		StartTime: new(metav1.NewTime(now.Add(-ago - took))), CompletionTime: new(metav1.NewTime(now.Add(-ago))), Succeeded: 1,
		Conditions: []batchv1.JobCondition{yes(batchv1.JobSuccessCriteriaMet), yes(batchv1.JobComplete)},
	}
	if _, err := jobs.UpdateStatus(t.Context(), past, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	load := &remembering{ran: meter.Ran{Query: meter.PodQuery("namespace", "pod"), Namespace: "namespace", Pod: "pod"}}
	load.ran.From = prometheusOf(t,
		replay.History{Namespace: remembered, Pod: past.Name + "-x2vz9", Curve: replay.Constant(0.5), From: -ago - took, To: -ago},
		replay.History{Namespace: "other", Pod: past.Name + "-x2vz9", Curve: replay.Constant(3), From: -ago - took, To: -ago})

	known, unknown := add(newJob("report")).Name, add(newJob("other")).Name
	apply(t, objectOf(t, strings.Replace(underCeiling, deferred, remembered, 1)))
	monday := time.Now().UTC().Truncate(24 * time.Hour)
	monday = monday.AddDate(0, 0, 15-int(monday.Weekday())).Add(6 * time.Hour)
	clock := clocktesting.NewFakeClock(monday)
	load.set(4600) // of 5 CPUs under the ceiling
	shaveBy(t, cluster(t).RESTConfig(), clock, load)
	suspended := func(ctx context.Context, name string) (bool, error) {
		job, err := jobs.Get(ctx, name, metav1.GetOptions{})
		return err == nil && *job.Spec.Suspend, err
	}
	becomes := func(what string, wantKnown, wantUnknown bool) {
		t.Helper()
		eventually(t, what, func(ctx context.Context) (bool, error) {
			clock.Step(time.Second)
			a, err := suspended(ctx, known)
			b, also := suspended(ctx, unknown)
			return err == nil && also == nil && a == wantKnown && b == wantUnknown, nil
		})
	}
	clock.SetTime(monday.Add(3 * time.Hour))
	becomes("both to be suspended", true, true)
	clock.SetTime(monday.Add(12 * time.Hour))
	for range 5 {
		clock.Step(time.Minute)
		becomes("both to wait: 400 are less than 500", true, true)
	}
	load.set(4450)
	becomes("what fits to start", false, true)
}
