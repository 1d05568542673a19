package controller

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

func (w *world) deletePolicy(t *testing.T, name string) {
	t.Helper()
	if err := w.client.Resource(peakPolicies).Namespace("batch").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestPolicyRenamedInItsWindow: what is changed stays so under the new name, and the original is the owner's.
func TestPolicyRenamedInItsWindow(t *testing.T) {
	for name, down := range map[string]bool{"seen": false, "while nobody looked": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, deployment("a", 10), policyOf("half", halved))
			w.at(2)
			stop := w.run(t, nil)
			w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
			if down {
				stop()
			}
			w.deletePolicy(t, "half")
			w.create(t, peakPolicies, policyOf("renamed", halved))
			if down {
				w.run(t, nil)
			}
			w.soon(t, v1alpha1.Deployment, "a", "WindowOpen: batch/renamed", "metadata", "annotations", ledger.AnnotationReason)
			w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
			w.has(t, v1alpha1.Deployment, "a", "10", "metadata", "labels", ledger.LabelOriginal)
			w.at(12)
			w.soon(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
		})
	}
}

// TestOneOfTwoPoliciesGoes: what is left is what the other says, and in the end what the owner gave.
func TestOneOfTwoPoliciesGoes(t *testing.T) {
	w := newWorld(t, deployment("a", 10), policyOf("half", halved), policyOf("few", strings.Replace(halved, `"atMostPercent": 50`, `"atMost": 2`, 1)))
	w.at(2)
	w.run(t, nil)
	w.soon(t, v1alpha1.Deployment, "a", int64(2), "spec", "replicas")
	w.deletePolicy(t, "few")
	w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
	w.has(t, v1alpha1.Deployment, "a", "10", "metadata", "labels", ledger.LabelOriginal)
	w.deletePolicy(t, "half")
	w.soon(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
}

// TestWindowForEver: a window that never closes holds until its policy goes.
func TestWindowForEver(t *testing.T) {
	w := newWorld(t, deployment("a", 10), policyOf("half", strings.Replace(halved, windows,
		`"windows": [{"name": "always", "timeZone": "UTC", "from": "00:00", "to": "24:00"}]`, 1)))
	w.run(t, nil)
	w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
	eventually(t, "the status", func() bool {
		w.clock.Step(time.Second)
		return w.conditions(t, "half")["Active"] == "True WindowOpen"
	})
	w.has(t, v1alpha1.Deployment, "a", nil, "metadata", "annotations", ledger.AnnotationUntil)
	w.at(24 * 100)
	w.minutes(t, 90)
	w.has(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
	w.deletePolicy(t, "half")
	w.soon(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
}

// TestQueuedJob: what Kueue does to a Job of its own in a window is left alone, and so is what it did when the window closes.
func TestQueuedJob(t *testing.T) {
	queued := strings.Replace(waitingJob("queued", 0), `"annotations"`, `"labels": {"kueue.x-k8s.io/queue-name": "q"}, "annotations"`, 1)
	w := newWorld(t, queued, waitingJob("plain", 0), policyOf("day", `{`+windows+`, "selection": {"kinds": ["Job"]}, "action": {"suspend": true}}`))
	w.at(2)
	w.run(t, nil)
	w.soon(t, v1alpha1.Job, "plain", true, "spec", "suspend")
	for _, suspend := range []bool{true, false, true} {
		w.set(t, v1alpha1.Job, "queued", suspend, "spec", "suspend")
		w.minutes(t, 5)
		w.has(t, v1alpha1.Job, "queued", suspend, "spec", "suspend")
	}
	w.at(12)
	w.soon(t, v1alpha1.Job, "plain", false, "spec", "suspend")
	w.has(t, v1alpha1.Job, "queued", true, "spec", "suspend")
	if labels := w.get(t, target.ResourceOf(v1alpha1.Job), "queued").GetLabels(); len(labels) != 1 {
		t.Errorf("it has a record: %v", labels)
	}
}

// TestTargetComesAgain: one of the same name that is created in the window is shaved as the first was, from what its own owner says.
func TestTargetComesAgain(t *testing.T) {
	w := newWorld(t, deployment("a", 10), policyOf("half", halved))
	w.at(2)
	w.run(t, nil)
	w.soon(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
	deployments := w.client.Resource(target.ResourceOf(v1alpha1.Deployment)).Namespace("batch")
	for _, replicas := range []int{20, 5, 0, 2} {
		if err := deployments.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		again := parse(t, deployment("a", replicas))
		again.SetUID("again")
		if _, err := deployments.Create(t.Context(), again, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.soon(t, v1alpha1.Deployment, "a", int64((replicas+1)/2), "spec", "replicas")
	}
	w.at(12)
	w.soon(t, v1alpha1.Deployment, "a", int64(2), "spec", "replicas")
}
