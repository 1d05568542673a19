package v1alpha1

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// TestReadmeExamples: the examples decode strictly, into a kind that the scheme knows, and nothing of them is lost
// on the way back.
func TestReadmeExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	kinds := map[string]bool{}
	for _, example := range examples {
		object, kind, err := decoder.Decode(example[1], nil, nil)
		if err != nil {
			t.Errorf("%v in\n%s", err, example[1])
			continue
		}
		kinds[kind.Kind] = true
		if diff := cmp.Diff(contentOf(t, example[1]), contentOf(t, encode(t, object)), cmp.Comparer(sameText)); diff != "" {
			t.Errorf("%s was changed on the way (-written +read):\n%s", kind.Kind, diff)
		}
	}
	for _, kind := range []string{"PeakPolicy", "ClusterPeakPolicy", "ScalingWindow"} {
		if !kinds[kind] {
			t.Errorf("the README has no example of a %s", kind)
		}
	}
}

// sameText: 5m and 5m0s are the same.
func sameText(a, b string) bool {
	first, err := time.ParseDuration(a)
	second, other := time.ParseDuration(b)
	return a == b || err == nil && other == nil && first == second
}

func contentOf(t *testing.T, text []byte) map[string]any {
	t.Helper()
	content := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &content); err != nil {
		t.Fatal(err)
	}
	return content
}

// encode is the object as its author would write it: without a status.
func encode(t *testing.T, object runtime.Object) []byte {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	content := contentOf(t, text)
	if status, ok := content["status"].(map[string]any); ok && len(status) == 0 {
		delete(content, "status")
	}
	text, err = json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestStrictness(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for name, text := range map[string]string{
		"a field that is none": `{spec: {windws: []}}`,
		"a field given twice":  `{spec: {priority: 1, priority: 2}}`,
		"a number as duration": `{spec: {begin: {stagger: 300}}}`,
		"a fraction":           `{spec: {priority: 1.5}}`,
	} {
		document := "apiVersion: evenkeel.dev/v1alpha1\nkind: PeakPolicy\n" + text[1:len(text)-1]
		if _, _, err := decoder.Decode([]byte(document), nil, nil); err == nil {
			t.Errorf("%s was read without an error", name)
		}
	}
}
