package peak

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clocktesting "k8s.io/utils/clock/testing"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// sixty is a clock on which an hour passes in each minute from noon on, and the day begins at nine in 2030.
func sixty() *fastClock {
	return &fastClock{wall: clocktesting.NewFakeClock(noon), zero: noon, epoch: time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC), speed: 60}
}

func written(name, created, started, completed string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "batch/v1", "kind": "Job",
		"metadata": map[string]any{"name": name, "namespace": withPolicy, "uid": "uid-of-" + name, "creationTimestamp": created},
		"status":   map[string]any{},
	}}
	for field, text := range map[string]string{"startTime": started, "completionTime": completed} {
		if text != "" {
			u.Object["status"].(map[string]any)[field] = text
		}
	}
	return u
}

func TestRedate(t *testing.T) {
	d := &dated{clock: sixty()}
	for name, test := range map[string]struct{ got, want *unstructured.Unstructured }{
		"created": {written("a", "2026-03-02T12:01:00Z", "", ""), written("a", "2030-01-01T10:00:00Z", "", "")},
		"started": {written("a", "2026-03-02T12:01:00Z", "2026-03-02T12:01:30Z", ""), written("a", "2030-01-01T10:00:00Z", "2030-01-01T10:30:00Z", "")},
		"ended": {
			written("a", "2026-03-02T12:01:00Z", "2026-03-02T12:01:30Z", "2026-03-02T12:02:00Z"),
			written("a", "2030-01-01T10:00:00Z", "2030-01-01T10:30:00Z", "2030-01-01T11:00:00Z"),
		},
		"before the day": {written("a", "2026-03-02T11:59:00Z", "", ""), written("a", "2030-01-01T08:00:00Z", "", "")},
		"no time":        {written("a", "soon", "", ""), written("a", "soon", "", "")},
		"nothing":        {&unstructured.Unstructured{Object: map[string]any{}}, &unstructured.Unstructured{Object: map[string]any{}}},
		"of an earlier day": {
			archived(written("a", "2026-03-02T12:01:00Z", "2029-12-31T12:00:00Z", "2029-12-31T13:00:00Z")),
			archived(written("a", "2026-03-02T12:01:00Z", "2029-12-31T12:00:00Z", "2029-12-31T13:00:00Z")),
		},
	} {
		d.redate(test.got)
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func archived(u *unstructured.Unstructured) *unstructured.Unstructured {
	u.Object["spec"] = map[string]any{"managedBy": archivist}
	return u
}

// TestDated: Jobs that are listed and watched are redated, other objects are not.
func TestDated(t *testing.T) {
	jobs := batchv1.SchemeGroupVersion.WithResource("jobs")
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	pod := written("p", "2026-03-02T12:01:00Z", "", "")
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	client := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{jobs: "JobList", pods: "PodList"}, written("a", "2026-03-02T12:01:00Z", "", ""), pod)
	d := &dated{client, sixty()}
	const want = "2030-01-01T10:00:00Z"
	list, err := d.Resource(jobs).Namespace("").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].GetCreationTimestamp().UTC().Format(time.RFC3339) != want {
		t.Errorf("got %v, %v, want one that was created at %s", list, err, want)
	}
	watch, err := d.Resource(jobs).Namespace(withPolicy).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	if _, err := client.Resource(jobs).Namespace(withPolicy).Create(t.Context(), written("b", "2026-03-02T12:01:00Z", "", ""), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	event := <-watch.ResultChan()
	if u, ok := event.Object.(*unstructured.Unstructured); !ok || u.GetCreationTimestamp().UTC().Format(time.RFC3339) != want {
		t.Errorf("got %v, want one that was created at %s", event, want)
	}
	left, err := d.Resource(pods).Namespace(withPolicy).Get(t.Context(), "p", metav1.GetOptions{})
	if err != nil || left.GetCreationTimestamp().UTC().Format(time.RFC3339) != "2026-03-02T12:01:00Z" {
		t.Errorf("a pod is %v, %v", left, err)
	}
}
