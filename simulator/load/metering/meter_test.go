package metering

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/simulator/load/world"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

var epoch = time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)

type steady int64

func (s steady) At(time.Duration) int64 { return int64(s) }

type daily struct{ night, day int64 }

func (d daily) At(at time.Duration) int64 {
	if hour := (at + 1000*24*time.Hour) % (24 * time.Hour) / time.Hour; hour >= 8 && hour < 20 {
		return d.day
	}
	return d.night
}

func list(cpu, memory string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
}

// small is a cluster of nodes of four cores, with pods of a curve each.
func small(nodes int, curves ...trace.Curve) *world.State {
	w := &trace.Workload{}
	for i := range nodes {
		w.Nodes = append(w.Nodes, &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i)}, Status: v1.NodeStatus{Allocatable: list("4", "8Gi")},
		})
	}
	for i, c := range curves {
		name := fmt.Sprintf("web-%d", i)
		w.Pods = append(w.Pods, trace.Pod{Curve: c, Object: &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)},
			Spec:       v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: list("1", "1Gi")}}}},
		}})
	}
	return world.New(w)
}

// place puts a pod on a node, as the simulation does.
func place(s *world.State, m *Meter, i, on int32, now time.Duration) {
	s.Pods[i].Begin(epoch, now)
	s.Put(i, on, now)
	m.Placed(i)
}

func take(s *world.State, m *Meter, i int32, now time.Duration) {
	m.Leaving(i, now)
	s.Take(i)
}

func nobody(int32, int64) {}

// measureUntil takes all measurements up to a time.
func measureUntil(m *Meter, end time.Duration) {
	for m.Next() <= end {
		m.Measure(nobody)
	}
}

func known(t *testing.T, s usage.Sample) float64 {
	t.Helper()
	if !s.Known() {
		t.Error("nothing is known")
	}
	return s.Value
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-4 }

func TestMeasure(t *testing.T) {
	s := small(2, steady(1000), steady(500), steady(250))
	m := New(s, time.Minute, 0, false, epoch)
	place(s, m, 0, 0, 0)
	place(s, m, 1, 0, 0)
	place(s, m, 2, 1, 0)
	seen := map[int32]int64{}
	for range 10 {
		m.Measure(func(on int32, milli int64) { seen[on] = milli })
	}
	if diff := cmp.Diff(map[int32]int64{0: 1500, 1: 250}, seen); diff != "" {
		t.Errorf("what pods want (-want +got):\n%s", diff)
	}
	m.Publish(9)
	got := m.Snapshot()
	for name, want := range map[string]float64{"n0": 1.5, "n1": 0.25} {
		u := got.Node(name)
		if v := known(t, u.Usage[usage.CPU][usage.Mean]); !near(v, want) {
			t.Errorf("%s used %v, want %v", name, v, want)
		}
		if at := u.Usage[usage.CPU][usage.Mean].At; at != epoch.Add(9*time.Minute).UnixMilli() {
			t.Errorf("that was at %v", time.UnixMilli(at).UTC())
		}
	}
	if v := known(t, got.Node("n0").Usage[usage.Memory][usage.Mean]); v != 2<<30 {
		t.Errorf("n0 used %v of memory, want what its pods request", v)
	}
	pod := got.Pod("ns", "web-1")
	if v := known(t, pod[usage.CPU][usage.Mean]); !near(v, 0.5) {
		t.Errorf("web-1 used %v", v)
	}
	if v := known(t, pod[usage.CPU][usage.Deviation]); v > 1e-3 {
		t.Errorf("web-1, which is steady, deviates by %v", v)
	}
	if v := known(t, pod[usage.CPU][usage.P95]); !near(v, 0.5) {
		t.Errorf("web-1 has a 95th percentile of %v", v)
	}
	if pod[usage.CPU][usage.Peak].Known() {
		t.Error("a peak of earlier days is known on the first")
	}
}

// TestANodeGivesWhatItHas has pods want twice that.
func TestANodeGivesWhatItHas(t *testing.T) {
	s := small(1, steady(6000), steady(2000))
	m := New(s, time.Minute, 0, false, epoch)
	place(s, m, 0, 0, 0)
	place(s, m, 1, 0, 0)
	var wanted int64
	for range 10 {
		m.Measure(func(_ int32, milli int64) { wanted = milli })
	}
	m.Publish(9)
	got := m.Snapshot()
	if wanted != 8000 || known(t, got.Node("n0").Usage[usage.CPU][usage.Mean]) != 4 {
		t.Errorf("of 4 cores pods want %d, and used %v", wanted, got.Node("n0").Usage[usage.CPU][usage.Mean].Value)
	}
	for name, want := range map[string]float64{"web-0": 3, "web-1": 1} {
		if v := known(t, got.Pod("ns", name)[usage.CPU][usage.Mean]); !near(v, want) {
			t.Errorf("%s used %v, want %v", name, v, want)
		}
	}
}

