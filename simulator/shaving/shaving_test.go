package shaving

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
)

var midnight = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func at(hours float64) time.Time { return midnight.Add(time.Duration(hours * float64(time.Hour))) }

func policies(tb testing.TB, text string) []*policy.Policy {
	tb.Helper()
	var spec v1alpha1.PeakPolicySpec
	if err := yaml.UnmarshalStrict([]byte(text), &spec); err != nil {
		tb.Fatal(err)
	}
	p, errs := policy.Compile("", "p", &spec, nil)
	if len(errs) > 0 {
		tb.Fatal(errs.ToAggregate())
	}
	return []*policy.Policy{p}
}

const byDay = `
windows: [{name: day, timeZone: UTC, from: "08:00", to: "18:00"}]
selection: {kinds: [Job]}
action: {suspend: true}
deadline: {expectedRunTime: 1h, margin: 0}
ceiling: {cpu: 80}
`

// week of a load that is high by day, with hourly steps.
func week() history.Series {
	s := history.Series{Start: at(-8 * 24), Step: time.Hour}
	for i := range 9 * 24 {
		cpu := int64(1000)
		if hour := i % 24; hour >= 8 && hour < 18 {
			cpu = 5000
		}
		s.CPU = append(s.CPU, cpu)
	}
	return s
}

// TestPlay: what comes by day is done by night under the ceiling; what cannot wait is done by day.
func TestPlay(t *testing.T) {
	o := Options{Base: week(), From: midnight, To: at(24), Capacity: 5000, Work: []Work{
		{Name: "night", Family: "n", Created: at(9), Deadline: at(24), CPU: 3000, Took: time.Hour},
		{Name: "later", Family: "n", Created: at(8.5), CPU: 3000, Took: time.Hour},
		{Name: "hurries", Family: "h", Created: at(9), Deadline: at(17), CPU: 500, Took: 2 * time.Hour},
		{Name: "early", Family: "e", Created: at(2.5), CPU: 500, Took: time.Hour},
		{Name: "much", Family: "e", Created: at(9), CPU: 3500, Took: time.Hour},
	}, Past: []history.Run{{Name: "h", Family: "h", Ended: at(-1), Took: 2 * time.Hour}}}
	if got := Play(&o); got.Missed+got.Undone+got.Forced > 0 || got.Load.CPU[9] != 5000+3000+1500+500+3500 {
		t.Errorf("without a policy: %+v", got)
	}
	o.Policies = policies(t, byDay)
	got := Play(&o)
	want := []time.Time{at(18), at(19), at(12), at(2.5), {}}
	if !slices.Equal(got.Start, want) {
		t.Errorf("started at %v, want %v", got.Start, want)
	}
	if got.Missed != 0 || got.Undone != 1 || got.Forced != 1 {
		t.Errorf("got %+v", got)
	}
	if load := []int64{got.Load.CPU[2], got.Load.CPU[12], got.Load.CPU[18], got.Load.CPU[20]}; !slices.Equal(load, []int64{1250, 5500, 4000, 1000}) {
		t.Errorf("the load is %v", got.Load.CPU)
	}
}

// TestUnknownRun: one that runs, and of which nobody knows for how long, ends when the policy says.
func TestUnknownRun(t *testing.T) {
	w := Work{Name: "a", Family: "a", Created: at(9), CPU: 3000, Took: 2 * time.Hour}
	p := &play{Options: &Options{Base: week(), Policies: policies(t, byDay), Horizon: 4 * time.Hour}}
	now := at(18)
	p.runs = []*run{{Work: &w, object: w.object(), start: now}}
	if got := p.ahead(policy.At(now, p.Policies), now, history.Runs{}); !slices.Equal(got.CPU, []int64{4000, 1000, 1000, 1000}) {
		t.Errorf("ahead is %v", got.CPU)
	}
}

func TestPeak(t *testing.T) {
	load := make([]int64, 200)
	for i := range load {
		load[i] = int64((i * 37) % 200)
	}
	for percent, want := range map[float64]int64{0: 199, 1: 197, 50: 99} {
		if got := Peak(load, percent); got != want {
			t.Errorf("the load that %g%% exceed is %d, want %d", percent, got, want)
		}
	}
	if got := Peak(nil, 1); got != 0 {
		t.Errorf("without steps it is %d", got)
	}
}

