package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// gauge is a source of usage that says what it is told to.
type gauge struct {
	mu   sync.Mutex
	used int64
	err  error
	uses meter.Uses // of Jobs
}

func (g *gauge) set(used int64, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used, g.err = used, err
}

func (g *gauge) Now(_ cache.Store, now time.Time) (meter.Load, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return meter.Load{Used: g.used, Capacity: 10_000, At: now}, g.err
}

func (*gauge) Past(context.Context, time.Time) (history.Series, error) { return history.Series{}, nil }

func (g *gauge) Jobs(_ context.Context, asked []meter.Job, _ time.Time) (meter.Uses, error) {
	uses := meter.Uses{}
	for _, job := range asked {
		name := job.Namespace + "/" + job.Name
		if use, ok := g.uses[name]; ok {
			uses[name] = use
		}
	}
	return uses, nil
}

// waitingJob asks for a CPU and is due so many hours after Monday at 7.
func waitingJob(name string, due float64) string {
	annotations := "{}"
	if due > 0 {
		annotations = fmt.Sprintf(`{%q: %q}`, v1alpha1.AnnotationDeadline, monday.Add(time.Duration(due*float64(time.Hour))).Format(time.RFC3339))
	}
	return fmt.Sprintf(`{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": %q, "namespace": "batch", "uid": %q, "annotations": %s, "creationTimestamp": %q},
		"spec": {"suspend": false, "template": {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}}}}`,
		name, name, annotations, monday.Format(time.RFC3339))
}

var underCeiling = policyOf("under", `{`+windows+`, "selection": {"kinds": ["Job"]}, "action": {"suspend": true}, "ceiling": {"cpu": 50},
	"deadline": {"expectedRunTime": "1h", "margin": 0}, "grace": {"running": "Stop"}}`)

func (w *world) suspended(t *testing.T, name string) bool {
	t.Helper()
	suspended, _, err := unstructured.NestedBool(w.get(t, target.ResourceOf(v1alpha1.Job), name).Object, "spec", "suspend")
	if err != nil {
		t.Fatal(err)
	}
	return suspended
}

// minutes go by, in which nothing is expected to happen.
func (w *world) minutes(t *testing.T, n int) {
	t.Helper()
	eventually(t, "minutes to go by", func() bool {
		w.clock.Step(time.Minute)
		n--
		return n == 0
	})
}

