package demand

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/plan"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

const text = `
rules:
- seriesQuery: 'busy{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: 'front{namespace!="",service!=""}'
  resources: {overrides: {namespace: {resource: namespace}, service: {resource: service}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
externalRules:
- seriesQuery: 'queue_depth{queue!=""}'
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (shard)
`

// target is one of each type: the Deployment web, the Service web, a queue.
func target(t *testing.T, of v1alpha1.WindowMetricType) *Target {
	t.Helper()
	set := rules.Parse("rules.yaml", []byte(text))
	if len(set.Faults) > 0 {
		t.Fatal(set.Faults)
	}
	resource, index := schema.GroupResource{Resource: "pods"}, 0
	switch of {
	case v1alpha1.ObjectMetric:
		resource, index = schema.GroupResource{Resource: "services"}, 1
	case v1alpha1.ExternalMetric:
		resource, index = schema.GroupResource{}, 2
	}
	namer, faults := set.All()[index].Bind(rules.BuiltIn())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	series := map[string]string{"__name__": []string{"busy", "front", "queue_depth"}[index], "namespace": "shop", "pod": "a", "service": "a", "queue": "a"}
	for _, m := range namer.Discover([]rules.Series{rules.SeriesOf(series)}) {
		if m.Resource == resource {
			return &Target{Read: plan.Read{Metric: m, Namespace: "shop", Selector: labels.Everything()}, Type: of, Name: "web"}
		}
	}
	t.Fatalf("no metric of %s", resource)
	return nil
}

func samples(label string, pairs ...any) (all []board.Sample) {
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		v, _ := pairs[i+1].(float64)
		all = append(all, board.Sample{Value: v, Labels: model.Metric{model.LabelName(label): model.LabelValue(name), "hidden": "h"}})
	}
	return all
}

