package target

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
)

// Family is what Jobs that are alike have in common: their owner, else the name that theirs were generated from, else what
// their pods are.
func Family(u *unstructured.Unstructured) string {
	if owner := metav1.GetControllerOf(u); owner != nil {
		return u.GetNamespace() + "/" + owner.Kind + "/" + owner.Name
	}
	if name := u.GetGenerateName(); name != "" {
		return u.GetNamespace() + "/" + name
	}
	spec, _, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "template", "spec")
	text, err := json.Marshal(spec)
	if err != nil {
		return u.GetNamespace() + "//" + u.GetName() // like no other
	}
	sum := sha256.Sum256(text)
	return u.GetNamespace() + "//" + hex.EncodeToString(sum[:8])
}

// Run is that of a Job that succeeded; ok is false for others.
func Run(u *unstructured.Unstructured) (run history.Run, ok bool) {
	start, end := timeAt(u, "status", "startTime"), timeAt(u, "status", "completionTime")
	if start.IsZero() || !end.After(start) {
		return run, false
	}
	return history.Run{Name: NameOf(u), Family: Family(u), Ended: end, Took: end.Sub(start)}, true
}

// Runs are how long Jobs will run, by those that have.
func Runs(jobs cache.Store) history.Runs {
	var runs []history.Run
	for _, item := range jobs.List() {
		if run, ok := Run(AsObject(item)); ok {
			runs = append(runs, run)
		}
	}
	return history.Of(runs)
}

// RunTime of a Job: as runs like it were, else as its annotation says, else as long as it may. Zero: not known.
func RunTime(u *unstructured.Unstructured, runs history.Runs) history.RunTime {
	if f, ok := runs[Family(u)]; ok {
		return f
	}
	took, err := time.ParseDuration(u.GetAnnotations()[v1alpha1.AnnotationRunTime])
	if err != nil || took <= 0 {
		seconds, _, _ := unstructured.NestedInt64(u.Object, "spec", "activeDeadlineSeconds")
		took = time.Duration(min(seconds, int64(history.Longest/time.Second))) * time.Second
	}
	return history.Exactly(took)
}

// Request is the CPU that a Job's pods request together, in millicores: of each the sum of its containers, or its largest
// first step. 0 where nothing is requested.
func Request(u *unstructured.Unstructured) int64 {
	var job batchv1.JobSpec
	spec, _, _ := unstructured.NestedMap(u.Object, "spec")
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &job); err != nil {
		return 0
	}
	var sum, first int64
	for i := range job.Template.Spec.Containers {
		sum += requested(&job.Template.Spec.Containers[i])
	}
	for i := range job.Template.Spec.InitContainers {
		first = max(first, requested(&job.Template.Spec.InitContainers[i]))
	}
	return max(sum, first) * Pods(u)
}

func requested(c *v1.Container) int64 { return c.Resources.Requests.Cpu().MilliValue() }

// Pods that a Job has at once.
func Pods(u *unstructured.Unstructured) int64 {
	n, found, _ := unstructured.NestedInt64(u.Object, "spec", "parallelism")
	if !found {
		n = 1
	}
	if completions, found, _ := unstructured.NestedInt64(u.Object, "spec", "completions"); found {
		n = min(n, completions)
	}
	return max(1, n)
}
