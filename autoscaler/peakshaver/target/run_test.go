package target

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = json.Unmarshal(raw, &u.Object)
	}
	if err != nil {
		t.Fatal(err)
	}
	u.SetKind("Job")
	return u
}

// TestFamily: Jobs are alike by their owner, else by the name that theirs were made of, else by their pods.
func TestFamily(t *testing.T) {
	const owner = `ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: nightly, uid: "1", controller: true}]`
	for name, test := range map[string]struct {
		a, b  string
		alike bool
	}{
		"one owner":          {`metadata: {namespace: shop, name: a, ` + owner + `}`, `metadata: {namespace: shop, name: b, ` + owner + `}`, true},
		"in two namespaces":  {`metadata: {namespace: shop, name: a, ` + owner + `}`, `metadata: {namespace: m, name: a, ` + owner + `}`, false},
		"one generated name": {`metadata: {namespace: shop, name: a-1, generateName: a-}`, `metadata: {namespace: shop, name: a-2, generateName: a-}`, true},
		"the same pods": {
			"metadata: {namespace: shop, name: a}\nspec: {template: {metadata: {labels: {job-name: a}}, spec: {containers: [{image: x}]}}}",
			"metadata: {namespace: shop, name: b}\nspec: {template: {metadata: {labels: {job-name: b}}, spec: {containers: [{image: x}]}}}", true,
		},
		"other pods": {
			"metadata: {namespace: shop, name: a}\nspec: {template: {spec: {containers: [{image: x}]}}}",
			"metadata: {namespace: shop, name: b}\nspec: {template: {spec: {containers: [{image: y}]}}}", false,
		},
	} {
		if got := Family(object(t, test.a)) == Family(object(t, test.b)); got != test.alike {
			t.Errorf("%s: alike is %v", name, got)
		}
	}
}

func TestRun(t *testing.T) {
	got, ok := Run(object(t, `{metadata: {namespace: shop, name: a, generateName: a-}, status: {startTime: "2026-03-02T10:00:00Z", completionTime: "2026-03-02T10:30:00Z"}}`))
	want := history.Run{Name: "shop/a", Family: "shop/a-", Ended: time.Date(2026, 3, 2, 10, 30, 0, 0, time.UTC), Took: 30 * time.Minute}
	if !ok || !cmp.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	for name, text := range map[string]string{
		"it runs": `{status: {startTime: "2026-03-02T10:00:00Z"}}`, "it waits": `{}`,
		"clocks differ": `{status: {startTime: "2026-03-02T10:00:00Z", completionTime: "2026-03-02T09:59:59Z"}}`,
	} {
		if got, ok := Run(object(t, text)); ok {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestRunTime(t *testing.T) {
	known := history.RunTime{Mean: time.Minute, Likely: time.Minute, Surely: time.Minute, Runs: 3}
	same := func(d time.Duration) history.RunTime { return history.RunTime{Mean: d, Likely: d, Surely: d} }
	const declared = `metadata: {generateName: a-, annotations: {evenkeel.dev/expected-run-time: 40m}}`
	for name, test := range map[string]struct {
		text string
		runs history.Runs
		want history.RunTime
	}{
		"as runs like it were":    {declared, history.Runs{"/a-": known}, known},
		"as it says":              {declared, nil, same(40 * time.Minute)},
		"no longer than it may":   {`spec: {activeDeadlineSeconds: 600}`, nil, same(10 * time.Minute)},
		"what it says is no time": {"metadata: {annotations: {evenkeel.dev/expected-run-time: long}}\nspec: {activeDeadlineSeconds: 600}", nil, same(10 * time.Minute)},
		"it may for ever":         {`spec: {activeDeadlineSeconds: 9223372036854}`, nil, same(10 * 365 * 24 * time.Hour)},
		"it says for ever":        {`metadata: {annotations: {evenkeel.dev/expected-run-time: 2000000h}}`, nil, same(10 * 365 * 24 * time.Hour)},
		"nothing is known":        {`{}`, nil, history.RunTime{}},
	} {
		if diff := cmp.Diff(test.want, RunTime(object(t, test.text), test.runs)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRequest(t *testing.T) {
	for text, want := range map[string]int64{
		`spec: {template: {spec: {containers: [{resources: {requests: {cpu: 250m}}}, {resources: {requests: {cpu: "1"}}}, {}]}}}`:               1250,
		`spec: {template: {spec: {initContainers: [{resources: {requests: {cpu: "2"}}}], containers: [{resources: {requests: {cpu: 250m}}}]}}}`: 2000,
		`spec: {parallelism: 8, completions: 3, template: {spec: {containers: [{resources: {requests: {cpu: 100m}}}]}}}`:                        300,
		`spec: {parallelism: 8, template: {spec: {containers: [{resources: {requests: {cpu: 100m}}}]}}}`:                                        800,
		`spec: {parallelism: 0, template: {spec: {containers: [{resources: {requests: {cpu: 100m}}}]}}}`:                                        100,
		`spec: {template: {spec: {containers: [{}]}}}`:                                                                                          0,
		`spec: {template: 3}`: 0,
	} {
		if got := Request(object(t, text)); got != want {
			t.Errorf("%s: %d millicores, want %d", text, got, want)
		}
	}
}
