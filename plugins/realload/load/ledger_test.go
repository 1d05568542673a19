package load

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
)

// recount is the dumb twin of the ledger's view: what is on the nodes, added up
// anew from the entries.
func recount(l *Ledger) map[string][usage.Dimensions]formula.Tally {
	v := l.View()
	out := map[string][usage.Dimensions]formula.Tally{}
	for n := range v.all {
		bare := node{name: n.name, measured: n.measured}
		for slot, e := range l.slots {
			if e != nil && e.node == n.name {
				bare.add(&l.contributions[slot], 1)
			}
		}
		out[n.name] = bare.pods
	}
	return out
}

func tallies(v *View) map[string][usage.Dimensions]formula.Tally {
	out := map[string][usage.Dimensions]formula.Tally{}
	for n := range v.all {
		out[n.name] = n.pods
	}
	return out
}

func diffTallies(t *testing.T, want, got map[string][usage.Dimensions]formula.Tally) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the view and the pods differ (-pods +view):\n%s", diff)
	}
}

// alive counts the pods on a node by their requested CPU: each requests one core.
func alive(v *View, node string) int64 { return v.node(node).requested[usage.CPU] / 1000 }

func TestPodIsCountedOnce(t *testing.T) {
	now := noon.UnixMilli()
	pod, bound := task("p", "", "1", ""), task("p", "n0", "1", "")
	elsewhere := task("p", "n1", "1", "")
	tests := map[string]struct {
		reason string
		do     func(*Ledger)
		want   [2]int64 // pods on n0 and n1
	}{
		"reserved":       {"it counts from Reserve on", func(l *Ledger) { l.Reserve(pod, "n0", now) }, [2]int64{1, 0}},
		"reserved twice": {"once", func(l *Ledger) { l.Reserve(pod, "n0", now); l.Reserve(pod, "n0", now) }, [2]int64{1, 0}},
		"given back":     {"not at all", func(l *Ledger) { l.Reserve(pod, "n0", now); l.Unreserve(pod.UID, now) }, [2]int64{0, 0}},
		"given back twice": {"Unreserve may come again", func(l *Ledger) {
			l.Reserve(pod, "n0", now)
			l.Unreserve(pod.UID, now)
			l.Unreserve(pod.UID, now)
		}, [2]int64{0, 0}},
		"never reserved": {"or come without Reserve", func(l *Ledger) { l.Unreserve(pod.UID, now) }, [2]int64{0, 0}},
		"bound": {"the API server's word is no second pod", func(l *Ledger) {
			l.Reserve(pod, "n0", now)
			l.Observe(bound, now)
		}, [2]int64{1, 0}},
		"bound all the same": {"an error after the binding was done", func(l *Ledger) {
			l.Reserve(pod, "n0", now)
			l.Observe(bound, now)
			l.Unreserve(pod.UID, now)
		}, [2]int64{1, 0}},
		"bound by others": {"it is where the API server says", func(l *Ledger) {
			l.Reserve(pod, "n0", now)
			l.Observe(elsewhere, now)
		}, [2]int64{0, 1}},
		"seen only": {"a pod that another scheduler placed", func(l *Ledger) { l.Observe(bound, now) }, [2]int64{1, 0}},
		"gone":      {"a pod that was deleted", func(l *Ledger) { l.Observe(bound, now); l.Remove(pod.UID, now) }, [2]int64{0, 0}},
		"gone twice": {"once", func(l *Ledger) {
			l.Observe(bound, now)
			l.Remove(pod.UID, now)
			l.Remove(pod.UID, now)
		}, [2]int64{0, 0}},
		"gone, then news": {"a late event does not bring it back", func(l *Ledger) {
			l.Observe(bound, now)
			l.Remove(pod.UID, now)
			l.Observe(bound, now)
		}, [2]int64{0, 0}},
		"gone while reserved": {"deleted before it was bound", func(l *Ledger) {
			l.Reserve(pod, "n0", now)
			l.Remove(pod.UID, now)
			l.Unreserve(pod.UID, now)
		}, [2]int64{0, 0}},
		"on no node we know": {"it waits for its node", func(l *Ledger) { l.Reserve(pod, "nowhere", now) }, [2]int64{0, 0}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			snapshot := usage.NewBuilder(noon).Build()
			l := newTestLedger(t, "")
			l.Rebuild(nodesOf(2, 8, 16), snapshot, now)
			tc.do(l)
			for range 2 { // the view as it was changed, and made anew
				if got := [2]int64{alive(l.View(), "n0"), alive(l.View(), "n1")}; got != tc.want {
					t.Fatalf("%s: pods on nodes %v, want %v", tc.reason, got, tc.want)
				}
				diffTallies(t, recount(l), tallies(l.View()))
				l.Rebuild(nodesOf(2, 8, 16), snapshot, now)
			}
		})
	}
}

