package usage

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) int64 { return noon.Add(-d).UnixMilli() }

func testBounds() bounds {
	var cfg Config
	cfg.Default()
	return boundsOf(&cfg, noon)
}

func TestJudge(t *testing.T) {
	held := Sample{Value: 1, At: ago(time.Minute)}
	for name, tc := range map[string]struct {
		sample, held Sample
		want         reason
	}{
		"good":                     {Sample{2, ago(0)}, held, ""},
		"zero":                     {Sample{0, ago(0)}, held, ""},
		"first":                    {Sample{2, ago(0)}, Sample{}, ""},
		"same time":                {Sample{2, held.At}, held, ""},
		"not a number":             {Sample{math.NaN(), ago(0)}, held, notANumber},
		"infinite":                 {Sample{math.Inf(1), ago(0)}, held, infinite},
		"minus infinite":           {Sample{math.Inf(-1), ago(0)}, held, infinite},
		"negative":                 {Sample{-1e-9, ago(0)}, held, negative},
		"no time":                  {Sample{2, 0}, Sample{}, untimed},
		"before 1970":              {Sample{2, -5}, Sample{}, untimed},
		"a little ahead":           {Sample{2, ago(-30 * time.Second)}, held, ""},
		"from the future":          {Sample{2, ago(-31 * time.Second)}, held, future},
		"clock five minutes ahead": {Sample{2, ago(-5 * time.Minute)}, Sample{}, future},
		"back in time":             {Sample{2, held.At - 1}, held, backward},
		"ten minutes old":          {Sample{2, ago(10 * time.Minute)}, Sample{}, ""},
		"an hour old":              {Sample{2, ago(time.Hour)}, Sample{}, ""},
		"older than remembered":    {Sample{2, ago(time.Hour + time.Millisecond)}, Sample{}, expired},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judge(tc.sample, tc.held, testBounds()); got != tc.want {
				t.Errorf("judge(%v, held %v) = %q, want %q", tc.sample, tc.held, got, tc.want)
			}
		})
	}
}

func TestPut(t *testing.T) {
	var s store
	node, pod := Object{Name: "n"}, Object{Namespace: "ns", Name: "web-x2vz9"}
	put := func(o Object, statistic Statistic, value float64, at int64) reason {
		return s.put(Reading{Object: o, Dimension: CPU, Sample: Sample{value, at}}, statistic, testBounds())
	}
	steps := []struct {
		why  string
		got  reason
		want reason
	}{
		{"a bad reading", put(node, Mean, -1, ago(0)), negative},
		{"a first one", put(node, Mean, 1, ago(time.Minute)), ""},
		{"the same again", put(node, Mean, 2, ago(0)), duplicate},
		{"another statistic", put(node, P95, 3, ago(0)), ""},
		{"a capacity", put(node, Capacity, 9, ago(0)), ""},
		{"a pod", put(pod, Mean, 4, ago(0)), ""},
		{"a pod's duplicate", put(pod, Mean, 4, ago(0)), duplicate},
		{"a pod's capacity", put(pod, Capacity, 4, ago(0)), misplaced},
		{"of no name", put(Object{}, Mean, 4, ago(0)), misplaced},
		{"of no dimension", s.put(Reading{Object: node, Dimension: Dimensions, Sample: Sample{1, ago(0)}}, Mean, testBounds()), misplaced},
	}
	for _, step := range steps {
		if step.got != step.want {
			t.Errorf("%s: %q, want %q", step.why, step.got, step.want)
		}
	}
	s.unmark(Mean)
	if got := put(node, Mean, 5, ago(time.Minute)); got != "" {
		t.Errorf("the same sample in the next read is dropped as %q", got)
	}
	if got := put(node, P95, 5, ago(0)); got != duplicate {
		t.Errorf("the read of another statistic was unmarked too: %q", got)
	}
	snapshot := s.freeze(noon)
	if got := snapshot.Node("n").Usage[CPU][Mean]; got != (Sample{1, ago(time.Minute)}) {
		t.Errorf("the mean is %v: one no younger took its place", got)
	}
	if got := snapshot.Node("n").Capacity[CPU]; got != (Sample{9, ago(0)}) {
		t.Errorf("the capacity is %v", got)
	}
}

func TestBadReadingLeavesNoTrace(t *testing.T) {
	var s store
	s.put(Reading{Object: Object{Name: "n"}, Sample: Sample{math.NaN(), ago(0)}}, Mean, testBounds())
	s.put(Reading{Object: Object{Namespace: "ns", Name: "p"}, Sample: Sample{1, 0}}, Mean, testBounds())
	if nodes, pods, workloads := s.freeze(noon).Len(); nodes+pods+workloads != 0 {
		t.Errorf("there are %d nodes, %d pods, %d workloads", nodes, pods, workloads)
	}
}

