package integration

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

// plurals of the custom resources, by kind.
var plurals = map[string]string{
	"PeakPolicy": "peakpolicies", "ClusterPeakPolicy": "clusterpeakpolicies", "ScalingWindow": "scalingwindows",
}

// newCRDs makes the custom resources known to the API server, and returns a function that tries to create an
// object without storing it.
func newCRDs(t *testing.T) (try func(*unstructured.Unstructured) error) {
	t.Helper()
	apply(t, readManifests(t, filepath.Join(manifests, "crd"))...)
	client, err := dynamic.NewForConfig(cluster(t).RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, plural := range plurals {
		eventually(t, plural+" to be served", func(ctx context.Context) (bool, error) {
			_, err := client.Resource(v1alpha1.GroupVersion.WithResource(plural)).List(ctx, metav1.ListOptions{})
			return err == nil, nil
		})
	}
	return func(object *unstructured.Unstructured) error {
		resource := client.Resource(schema.GroupVersionResource{
			Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: plurals[object.GetKind()],
		})
		options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
		var to dynamic.ResourceInterface = resource
		if !strings.HasPrefix(object.GetKind(), "Cluster") {
			to = resource.Namespace("default")
			object.SetNamespace("default")
		}
		_, err := to.Create(t.Context(), object, options)
		return err
	}
}

// examplesOf are the custom resources in READMEs and manifests, by file and place in it.
func examplesOf(t *testing.T) map[string]string {
	t.Helper()
	examples := map[string]string{}
	ours := regexp.MustCompile(`(?m)^kind: (PeakPolicy|ClusterPeakPolicy|ScalingWindow)$`)
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		var documents []string
		switch {
		case entry.Name() == "README.md":
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, match := range fence.FindAllSubmatch(text, -1) {
				documents = append(documents, strings.Split(string(match[1]), "\n---\n")...)
			}
		case filepath.Ext(path) == ".yaml" && strings.Contains(path, "manifests"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			documents = strings.Split(string(text), "\n---\n")
		}
		for i, document := range documents {
			if ours.MatchString(document) {
				examples[path+"#"+strconv.Itoa(i)] = document
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return examples
}

func objectOf(t *testing.T, document string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	return object
}

// set puts a value, as YAML, at a path such as spec.windows.0.to; an empty one takes away what is there.
func set(t *testing.T, object map[string]any, path, value string) {
	t.Helper()
	var parsed any
	if err := yaml.Unmarshal([]byte(value), &parsed); err != nil {
		t.Fatal(err)
	}
	steps := strings.Split(path, ".")
	var at any = object
	for i, step := range steps {
		last := i == len(steps)-1
		switch here := at.(type) {
		case map[string]any:
			switch {
			case last && value == "":
				delete(here, step)
			case last:
				here[step] = parsed
			case here[step] == nil:
				here[step] = map[string]any{}
			}
			at = here[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(here) {
				t.Fatalf("%s: no index %q", path, step)
			}
			if last {
				here[n] = parsed
			}
			at = here[n]
		default:
			t.Fatalf("%s: nothing to put %q into", path, step)
		}
	}
}

const peakPolicy = `
apiVersion: evenkeel.dev/v1alpha1
kind: PeakPolicy
metadata: {name: batch}
spec:
  windows:
  - {name: day, timeZone: Europe/Berlin, weekdays: [Monday, Friday], from: "09:00", to: "18:00"}
  selection:
    kinds: [Job, Deployment, HorizontalPodAutoscaler]
    labels: {matchLabels: {tier: batch}}
    maxPriority: 0
  action:
    suspend: true
    replicas: {atMostPercent: 50}
    autoscaler: {maxReplicas: 2}
`

const scalingWindow = `
apiVersion: evenkeel.dev/v1alpha1
kind: ScalingWindow
metadata: {name: queue}
spec:
  autoscaler: workers
  metric: {type: External, name: queue_depth}
  target: {averageValue: "100"}
  maxWindow: 10m
`

// A change of an object is a path and the value that is put there.
type change struct{ path, value string }

func TestCustomResources(t *testing.T) {
	try := newCRDs(t)
	t.Run("examples", func(t *testing.T) {
		examples := examplesOf(t)
		if len(examples) < len(plurals) {
			t.Errorf("found %d examples, want one of each kind at least", len(examples))
		}
		for name, example := range examples {
			if err := try(objectOf(t, example)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	for kind, base := range map[string]string{
		"PeakPolicy": peakPolicy, "ClusterPeakPolicy": strings.Replace(peakPolicy, "PeakPolicy", "ClusterPeakPolicy", 1), "ScalingWindow": scalingWindow,
	} {
		t.Run("good "+kind, func(t *testing.T) { tryChanges(t, try, base, good[kind]) })
		t.Run("bad "+kind, func(t *testing.T) { tryChanges(t, try, base, bad[kind]) })
	}
	t.Run("stored and read back", checkStored)
}

// A trial is a changed object and what the answer must contain: nothing for an object that is accepted.
type trial struct {
	changes []change
	want    []string
}

func tryChanges(t *testing.T, try func(*unstructured.Unstructured) error, base string, trials map[string]trial) {
	for name, trial := range trials {
		object := objectOf(t, base)
		for _, c := range trial.changes {
			set(t, object.Object, c.path, c.value)
		}
		err := try(object)
		if len(trial.want) == 0 {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		for _, want := range trial.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want it to say %q", name, err, want)
			}
		}
	}
}

// checkStored: what Go reads after the API server stored it is what it wrote, defaults aside.
func checkStored(t *testing.T) {
	object := objectOf(t, scalingWindow)
	object.SetNamespace("default")
	apply(t, object)
	client, err := dynamic.NewForConfig(cluster(t).RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	resource := client.Resource(v1alpha1.GroupVersion.WithResource("scalingwindows")).Namespace("default")
	t.Cleanup(func() {
		if err := resource.Delete(context.Background(), object.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	stored, err := resource.Get(t.Context(), object.GetName(), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(stored.Object)
	if err != nil {
		t.Fatal(err)
	}
	var window v1alpha1.ScalingWindow
	if err := yaml.UnmarshalStrict(text, &window); err != nil {
		t.Fatal(err)
	}
	if window.Spec.MaxWindow == nil || window.Spec.MaxWindow.Minutes() != 10 || window.Spec.Target.AverageValue.Value() != 100 {
		t.Errorf("stored %+v", window.Spec)
	}
	window.Status.Target = "Deployment/workers"
	text, err = yaml.Marshal(window)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("demand")) {
		t.Errorf("a demand that is not known is told:\n%s", text)
	}
	if _, err := resource.UpdateStatus(t.Context(), objectOf(t, string(text)), metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}
}
