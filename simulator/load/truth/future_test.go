package truth

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/simulator/load/world"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// steps has a value for each five minutes, and repeats.
type steps []int64

func (s steps) At(at time.Duration) int64 { return s[int(at/slot)%len(s)] }

func nodes(count int) (list []*v1.Node) {
	for i := range count {
		list = append(list, &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i)},
			Status:     v1.NodeStatus{Allocatable: v1.ResourceList{v1.ResourceCPU: resource.MustParse("4")}},
		})
	}
	return list
}

func pod(name string, curve trace.Curve, departure time.Duration) trace.Pod {
	return trace.Pod{
		Object: &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}, Curve: curve, Departure: departure,
	}
}

func cluster(count int, pods ...trace.Pod) *world.State {
	s := world.New(&trace.Workload{Nodes: nodes(count), Pods: pods})
	for i := range s.Pods {
		s.Pods[i].Begin(time.Unix(0, 0), 0)
		s.ByUID[s.Pods[i].Object.UID] = int32(i)
	}
	return s
}

// later wants 3 cores from a time on.
func later(at time.Duration) steps {
	s := make(steps, 1000)
	for i := range s {
		s[i] = 100
		if time.Duration(i)*slot >= at {
			s[i] = 3000
		}
	}
	return s
}

func TestViolated(t *testing.T) {
	cases := map[string]struct {
		reason string
		pods   []trace.Pod
		now    time.Duration
		want   bool
	}{
		"Empty":    {reason: "nothing is wanted"},
		"Alone":    {reason: "one has room", pods: []trace.Pod{pod("a", later(time.Hour), 0)}},
		"Together": {reason: "two want 6 of 4 cores in an hour", pods: []trace.Pod{pod("a", later(time.Hour), 0), pod("b", later(time.Hour), 0)}, want: true},
		"Departed": {reason: "one is gone by then", pods: []trace.Pod{pod("a", later(time.Hour), 0), pod("b", later(time.Hour), 50*time.Minute)}},
		"FarAway":  {reason: "that is more than a day ahead", pods: []trace.Pod{pod("a", later(25*time.Hour), 0), pod("b", later(25*time.Hour), 0)}},
		"Nearer": {
			reason: "two hours later it is not", now: 2 * time.Hour, want: true,
			pods: []trace.Pod{pod("a", later(25*time.Hour), 0), pod("b", later(25*time.Hour), 0)},
		},
		"Past": {
			reason: "what was before does not count", now: 2 * time.Hour,
			pods: []trace.Pod{pod("a", append(steps{3000, 3000}, make(steps, 500)...), 0), pod("b", append(steps{3000, 3000}, make(steps, 500)...), 0)},
		},
		"AtTheEnd": {
			reason: "at the last moment there is only the present", now: 48 * time.Hour,
			pods: []trace.Pod{pod("a", later(time.Hour), 0), pod("b", later(time.Hour), 0)}, want: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := NewFuture(cluster(1, tc.pods...), 48*time.Hour)
			f.Now = tc.now
			for i := range tc.pods {
				f.Put(int32(i), 0, 1)
			}
			if got := f.Violated(0); got != tc.want {
				t.Errorf("%s: got %v", tc.reason, got)
			}
			for i := range tc.pods {
				f.Put(int32(i), 0, -1)
			}
			if got := f.peak(0, nil); got != 0 {
				t.Errorf("with all taken off again %d millicores are wanted", got)
			}
		})
	}
}

// TestTakenOffLater has a pod evicted: what it wanted until then stays in the past, and nothing in the future.
func TestTakenOffLater(t *testing.T) {
	f := NewFuture(cluster(1, pod("a", steps{2000}, 0)), 10*time.Hour)
	f.Put(0, 0, 1)
	f.Now = 3*time.Hour + 2*time.Minute
	f.Put(0, 0, -1)
	if got := f.peak(0, nil); got != 0 {
		t.Errorf("after it went %d millicores are wanted", got)
	}
	if f.demand[0][0] != 2000 || f.demand[0][35] != 2000 {
		t.Error("the past changed")
	}
}

// naivePeak works out the peak from the pods' curves.
func naivePeak(s *world.State, on []int32, now, end time.Duration) (highest int64) {
	for at := now.Truncate(slot); at < min(end, now.Truncate(slot)+horizon); at += slot {
		var sum int64
		for _, i := range on {
			if d := s.Pods[i].From.Departure; d == 0 || at < d || at == now.Truncate(slot) {
				sum += s.Pods[i].Use(at)
			}
		}
		highest = max(highest, sum)
	}
	return highest
}

func TestPeaksAreWhatTheySay(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		end := time.Duration(1+random.IntN(60)) * time.Hour
		var pods []trace.Pod
		for i := range 6 {
			curve := make(steps, 1+random.IntN(400))
			for k := range curve {
				curve[k] = int64(random.IntN(2000))
			}
			var departure time.Duration
			if random.IntN(2) == 0 {
				departure = time.Duration(random.Int64N(int64(end))) + 1
			}
			pods = append(pods, pod(fmt.Sprint("p", i), curve, departure))
		}
		s := cluster(2, pods...)
		f := NewFuture(s, end)
		f.Now = time.Duration(random.Int64N(int64(end)))
		for i := range int32(5) {
			f.Put(i, 0, 1)
		}
		for _, tc := range []struct {
			node string
			on   []int32
		}{{"n0", []int32{0, 1, 2, 3, 4, 5}}, {"n1", []int32{5}}} {
			want := float64(naivePeak(s, tc.on, f.Now, end)) / 4000
			if got := f.Peaks(s.Pods[5].Object)(tc.node); got != want {
				t.Fatalf("at %v of %v, on %s: %v, want %v", f.Now, end, tc.node, got, want)
			}
		}
	}
}

func TestPeaksOfStrangers(t *testing.T) {
	s := cluster(1, pod("a", steps{2000}, 0))
	f := NewFuture(s, time.Hour)
	if got := f.Peaks(&v1.Pod{})("n0"); got != 0 {
		t.Errorf("a pod that nobody knows makes a peak of %v", got)
	}
	if got := f.Peaks(s.Pods[0].Object)("elsewhere"); got != 0 {
		t.Errorf("a node that nobody knows has a peak of %v", got)
	}
}

func BenchmarkPeaks(b *testing.B) {
	s := cluster(1, pod("a", steps{2000}, 0))
	f := NewFuture(s, 7*24*time.Hour)
	peak := f.Peaks(s.Pods[0].Object)
	b.ReportAllocs()
	for b.Loop() {
		peak("n0")
	}
}
