package meter

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/internal/usage"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func store(t *testing.T, cpus map[string]string) cache.Store {
	t.Helper()
	all := cache.NewStore(cache.MetaNamespaceKeyFunc)
	for name, cpu := range cpus {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "Node"}}
		u.SetName(name)
		if cpu != "" {
			u.Object["status"] = map[string]any{"allocatable": map[string]any{"cpu": cpu}}
		}
		if err := all.Add(u); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// snapshot of nodes' CPU, in cores, with the minutes since it was true.
func snapshot(cores map[string][2]float64) *usage.Snapshot {
	b := usage.NewBuilder(noon)
	for name, c := range cores {
		b.Node(name, usage.CPU, usage.Mean, c[0], noon.Add(-time.Duration(c[1]*float64(time.Minute))))
	}
	return b.Build()
}

func TestNow(t *testing.T) {
	for name, test := range map[string]struct {
		cpus  map[string]string
		cores map[string][2]float64
		want  Load
		err   string
	}{
		"all is known":                  {map[string]string{"a": "8", "b": "3500m"}, map[string][2]float64{"a": {2.5, 1}, "b": {1, 3}, "gone": {9, 0}}, Load{3500, 11500, noon.Add(-3 * time.Minute)}, ""},
		"one node is not":               {map[string]string{"a": "8", "b": "4"}, map[string][2]float64{"a": {2, 0}}, Load{6000, 12000, noon}, ""},
		"what is old is not":            {map[string]string{"a": "8", "b": "4"}, map[string][2]float64{"a": {2, 0}, "b": {1, 6}}, Load{6000, 12000, noon}, ""},
		"most are not":                  {map[string]string{"a": "8", "b": "4"}, map[string][2]float64{"b": {1, 0}}, Load{}, "8 of 12 CPUs"},
		"nothing is known":              {map[string]string{"a": "8"}, nil, Load{}, "8 of 8 CPUs"},
		"no nodes":                      {nil, map[string][2]float64{"a": {1, 0}}, Load{}, "no nodes"},
		"a node that has told nothing":  {map[string]string{"a": "8", "new": ""}, map[string][2]float64{"a": {1, 0}}, Load{1000, 8000, noon}, ""},
		"a load of zero is one, though": {map[string]string{"a": "8"}, map[string][2]float64{"a": {0, 0}}, Load{0, 8000, noon}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Now(snapshot(test.cores), store(t, test.cpus), noon)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want it to say %q", err, test.err)
				}
				return
			}
			if err != nil || got.Used != test.want.Used || got.Capacity != test.want.Capacity || !got.At.Equal(test.want.At) {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

// answer is a Prometheus that gives one answer.
type answer struct {
	value model.Value
	err   error
	asked promv1.Range
}

func (a *answer) QueryRange(_ context.Context, _ string, r promv1.Range, _ ...promv1.Option) (model.Value, promv1.Warnings, error) {
	a.asked = r
	return a.value, nil, a.err
}

func TestPast(t *testing.T) {
	at := func(steps int) model.Time {
		return model.TimeFromUnixNano(noon.Add(time.Duration(steps-288) * Step).UnixNano())
	}
	a := &answer{value: model.Matrix{{Values: []model.SamplePair{
		{Timestamp: at(1), Value: 1.5}, {Timestamp: at(2), Value: model.SampleValue(math.NaN())}, {Timestamp: at(3), Value: -1},
		{Timestamp: at(4), Value: model.SampleValue(math.Inf(1))}, {Timestamp: at(288), Value: 7}, {Timestamp: at(289), Value: 9}, {Timestamp: at(0), Value: 9},
	}}}}
	got, err := Past(t.Context(), a, Query, noon.Add(time.Minute), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]int64, 288)
	for i := range want {
		want[i] = -1
	}
	want[0], want[287] = 1500, 7000
	if diff := cmp.Diff(want, got.CPU); diff != "" || !got.Start.Equal(noon.Add(-24*time.Hour)) {
		t.Errorf("from %s on: %s", got.Start, diff)
	}
	if !a.asked.Start.Equal(got.Start.Add(Step)) || !a.asked.End.Equal(noon) || a.asked.Step != Step {
		t.Errorf("asked %+v", a.asked)
	}
	if got, err := Past(t.Context(), &answer{value: model.Matrix{}}, Query, noon, 1); err != nil || got.CPU[5] != -1 {
		t.Errorf("an empty answer: %v", err)
	}
	for name, a := range map[string]*answer{
		"refused": {err: errors.New("out of order")}, "many": {value: model.Matrix{{}, {}}}, "a number": {value: &model.Scalar{}},
	} {
		if _, err := Past(t.Context(), a, Query, noon, 1); err == nil || !strings.Contains(err.Error(), "node_cpu") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAhead: a Job that has run for long is in what is measured, and counts once; one that was just released counts too.
// What is measured of its pods is taken from the load, whatever it was expected to use.
func TestAhead(t *testing.T) {
	hour := history.RunTime{Mean: time.Hour, Likely: time.Hour, Surely: time.Hour}
	load := Load{Used: 5000, Capacity: 10_000, At: noon}
	running := func(cpu int64, minutes int, measured *Use) Work {
		return Work{Running: []Running{{CPU: cpu, Measured: measured, Started: noon.Add(-time.Duration(minutes) * time.Minute), RunTime: hour}}}
	}
	for name, test := range map[string]struct {
		work Work
		want []int64 // now, after 30 minutes, after 90
	}{
		"nothing runs":                   {Work{}, []int64{5000, 5000, 5000}},
		"it has run for long":            {running(1000, 40, nil), []int64{5000, 4000, 4000}},
		"it has just started":            {running(1000, 2, nil), []int64{6000, 6000, 5000}},
		"it is about to start":           {Work{Running: []Running{{CPU: 1000, RunTime: hour}}}, []int64{6000, 6000, 5000}},
		"it may run for ever":            {Work{Running: []Running{{CPU: 1000}}}, []int64{6000, 6000, 6000}},
		"more than there is":             {running(7000, 40, nil), []int64{7000, 0, 0}},
		"it uses less than expected":     {running(4000, 40, &Use{500, 500}), []int64{5000, 4500, 4500}},
		"it uses more than expected":     {running(0, 40, &Use{500, 500}), []int64{5000, 4500, 4500}},
		"some of its pods are young":     {running(4000, 40, &Use{2000, 500}), []int64{6500, 4500, 4500}},
		"others will come":               {Work{Coming: []history.Use{{CPU: 700, From: noon.Add(30 * time.Minute), To: noon.Add(time.Hour)}}}, []int64{5000, 5700, 5000}},
		"measured, but it has just come": {running(4000, 2, &Use{100, 100}), []int64{8900, 8900, 4900}},
	} {
		got := test.work.Ahead(noon, load, history.Series{}, 2*time.Hour)
		if diff := cmp.Diff(test.want, []int64{got.CPU[0], got.CPU[6], got.CPU[18]}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	past := history.Series{Start: noon.AddDate(0, 0, -2), Step: Step, CPU: make([]int64, 2*288)}
	for i := range past.CPU {
		past.CPU[i] = 3000
	}
	work := Work{Ended: []history.Use{{CPU: 2000, From: noon.Add(-23 * time.Hour), To: noon.Add(-22 * time.Hour)}}}
	if got := work.Ahead(noon, Load{Used: 3000, At: noon}, past, 3*time.Hour); got.CPU[6] < 2500 || got.CPU[18] > 2000 {
		t.Errorf("what ran yesterday is taken for load: %v", got.CPU)
	}
}
