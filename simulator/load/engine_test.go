package load

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/simulator/load/world"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// stay is a pod's time on a node.
type stay struct {
	pod, node int32
	from, to  time.Duration
}

// books are all that happened, written down from outside.
type books struct {
	e     *engine
	open  map[int32]stay // by pod
	stays []stay
}

// playStepByStep plays a workload as engine.play does, and looks after each moment.
func playStepByStep(t *testing.T, name string, w *trace.Workload, o Options, look func(*engine)) *engine {
	t.Helper()
	o.setDefaults([]string{name})
	e, err := newEngine(t.Context(), &Result{Policy: name, Seed: 1}, w, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	if err := e.begin(); err != nil {
		t.Fatal(err)
	}
	for e.now = 0; e.now <= e.end; e.now = e.next() {
		e.clock.SetTime(epoch.Add(e.now))
		e.future.Now = e.now
		if err := e.moment(); err != nil {
			t.Fatal(err)
		}
		look(e)
	}
	e.finish()
	return e
}

// look takes note of who came and went.
func (b *books) look(e *engine) {
	for i := range e.Pods {
		p, held := &e.Pods[i], b.open[int32(i)]
		_, was := b.open[int32(i)]
		if was && (p.Node != held.node || p.Placed != held.from) {
			held.to = e.now
			b.stays = append(b.stays, held)
			delete(b.open, int32(i))
			was = false
		}
		if !was && p.Node != world.Nowhere {
			b.open[int32(i)] = stay{pod: int32(i), node: p.Node, from: p.Placed, to: math.MaxInt64}
		}
	}
}

// demand is what the pods on a node wanted at a time.
func (b *books) demand(node int32, at time.Duration, all []stay) (sum int64) {
	for _, s := range all {
		if s.node == node && s.from < at && at <= s.to {
			sum += b.e.Pods[s.pod].Use(at - b.e.options.Scrape/2)
		}
	}
	return sum
}

// TestNaiveBooks works the verdict out from who was where when, and nothing else.
func TestNaiveBooks(t *testing.T) {
	for _, name := range []string{"stock", "realload", "trimaran-tlp"} {
		w := planetLab(5, 6, 90, 8*time.Hour)
		w.Events = []trace.Event{
			{At: 200 * time.Minute, Kind: trace.Drain, Nodes: []string{"n1"}},
			{At: 300*time.Minute + time.Second, Kind: trace.NodeLoss, Nodes: []string{"n2"}},
		}
		b := &books{open: map[int32]stay{}}
		b.e = playStepByStep(t, name, w, Options{Hot: 0.4}, b.look)
		all := b.stays
		for _, s := range b.open {
			all = append(all, s)
		}
		var hot, minutes, highest, got, had float64
		var seen []float64
		for at := time.Duration(0); at <= w.Duration; at += time.Minute {
			for n := range b.e.Nodes {
				if n == 2 && at > 300*time.Minute {
					continue
				}
				u := float64(b.demand(int32(n), at, all)) / 16_000
				seen, highest = append(seen, u), max(highest, u)
				if at == 0 {
					continue
				}
				minutes, got, had = minutes+1, got+min(1, u), had+1
				if u > 0.4 {
					hot++
				}
			}
		}
		slices.Sort(seen)
		r := b.e.result
		if r.HotNodeMinutes != hot || r.NodeMinutes != minutes || r.MaxNodeUtilisation != highest {
			t.Errorf("%s: hot for %v of %v minutes, at most %v; the books say %v, %v, %v",
				name, r.HotNodeMinutes, r.NodeMinutes, r.MaxNodeUtilisation, hot, minutes, highest)
		}
		if want := seen[int(math.Ceil(0.99*float64(len(seen))))-1]; math.Abs(r.P99NodeUtilisation-want) > 1e-4 {
			t.Errorf("%s: the 99th percentile is %v, the books say %v", name, r.P99NodeUtilisation, want)
		}
		if math.Abs(r.UsableCPUShare-got/had) > 1e-9 {
			t.Errorf("%s: served was %v, the books say %v", name, r.UsableCPUShare, got/had)
		}
		if hot == 0 || len(b.stays) == 0 || r.PodsEvicted == 0 {
			t.Errorf("%s: the workload tests little: %v hot minutes, %d pods left, %d were evicted", name, hot, len(b.stays), r.PodsEvicted)
		}
	}
}

// TestInvariants holds, at every moment, what the simulation believes to what the scheduler does.
func TestInvariants(t *testing.T) {
	for _, name := range []string{"realload-pack", "koordinator", "trimaran-lvrb", "oracle"} {
		w := planetLab(9, 5, 120, 5*time.Hour)
		w.Events = []trace.Event{
			{At: 100 * time.Minute, Kind: trace.NodeLoss, Nodes: []string{"n0"}}, {At: 150 * time.Minute, Kind: trace.Drain, Nodes: []string{"n4"}},
		}
		var last time.Duration
		e := playStepByStep(t, name, w, Options{}, func(e *engine) {
			if e.now < last {
				t.Fatalf("after %v comes %v", last, e.now)
			}
			last = e.now
			for i := range e.Nodes {
				n := &e.Nodes[i]
				if n.Requested[0] > n.Capacity[0] || n.Requested[1] > n.Capacity[1] || (!n.There || n.Cordoned) && len(n.Pods) > 0 {
					t.Fatalf("at %v node %d has %d pods that request %v of %v", e.now, i, len(n.Pods), n.Requested, n.Capacity)
				}
			}
			checkPods(t, e)
		})
		if e.result.PodsEvicted == 0 || e.result.Placements < 50 {
			t.Errorf("%s: the workload tests little: %+v", name, e.result)
		}
	}
}

func checkPods(t *testing.T, e *engine) {
	t.Helper()
	for i := range e.Pods {
		p := &e.Pods[i]
		gone := p.From.Departure > 0 && p.From.Departure <= e.now
		switch {
		case p.From.Arrival > e.now || gone:
			if p.Present || p.Node != world.Nowhere {
				t.Fatalf("at %v pod %s, of %v to %v, is on node %d", e.now, p.Name(), p.From.Arrival, p.From.Departure, p.Node)
			}
			continue
		case !p.Present:
			t.Fatalf("at %v pod %s, of %v, is not there", e.now, p.Name(), p.From.Arrival)
		}
		where := ""
		if p.Node != world.Nowhere {
			where = e.Nodes[p.Node].Object.Name
		}
		if got := e.cluster.NodeOf(p.Object.UID); got != where {
			t.Fatalf("at %v pod %s is on %q, to the scheduler on %q", e.now, p.Name(), where, got)
		}
		if queued := e.queue.of[int32(i)]; where == "" && (queued == nil || !queued.hopeless && !slices.Contains(queued.pods, int32(i))) {
			t.Fatalf("at %v pod %s has no place, and does not wait for one", e.now, p.Name())
		}
	}
}

// TestSchedulersSeeLate has one pod come each ten seconds, and looks at how old what was seen then is.
func TestSchedulersSeeLate(t *testing.T) {
	for _, tc := range []struct{ scrape, delay time.Duration }{
		{time.Minute, 30 * time.Second}, {time.Minute, 90 * time.Second}, {15 * time.Second, 5 * time.Second}, {5 * time.Minute, -1},
	} {
		w := &trace.Workload{Nodes: machines(2, "64"), Duration: 40 * time.Minute}
		for i := range 200 {
			w.Pods = append(w.Pods, trace.Pod{Object: task(fmt.Sprintf("p-%d", i), "100m"), Arrival: time.Duration(i) * 10 * time.Second, Curve: steady(10)})
		}
		youngest := time.Hour
		playStepByStep(t, "realload", w, Options{Scrape: tc.scrape, Delay: tc.delay}, func(e *engine) {
			sample := e.meter.Snapshot().Node("n0")
			if sample == nil || e.now%(10*time.Second) != 0 || e.now >= 2000*time.Second {
				return
			}
			age := sample.Usage[usage.CPU][usage.Mean].Age(epoch.Add(e.now))
			youngest = min(youngest, age)
			if age < max(tc.delay, 0) || age >= max(tc.delay, 0)+tc.scrape+10*time.Second {
				t.Fatalf("%+v: at %v a sample is %v old", tc, e.now, age)
			}
		})
		if youngest > max(tc.delay, 0)+10*time.Second {
			t.Errorf("%+v: no sample was younger than %v", tc, youngest)
		}
	}
}

// TestRunningPodsHaveAPast has pods that run from the beginning: their use is known before anything is decided.
func TestRunningPodsHaveAPast(t *testing.T) {
	w := &trace.Workload{Nodes: machines(2, "10"), Duration: time.Hour, Pods: []trace.Pod{
		{Object: running("old-0", "1", "n0"), Curve: steady(7000)}, {Object: task("new-0", "1"), Curve: steady(900)},
	}}
	first := true
	e := playStepByStep(t, "realload", w, Options{Scrape: 5 * time.Minute, Delay: -1}, func(e *engine) {
		if !first {
			return
		}
		first = false
		u := e.meter.Snapshot().Pod("ns", "old-0")
		if u == nil || math.Abs(u[usage.CPU][usage.Mean].Value-7) > 1e-3 || math.Abs(u[usage.CPU][usage.Peak].Value-7) > 1e-3 {
			t.Errorf("of the pod that runs already %v is known", u)
		}
		if e.Pods[1].Node != 1 {
			t.Errorf("the first pod to be placed went to node %d, which uses most", e.Pods[1].Node)
		}
	})
	if e.result.Placements != 1 || e.result.PodsPending != 0 {
		t.Errorf("%+v: want one placement, of the new pod", e.result)
	}
}

// TestMomentsAreFew counts the moments of an idle cluster: one a scrape.
func TestMomentsAreFew(t *testing.T) {
	w := &trace.Workload{Nodes: machines(1, "4"), Duration: time.Hour, Pods: []trace.Pod{{Object: task("a", "1")}, {Object: task("b", "4")}}}
	for name, want := range map[string]int{"stock": 61, "realload": 61} {
		moments := 0
		playStepByStep(t, name, w, Options{}, func(*engine) { moments++ })
		if moments != want {
			t.Errorf("%s: %d moments in an hour, want %d", name, moments, want)
		}
	}
}

func TestTimeline(t *testing.T) {
	w := &trace.Workload{Pods: []trace.Pod{
		{Object: task("a", "1"), Arrival: 2, Departure: 9}, {Object: task("b", "1"), Arrival: 1}, {Object: task("c", "1"), Arrival: 2, Departure: 5},
		{Object: task("d", "1"), Arrival: 1, Departure: 9},
	}, Events: []trace.Event{{At: 7, Pods: 1}, {At: 3, Pods: 2}, {At: 7, Pods: 3}}}
	got := newTimeline(w)
	if diff := cmp.Diff([]int32{1, 3, 0, 2}, got.arrivals); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int32{2, 0, 3}, got.departures); diff != "" {
		t.Errorf("departures (-want +got):\n%s", diff)
	}
	if got.events[0].Pods != 2 || got.events[1].Pods != 1 || w.Events[0].Pods != 1 {
		t.Errorf("events are %v", got.events)
	}
}