func TestPodsAreKeptUntilTheirNodeAppears(t *testing.T) {
	now := noon.UnixMilli()
	l, snapshot := newTestLedger(t, ""), usage.NewBuilder(noon).Build()
	l.Rebuild(nodesOf(1, 8, 16), snapshot, now)
	l.Reserve(task("p", "", "1", ""), "n1", now)
	l.Rebuild(nodesOf(2, 8, 16), snapshot, now)
	if got := alive(l.View(), "n1"); got != 1 {
		t.Errorf("%d pods on the node that appeared, want 1", got)
	}
	l.Rebuild(nodesOf(1, 8, 16), snapshot, now)
	l.Rebuild(nodesOf(2, 8, 16), snapshot, now)
	if got := alive(l.View(), "n1"); got != 1 {
		t.Errorf("%d pods on the node that came back, want 1", got)
	}
}

// TestViewIsTrueToThePods does random things and recounts after each.
func TestViewIsTrueToThePods(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		now := noon
		l := newTestLedger(t, "")
		b := usage.NewBuilder(now)
		nodes := nodesOf(5, 8, 16)
		l.Rebuild(nodes, b.Build(), now.UnixMilli())
		for range 300 {
			now = now.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
			name, node := fmt.Sprintf("p%d", r.IntN(40)), fmt.Sprintf("n%d", r.IntN(6))
			pod := task(name, node, fmt.Sprintf("%dm", 1+r.IntN(3000)), "")
			switch r.IntN(6) {
			case 0, 1:
				l.Reserve(pod, node, now.UnixMilli())
			case 2:
				l.Unreserve(pod.UID, now.UnixMilli())
			case 3:
				pod.Status.StartTime = &metav1.Time{Time: now.Add(-time.Duration(r.IntN(600)) * time.Second)}
				l.Observe(pod, now.UnixMilli())
			case 4:
				l.Remove(pod.UID, now.UnixMilli())
			default:
				b.Pod("ns", name, usage.CPU, usage.Mean, r.Float64()*3, now)
				b.Node(node, usage.CPU, usage.Mean, r.Float64()*8, now)
				l.Rebuild(nodes[:4+r.IntN(2)], b.Build(), now.UnixMilli())
			}
			diffTallies(t, recount(l), tallies(l.View()))
		}
		if len(l.index)+len(l.free) != len(l.slots) {
			t.Fatalf("%d pods and %d free slots are not all %d slots", len(l.index), len(l.free), len(l.slots))
		}
	}
}

// TestRebuildsAreAlike builds views again and again, as pods come, move and go and
// the snapshot's rows change: each is as one that was built from nothing.
func TestRebuildsAreAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	l, now := newTestLedger(t, ""), noon
	for range 200 {
		now = now.Add(30 * time.Second)
		b := usage.NewBuilder(now)
		for _, i := range r.Perm(40)[:30] {
			b.Pod("ns", fmt.Sprintf("p%d", i), usage.CPU, usage.Mean, float64(i), now)
		}
		for range 5 {
			pod := task(fmt.Sprintf("p%d", r.IntN(40)), fmt.Sprintf("n%d", r.IntN(6)), "1", "")
			if l.Observe(pod, now.UnixMilli()); r.IntN(3) == 0 {
				l.Remove(pod.UID, now.UnixMilli())
			}
		}
		nodes, snapshot, before := nodesOf(6, 8, 16), b.Build(), l.View()
		r.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		nodes = nodes[:3+r.IntN(4)]
		var fresh census
		fresh.reset(l.slots)
		want := build(l.policy, snapshot, nodes, &fresh, before, now.UnixMilli())
		diffTallies(t, tallies(want), tallies(l.Rebuild(nodes, snapshot, now.UnixMilli())))
	}
}

// TestChangesDuringRebuild makes what happens while a view is being built happen
// at that moment.
func TestChangesDuringRebuild(t *testing.T) {
	now := noon.UnixMilli()
	pods := []*v1.Pod{task("stays", "n0", "1", ""), task("goes", "n0", "1", ""), task("moves", "n0", "1", "")}
	l := newTestLedger(t, "")
	snapshot := usage.NewBuilder(noon).Build()
	l.Rebuild(nodesOf(2, 8, 16), snapshot, now)
	for _, p := range pods {
		l.Reserve(p, "n0", now)
	}

	// The first half of a rebuild, as Rebuild does it.
	l.begin()
	next := build(l.policy, snapshot, nodesOf(2, 8, 16), &l.census, l.View(), now)

	l.Unreserve(pods[1].UID, now)
	l.Reserve(task("comes", "", "1", ""), "n1", now) // into the slot just freed
	l.Observe(task("moves", "n1", "1", ""), now)
	l.Reserve(task("more", "", "1", ""), "n1", now)

	next = l.commit(next, now)
	if got := [2]int64{alive(next, "n0"), alive(next, "n1")}; got != [2]int64{1, 3} {
		t.Errorf("pods on nodes %v, want [1 3]", got)
	}
	diffTallies(t, recount(l), tallies(l.View()))
}