// TestCeiling: when the window has closed Jobs come one by one, as there is room, in order of their deadlines.
func TestCeiling(t *testing.T) {
	g := &gauge{used: 4500}
	w := newWorld(t, waitingJob("late", 30), waitingJob("soon", 20), waitingJob("any", 0), underCeiling)
	w.usage = g
	registry := prometheus.NewRegistry()
	w.run(t, registry)
	w.at(2)
	for _, name := range []string{"late", "soon", "any"} {
		w.becomes(t, v1alpha1.Job, name, true, "spec", "suspend")
	}
	w.at(11)
	eventually(t, "Jobs to wait for room", func() bool {
		w.clock.Step(time.Second)
		u, err := w.client.Resource(peakPolicies).Namespace("batch").Get(t.Context(), "under", metav1.GetOptions{})
		if err != nil {
			return false
		}
		waiting, _, _ := unstructured.NestedInt64(u.Object, "status", "targets", "waiting")
		return waiting == 3
	})
	eventually(t, "metrics of the wait", func() bool {
		w.clock.Step(time.Minute)
		of := gathered(t, registry)
		return of["ceiling_ratio"] == 0.5 && of["cpu_cores used"] == 4.5 && of["longest_wait_seconds"] > 0 && of["job_releases_total Room"] == 0
	})
	for _, name := range []string{"late", "soon", "any"} {
		w.becomes(t, v1alpha1.Job, name, "WaitingForRoom: batch/under", "metadata", "annotations", ledger.AnnotationReason)
	}
	g.set(3900, nil)
	w.becomes(t, v1alpha1.Job, "soon", false, "spec", "suspend")
	w.minutes(t, 10)
	if !w.suspended(t, "late") || !w.suspended(t, "any") {
		t.Error("there is room for one, and others are released")
	}
	w.set(t, v1alpha1.Job, "soon", monday.Add(11*time.Hour).Format(time.RFC3339), "status", "startTime")
	w.set(t, v1alpha1.Job, "soon", []any{map[string]any{"type": "Complete", "status": "True"}}, "status", "conditions")
	w.becomes(t, v1alpha1.Job, "late", false, "spec", "suspend")
	if !w.suspended(t, "any") {
		t.Error("one without a deadline comes before one with")
	}
	eventually(t, "the status", func() bool {
		w.clock.Step(time.Second)
		return w.conditions(t, "under")["Ready"] == "True CarriedOut"
	})
	if got := gathered(t, registry); got["job_releases_total Room"] < 2 || got["job_releases_total Deadline"] != 0 {
		t.Errorf("two were released as there was room, and it is told: %v", got)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

// TestMeasuredUse: a Job is released as there is room for what one like it used, not for what it requests.
func TestMeasuredUse(t *testing.T) {
	like := func(name, others string) string {
		return strings.Replace(waitingJob(name, 0), `"metadata": {`, `"metadata": {"generateName": "`+others+`-", `, 1)
	}
	w := newWorld(t, like("ran", "small"), like("fits", "small"), like("unknown", "other"), underCeiling)
	w.usage = &gauge{used: 4500, uses: meter.Uses{"batch/ran": {CPU: 300}}} // 500 are free under the ceiling, and a CPU is requested
	w.set(t, v1alpha1.Job, "ran", monday.Add(-2*time.Hour).Format(time.RFC3339), "status", "startTime")
	w.set(t, v1alpha1.Job, "ran", monday.Add(-time.Hour).Format(time.RFC3339), "status", "completionTime")
	w.set(t, v1alpha1.Job, "ran", []any{map[string]any{"type": "Complete", "status": "True"}}, "status", "conditions")
	w.run(t, nil)
	w.at(2)
	for _, name := range []string{"fits", "unknown"} {
		w.becomes(t, v1alpha1.Job, name, true, "spec", "suspend")
	}
	w.at(11)
	w.becomes(t, v1alpha1.Job, "fits", false, "spec", "suspend")
	w.minutes(t, 10)
	if !w.suspended(t, "unknown") {
		t.Error("one that nothing is known of is released where there is no room for its request")
	}
}

// TestRoomForCronJobs: a Job for whose run there is room but for a CronJob's next one waits for that.
func TestRoomForCronJobs(t *testing.T) {
	report := strings.NewReplacer(`"kind": "Job"`, `"kind": "CronJob"`, `"spec": {"suspend": false, "template"`,
		`"spec": {"schedule": "45 18 * * *", "timeZone": "Europe/Berlin", "jobTemplate": {"spec": {"template"`, `]}}}}`, `]}}}}}}`)
	w := newWorld(t, waitingJob("any", 0), report.Replace(waitingJob("report", 0)), underCeiling)
	w.usage = &gauge{used: 4000}
	w.run(t, nil)
	w.at(2)
	w.becomes(t, v1alpha1.Job, "any", true, "spec", "suspend")
	w.at(11.1)
	w.minutes(t, 30)
	if !w.suspended(t, "any") {
		t.Error("it is released, and half an hour later there is no room for it")
	}
	w.at(11.8)
	w.becomes(t, v1alpha1.Job, "any", false, "spec", "suspend")
}

// TestDeadlineBeatsCeiling: a Job that cannot wait for the end of the window is released inside it, and a process that
// begins anew does not stop it again.
func TestDeadlineBeatsCeiling(t *testing.T) {
	w := newWorld(t, waitingJob("hurries", 6), waitingJob("waits", 30), underCeiling)
	w.usage = &gauge{used: 9000}
	registry := prometheus.NewRegistry()
	stop := w.run(t, registry)
	w.at(2)
	for _, name := range []string{"hurries", "waits"} {
		w.becomes(t, v1alpha1.Job, name, true, "spec", "suspend")
	}
	w.at(4.9)
	w.becomes(t, v1alpha1.Job, "hurries", false, "spec", "suspend")
	eventually(t, "the release to be noted", func() bool {
		released := w.get(t, target.ResourceOf(v1alpha1.Job), "hurries").GetAnnotations()[ledger.AnnotationReleased]
		return strings.Contains(released, "Deadline")
	})
	stop()
	w.set(t, v1alpha1.Job, "hurries", w.clock.Now().Format(time.RFC3339), "status", "startTime")
	w.run(t, nil)
	w.minutes(t, 10)
	if w.suspended(t, "hurries") || !w.suspended(t, "waits") {
		t.Error("after a restart they are otherwise")
	}
	if got := gathered(t, registry); got["job_releases_total Deadline"] == 0 { // this client takes a write that comes too late
		t.Errorf("one was released for its deadline, and it is told: %v", got)
	}
	if !w.told("Job hurries", "PeakEnded", "deadline") {
		t.Errorf("no event tells of the deadline: %v", w.events)
	}
}

// TestNoUsage: where the load is not known the policy says so, and Jobs come over the ramp.
func TestNoUsage(t *testing.T) {
	g := &gauge{err: errors.New("the gauge is broken")}
	w := newWorld(t, waitingJob("a", 0), waitingJob("b", 0), waitingJob("c", 0), waitingJob("d", 0), underCeiling)
	w.usage = g
	w.run(t, nil)
	w.at(2)
	for _, name := range []string{"a", "b", "c", "d"} {
		w.becomes(t, v1alpha1.Job, name, true, "spec", "suspend")
	}
	eventually(t, "the status", func() bool {
		w.clock.Step(time.Second)
		return w.conditions(t, "under")["Ready"] == "False NoUsage"
	})
	w.at(11.2)
	running := func() (n int) {
		for _, name := range []string{"a", "b", "c", "d"} {
			if !w.suspended(t, name) {
				n++
			}
		}
		return n
	}
	eventually(t, "some to be released", func() bool { w.clock.Step(time.Second); return running() > 0 })
	if running() == 4 {
		t.Error("all are released at once")
	}
	w.at(12.1)
	eventually(t, "all to be released", func() bool { w.clock.Step(time.Second); return running() == 4 })
	g.set(1000, nil)
	eventually(t, "the status", func() bool {
		w.clock.Step(20 * time.Second)
		return w.conditions(t, "under")["Ready"] == "True CarriedOut"
	})
}
