package hpa

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

const (
	step   = 15 * time.Second
	target = 100_000 // thousandths a pod
)

var begin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// scaler is a specification with one metric of a type.
func scaler(kind autoscalingv2.MetricSourceType, most int32) *autoscalingv2.HorizontalPodAutoscalerSpec {
	goal := autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: threshold(target)}
	id := autoscalingv2.MetricIdentifier{Name: "m"}
	m := autoscalingv2.MetricSpec{Type: kind}
	switch kind {
	case autoscalingv2.PodsMetricSourceType:
		m.Pods = &autoscalingv2.PodsMetricSource{Metric: id, Target: goal}
	case autoscalingv2.ObjectMetricSourceType:
		m.Object = &autoscalingv2.ObjectMetricSource{Metric: id, Target: goal}
	default:
		m.External = &autoscalingv2.ExternalMetricSource{Metric: id, Target: goal}
	}
	return &autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: most, Metrics: []autoscalingv2.MetricSpec{m}}
}

// exact takes the tolerance out of both directions and the stabilisation out of the way.
func exact(spec *autoscalingv2.HorizontalPodAutoscalerSpec) *autoscalingv2.HorizontalPodAutoscalerSpec {
	spec = Fit(spec, &window.Config{})
	spec.Behavior.ScaleUp = &autoscalingv2.HPAScalingRules{Tolerance: resource.NewMilliQuantity(0, resource.DecimalSI)}
	return spec
}

// share is what each pod that counts reports of a demand: a random part, so that all of it is reported.
func share(r *rand.Rand, pods []Pod, demand int64) []int {
	var counted []int
	for i := range pods {
		if pods[i].Phase == v1.PodRunning && !pods[i].Deleting && !pods[i].Missing {
			counted = append(counted, i)
		}
	}
	for n, i := range counted {
		pods[i].Value = demand
		if n < len(counted)-1 {
			pods[i].Value = r.Int64N(demand + 1)
		}
		demand -= pods[i].Value
	}
	return counted
}

// spread has the pods report what a window answered.
func spread(pods []Pod, counted []int, served int64) {
	values := make([]int64, len(counted))
	for n, i := range counted {
		values[n] = pods[i].Value
	}
	window.Spread(values, served)
	for n, i := range counted {
		pods[i].Value = values[n]
	}
}

// anyWindow is any composition of parts.
func anyWindow(r *rand.Rand) window.Config {
	some := func() time.Duration { return time.Duration(2+r.IntN(20)) * step }
	c := window.Config{Step: step, Target: target, Outage: time.Duration(r.IntN(20)) * step}
	switch r.IntN(4) {
	case 0:
		c.Max = &window.Max{Window: some()}
	case 1:
		c.SlowScaleDown = &window.SlowScaleDown{Hold: some(), HalfLife: some(), Range: 8}
	case 2:
		c.SlowScaleDown = &window.SlowScaleDown{Hold: some(), Pods: int32(1 + r.IntN(3)), Period: some(), MaxPods: 60}
		return c
	default:
		c.DeadBand = &window.DeadBand{Dwell: some(), Band: 0.02 + r.Float64()/5}
	}
	if c.DeadBand == nil && r.IntN(2) == 0 {
		c.Percentile = &window.Percentile{Percent: 90, Window: 30 * step}
	}
	return c
}

