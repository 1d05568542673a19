package arguments

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

type sample struct {
	Mode  string            `json:"mode,omitempty"`
	Every metav1.Duration   `json:"every,omitempty"`
	Tiers []tier            `json:"tiers,omitempty"`
	Named map[string]string `json:"named,omitempty"`
}

type tier struct {
	Wait metav1.Duration `json:"wait"`
}

func decode(text string) (*sample, error) {
	s := &sample{Mode: "before"}
	return s, Decode(&runtime.Unknown{Raw: []byte(text)}, s)
}

func TestDecodeTellsTheField(t *testing.T) {
	for reason, tc := range map[string]struct{ text, want string }{
		"a typo":                    {"mdoe: x", `"mdoe"`},
		"a typo in a list":          {"tiers: [{wait: 1s, wiat: 2s}]", "tiers[0].wiat"},
		"a key twice":               {"mode: a\nmode: b", "already set"},
		"a value that decodes ill":  {"every: soon", "every"},
		"deep inside":               {"tiers: [{wait: 1s}, {wait: soon}]", "tiers[1].wait"},
		"a list that is none":       {"tiers: 3", "tiers"},
		"an object that is a value": {"tiers: [3]", "tiers[0]"},
		"no YAML at all":            {"{", "yaml"},
	} {
		t.Run(reason, func(t *testing.T) {
			if _, err := decode(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
	if err := Decode(&v1.Pod{}, &sample{}); err == nil || !strings.Contains(err.Error(), "*v1.Pod") {
		t.Errorf("of a pod: %v", err)
	}
}

func TestDecodeLeavesWhatIsNotSaid(t *testing.T) {
	for reason, text := range map[string]string{"nothing": "", "something else": "named: {a: b}"} {
		if s, err := decode(text); err != nil || s.Mode != "before" {
			t.Errorf("%s: %+v, %v", reason, s, err)
		}
	}
	s := &sample{Mode: "before"}
	if err := Decode(nil, s); err != nil || s.Mode != "before" {
		t.Errorf("no object: %+v, %v", s, err)
	}
}

func TestRoundTrip(t *testing.T) {
	want, err := decode("mode: m\nevery: 3s\ntiers: [{wait: 1m}]\nnamed: {a: b}")
	if err != nil {
		t.Fatal(err)
	}
	obj, err := Object(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &sample{}
	if err := Decode(obj, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Object(make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "mode: x", "tiers: [{wait: 1s}]", "every: soon", "{", "- a", "tiers: {a: b}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := decode(text)
		if err != nil {
			return
		}
		if _, err := Object(s); err != nil {
			t.Errorf("%q decodes, but not encodes: %v", text, err)
		}
	})
}