func TestForget(t *testing.T) {
	var s store
	put := func(o Object, at int64) {
		s.put(Reading{Object: o, Dimension: CPU, Sample: Sample{1, at}}, Mean, testBounds())
	}
	put(Object{Name: "old"}, ago(30*time.Minute))
	put(Object{Name: "new"}, ago(0))
	put(Object{Namespace: "ns", Name: "web-x2vz9"}, ago(30*time.Minute))
	put(Object{Namespace: "ns", Name: "web-x2vzz"}, ago(0))
	put(Object{Namespace: "ns", Name: "job-x2vzz"}, ago(30*time.Minute))
	before := s.freeze(noon)
	s.forget(ago(time.Minute))
	after := s.freeze(noon)
	if n, p, w := before.Len(); n != 2 || p != 3 || w != 2 {
		t.Errorf("the snapshot before has %d nodes, %d pods, %d workloads now", n, p, w)
	}
	if n, p, w := after.Len(); n != 1 || p != 1 || w != 1 {
		t.Errorf("after forgetting there are %d nodes, %d pods, %d workloads", n, p, w)
	}
	if after.Node("old") != nil || after.Pod("ns", "web-x2vz9") != nil || after.Workload(Workload{Namespace: "ns", Name: "job"}) != nil {
		t.Error("something old is remembered")
	}
	// What comes next takes the freed rows, and nothing of what was in them.
	put(Object{Namespace: "ns", Name: "next"}, ago(0))
	if u := s.freeze(noon).Pod("ns", "next"); u[CPU][Mean].Value != 1 || u[Memory][Mean].Known() {
		t.Errorf("the next pod has %v", u)
	}
	if before.Node("old") == nil {
		t.Error("the snapshot before changed")
	}
}

func TestGonePeaks(t *testing.T) {
	var s store
	gone := func(pod string, value float64, days int) reason {
		at := ago(time.Duration(days) * 24 * time.Hour)
		return s.put(Reading{Object: Object{Namespace: "ns", Name: pod}, Dimension: CPU, Sample: Sample{value, at}}, Peak, testBounds())
	}
	peak := func() Sample {
		u := s.freeze(noon).Workload(Workload{Namespace: "ns", Name: "web"})
		if u == nil {
			return Sample{}
		}
		return u[CPU][Peak]
	}
	gone("web-bbbbb", 5, 2)
	gone("web-ccccc", 3, 1)
	s.turnGone(true)
	if got := peak(); got != (Sample{5, ago(24 * time.Hour)}) {
		t.Errorf("the peak of those gone is %v", got)
	}
	if _, pods, _ := s.freeze(noon).Len(); pods != 0 {
		t.Errorf("%d pods long gone are kept", pods)
	}
	s.put(Reading{Object: Object{Namespace: "ns", Name: "web-ddddd"}, Dimension: CPU, Sample: Sample{4, ago(0)}}, Peak, testBounds())
	if got := peak(); got != (Sample{5, ago(0)}) {
		t.Errorf("with a living one it is %v", got)
	}
	gone("web-ccccc", 3, 1)
	s.turnGone(false)
	if got := peak(); got.Value != 5 {
		t.Errorf("a read that failed changed it to %v", got)
	}
	gone("web-ccccc", 3, 1)
	s.turnGone(true)
	if got := peak(); got.Value != 4 {
		t.Errorf("once the higher one is out of the windows it is %v", got)
	}
	s.turnGone(true)
	s.forget(ago(-time.Minute))
	if _, _, workloads := s.freeze(noon).Len(); workloads != 0 {
		t.Errorf("%d workloads are left of nothing", workloads)
	}
	if why := s.put(Reading{Object: Object{Name: "n"}, Sample: Sample{1, ago(48 * time.Hour)}}, Peak, testBounds()); why != expired {
		t.Errorf("a node last seen two days ago is dropped as %q", why)
	}
}

// A store does what a map of maps would, whatever comes and goes.
func TestStoreTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var s store
	twin := map[Object]Usage{}
	now := noon
	for round := range 300 {
		now = now.Add(time.Minute)
		var cfg Config
		cfg.Default()
		b := boundsOf(&cfg, now)
		s.unmark(Mean)
		for range 20 {
			o := Object{Namespace: "ns", Name: fmt.Sprintf("web%d-bbbb%c", random.IntN(5), "bcdfghjklmnpqrstvwxz"[random.IntN(20)])}
			if random.IntN(3) == 0 {
				o = Object{Name: fmt.Sprint("n", random.IntN(20))}
			}
			at := now.Add(-time.Duration(random.IntN(90)) * time.Minute).UnixMilli()
			d := Dimension(random.IntN(Dimensions))
			why := s.put(Reading{Object: o, Dimension: d, Sample: Sample{random.Float64(), at}}, Mean, b)
			u := twin[o]
			if why == "" && at > u[d][Mean].At {
				held, _ := s.sample(o, d, Mean)
				u[d][Mean] = *held
				twin[o] = u
			}
		}
		s.forget(b.oldest)
		maps.DeleteFunc(twin, func(_ Object, u Usage) bool { return u.newest() < b.oldest })
		if round%10 == 0 {
			compareTwin(t, s.freeze(now), twin)
		}
	}
}

func compareTwin(t *testing.T, got *Snapshot, twin map[Object]Usage) {
	t.Helper()
	all := map[Object]Usage{}
	for name, node := range got.Nodes() {
		all[Object{Name: name}] = node.Usage
	}
	byWorkload := map[Workload][]*Usage{}
	for o, u := range got.Pods() {
		all[o] = *u
		w := WorkloadOfName(o.Namespace, o.Name)
		byWorkload[w] = append(byWorkload[w], u)
	}
	if diff := cmp.Diff(twin, all); diff != "" {
		t.Fatalf("the snapshot differs (-twin +got):\n%s", diff)
	}
	if _, _, n := got.Len(); n != len(byWorkload) {
		t.Fatalf("%d workloads, want %d", n, len(byWorkload))
	}
	var scratch []float64
	for w, learned := range got.Workloads() {
		want := learn(byWorkload[w], &scratch)
		for d := range want {
			if math.Abs(want[d][Mean].Value-learned[d][Mean].Value) > 1e-9 || want[d][Mean].At != learned[d][Mean].At {
				t.Fatalf("%v has learned %v, want %v", w, learned[d][Mean], want[d][Mean])
			}
		}
	}
}