func TestGonePodsAreForgotten(t *testing.T) {
	tests := map[string]struct {
		reason   string
		refresh  bool // whether the source goes on measuring
		after    time.Duration
		believed [2]int64 // of the node, right after the pod went and after that time
	}{
		"measured on":   {"the measurements have nothing of it any more", true, 2 * time.Minute, [2]int64{0, 500}},
		"source silent": {"at the latest after a while, with the source gone", false, forget + time.Minute, [2]int64{0, 0}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newTestLedger(t, "")
			b := usage.NewBuilder(noon).Node("n0", usage.CPU, usage.Mean, 2, noon).Pod("ns", "p", usage.CPU, usage.Mean, 2, noon)
			pod := started(task("p", "n0", "1", ""), time.Hour)
			l.Observe(pod, noon.UnixMilli())
			l.Rebuild(nodesOf(1, 8, 16), b.Build(), noon.UnixMilli())
			l.Remove(pod.UID, noon.UnixMilli())
			now := l.View().node("n0").Mean[usage.CPU]
			later := noon.Add(tc.after)
			if tc.refresh {
				b.Node("n0", usage.CPU, usage.Mean, 0.5, later)
			}
			v := l.Rebuild(nodesOf(1, 8, 16), b.Build(), later.UnixMilli())
			if len(l.index) != 0 || len(l.free) != len(l.slots) {
				t.Errorf("%s: %d pods are remembered after %v", tc.reason, len(l.index), tc.after)
			}
			if got := [2]int64{now, v.node("n0").Mean[usage.CPU]}; got != tc.believed {
				t.Errorf("the node is believed to use %v, want %v", got, tc.believed)
			}
		})
	}
}

// TestViewsDoNotChange keeps views and finds them as they were.
func TestViewsDoNotChange(t *testing.T) {
	l := newTestLedger(t, "")
	l.Rebuild(nodesOf(200, 8, 16), usage.NewBuilder(noon).Build(), noon.UnixMilli())
	var views []*View
	var were []map[string][usage.Dimensions]formula.Tally
	for i := range 50 {
		views, were = append(views, l.View()), append(were, tallies(l.View()))
		l.Reserve(task(fmt.Sprintf("p%d", i), "", "1", "1Gi"), fmt.Sprintf("n%d", i%7), noon.UnixMilli())
	}
	for i := range views {
		diffTallies(t, were[i], tallies(views[i]))
	}
}

// TestConcurrentUse is for the race detector: cycles read while pods come and go
// and views are swapped.
func TestConcurrentUse(t *testing.T) {
	l := newTestLedger(t, "")
	b := usage.NewBuilder(noon)
	for i := range 100 {
		b.Node(fmt.Sprintf("n%d", i), usage.CPU, usage.Mean, float64(i%8), noon)
	}
	nodes, snapshot := nodesOf(100, 8, 16), b.Build()
	l.Rebuild(nodes, snapshot, noon.UnixMilli())
	var wg, writers sync.WaitGroup
	done := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			for i := range 300 {
				pod := task(fmt.Sprintf("p%d-%d", w, i), "", "10m", "")
				l.Reserve(pod, fmt.Sprintf("n%d", i%100), noon.UnixMilli())
				switch i % 3 {
				case 0:
					l.Unreserve(pod.UID, noon.UnixMilli())
				case 1:
					l.Remove(pod.UID, noon.UnixMilli())
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				c := l.View().Case(task("x", "", "1", "1Gi"))
				for i := range 100 {
					c.Judge(fmt.Sprintf("n%d", i))
				}
			}
		})
	}
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				l.Rebuild(nodes, snapshot, noon.UnixMilli())
			}
		}
	})
	writers.Wait()
	close(done)
	wg.Wait()
	diffTallies(t, recount(l), tallies(l.View()))
	left := int64(0)
	for n := range l.View().all {
		left += n.requested[usage.CPU]
	}
	if want := int64(3 * 100 * 10); left != want {
		t.Errorf("the nodes have %dm of pods, want %dm", left, want)
	}
}
