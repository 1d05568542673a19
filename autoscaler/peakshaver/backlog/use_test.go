package backlog

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func objectOf(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = json.Unmarshal(raw, &u.Object)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// jobOf a text, in the namespace shop.
func jobOf(t *testing.T, text string, known policy.Job) job {
	t.Helper()
	u := objectOf(t, text)
	u.SetNamespace("shop")
	state := &ledger.State{}
	state.Current.Suspend, _, _ = unstructured.NestedBool(u.Object, "spec", "suspend")
	return newJob(&policy.Object{Namespace: "shop", Name: u.GetName(), Job: &known}, u, state)
}

const (
	four   = `template: {spec: {containers: [{resources: {requests: {cpu: "4"}}}]}}`
	anHour = `status: {startTime: "2026-03-02T10:00:00Z", completionTime: "2026-03-02T11:00:00Z"}`
)

func TestAsk(t *testing.T) {
	started := noon.Add(-2 * time.Hour)
	for name, test := range map[string]struct {
		text string
		job  policy.Job
		want *meter.Job
	}{
		"it runs":               {`spec: {parallelism: 3}`, policy.Job{Started: started}, &meter.Job{Pods: 3, Started: started}},
		"one of its pods runs":  {"spec: {parallelism: 3}\nstatus: {active: 1}", policy.Job{Started: started}, &meter.Job{Pods: 1, Started: started}},
		"it has not begun":      {`spec: {parallelism: 3}`, policy.Job{}, nil},
		"it waits":              {`spec: {suspend: true}`, policy.Job{Started: started}, nil},
		"it failed":             {`spec: {parallelism: 3}`, policy.Job{Started: started, Finished: true}, nil},
		"it ended":              {anHour, policy.Job{Started: started, Finished: true}, &meter.Job{Pods: 1, Started: started, Ended: noon.Add(-time.Hour)}},
		"it ended with all its": {"spec: {parallelism: 3}\n" + anHour, policy.Job{Finished: true}, &meter.Job{Pods: 3, Started: started, Ended: noon.Add(-time.Hour)}},
	} {
		j := jobOf(t, "metadata: {name: a}\n"+test.text, test.job)
		got, ok := j.asked()
		if ok != (test.want != nil) {
			t.Errorf("%s: asked is %v", name, ok)
		}
		if !ok {
			continue
		}
		test.want.Namespace, test.want.Name = "shop", "a"
		if diff := cmp.Diff(*test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestUsesCPU: what runs of the family were measured to use counts, else what is requested.
func TestUsesCPU(t *testing.T) {
	waits := func(parallelism int) string {
		return fmt.Sprintf("metadata: {name: a-9, generateName: a-}\nspec: {parallelism: %d, %s}", parallelism, four)
	}
	ran := func(name string, parallelism int) string {
		return fmt.Sprintf("metadata: {name: %s, generateName: a-}\nspec: {parallelism: %d, %s}\n%s", name, parallelism, four, anHour)
	}
	for name, test := range map[string]struct {
		jobs     []string
		measured meter.Uses
		job      string
		want     int64
	}{
		"as its run did":             {[]string{ran("a-1", 1)}, meter.Uses{"shop/a-1": {CPU: 500}}, waits(1), 500},
		"as its runs did":            {[]string{ran("a-1", 1), ran("a-2", 1)}, meter.Uses{"shop/a-1": {CPU: 500}, "shop/a-2": {CPU: 700}}, waits(1), 600},
		"by pod":                     {[]string{ran("a-1", 2), ran("a-2", 1)}, meter.Uses{"shop/a-1": {CPU: 1000}, "shop/a-2": {CPU: 700}}, waits(3), 1800},
		"one run was measured":       {[]string{ran("a-1", 1), ran("a-2", 1)}, meter.Uses{"shop/a-2": {CPU: 700}}, waits(1), 700},
		"none was":                   {[]string{ran("a-1", 1)}, nil, waits(1), 4000},
		"what runs has just begun":   {[]string{waits(1)}, meter.Uses{"shop/a-9": {CPU: 10}}, waits(1), 4000},
		"another family was":         {[]string{ran("a-1", 1)}, meter.Uses{"shop/a-1": {CPU: 500}}, "metadata: {generateName: b-}\nspec: {" + four + "}", 4000},
		"nothing is known":           {nil, nil, "metadata: {generateName: b-}", 0},
		"so little that it is none":  {[]string{ran("a-1", 4)}, meter.Uses{"shop/a-1": {CPU: 1}}, waits(1), 1},
		"what another with its name": {nil, meter.Uses{"shop/a-9": {CPU: 10}}, waits(1), 4000},
	} {
		var jobs []job
		for _, text := range test.jobs {
			jobs = append(jobs, jobOf(t, text, policy.Job{}))
		}
		of := jobOf(t, test.job, policy.Job{})
		if got := usesOf(jobs, test.measured).cpu(&of); got != test.want {
			t.Errorf("%s: %d millicores, want %d", name, got, test.want)
		}
	}
}

// TestUsesLatest: of many runs the latest 50 count, in whatever order they are listed.
func TestUsesLatest(t *testing.T) {
	var jobs []job
	measured := meter.Uses{}
	for i := range 60 {
		ended := noon.Add(time.Duration(i) * time.Hour)
		name := fmt.Sprintf("a-%d", i)
		jobs = append(jobs, jobOf(t, fmt.Sprintf(`{metadata: {name: %s, generateName: a-}, status: {startTime: %q, completionTime: %q}}`,
			name, ended.Add(-time.Minute).Format(time.RFC3339), ended.Format(time.RFC3339)), policy.Job{}))
		measured["shop/"+name] = meter.Use{CPU: int64(100 * i)}
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	of := jobOf(t, "metadata: {generateName: a-}", policy.Job{})
	if got, want := usesOf(jobs, measured).cpu(&of), int64(100*(10+59)/2); got != want {
		t.Errorf("%d millicores, want %d", got, want)
	}
}

// TestCount: what a Job was measured to use is what it is taken to have used, else what it was expected to.
func TestCount(t *testing.T) {
	const measuredCPU, expected = 300, 4000
	for name, test := range map[string]struct {
		text     string
		job      policy.Job
		measured bool
		want     meter.Work
	}{
		"it ended": {anHour, policy.Job{Finished: true}, true,
			meter.Work{Ended: []history.Use{{CPU: measuredCPU, From: noon.Add(-2 * time.Hour), To: noon.Add(-time.Hour)}}}},
		"it ended unseen": {anHour, policy.Job{Finished: true}, false,
			meter.Work{Ended: []history.Use{{CPU: expected, From: noon.Add(-2 * time.Hour), To: noon.Add(-time.Hour)}}}},
		"it runs": {``, policy.Job{Started: noon}, true,
			meter.Work{Running: []meter.Running{{CPU: expected, Measured: &meter.Use{CPU: measuredCPU, Shown: 200}, Started: noon}}}},
		"it runs unseen": {``, policy.Job{Started: noon}, false, meter.Work{Running: []meter.Running{{CPU: expected, Started: noon}}}},
		"it failed":      {``, policy.Job{Started: noon, Finished: true}, true, meter.Work{}},
	} {
		test.job.CPU = expected
		j := jobOf(t, "metadata: {name: a}\n"+test.text, test.job)
		uses := usesOf(nil, nil)
		if test.measured {
			uses = usesOf(nil, meter.Uses{"shop/a": {CPU: measuredCPU, Shown: 200}})
		}
		var work meter.Work
		uses.count(&work, &j)
		if diff := cmp.Diff(test.want, work); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
