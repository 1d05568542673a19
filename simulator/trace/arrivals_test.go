package trace

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/simulator/trace/source"
	"github.com/evenkeel/evenkeel/simulator/trace/spec"
)

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// alive makes pods a0, a1, … that arrive at so many seconds and live a minute.
func alive(seconds ...int) []Pod {
	pods := podsOf(make([]int64, len(seconds))...)
	for i, second := range seconds {
		pods[i].Arrival = time.Duration(second) * time.Second
		pods[i].Departure = pods[i].Arrival + time.Minute
	}
	return pods
}

func TestArrivals(t *testing.T) {
	seconds := func(list ...int) []time.Duration {
		var times []time.Duration
		for _, second := range list {
			times = append(times, time.Duration(second)*time.Second)
		}
		return times
	}
	tests := map[string]struct {
		arrivals spec.Arrivals
		names    string // empty: any
		times    []time.Duration
	}{
		"as the list says": {spec.Arrivals{}, "a1 a2 a0", seconds(5, 10, 20)},
		"in order":         {spec.Arrivals{Order: spec.OrderTrace}, "a1 a2 a0", seconds(5, 10, 20)},
		"swapped":          {spec.Arrivals{Order: spec.OrderShuffled}, "", seconds(5, 10, 20)},
		"evenly":           {spec.Arrivals{Every: duration(time.Second)}, "a1 a2 a0", seconds(0, 1, 2)},
		"at once":          {spec.Arrivals{Every: duration(0)}, "a1 a2 a0", seconds(0, 0, 0)},
		"swapped, evenly":  {spec.Arrivals{Order: spec.OrderShuffled, Every: duration(time.Second)}, "", seconds(0, 1, 2)},
		"bounded":          {spec.Arrivals{Every: duration(source.Longest)}, "a1 a2 a0", []time.Duration{0, source.Longest, source.Longest}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pods := changeArrivals(test.arrivals, alive(20, 5, 10), 1)
			var times []time.Duration
			for _, pod := range pods {
				times = append(times, pod.Arrival)
				if life := pod.Departure - pod.Arrival; life != time.Minute {
					t.Errorf("%s lives %v", pod.Object.Name, life)
				}
			}
			if diff := cmp.Diff(test.times, times); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if got := namesOf(pods); test.names != "" && got != test.names {
				t.Errorf("got %s, want %s", got, test.names)
			}
		})
	}
}

func TestStayingPodsNeverLeave(t *testing.T) {
	for _, pod := range changeArrivals(spec.Arrivals{Stay: true}, alive(20, 5), 1) {
		if pod.Departure != 0 {
			t.Errorf("%s leaves at %v", pod.Object.Name, pod.Departure)
		}
	}
}

func TestShufflingKeepsAllPods(t *testing.T) {
	seconds := make([]int, 50)
	orders := map[string]bool{}
	for seed := range int64(20) {
		pods := changeArrivals(spec.Arrivals{Order: spec.OrderShuffled}, alive(seconds...), seed)
		orders[namesOf(pods)] = true
		slices.SortFunc(pods, func(a, b Pod) int { return len(a.Object.Name) - len(b.Object.Name) })
		if err := (&Workload{Pods: pods}).Validate(); err != nil || len(pods) != 50 {
			t.Fatalf("%d pods, %v", len(pods), err)
		}
	}
	if len(orders) != 20 {
		t.Errorf("20 seeds gave %d orders", len(orders))
	}
}

func TestPoissonArrivals(t *testing.T) {
	arrivals := spec.Arrivals{Poisson: duration(10 * time.Second)}
	pods := changeArrivals(arrivals, alive(make([]int, 20_000)...), 1)
	if !slices.IsSortedFunc(pods, func(a, b Pod) int { return int(a.Arrival - b.Arrival) }) {
		t.Error("they are out of order")
	}
	mean := pods[len(pods)-1].Arrival.Seconds() / float64(len(pods))
	var square, last float64
	for _, pod := range pods {
		gap := pod.Arrival.Seconds() - last
		square += (gap - mean) * (gap - mean)
		last = pod.Arrival.Seconds()
	}
	// The gaps of such arrivals spread as widely as they are long.
	if spread := math.Sqrt(square / float64(len(pods))); math.Abs(mean-10) > 0.5 || math.Abs(spread-10) > 0.5 {
		t.Errorf("gaps of %.2f ± %.2f s, want 10 ± 10", mean, spread)
	}
}

func TestRepeat(t *testing.T) {
	got, err := repeat(alive(0, 30), 3)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a0 a1 a0.r2 a1.r2 a0.r3 a1.r3"; namesOf(got) != want {
		t.Errorf("got %s, want %s", namesOf(got), want)
	}
	last := got[len(got)-1]
	if last.Arrival != 210*time.Second || last.Departure != 270*time.Second {
		t.Errorf("the last one lives from %v to %v, want 90 s after the one before, twice", last.Arrival, last.Departure)
	}
}

func TestRepeatIsBounded(t *testing.T) {
	tests := map[string]struct {
		pods  []Pod
		times int
		fails bool
	}{
		"once":            {alive(0), 1, false},
		"pods for ever":   {podsOf(0), 10, false},
		"too many":        {podsOf(0, 0), maxPods/2 + 1, true},
		"for ten years":   {alive(300_000_000), 1, false},
		"for twenty more": {alive(300_000_000), 5, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := repeat(test.pods, test.times); (err != nil) != test.fails {
				t.Errorf("got %v", err)
			}
		})
	}
}
