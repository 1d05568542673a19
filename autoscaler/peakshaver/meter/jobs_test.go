package meter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/internal/usage"
)

func minutes(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }

// TestJobs: by their names pods are known to be of Jobs.
func TestJobs(t *testing.T) {
	runs := func(name string, pods int64) Job {
		return Job{Namespace: "batch", Name: name, Pods: pods, Started: noon.Add(-time.Hour)}
	}
	ended := Job{Namespace: "batch", Name: "import", Pods: 2, Started: noon.Add(-2 * time.Hour), Ended: noon.Add(-time.Hour)}
	type pod struct {
		name      string
		statistic usage.Statistic
		cores     float64
		age       time.Duration
	}
	long := strings.Repeat("l", 58)
	for name, test := range map[string]struct {
		jobs []Job
		pods []pod
		want Uses
	}{
		"a pod":                      {[]Job{runs("import", 1)}, []pod{{"import-x2vz9", usage.Mean, 0.5, 0}}, Uses{"batch/import": {500, 500}}},
		"nothing is measured":        {[]Job{runs("import", 1)}, nil, Uses{}},
		"a pod of another":           {[]Job{runs("import", 1)}, []pod{{"imports-x2vz9", usage.Mean, 9, 0}, {"import", usage.Mean, 9, 0}}, Uses{}},
		"one of three pods is":       {[]Job{runs("import", 3)}, []pod{{"import-x2vz9", usage.Mean, 0.5, 0}}, Uses{"batch/import": {1500, 500}}},
		"pods that have just gone":   {[]Job{runs("import", 1)}, []pod{{"import-x2vz9", usage.Mean, 1, 0}, {"import-bcdfg", usage.Mean, 2, minutes(3)}}, Uses{"batch/import": {1500, 3000}}},
		"pods long gone":             {[]Job{runs("import", 1)}, []pod{{"import-x2vz9", usage.Mean, 1, 0}, {"import-bcdfg", usage.Mean, 2, minutes(6)}}, Uses{"batch/import": {1000, 1000}}},
		"with indexes":               {[]Job{runs("import", 2)}, []pod{{"import-0-x2vz9", usage.Mean, 1, 0}, {"import-17-bcdfg", usage.Mean, 2, 0}}, Uses{"batch/import": {3000, 3000}}},
		"a Job named as by an index": {[]Job{runs("import", 1), runs("import-7", 1)}, []pod{{"import-7-x2vz9", usage.Mean, 1, 0}}, Uses{"batch/import-7": {1000, 1000}}},
		"nothing is used":            {[]Job{runs("import", 1)}, []pod{{"import-x2vz9", usage.Mean, 0, 0}}, Uses{"batch/import": {1, 0}}},
		"names that are cut":         {[]Job{runs(long+"-1", 1)}, []pod{{long + "x2vz9", usage.Mean, 1, 0}}, Uses{"batch/" + long + "-1": {1000, 1000}}},
		"names that are cut alike":   {[]Job{runs(long+"-1", 1), runs(long+"-2", 1), runs(long+"-3", 1)}, []pod{{long + "x2vz9", usage.Mean, 1, 0}}, Uses{}},
		"one that has ended": {
			[]Job{ended}, []pod{{"import-x2vz9", usage.P95, 1, minutes(61)}, {"import-bcdfg", usage.P95, 2, minutes(70)}, {"import-ghjkl", usage.Mean, 9, minutes(70)}},
			Uses{"batch/import": {3000, 3000}},
		},
		"one that has, of which the last minutes alone are known": {[]Job{ended}, []pod{{"import-x2vz9", usage.Mean, 1, 0}}, Uses{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := usage.NewBuilder(noon)
			for _, p := range test.pods {
				b.Pod("batch", p.name, usage.CPU, p.statistic, p.cores, noon.Add(-p.age))
				b.Pod("other", p.name, usage.CPU, p.statistic, 99, noon)
			}
			if diff := cmp.Diff(test.want, Jobs(b.Build(), test.jobs, noon)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// cadvisor is a Prometheus that knows what pods used when, and answers the default query.
type cadvisor struct {
	pods  []life
	err   error
	asked []string // patterns
}

// life of a pod that uses as much all the time.
type life struct {
	namespace, name string
	from, to        time.Time
	cores           float64
}

var matched = regexp.MustCompile(`pod=~"([^"]*)"}\[5m\]`)

func (c *cadvisor) QueryRange(_ context.Context, query string, r promv1.Range, _ ...promv1.Option) (model.Value, promv1.Warnings, error) {
	found := matched.FindStringSubmatch(query)
	if found == nil {
		return nil, nil, fmt.Errorf("not understood: %s", query)
	}
	c.asked = append(c.asked, found[1])
	if points := r.End.Sub(r.Start) / r.Step; c.err != nil || points > 11_000 {
		return nil, nil, errors.Join(c.err, fmt.Errorf("%d points", points))
	}
	pattern := regexp.MustCompile("^(?:" + strings.ReplaceAll(found[1], `\\`, `\`) + ")$")
	var matrix model.Matrix
	for _, pod := range c.pods {
		if !pattern.MatchString(pod.name) {
			continue
		}
		series := &model.SampleStream{Metric: model.Metric{"namespace": model.LabelValue(pod.namespace), "pod": model.LabelValue(pod.name)}}
		for at := r.Start; !at.After(r.End); at = at.Add(r.Step) {
			if used := overlap(pod.from, pod.to, at.Add(-averaged), at); used > 0 {
				value := pod.cores * used.Seconds() / averaged.Seconds()
				series.Values = append(series.Values, model.SamplePair{Timestamp: model.TimeFromUnixNano(at.UnixNano()), Value: model.SampleValue(value)})
			}
		}
		matrix = append(matrix, series)
	}
	return matrix, nil, nil
}

func overlap(from, to, begin, end time.Time) time.Duration {
	if from.Before(begin) {
		from = begin
	}
	if to.After(end) {
		to = end
	}
	return to.Sub(from)
}

func ranBy(from Ranger) *Ran {
	return &Ran{From: from, Query: PodQuery("namespace", "pod"), Namespace: "namespace", Pod: "pod"}
}

// TestRan: whatever ran beside them, and in however many pods, Jobs used what their pods did over the time that they ran.
func TestRan(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		c := &cadvisor{}
		var jobs []Job
		want := map[string]float64{} // cores
		for i := range 1 + random.IntN(20) {
			job := Job{Namespace: fmt.Sprint("n", i%2), Name: fmt.Sprint("job.", i/2, "-", i%3), Pods: 1}
			job.Ended = noon.Add(-minutes(3 + float64(random.IntN(14*24*60))))
			job.Started = job.Ended.Add(-minutes(11 + random.Float64()*600))
			pods := 1 + random.IntN(3)
			for k := range pods {
				cores := random.Float64() * 4
				want[job.name()] += cores
				c.pods = append(c.pods, life{job.Namespace, fmt.Sprintf("%s-%d-x2vz9", job.Name, k), job.Started, job.Ended, cores})
			}
			// A run before the one that counts, as of a Job that was stopped.
			c.pods = append(c.pods, life{job.Namespace, job.Name + "-bcdfg", job.Started.Add(-time.Hour), job.Started.Add(-time.Minute), 50})
			jobs = append(jobs, job)
		}
		c.pods = append(c.pods, life{"n0", "service-5d89bdcf78-x2vz9", noon.AddDate(0, 0, -20), noon, 7})
		got, err := ranBy(c).Uses(t.Context(), jobs, noon)
		if err != nil {
			t.Fatal(err)
		}
		for i := range jobs {
			use, ok := got[jobs[i].name()]
			// With two weeks to look at, steps are of three minutes.
			if cores := want[jobs[i].name()]; !ok || math.Abs(float64(use.CPU)-cores*1000) > 1 {
				t.Errorf("%+v used %+v, want %.3f cores", jobs[i], use, cores)
			}
		}
	}
}

// TestRanSteadily: a Job whose pods follow one another used as much as any of them.
func TestRanSteadily(t *testing.T) {
	job := Job{Namespace: "n", Name: "a", Pods: 1, Started: noon.Add(-2 * time.Hour), Ended: noon.Add(-time.Hour)}
	c := &cadvisor{}
	for i := range 30 {
		from := job.Started.Add(time.Duration(i) * 2 * time.Minute)
		c.pods = append(c.pods, life{"n", fmt.Sprintf("a-%d-x2vz9", i), from, from.Add(2 * time.Minute), 1.5})
	}
	if got, err := ranBy(c).Uses(t.Context(), []Job{job}, noon); err != nil || got["n/a"].CPU != 1500 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestRanOnce: what was read is not asked for again, nor what has just ended, nor what could not be read a moment ago.
func TestRanOnce(t *testing.T) {
	c := &cadvisor{}
	r := ranBy(c)
	job := func(name string, ended float64) Job {
		at := noon.Add(minutes(ended))
		c.pods = append(c.pods, life{"n", name + "-x2vz9", at.Add(-time.Hour), at, 2})
		return Job{Namespace: "n", Name: name, Pods: 1, Started: at.Add(-time.Hour), Ended: at}
	}
	a, again, short, just, old := job("a", -60), job("a", 30), job("short", -30), job("just", -1), job("old", -60*24*15)
	short.Started = short.Ended.Add(-time.Minute)
	const suffix = `(-[0-9]+)?-?[bcdfghjklmnpqrstvwxz2456789]{5}`
	down := errors.New("down")
	for _, step := range []struct {
		minutes float64
		err     error
		jobs    []Job
		asked   string
		want    []string
	}{
		{0, down, []Job{a}, "(a)" + suffix, nil},
		{5, nil, []Job{a}, "", nil},
		{10, nil, []Job{a, short, just, old}, "(a|just|short)" + suffix, []string{"n/a", "n/just"}},
		{11, nil, []Job{a, short, just, old}, "", []string{"n/a", "n/just"}},
		{12, down, []Job{a}, "", []string{"n/a"}},
		{40, down, []Job{again, just}, "(a|just)" + suffix, nil},
		{50, nil, []Job{again}, "(a)" + suffix, []string{"n/a"}},
	} {
		c.asked, c.err = nil, step.err
		got, err := r.Uses(t.Context(), step.jobs, noon.Add(minutes(step.minutes)))
		failed := step.err != nil && step.asked != ""
		if asked := strings.Join(c.asked, " and "); asked != step.asked || (err != nil) != failed {
			t.Errorf("after %g minutes it asks for %q, %v; want %q", step.minutes, asked, err, step.asked)
		}
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, step.want) {
			t.Errorf("after %g minutes %v are known, want %v", step.minutes, names, step.want)
		}
	}
}

// TestRanLatestFirst: of many Jobs the last to end are asked for first, and after some minutes all are known.
func TestRanLatestFirst(t *testing.T) {
	c := &cadvisor{}
	var jobs []Job
	for i := range 500 {
		ended := noon.Add(-minutes(float64(3 + i)))
		jobs = append(jobs, Job{Namespace: "n", Name: fmt.Sprint("job", i), Pods: 1, Started: ended.Add(-time.Hour), Ended: ended})
		c.pods = append(c.pods, life{"n", fmt.Sprintf("job%d-x2vz9", i), ended.Add(-time.Hour), ended, 1})
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	r := ranBy(c)
	for minute, want := range []int{200, 400, 500, 500} {
		got, err := r.Uses(t.Context(), jobs, noon.Add(minutes(float64(minute))))
		if err != nil || len(got) != want || got["n/job0"].CPU != 1000 {
			t.Errorf("after %d minutes %d are known, want %d; %v", minute, len(got), want, err)
		}
	}
	if len(c.asked) != 3 {
		t.Errorf("asked %d times", len(c.asked))
	}
	if got, err := ranBy(c).All(t.Context(), jobs, noon); err != nil || len(got) != 500 || len(c.asked) != 6 {
		t.Errorf("all: %d are known after asking %d times; %v", len(got), len(c.asked)-3, err)
	}
	if got, err := ranBy(c).All(t.Context(), nil, noon); err != nil || len(got) != 0 {
		t.Errorf("all of none: %v, %v", got, err)
	}
	c.err = errors.New("down")
	if _, err := ranBy(c).All(t.Context(), jobs, noon); err == nil || len(c.asked) != 7 {
		t.Errorf("nobody there: asked %d times; %v", len(c.asked)-6, err)
	}
}

func TestRanRefuses(t *testing.T) {
	job := Job{Namespace: "n", Name: "a", Pods: 1, Started: noon.Add(-2 * time.Hour), Ended: noon.Add(-time.Hour)}
	for name, a := range map[string]*answer{"refused": {err: errors.New("out of order")}, "a number": {value: &model.Scalar{}}} {
		if _, err := ranBy(a).Uses(t.Context(), []Job{job}, noon); err == nil || !strings.Contains(err.Error(), "asking Prometheus what the pods") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
