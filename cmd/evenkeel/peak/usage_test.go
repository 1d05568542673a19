package peak

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
	"github.com/evenkeel/evenkeel/internal/replay"
)

// measured is a stage of one day of each machine with nothing measured yet.
func measured(t *testing.T) *stage {
	t.Helper()
	p, d := drawn(t, func(p *Peak) { p.Services = 1 })
	s := &stage{Peak: p, plan: d, epoch: epochOf(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), d.Begins), watch: &watch{loads: map[string][]Load{}}}
	s.usage = newUsage(s)
	return s
}

// TestUsage: the peak shaver is told what was asked for on its contender's node alone.
func TestUsage(t *testing.T) {
	s := measured(t)
	if load, err := s.usage.Now(nil, s.epoch); err == nil {
		t.Errorf("before anything was measured: %+v", load)
	}
	for minute, cores := range []float64{0: 99, 1: 3, 3: 5, 5: 7, 12: 9, 15: 5} {
		if cores > 0 {
			s.watch.load(time.Duration(minute)*time.Minute, []replay.NodeDemand{{Name: withPolicy, DemandCores: cores}, {Name: noPolicy, DemandCores: 99}})
		}
	}
	load, err := s.usage.Now(nil, s.epoch.Add(time.Hour))
	if want := (meter.Load{Used: 7000, Capacity: int64(s.plan.Capacity) * 1000, At: s.epoch.Add(15 * time.Minute)}); err != nil || load != want {
		t.Errorf("got %+v, want %+v, %v", load, want, err)
	}
	past, err := s.usage.Past(t.Context(), s.epoch.Add(24*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	const before = int(workload.HistoryDays * day / meter.Step)
	if diff := cmp.Diff([]int64{5000, -1, 7000, -1}, past.CPU[before:]); diff != "" {
		t.Errorf("today (-want +got)\n%s", diff)
	}
	if again, err := s.usage.Past(t.Context(), s.epoch); err != nil || len(again.CPU) != before {
		t.Errorf("at the beginning of the day %d steps are known, want %d, %v", len(again.CPU), before, err)
	}
}

// TestEarlierRuns: without the Jobs of earlier days, as the peak shaver finds them, the load of these days is that of
// services.
func TestEarlierRuns(t *testing.T) {
	s := measured(t)
	past, err := s.usage.Past(t.Context(), s.epoch)
	if err != nil {
		t.Fatal(err)
	}
	var uses []history.Use
	for i := range s.plan.Jobs {
		j := &s.plan.Jobs[i]
		family := target.Family(asUnstructured(t, s.job(withPolicy, j)))
		for k := range j.Earlier {
			u := asUnstructured(t, s.earlier(j, k))
			run, ok := target.Run(u)
			if !ok || run.Family != family || (run.Took-j.Earlier[k].Took).Abs() >= time.Second || run.Ended.After(s.epoch) {
				t.Fatalf("run %d of %+v is %+v, %t", k, j, run, ok)
			}
			uses = append(uses, history.Use{CPU: target.Request(u), From: run.Ended.Add(-run.Took), To: run.Ended})
		}
	}
	if len(uses) < 2*len(s.plan.Jobs) {
		t.Errorf("%d runs of %d Jobs are known", len(uses), len(s.plan.Jobs))
	}
	without := past.Without(uses)
	for i, cpu := range without.CPU {
		from := time.Duration(i-len(without.CPU)) * meter.Step
		// A Job's use is known to the second and its CPU.
		if want := millicores(s.plan.Asked(from, from+meter.Step)); cpu < want-1000 || cpu > want+1000 {
			t.Fatalf("%s before the day %d is left of %d, want %d", -from, cpu, past.CPU[i], want)
		}
	}
}

func asUnstructured(t *testing.T, object any) *unstructured.Unstructured {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: content}
}
