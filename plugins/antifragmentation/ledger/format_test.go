package ledger

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/internal/frag"
)

const (
	device     = v1.ResourceName("example.com/gpu")
	milli      = v1.ResourceName("example.com/gpu-milli")
	disk       = v1.ResourceName("example.com/disk")
	modelLabel = "example.com/model"
	annotation = "example.com/devices"
)

var format = Format{Device: device, Share: milli, ModelLabel: modelLabel, Annotation: annotation, Extended: []v1.ResourceName{disk}}

// resources reads "cpu=1 example.com/gpu=2".
func resources(text string) v1.ResourceList {
	list := v1.ResourceList{}
	for _, part := range strings.Fields(text) {
		name, amount, _ := strings.Cut(part, "=")
		list[v1.ResourceName(name)] = resource.MustParse(amount)
	}
	return list
}

func newPod(name, requests string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name), Annotations: map[string]string{}},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: resources(requests)}}}},
	}
}

func newLedger() *Ledger { return New(format, time.Hour) }

func TestShape(t *testing.T) {
	for name, test := range map[string]struct {
		requests string
		shape    frag.Shape
		err      string
		reason   string
	}{
		"nothing":     {requests: ""},
		"amounts":     {requests: "cpu=1500m memory=2Ki example.com/disk=3", shape: frag.Shape{Request: frag.Vector{1500, 2048, 3}}},
		"not counted": {requests: "cpu=1 example.com/other=3", shape: frag.Shape{Request: frag.Vector{1000}}},
		"whole":       {requests: "example.com/gpu=2", shape: frag.Shape{Devices: 2, Milli: 1000}},
		"share":       {requests: "example.com/gpu-milli=300", shape: frag.Shape{Devices: 1, Milli: 300}},
		"one by share": {requests: "example.com/gpu-milli=1000", shape: frag.Shape{Devices: 1, Milli: 1000},
			reason: "all of a device is one"},
		"two by share":    {requests: "example.com/gpu-milli=2000", shape: frag.Shape{Devices: 2, Milli: 1000}},
		"most":            {requests: "example.com/gpu=32", shape: frag.Shape{Devices: 32, Milli: 1000}},
		"both":            {requests: "example.com/gpu=1 example.com/gpu-milli=300", err: "not for both"},
		"one and a half":  {requests: "example.com/gpu-milli=1500", err: "1500 thousandths"},
		"a crowd":         {requests: "example.com/gpu=33", err: "33 devices are more"},
		"a crowd by part": {requests: "example.com/gpu-milli=33000", err: "33 devices are more", reason: "nobody has that many"},
		"far too many":    {requests: "example.com/gpu-milli=9000000000000000", err: "are more than a node can have"},
	} {
		t.Run(name, func(t *testing.T) {
			shape, err := newLedger().Shape(newPod("p", test.requests))
			switch {
			case test.err == "" && err != nil, test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("got error %v, want %q: %s", err, test.err, test.reason)
			case err == nil && shape != test.shape:
				t.Errorf("got %+v, want %+v: %s", shape, test.shape, test.reason)
			}
		})
	}
}

func TestShapeCountsInitContainersAndOverhead(t *testing.T) {
	pod := newPod("p", "cpu=1")
	pod.Spec.InitContainers = []v1.Container{{Resources: v1.ResourceRequirements{Requests: resources("cpu=2 example.com/gpu=1")}}}
	pod.Spec.Overhead = resources("cpu=250m")
	shape, err := newLedger().Shape(pod)
	if want := (frag.Shape{Request: frag.Vector{2250}, Devices: 1, Milli: 1000}); err != nil || shape != want {
		t.Errorf("got %+v, %v, want %+v", shape, err, want)
	}
}

// affinity has a term for each of the arguments, each of expressions as "In A,B" of the model label.
func affinity(terms ...[]string) *v1.Affinity {
	selector := &v1.NodeSelector{}
	for _, expressions := range terms {
		var term v1.NodeSelectorTerm
		for _, text := range expressions {
			operator, values, _ := strings.Cut(text, " ")
			key, operator, other := strings.Cut(operator, ":")
			if !other {
				key, operator = modelLabel, key
			}
			term.MatchExpressions = append(term.MatchExpressions, v1.NodeSelectorRequirement{
				Key: key, Operator: v1.NodeSelectorOperator(operator), Values: strings.Split(values, ","),
			})
		}
		selector.NodeSelectorTerms = append(selector.NodeSelectorTerms, term)
	}
	return &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: selector}}
}