// TestNoGrowthWithoutDemand plays any demand against any pods: they take their time to start, come without values, and go.
// What the HPA asks for is never less than the demand needs. It never grows beyond what the largest demand within the
// horizon needs, with the rounding of a dead-band; for a Pods metric with that of each pod's value to a thousandth.
func TestNoGrowthWithoutDemand(t *testing.T) {
	grew := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 41))
		c := anyWindow(r)
		w, err := window.New(c)
		if err != nil {
			t.Fatal(err)
		}
		kind := []autoscalingv2.MetricSourceType{"Pods", "Object", "External"}[r.IntN(3)]
		a := New(exact(scaler(kind, 60)), NewOptions())
		replicas, demand := int32(1+r.IntN(30)), r.Int64N(40*target)
		var history []int64
		for loop := range 300 {
			now := begin.Add(time.Duration(loop) * step)
			switch r.IntN(8) {
			case 0:
				demand = r.Int64N(40 * target)
			case 1:
				demand = r.Int64N(target)
			}
			history = append(history, demand)
			w.Observe(now, float64(demand)/1000)
			answer, err := w.At(now)
			if err != nil {
				t.Fatal(err)
			}
			pods := slices.Repeat([]Pod{{Phase: v1.PodRunning, Ready: true}}, int(replicas))
			for i := range pods {
				switch odd := r.IntN(20); {
				case i == 0:
				case odd == 0:
					pods[i].Phase = v1.PodPending
				case odd == 1:
					pods[i].Missing = true
				}
			}
			for range r.IntN(3) {
				pods = append(pods, Pod{Phase: v1.PodRunning, Deleting: true, Value: r.Int64N(target)})
			}
			spread(pods, share(r, pods, demand), answer.Value)
			d, err := a.Scale(now, &Reading{Replicas: replicas, Running: replicas, Pods: pods, Metrics: []Metric{{Values: []int64{answer.Value}}}})
			if err != nil {
				t.Fatal(err)
			}
			most := int64(0)
			for _, earlier := range history[max(0, len(history)-int(window.Horizon(&c)/step)-1):] {
				most = max(most, earlier)
			}
			if c.DeadBand != nil {
				most += int64(float64(most)*c.DeadBand.Band) + 2
			}
			if kind == autoscalingv2.PodsMetricSourceType {
				most += int64(len(pods))
			}
			if d.Proposed < min(60, podsOf(demand)) {
				t.Fatalf("seed %d, loop %d: %d pods for a demand of %d (%s)", seed, loop, d.Proposed, demand, kind)
			}
			if d.Replicas > replicas {
				grew++
				if d.Replicas > podsOf(most) {
					t.Fatalf("seed %d, loop %d: from %d to %d pods, the demand of the horizon justifies %d (%s)\n%+v", seed, loop, replicas, d.Replicas, podsOf(most), kind, c)
				}
			}
			if kind != autoscalingv2.PodsMetricSourceType && d.Proposed > max(podsOf(most), 1) {
				t.Fatalf("seed %d, loop %d: %d pods asked for, %d justified (%s)", seed, loop, d.Proposed, podsOf(most), kind)
			}
			replicas = d.Replicas
		}
	}
	if grew < 1000 {
		t.Errorf("grew only %d times", grew)
	}
}

func podsOf(demand int64) int32 { return int32((demand + target - 1) / target) }

// TestWindowOverAnAverageRunsAway is the trap, and that a window over the total is none: ten pods at their target, one
// spike of twice the demand for a minute, a max window of ten.
func TestWindowOverAnAverageRunsAway(t *testing.T) {
	const most = 1000
	play := func(overAverage bool) []int32 {
		a := New(scaler(autoscalingv2.PodsMetricSourceType, most), Options{Tolerance: 0.1})
		w, err := window.New(window.Config{Step: step, Max: &window.Max{Window: 10 * time.Minute}})
		if err != nil {
			t.Fatal(err)
		}
		replicas, sizes := int32(10), []int32(nil)
		for loop := range 80 {
			now := begin.Add(time.Duration(loop) * step)
			demand := int64(10 * target)
			if loop >= 8 && loop < 12 {
				demand *= 2
			}
			n := int64(replicas)
			observed := demand
			if overAverage {
				observed /= n
			}
			w.Observe(now, float64(observed)/1000)
			answer, err := w.At(now)
			if err != nil {
				t.Fatal(err)
			}
			pods, values := make([]Pod, n), make([]int64, n)
			for i := range values {
				values[i] = demand / n
			}
			if served := answer.Value; overAverage {
				window.Spread(values, served*n)
			} else {
				window.Spread(values, served)
			}
			for i := range pods {
				pods[i] = Pod{Phase: v1.PodRunning, Ready: true, Value: values[i]}
			}
			d, err := a.Scale(now, &Reading{Replicas: replicas, Running: replicas, Pods: pods, Metrics: make([]Metric, 1)})
			if err != nil {
				t.Fatal(err)
			}
			replicas = d.Replicas
			sizes = append(sizes, replicas)
		}
		return sizes
	}
	if sizes := play(true); sizes[8+7] != most {
		t.Errorf("the trap did not snap: %v", sizes)
	}
	sizes := play(false)
	for i, size := range sizes {
		want := int32(10)
		if i >= 8 && i < 11+40 {
			want = 20
		}
		if size != want {
			t.Fatalf("%d pods at loop %d, want %d: %v", size, i, want, sizes)
		}
	}
}

// downtime is how long an adapter is away at most in the test below, and blind how much an HPA may so be behind.
const (
	downtime = 4 * step
	blind    = downtime + step
)