func TestBound(t *testing.T) {
	base := history.Series{Start: midnight, Step: time.Hour, CPU: []int64{500, 100, 100, 400}}
	for name, test := range map[string]struct {
		work    []Work
		percent float64
		want    int64
	}{
		"nothing to do":           {nil, 0, 500},
		"it fits":                 {[]Work{{Created: midnight, CPU: 400, Took: 2 * time.Hour}}, 0, 500},
		"it is spread":            {[]Work{{Created: midnight, CPU: 900, Took: time.Hour}}, 0, 500},
		"one hour more than fits": {[]Work{{Created: midnight, CPU: 1300, Took: time.Hour}}, 0, 600},
		"it has two hours only":   {[]Work{{Created: at(1), Deadline: at(3), CPU: 1000, Took: time.Hour}}, 0, 600},
		"it runs no faster":       {[]Work{{Created: midnight, Deadline: at(1), CPU: 300, Took: time.Hour}}, 0, 800},
		"half an hour of a step":  {[]Work{{Created: at(0.5), Deadline: at(1), CPU: 300, Took: time.Hour / 2}}, 0, 650},
		"one is moved for another": {
			[]Work{{Created: midnight, Deadline: at(4), CPU: 400, Took: time.Hour}, {Created: at(1), Deadline: at(2), CPU: 400, Took: time.Hour}}, 0, 500,
		},
		"a step that does not count": {[]Work{{Created: midnight, Deadline: at(1), CPU: 300, Took: time.Hour}}, 25, 400},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Bound(&base, test.work, midnight, at(4), test.percent); got < test.want-1 || got > test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// TestBoundHolds: no schedule of small random days that meets all deadlines is below the bound, and the best of them, in
// which work may be stopped, is at it.
func TestBoundHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		base := history.Series{Start: midnight, Step: time.Hour}
		for range 5 {
			base.CPU = append(base.CPU, random.Int64N(6))
		}
		var work []Work
		for i := range 1 + random.IntN(3) {
			begin := random.IntN(4)
			due := begin + 1 + random.IntN(5-begin)
			work = append(work, Work{
				Name: fmt.Sprint(i), Created: at(float64(begin)), Deadline: at(float64(due)), CPU: 1 + random.Int64N(5),
				Took: time.Duration(1+random.IntN(due-begin)) * time.Hour,
			})
		}
		got := Bound(&base, work, midnight, at(5), 0)
		whole, parts := best(base.CPU, work, true), best(base.CPU, work, false)
		if got > whole || got > parts {
			t.Fatalf("the bound is %d for %v and %+v, but %d can be reached, and %d in parts", got, base.CPU, work, whole, parts)
		}
	}
}

// best is the lowest peak of all schedules by whole hours, in which work runs at once or may be stopped.
func best(base []int64, work []Work, atOnce bool) int64 {
	if len(work) == 0 {
		return slices.Max(base)
	}
	w, lowest := &work[0], int64(1<<62)
	for hours := range 1 << len(base) {
		var chosen []int
		for i := range base {
			if hours>>i&1 == 1 {
				chosen = append(chosen, i)
			}
		}
		n := int(w.Took / time.Hour)
		if len(chosen) != n || at(float64(chosen[0])).Before(w.Created) || at(float64(chosen[n-1]+1)).After(w.Deadline) || atOnce && chosen[n-1]-chosen[0] != n-1 {
			continue
		}
		load := slices.Clone(base)
		for _, i := range chosen {
			load[i] += w.CPU
		}
		lowest = min(lowest, best(load, work[1:], atOnce))
	}
	return lowest
}

// TestPlayIsNoBetterThanTheBound, which knows everything, and misses no deadline where forecasts are exact.
func TestPlayIsNoBetterThanTheBound(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		o := Options{Base: week(), From: midnight, To: at(24), Capacity: 10_000, Exact: true, Policies: policies(t, byDay)}
		for i := range 20 {
			created := at(float64(random.IntN(16)))
			took := time.Duration(1+random.IntN(3)) * time.Hour
			o.Work = append(o.Work, Work{
				Name: fmt.Sprint(i), Created: created, Deadline: created.Add(took + time.Duration(random.IntN(5))*time.Hour), CPU: random.Int64N(1000), Took: took,
			})
		}
		got := Play(&o)
		if got.Missed > 0 || got.Undone > 0 {
			t.Fatalf("%d deadlines are missed, %d are not done", got.Missed, got.Undone)
		}
		if bound := Bound(&o.Base, o.Work, o.From, o.To, 0); slices.Max(got.Load.CPU) < bound {
			t.Fatalf("the peak is %d, below the bound %d", slices.Max(got.Load.CPU), bound)
		}
	}
}