func TestModels(t *testing.T) {
	for name, test := range map[string]struct {
		selector string
		affinity *v1.Affinity
		models   frag.Models // A is 1, B 2, C 4
		reason   string
	}{
		"any":              {},
		"selector":         {selector: "B", models: 2},
		"empty affinity":   {affinity: &v1.Affinity{NodeAffinity: &v1.NodeAffinity{}}},
		"no terms":         {selector: "B", affinity: affinity(), models: 2},
		"alternatives":     {affinity: affinity([]string{"In A,C"}), models: 5},
		"terms":            {affinity: affinity([]string{"In A"}, []string{"In B"}), models: 3, reason: "terms are alternatives"},
		"a term of others": {affinity: affinity([]string{"In A"}, []string{"zone:In x"}), reason: "the second term takes any"},
		"beside others":    {affinity: affinity([]string{"zone:In x", "In A"}), models: 1, reason: "both must hold"},
		"not in":           {affinity: affinity([]string{"NotIn A"}), reason: "what it excludes is left to node affinity"},
		"exists":           {affinity: affinity([]string{"Exists"})},
		"both":             {selector: "A", affinity: affinity([]string{"In A,B"}), models: 1},
		"twice in a term":  {affinity: affinity([]string{"In A,B", "In B,C"}), models: 2, reason: "both must hold"},
		"contradiction":    {selector: "A", affinity: affinity([]string{"In B"}), models: 1, reason: "none would mean any"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			for _, model := range []string{"A", "B", "C"} {
				l.models.bit(model)
			}
			pod := newPod("p", "example.com/gpu=1")
			if test.selector != "" {
				pod.Spec.NodeSelector = map[string]string{modelLabel: test.selector}
			}
			pod.Spec.Affinity = test.affinity
			if shape, err := l.Shape(pod); err != nil || shape.Models != test.models {
				t.Errorf("models are %b, %v, want %b: %s", shape.Models, err, test.models, test.reason)
			}
			delete(pod.Spec.Containers[0].Resources.Requests, device)
			if shape, err := l.Shape(pod); err != nil || shape != (frag.Shape{}) {
				t.Errorf("without devices it is %+v, %v", shape, err)
			}
		})
	}
}

func TestMoreModelsThanBits(t *testing.T) {
	m := models{}
	seen := map[frag.Models]int{}
	for i := range 100 {
		b := m.bit(fmt.Sprint("model-", i))
		if bits.OnesCount64(uint64(b)) != 1 || b != m.bit(fmt.Sprint("model-", i)) {
			t.Fatalf("model %d is %b", i, b)
		}
		seen[b]++
	}
	if len(seen) != 64 || seen[1<<63] != 37 || m.bit("") != 0 {
		t.Errorf("100 models have %d bits, the last of them %d times", len(seen), seen[1<<63])
	}
}

func TestDevicesOfNodes(t *testing.T) {
	for name, test := range map[string]struct {
		allocatable string
		count       int32
		reason      string
	}{
		"none":         {"cpu=8", 0, ""},
		"whole":        {"example.com/gpu=8", 8, ""},
		"shares":       {"example.com/gpu-milli=4000", 4, "thousandths"},
		"both":         {"example.com/gpu=8 example.com/gpu-milli=8000", 8, "they are the same devices"},
		"part of one":  {"example.com/gpu-milli=900", 0, "no whole device"},
		"changed":      {"example.com/gpu=0 example.com/gpu-milli=2000", 2, "a node goes on to list what it had"},
		"all that fit": {"example.com/gpu=64", frag.MaxDevices, "more are not told apart"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			l.Sync(infos(newNode("n", test.allocatable, "")), start)
			if got := l.Nodes()[0].Count; got != test.count {
				t.Errorf("it has %d devices, want %d: %s", got, test.count, test.reason)
			}
		})
	}
}

func TestParseDevices(t *testing.T) {
	for text, want := range map[string]frag.Mask{
		"0": 1, "0,3": 9, "3,0": 9, "31": 1 << 31,
		"": 0, "32": 0, "0,0": 0, "a": 0, "-1": 0, "0,": 0, "0 ,1": 0, "256": 0, "0x1": 0,
	} {
		devices, err := ParseDevices(text)
		if devices != want || (err == nil) != (want != 0) {
			t.Errorf("ParseDevices(%q) = %b, %v, want %b", text, devices, err, want)
		}
		if err != nil && text != "" && !strings.Contains(err.Error(), fmt.Sprintf("%q", text)) {
			t.Errorf("the error does not say what was read: %v", err)
		}
	}
}

func FuzzParseDevices(f *testing.F) {
	for _, text := range []string{"0", "0,3,4", "31,2", "", ",", "1,1", "99"} {
		f.Add(text, uint32(5))
	}
	f.Fuzz(func(t *testing.T, text string, mask uint32) {
		if devices, err := ParseDevices(text); err == nil {
			again, err := ParseDevices(FormatDevices(devices))
			if err != nil || again != devices || devices == 0 {
				t.Errorf("%q is %b, written and read again %b, %v", text, devices, again, err)
			}
		}
		if mask == 0 {
			return
		}
		if devices, err := ParseDevices(FormatDevices(frag.Mask(mask))); err != nil || devices != frag.Mask(mask) {
			t.Errorf("%b written and read again is %b, %v", mask, devices, err)
		}
	})
}
