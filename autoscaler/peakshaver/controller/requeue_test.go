package controller

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// What an object is to be depends on others. When one of these comes or changes it is looked at again, and not an hour later.

func (w *world) create(t *testing.T, resource schema.GroupVersionResource, text string) {
	t.Helper()
	u := parse(t, text)
	if _, err := w.client.Resource(resource).Namespace(u.GetNamespace()).Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// soon waits until a field of a target has a value, for which no more than a few minutes of the policies' time may go by.
func (w *world) soon(t *testing.T, kind v1alpha1.TargetKind, name string, want any, path ...string) {
	t.Helper()
	step := 3 * time.Minute / 1000
	last := w.clock.Now().Add(5 * time.Minute)
	eventually(t, fmt.Sprintf("%s of %s %s to be %v", strings.Join(path, "."), kind, name, want), func() bool {
		if w.clock.Now().Before(last) {
			w.clock.Step(step)
		}
		got, _, err := unstructured.NestedFieldNoCopy(w.get(t, target.ResourceOf(kind), name).Object, path...)
		return err == nil && got == want
	})
}

// has fails if a field of a target does not have a value.
func (w *world) has(t *testing.T, kind v1alpha1.TargetKind, name string, want any, path ...string) {
	t.Helper()
	if got, _, err := unstructured.NestedFieldNoCopy(w.get(t, target.ResourceOf(kind), name).Object, path...); err != nil || got != want {
		t.Fatalf("%s of %s %s is %v, want %v: %v", strings.Join(path, "."), kind, name, got, want, err)
	}
}

func (w *world) seen(t *testing.T, c *Controller, k key) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s %s to be looked at", k.kind, k.name), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, known := c.outcomes[k]
		return known
	})
}

func clusterPolicy(name, spec string) string {
	return strings.Replace(strings.Replace(policyOf(name, spec), `"PeakPolicy"`, `"ClusterPeakPolicy"`, 1), `"namespace": "batch", `, "", 1)
}

// TestNamespaceComesLater: the watch of namespaces may be behind that of what is in them.
func TestNamespaceComesLater(t *testing.T) {
	w := newWorld(t, deployment("a", 10), clusterPolicy("half",
		strings.Replace(halved, `"kinds"`, `"namespaces": {"labels": {"matchLabels": {"team": "batch"}}}, "kinds"`, 1)))
	w.at(2)
	c, _ := w.start(t, nil)
	w.seen(t, c, key{v1alpha1.Deployment, "batch/a"})
	w.create(t, namespaceResource, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "batch", "labels": {"team": "batch"}}}`)
	w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
}

// TestPriorityClassComesLater: as does that of priority classes.
func TestPriorityClassComesLater(t *testing.T) {
	low := strings.Replace(deployment("a", 10), `"replicas"`, `"template": {"spec": {"priorityClassName": "low"}}, "replicas"`, 1)
	w := newWorld(t, low, policyOf("half", strings.Replace(halved, `"kinds"`, `"maxPriority": -1, "kinds"`, 1)))
	w.at(2)
	c, _ := w.start(t, nil)
	w.seen(t, c, key{v1alpha1.Deployment, "batch/a"})
	w.create(t, priorityResource, `{"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "low"}, "value": -10}`)
	w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
}

const autoscaling = `{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": "batch", "uid": "h"},
	"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "a"}, "minReplicas": 2, "maxReplicas": 20}}`

// TestAutoscalerTurnsToAnother: what it scaled before is left to the policies.
func TestAutoscalerTurnsToAnother(t *testing.T) {
	w := newWorld(t, deployment("a", 10), deployment("b", 10), autoscaling, policyOf("half", halved))
	w.at(2)
	w.run(t, nil)
	w.soon(t, v1alpha1.Deployment, "b", int64(5), "spec", "replicas")
	w.has(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
	w.set(t, v1alpha1.HorizontalPodAutoscaler, "h", "b", "spec", "scaleTargetRef", "name")
	w.soon(t, v1alpha1.Deployment, "b", int64(10), "spec", "replicas")
	w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
}

// TestScaledComesLater: an autoscaler has the priority of what it scales.
func TestScaledComesLater(t *testing.T) {
	spec := `{` + windows + `, "selection": {"kinds": ["HorizontalPodAutoscaler"], "maxPriority": -1}, "action": {"autoscaler": {"maxReplicas": 3}}}`
	w := newWorld(t, autoscaling, policyOf("few", spec))
	w.at(2)
	c, _ := w.start(t, nil)
	w.seen(t, c, key{v1alpha1.HorizontalPodAutoscaler, "batch/h"})
	w.create(t, target.ResourceOf(v1alpha1.Deployment), strings.Replace(deployment("a", 10), `"replicas"`, `"template": {"spec": {"priority": -10}}, "replicas"`, 1))
	w.soon(t, v1alpha1.HorizontalPodAutoscaler, "h", int64(3), "spec", "maxReplicas")
}

// TestForecastChanges: one that waits is released when it must start by what is known then, not by what was when it was suspended.
func TestForecastChanges(t *testing.T) {
	alike := func(name string, due float64) string {
		return strings.Replace(waitingJob(name, due), `"uid"`, `"generateName": "report-", "uid"`, 1)
	}
	w := newWorld(t, alike("waits", 8), alike("was", 0), policyOf("day",
		`{`+windows+`, "selection": {"kinds": ["Job"]}, "action": {"suspend": true}, "deadline": {"expectedRunTime": "1h", "margin": 0}}`))
	w.set(t, v1alpha1.Job, "was", monday.Add(-time.Hour).Format(time.RFC3339), "status", "startTime")
	w.at(3)
	w.run(t, nil)
	w.soon(t, v1alpha1.Job, "waits", true, "spec", "suspend")
	w.at(5.1) // its latest start is at 7, as far as is known
	w.minutes(t, 2)
	w.set(t, v1alpha1.Job, "was", monday.Add(5*time.Hour).Format(time.RFC3339), "status", "completionTime")
	w.set(t, v1alpha1.Job, "was", []any{map[string]any{"type": "Complete", "status": "True"}}, "status", "conditions")
	w.soon(t, v1alpha1.Job, "waits", false, "spec", "suspend")
}

// jumping is a clock that can be set, which its timers do not notice.
type jumping struct {
	*clocktesting.FakeClock
	ahead atomic.Int64
}

func (j *jumping) Now() time.Time { return j.FakeClock.Now().Add(time.Duration(j.ahead.Load())) }

// TestClockIsSet: what is to be by the clock is so within minutes of its being set.
func TestClockIsSet(t *testing.T) {
	w := newWorld(t, deployment("a", 10), policyOf("half", halved))
	clock := &jumping{FakeClock: w.clock}
	clock.ahead.Store(int64(2 * time.Hour))
	w.shown = clock
	w.run(t, nil)
	w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
	clock.ahead.Store(0)
	w.soon(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
	clock.ahead.Store(int64(26 * time.Hour))
	w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
}