// TestPartsOfAMinute has pods that come, and go, between measurements.
func TestPartsOfAMinute(t *testing.T) {
	s := small(1, steady(1000), steady(2000))
	m := New(s, time.Minute, 0, false, epoch)
	measureUntil(m, 0)
	place(s, m, 0, 0, 45*time.Second) // there for a quarter of the minute
	measureUntil(m, time.Minute)
	if v, want := s, m.nodes[0].cpu.ring[1]; !near(float64(want), 0.25) {
		t.Errorf("a quarter of a minute of one core was measured as %v (%v)", want, len(v.Pods))
	}
	place(s, m, 1, 0, 70*time.Second)
	take(s, m, 1, 100*time.Second) // half a minute of two cores
	take(s, m, 0, 90*time.Second)  // half a minute of one
	measureUntil(m, 2*time.Minute)
	if v := m.nodes[0].cpu.ring[2]; !near(float64(v), 1.5) {
		t.Errorf("measured was %v, want 1 + 0.5", v)
	}
	measureUntil(m, 3*time.Minute)
	if v := m.nodes[0].cpu.ring[3]; v != 0 {
		t.Errorf("after all had gone, %v was measured", v)
	}
}

func TestVisible(t *testing.T) {
	m := New(small(1), time.Minute, time.Hour, false, epoch)
	measureUntil(m, 10*time.Minute)
	for _, tc := range []struct {
		now, delay time.Duration
		want       int32
	}{
		{10 * time.Minute, 0, 10},
		{10 * time.Minute, 30 * time.Second, 9},
		{10*time.Minute + 30*time.Second, 30 * time.Second, 10},
		{10 * time.Minute, time.Hour, -50},
		{20 * time.Minute, 0, 10}, // nothing newer was measured
	} {
		if got := m.Visible(tc.now, tc.delay); got != tc.want {
			t.Errorf("at %v with %v of delay: %d, want %d", tc.now, tc.delay, got, tc.want)
		}
	}
}

// TestLateIsAsOfThen publishes an old measurement: nothing of what came later may be in it.
func TestLateIsAsOfThen(t *testing.T) {
	s := small(1, daily{night: 1000, day: 3000})
	m := New(s, time.Minute, 30*time.Minute, false, epoch)
	place(s, m, 0, 0, 0)
	measureUntil(m, 8*time.Hour+20*time.Minute)
	m.Publish(8 * 60)
	u := m.Snapshot().Node("n0").Usage[usage.CPU]
	if !near(u[usage.Mean].Value, 1) || !near(u[usage.P95].Value, 1) || u[usage.Deviation].Value > 1e-3 {
		t.Errorf("at eight, before the day began, it is %v", u)
	}
	m.Publish(8*60 + 20)
	u = m.Snapshot().Node("n0").Usage[usage.CPU]
	if !near(u[usage.Mean].Value, 3) || !near(u[usage.P95].Value, 3) {
		t.Errorf("twenty minutes later it is %v", u)
	}
}

// TestWarm has a pod that has run for days, which foretell its peak.
func TestWarm(t *testing.T) {
	s := small(1, daily{night: 1000, day: 3000})
	m := New(s, 5*time.Minute, 0, true, epoch)
	place(s, m, 0, 0, -m.Past())
	m.Warm()
	if m.Next() != 0 {
		t.Fatalf("the first measurement of the simulation is at %v", m.Next())
	}
	measureUntil(m, 0)
	m.Publish(m.Visible(0, 0))
	u := m.Snapshot().Pod("ns", "web-0")[usage.CPU]
	if !near(known(t, u[usage.Mean]), 1) || !near(known(t, u[usage.Peak]), 1) {
		t.Errorf("at midnight it is %v", u)
	}
	measureUntil(m, 7*time.Hour+30*time.Minute)
	m.Publish(m.Visible(7*time.Hour+30*time.Minute, 0))
	u = m.Snapshot().Pod("ns", "web-0")[usage.CPU]
	if !near(known(t, u[usage.Mean]), 1) || !near(known(t, u[usage.Peak]), 3) {
		t.Errorf("half an hour before the day begins it is %v", u)
	}
}

