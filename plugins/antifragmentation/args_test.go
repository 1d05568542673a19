package antifragmentation

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/evenkeel/evenkeel/plugins/antifragmentation/ledger"
)

func decodeText(text string) (*Args, error) { return decode(&runtime.Unknown{Raw: []byte(text)}) }

func TestDefaults(t *testing.T) {
	want := &Args{
		Mode: Fragmentation,
		Devices: Devices{
			Resource: "nvidia.com/gpu", ShareResource: "evenkeel.dev/gpu-milli",
			ModelLabel: "nvidia.com/gpu.product", Annotation: "evenkeel.dev/gpu-devices",
		},
		HalfLife: &metav1.Duration{Duration: 24 * time.Hour},
	}
	for name, obj := range map[string]runtime.Object{"nothing": nil, "empty": &runtime.Unknown{}, "braces": &runtime.Unknown{Raw: []byte("{}")}} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(obj)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestArgsThatMakeNoSense(t *testing.T) {
	for text, want := range map[string]string{
		"mode: Best":                                   `mode: Unsupported value: "Best"`,
		"mod: Balanced":                                `unknown field "mod"`,
		"devices: {resurce: example.com/gpu}":          `unknown field "devices.resurce"`,
		"halfLife: 30s":                                "halfLife: Invalid value: \"30s\": must be 1m or more",
		"halfLife: -1h":                                "halfLife: Invalid value",
		"halfLife: soon":                               "halfLife: Invalid value",
		"devices: {resource: gpu}":                     "devices.resource: Invalid value: \"gpu\": is no extended resource",
		"devices: {resource: a/b/c}":                   "devices.resource: Invalid value",
		"devices: {shareResource: cpu}":                "devices.shareResource: Invalid value: \"cpu\": is no extended resource",
		"devices: {shareResource: a/}":                 "devices.shareResource: Invalid value",
		"devices: {shareResource: nvidia.com/gpu}":     "devices.shareResource: Invalid value: \"nvidia.com/gpu\": must not be the resource of whole devices",
		"devices: {modelLabel: a b}":                   "devices.modelLabel: Invalid value",
		"devices: {annotation: -}":                     "devices.annotation: Invalid value",
		"extendedResources: [cpu]":                     "extendedResources[0]: Invalid value: \"cpu\": is no extended resource",
		"extendedResources: [ephemeral-storage]":       "extendedResources[0]: Invalid value",
		"extendedResources: [a/b, a/b]":                `extendedResources[1]: Duplicate value: "a/b"`,
		"extendedResources: [nvidia.com/gpu]":          "extendedResources[0]: Invalid value: \"nvidia.com/gpu\": is counted as devices",
		"extendedResources: [evenkeel.dev/gpu-milli]":  "extendedResources[0]: Invalid value",
		"extendedResources: [a/1, a/2, a/3, a/4, a/5]": "extendedResources: Too many: 5: must have at most 4 items",
		"extendedResources: a/1":                       "extendedResources: Invalid value",
		"[]":                                           "",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := decodeText(text)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %+v, %v, want an error with %q", got, err, want)
			}
		})
	}
	if _, err := decode(&v1.Pod{}); err == nil {
		t.Error("an object of another type was read")
	}
}

func TestArgsOfAllKinds(t *testing.T) {
	got, err := decodeText(`{mode: Balanced, halfLife: 1m, extendedResources: [a/1, a/2, hugepages-2Mi, a/4],
		devices: {resource: amd.com/gpu, shareResource: a/part, modelLabel: model, annotation: devices}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Format{
		Device: "amd.com/gpu", Share: "a/part", ModelLabel: "model", Annotation: "devices",
		Extended: []v1.ResourceName{"a/1", "a/2", "hugepages-2Mi", "a/4"},
	}
	if diff := cmp.Diff(want, got.format()); diff != "" || got.Mode != Balanced || got.HalfLife.Duration != time.Minute {
		t.Errorf("%+v (-want +got):\n%s", got, diff)
	}
}

// TestReadmeExamples decodes each YAML block of the README.
func TestReadmeExamples(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	examples := 0
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		if strings.Contains(example, "kind:") || strings.Contains(example, "apiGroups:") {
			continue
		}
		examples++
		got, err := decodeText(example)
		if err != nil {
			t.Errorf("%v\n%s", err, example)
		}
		if diff := cmp.Diff(Fragmentation, got.Mode); examples == 1 && diff != "" {
			t.Errorf("the first example is not of the default mode: %s", diff)
		}
	}
	if examples == 0 {
		t.Error("the README has no example")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("mode: Balanced\nhalfLife: 2h")
	f.Add(`{"devices": {"resource": "a/b"}, "extendedResources": ["c/d"]}`)
	f.Add("extendedResources: [null]")
	f.Fuzz(func(t *testing.T, text string) {
		args, err := decodeText(text)
		if err != nil {
			return
		}
		if errs := args.validate(); len(errs) > 0 {
			t.Errorf("%+v was let through: %v", args, errs)
		}
	})
}