// TestOnePodPerHalfHour restarts the adapter and the controller at random ticks, a hundred times and more. What the adapter
// serves is what it would have served undisturbed, to the bit; and no half hour, less what the HPA was blind for, loses
// more than a pod. An HPA's own policy, which it keeps in memory, is broken by the same restarts.
func TestOnePodPerHalfHour(t *testing.T) {
	c := window.Config{
		Step: step, Target: target,
		SlowScaleDown: &window.SlowScaleDown{Hold: 5 * time.Minute, Pods: 1, Period: 30 * time.Minute, MaxPods: 40},
	}
	adapters, controllers, broken := 0, 0, 0
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 43))
		undisturbed, served := mustWindow(t, c), mustWindow(t, c)
		ours := New(exact(scaler(autoscalingv2.ExternalMetricSourceType, 40)), NewOptions())
		policy := Fit(scaler(autoscalingv2.ExternalMetricSourceType, 40), &c)
		theirs := New(policy, NewOptions())
		sizes := [2]int32{20, 20}
		demand, away := int64(20*target), 0
		var history []int64
		var removed, removedByPolicy []time.Time
		for loop := range 24 * 240 {
			now := begin.Add(time.Duration(loop) * step)
			if r.IntN(200) == 0 {
				demand = r.Int64N(30 * target)
			}
			history = append(history, demand)
			undisturbed.Observe(now, float64(demand)/1000)
			want, err := undisturbed.At(now)
			if err != nil {
				t.Fatal(err)
			}
			reading := func(size int32, value int64) *Reading {
				return &Reading{Replicas: size, Running: size, Metrics: []Metric{{Values: []int64{value}}}}
			}
			switch {
			case away > 1:
				away--
			case away == 1 || r.IntN(100) == 0 && loop > 0:
				if away == 0 {
					adapters++
					away = r.IntN(int(downtime/step)) + 1
					break
				}
				away, served = 0, replayed(t, c, history, loop)
			default:
				served.Observe(now, float64(demand)/1000)
			}
			ourReading := reading(sizes[0], 0)
			if away > 0 {
				ourReading.Metrics[0].Err = errors.New("the adapter is away")
			} else {
				answer, err := served.At(now)
				if err != nil || answer != want {
					t.Fatalf("seed %d, loop %d: served %+v, %v; undisturbed %+v", seed, loop, answer, err, want)
				}
				ourReading.Metrics[0].Values[0] = answer.Value
			}
			if r.IntN(120) == 0 {
				controllers++
				ours.Forget()
				theirs.Forget()
			}
			d, _ := ours.Scale(now, ourReading)
			removed = lost(removed, now, sizes[0], d.Replicas)
			sizes[0] = d.Replicas
			if d.Replicas < min(40, podsOf(demand)) && away == 0 && d.Proposed < podsOf(demand) {
				t.Fatalf("seed %d, loop %d: %d pods for %d", seed, loop, d.Replicas, demand)
			}
			d, _ = theirs.Scale(now, reading(sizes[1], max(demand, 1)))
			removedByPolicy = lost(removedByPolicy, now, sizes[1], d.Replicas)
			sizes[1] = d.Replicas
		}
		if most := fastest(removed, 30*time.Minute-blind); most > 1 {
			t.Errorf("seed %d: %d pods went within half an hour", seed, most)
		}
		if len(removed) < 10 {
			t.Errorf("seed %d: only %d pods went in a day", seed, len(removed))
		}
		broken += max(0, fastest(removedByPolicy, 30*time.Minute-blind)-1)
	}
	if adapters < 100 || controllers < 100 {
		t.Errorf("%d restarts of the adapter, %d of the controller", adapters, controllers)
	}
	if broken == 0 {
		t.Error("the HPA's own policy was to be broken by restarts")
	}
}

func mustWindow(t *testing.T, c window.Config) *window.Window {
	t.Helper()
	w, err := window.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// replayed is a new adapter's window: it has seen the horizon, and no more.
func replayed(t *testing.T, c window.Config, history []int64, loop int) *window.Window {
	w := mustWindow(t, c)
	for i := max(0, loop-int(window.Horizon(&c)/step)); i <= loop; i++ {
		w.Observe(begin.Add(time.Duration(i)*step), float64(history[i])/1000)
	}
	return w
}

func lost(removed []time.Time, now time.Time, before, after int32) []time.Time {
	for range max(0, before-after) {
		removed = append(removed, now)
	}
	return removed
}

// fastest is how many went within any stretch that is shorter than this.
func fastest(removed []time.Time, stretch time.Duration) int {
	most := 0
	for i := range removed {
		n := 0
		for j := i; j < len(removed) && removed[j].Sub(removed[i]) < stretch; j++ {
			n++
		}
		most = max(most, n)
	}
	return most
}