func TestTake(t *testing.T) {
	const web0, web1 = "web-5d89bdcf78-bbbbb", "web-6c4f59d4b7-ddddd"
	for name, tc := range map[string]struct {
		of     v1alpha1.WindowMetricType
		rows   [][]board.Sample
		want   int64
		none   bool
		reason string
	}{
		"pods":             {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", web0, 2.5), samples("pod", web1, 1.0)}, 3500, false, "of both ReplicaSets"},
		"others' pods":     {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", "web-api-5d89bdcf78-bbbbb", 2.0), samples("pod", "webber-0", 1.0)}, 0, true, "of other workloads"},
		"one among others": {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", "web-0", 1.0), samples("pod", "api-0", 9.0)}, 1000, false, "of a StatefulSet"},
		"a pod twice":      {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", web0, 1.0, web0, 4.0)}, 4000, false, "the safe one is the highest"},
		"rounded up":       {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", web0, 0.0001), samples("pod", web1, 0.0001)}, 2, false, "each by itself"},
		"no number":        {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", web0, math.NaN())}, 0, true, "missing, not zero"},
		"spoilt":           {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", web0, 3.0, web0, -1.0)}, 0, true, "one spoils its row"},
		"one spoilt":       {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", web0, math.Inf(1)), samples("pod", web1, 1.0)}, 1000, false, "and no other row"},
		"nothing":          {v1alpha1.PodsMetric, [][]board.Sample{nil}, 0, true, "there is nothing to add"},
		"zero":             {v1alpha1.PodsMetric, [][]board.Sample{samples("pod", web0, 0.0)}, 0, false, "it was measured"},
		"object":           {v1alpha1.ObjectMetric, [][]board.Sample{samples("service", "web", 1.0, "web", 7.0)}, 7000, false, "the safe one is the highest"},
		"external":         {v1alpha1.ExternalMetric, [][]board.Sample{samples("shard", "0", 1.0, "1", 7.0)}, 8000, false, "an autoscaler adds them up"},
		"external, the same": {
			v1alpha1.ExternalMetric, [][]board.Sample{samples("shard", "0", 1.0), samples("shard", "0", 7.0)}, 7000, false, "what is hidden tells nothing apart",
		},
	} {
		t.Run(name, func(t *testing.T) {
			sum, tick := NewSum(time.Minute), time.Unix(1000, 0)
			for i, row := range tc.rows {
				for j := range row {
					row[j].Labels["hidden"] = model.LabelValue(fmt.Sprint(i))
				}
				target(t, tc.of).Take(sum, tick, row, []string{"hidden"})
			}
			if got, ok := sum.At(tick); got != tc.want || ok == tc.none {
				t.Errorf("it is %d, %t, want %d: %s", got, ok, tc.want, tc.reason)
			}
			for _, row := range tc.rows {
				for j := range row {
					if row[j].Labels["hidden"] == "" {
						t.Error("it changed labels that others read")
					}
				}
			}
		})
	}
}

// recorded is a history by tick: what each part was, missing where it is not.
type recorded struct {
	step  time.Duration
	parts map[string]map[int64]float64
	asked []promv1.Range
	err   error
}

func (r *recorded) QueryRange(_ context.Context, _ string, over promv1.Range, _ ...promv1.Option) (model.Value, promv1.Warnings, error) {
	r.asked = append(r.asked, over)
	if r.err != nil {
		return nil, nil, r.err
	}
	matrix := model.Matrix{}
	for name, at := range r.parts {
		stream := &model.SampleStream{Metric: model.Metric{"__name__": "busy", "pod": model.LabelValue(name)}}
		for tick := over.Start; !tick.After(over.End); tick = tick.Add(over.Step) {
			if v, ok := at[tick.Unix()]; ok {
				stream.Values = append(stream.Values, model.SamplePair{Timestamp: model.TimeFromUnix(tick.Unix()), Value: model.SampleValue(v)})
			}
		}
		matrix = append(matrix, stream)
	}
	return matrix, nil, nil
}

// twin is the total at a tick, from all that ever was: of each part the last value, if it is fresh.
func (r *recorded) twin(tick time.Time, fresh time.Duration) (milli int64, ok bool) {
	for name, at := range r.parts {
		if name == "api-0" {
			continue
		}
		for age := time.Duration(0); age <= fresh; age += r.step {
			v, known := at[tick.Add(-age).Unix()]
			if !known || v < 0 {
				continue
			}
			milli, ok = milli+int64(v*1000), true
			break
		}
	}
	return milli, ok
}

// TestNext replays random histories, in queries of few points, and asks the twin about each tick.
func TestNext(t *testing.T) {
	const step, fresh = 15 * time.Second, time.Minute
	random := rand.New(rand.NewPCG(3, 5))
	told := 0
	for range 50 {
		r := &recorded{step: step, parts: map[string]map[int64]float64{}}
		begin := time.Unix(1_800_000_000, 0)
		for _, name := range []string{"web-0", "web-1", "api-0"} {
			r.parts[name] = map[int64]float64{}
			for i := -10; i < 60; i++ {
				if random.IntN(4) > 0 && (i/9)%4 != 2 {
					r.parts[name][begin.Add(time.Duration(i)*step).Unix()] = float64(random.IntN(50) - 5)
				}
			}
		}
		h := &History{Source: r, Step: step, Fresh: fresh, Timeout: time.Second, Points: 5 + random.IntN(10)}
		sum, until := NewSum(fresh), begin.Add(50*step)
		got := map[int64]int64{}
		for done := begin; done.Before(until); {
			before := done
			var err error
			done, err = h.Next(t.Context(), target(t, v1alpha1.PodsMetric), sum, done, until, func(tick time.Time, milli int64) { got[tick.Unix()] = milli })
			if err != nil || !done.After(before) {
				t.Fatalf("it got from %s to %s, %v", before, done, err)
			}
		}
		want := map[int64]int64{}
		for tick := begin.Add(step); !tick.After(until); tick = tick.Add(step) {
			if milli, ok := r.twin(tick, fresh); ok {
				want[tick.Unix()] = milli
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		for _, over := range r.asked {
			if n := int(over.End.Sub(over.Start)/over.Step) + 1; n > h.Points || over.End.After(until) {
				t.Errorf("one query asks for %d points until %s", n, over.End)
			}
		}
		told += len(got)
	}
	if told < 1000 {
		t.Errorf("%d ticks have a total: too few to tell", told)
	}
}

func TestNextThatFails(t *testing.T) {
	begin := time.Unix(1_800_000_000, 0)
	h := &History{Source: &recorded{err: errors.New("down")}, Step: time.Second, Fresh: time.Second, Timeout: time.Second, Points: 10}
	done, err := h.Next(t.Context(), target(t, v1alpha1.PodsMetric), NewSum(time.Second), begin, begin.Add(time.Minute), func(time.Time, int64) {
		t.Error("it tells of a tick")
	})
	if err == nil || !done.Equal(begin) {
		t.Errorf("it got to %s, %v: it must go on from where it was", done, err)
	}
	done, err = h.Most(t.Context(), target(t, v1alpha1.PodsMetric), time.Minute, begin, begin.Add(time.Hour), func(time.Time, int64) {
		t.Error("it tells of a stretch")
	})
	if err == nil || !done.Equal(begin) {
		t.Errorf("it got to %s, %v: it must go on from where it was", done, err)
	}
}

// TestQueriesAreNarrow: a target asks for its own objects alone.
func TestQueriesAreNarrow(t *testing.T) {
	for of, want := range map[v1alpha1.WindowMetricType]string{
		v1alpha1.ObjectMetric:   `sum(front{namespace="shop",service="web"}) by (service)`,
		v1alpha1.ExternalMetric: `sum(queue_depth{}) by (shard)`,
	} {
		if got, err := target(t, of).Expr(); err != nil || got != want {
			t.Errorf("%s asks %s (%v), want %s", of, got, err, want)
		}
	}
	expressions := map[string]bool{}
	for _, name := range []string{"web", "api"} {
		one := target(t, v1alpha1.PodsMetric)
		one.Name = name
		expr, err := one.Expr()
		if err != nil {
			t.Fatal(err)
		}
		expressions[expr] = true
	}
	if len(expressions) != 2 {
		t.Errorf("two workloads ask the same: %v", expressions)
	}
}