// TestReplicasTeach has three replicas on different nodes, of which one is gone.
func TestReplicasTeach(t *testing.T) {
	s := small(2, steady(100), steady(200), steady(600))
	m := New(s, time.Minute, 0, false, epoch)
	for i := range int32(3) {
		place(s, m, i, i%2, 0)
	}
	measureUntil(m, 10*time.Minute)
	take(s, m, 2, 10*time.Minute+time.Second)
	measureUntil(m, 30*time.Minute)
	m.Publish(30)
	web := usage.Workload{Namespace: "ns", Name: "web"}
	u := m.Snapshot().Workload(web)
	if v := known(t, u[usage.CPU][usage.Mean]); !near(v, 0.3) {
		t.Errorf("a replica uses %v, want the mean of 0.1, 0.2 and 0.6", v)
	}
	// None deviates; the variance of the means is (0.04 + 0.01 + 0.09)/3.
	if v := known(t, u[usage.CPU][usage.Deviation]); !near(v, math.Sqrt(0.14/3)) {
		t.Errorf("it deviates by %v", v)
	}
	if v := known(t, u[usage.Memory][usage.Mean]); v != 1<<30 {
		t.Errorf("it uses %v of memory", v)
	}
	measureUntil(m, 4*time.Hour)
	for tick := int32(31); tick <= 240; tick++ {
		m.Publish(tick)
	}
	if v := known(t, m.Snapshot().Workload(web)[usage.CPU][usage.Mean]); !near(v, 0.15) {
		t.Errorf("hours later a replica uses %v, want what the two left do", v)
	}
	if m.Snapshot().Pod("ns", "web-2") != nil {
		t.Error("hours later the pod that is gone is still known")
	}
}

// TestThreadsMeasureTheSame is for the race detector too.
func TestThreadsMeasureTheSame(t *testing.T) {
	type result struct {
		seen []int64
		mean map[string]float64
	}
	measured := func(threads int) (r result) {
		curves := make([]trace.Curve, 40)
		for i := range curves {
			curves[i] = daily{night: int64(10 * i), day: int64(300 * i)}
		}
		s := small(7, curves...)
		m := New(s, time.Minute, 0, false, epoch)
		m.Threads = threads
		for i := range int32(len(curves)) {
			place(s, m, i, i%7, 0)
		}
		s.Nodes[3].There = false
		for m.Next() <= 9*time.Hour {
			m.Measure(func(on int32, milli int64) { r.seen = append(r.seen, int64(on), milli) })
		}
		m.Publish(9 * 60)
		r.mean = map[string]float64{}
		for o, u := range m.Snapshot().Pods() {
			r.mean[o.Name] = u[usage.CPU][usage.Mean].Value
		}
		return r
	}
	one := measured(1)
	for _, threads := range []int{2, 3, 20} {
		if diff := cmp.Diff(one, measured(threads), cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%d threads measured something else (-one +%d):\n%s", threads, threads, diff)
		}
	}
}

func TestLostNodesAreNotMeasured(t *testing.T) {
	s := small(2, steady(1000))
	m := New(s, time.Minute, 0, false, epoch)
	place(s, m, 0, 1, 0)
	measureUntil(m, 10*time.Minute)
	s.Nodes[0].There = false
	var seen []int32
	m.Measure(func(on int32, _ int64) { seen = append(seen, on) })
	if diff := cmp.Diff([]int32{1}, seen); diff != "" {
		t.Errorf("seen were (-want +got):\n%s", diff)
	}
	m.Publish(11)
	if m.Snapshot().Node("n0") != nil {
		t.Error("something is known of a node that was lost before anything was published")
	}
}

// TestWorkGrowsWithPods counts what measuring allocates: nothing, however many pods there are.
func TestWorkGrowsWithPods(t *testing.T) {
	curves := make([]trace.Curve, 300)
	for i := range curves {
		curves[i] = steady(10)
	}
	s := small(10, curves...)
	m := New(s, time.Minute, 0, false, epoch)
	for i := range int32(300) {
		place(s, m, i, i%10, 0)
	}
	measureUntil(m, time.Hour)
	// Peaks grow by one each half hour and pod, by doubling.
	if n := testing.AllocsPerRun(20, func() { m.Measure(nobody) }); n > 40 {
		t.Errorf("a measurement of 300 pods allocates %v times", n)
	}
}
