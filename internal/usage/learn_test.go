package usage

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func one(d Dimension, statistic Statistic, value float64, at int64) *Usage {
	var u Usage
	u[d][statistic] = Sample{Value: value, At: at}
	return &u
}

func TestLearn(t *testing.T) {
	full := func(mean, deviation, p95, peak float64, at int64) *Usage {
		var u Usage
		u[CPU] = [Statistics]Sample{{mean, at}, {deviation, at}, {p95, at}, {peak, at}}
		return &u
	}
	many := func(n int) []*Usage {
		var out []*Usage
		for i := range n {
			out = append(out, one(CPU, P95, float64(i+1), 5))
		}
		return out
	}
	for name, tc := range map[string]struct {
		replicas []*Usage
		want     [Statistics]Sample
		reason   string
	}{
		"none":    {nil, [Statistics]Sample{}, "nothing is known of nothing"},
		"unknown": {[]*Usage{{}, {}}, [Statistics]Sample{}, "no data is not zero"},
		"one": {[]*Usage{full(1, 2, 3, 4, 9)}, [Statistics]Sample{{1, 9}, {2, 9}, {3, 9}, {4, 9}},
			"of one replica it is what that one used"},
		"two": {[]*Usage{full(1, 0, 3, 4, 9), full(3, 0, 5, 2, 7)}, [Statistics]Sample{{2, 9}, {1, 9}, {5, 9}, {4, 9}},
			"replicas that differ make a deviation; the newest stamps all"},
		"spread and noise": {[]*Usage{full(1, 3, 0, 0, 9), full(9, 3, 0, 0, 9)}, [Statistics]Sample{{5, 9}, {5, 9}, {0, 9}, {0, 9}},
			"√(3² + 4²)"},
		"unknown beside known": {[]*Usage{full(4, 1, 6, 8, 3), {}}, [Statistics]Sample{{4, 3}, {1, 3}, {6, 3}, {8, 3}},
			"one that knows nothing has no say"},
		"no deviation": {[]*Usage{one(CPU, Mean, 1, 2), one(CPU, Mean, 3, 4)}, [Statistics]Sample{{2, 4}, {}, {}, {}},
			"the spread alone would understate it"},
		"known zero": {[]*Usage{full(0, 0, 0, 0, 1)}, [Statistics]Sample{{0, 1}, {0, 1}, {0, 1}, {0, 1}},
			"a zero that was measured is known"},
		"ten":    {many(10), [Statistics]Sample{P95: {9, 5}}, "nine of ten are at or below nine"},
		"nine":   {many(9), [Statistics]Sample{P95: {9, 5}}, "of few, the highest"},
		"twenty": {many(20), [Statistics]Sample{P95: {18, 5}}, "two that ran away do not price the rest"},
	} {
		t.Run(name, func(t *testing.T) {
			var scratch []float64
			got := learn(tc.replicas, &scratch)
			if diff := cmp.Diff(tc.want, got[CPU], cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if got[Memory] != ([Statistics]Sample{}) {
				t.Errorf("memory is %v, of which nothing was known", got[Memory])
			}
		})
	}
}

// The dumb twin: what the formulas say, in two passes.
func learnTwin(replicas []*Usage, d Dimension) [Statistics]Sample {
	var out [Statistics]Sample
	values := func(s Statistic) (v []float64, at int64) {
		for _, r := range replicas {
			if r[d][s].Known() {
				v, at = append(v, r[d][s].Value), max(at, r[d][s].At)
			}
		}
		return v, at
	}
	average := func(v []float64, f func(float64) float64) (sum float64) {
		for _, x := range v {
			sum += f(x) / float64(len(v))
		}
		return sum
	}
	means, at := values(Mean)
	mean := average(means, func(x float64) float64 { return x })
	if at != 0 {
		out[Mean] = Sample{mean, at}
	}
	if deviations, at := values(Deviation); at != 0 {
		squares := average(deviations, func(x float64) float64 { return x * x })
		variance := average(means, func(x float64) float64 { return (x - mean) * (x - mean) })
		out[Deviation] = Sample{math.Sqrt(squares + variance), at}
	}
	if p95, at := values(P95); at != 0 {
		slices.Sort(p95)
		i := 0
		for float64(i+1) < 0.9*float64(len(p95)) {
			i++
		}
		out[P95] = Sample{p95[i], at}
	}
	if peaks, at := values(Peak); at != 0 {
		out[Peak] = Sample{slices.Max(peaks), at}
	}
	return out
}

func TestLearnTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var scratch []float64
	for range 500 {
		var replicas []*Usage
		for range random.IntN(40) {
			var u Usage
			for s := range Statistics {
				if random.IntN(4) > 0 {
					u[Disk][s] = Sample{random.ExpFloat64(), 1 + random.Int64N(1000)}
				}
			}
			replicas = append(replicas, &u)
		}
		got := learn(replicas, &scratch)[Disk]
		if diff := cmp.Diff(learnTwin(replicas, Disk), got, cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
			t.Fatalf("of %d replicas (-twin +got):\n%s", len(replicas), diff)
		}
		// A replica that used more never lowers anything but, by its spread, nothing.
		if len(replicas) == 0 {
			continue
		}
		top := Usage{Disk: {{99, 1}, {99, 1}, {99, 1}, {99, 1}}}
		for s, sample := range learn(append(replicas, &top), &scratch)[Disk] {
			if sample.Value < got[s].Value {
				t.Fatalf("one that used more lowered %s from %v to %v", Statistic(s), got[s], sample)
			}
		}
	}
}
