package formula

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHabit(t *testing.T) {
	tests := map[string]struct {
		reason               string
		h                    Habit
		request              int64
		wantMean, wantSpread int64
	}{
		"known":     {"both are of the request", Habit{Ratio: 200, Spread: 50}, 2000, 400, 100},
		"steady":    {"0 is known", Habit{Ratio: 200}, 2000, 400, 0},
		"not known": {"half of the mean", Habit{Ratio: 850, Spread: -1}, 2000, 1700, 850},
		"nothing":   {"no request, no use", Habit{Ratio: 850, Spread: -1}, 0, 0, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if mean, spread := tc.h.Use(tc.request); mean != tc.wantMean || spread != tc.wantSpread {
				t.Errorf("%s: got %d and %d, want %d and %d", tc.reason, mean, spread, tc.wantMean, tc.wantSpread)
			}
		})
	}
}

func TestLearnSize(t *testing.T) {
	tests := map[string]struct {
		reason string
		asked  []int64
		want   int64
	}{
		"nobody":        {"no pods, no size", nil, 0},
		"one":           {"it is the pod's", []int64{4000}, 4000},
		"alike":         {"it is that of each", []int64{500, 500, 500}, 500},
		"by request":    {"of 10,000 units 1000 belong to small ones: 0.1·100 + 0.9·9000", append(slices.Repeat([]int64{100}, 10), 9000), 8110},
		"beyond belief": {"the sum must not turn over", slices.Repeat([]int64{MaxUnits}, 5000), MaxUnits},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var w Witness
			for _, r := range tc.asked {
				w.Ask(r)
			}
			if got := w.Learn(Habit{Ratio: 850, Spread: -1}); got != (Habit{Ratio: 850, Spread: -1, Size: tc.want}) {
				t.Errorf("%s: got %+v, want the size %d", tc.reason, got, tc.want)
			}
		})
	}
}

// TestChurnIsTheFormula fills a capacity with pods one by one.
func TestChurnIsTheFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	for range 2000 {
		size, count, h := 100+r.Int64N(10_000), 1+r.Int64N(200), Habit{Ratio: 20 + r.Int64N(1980), Spread: r.Int64N(2001) - 1}
		h.Size = size
		want := 0.0
		for range count {
			spread := float64(size) * float64(h.spread()) / Thousand
			want += spread * spread
		}
		if got := float64(h.Churn(size * count)); math.Abs(got-want) > want/1000+4*Thousand {
			t.Fatalf("%d pods of %d by %+v: churn is %v, by the formula %v", count, size, h, got, want)
		}
	}
	most := Habit{Ratio: 2 * Thousand, Spread: 2 * Thousand, Size: MaxUnits}
	if got, want := most.Churn(MaxUnits), float64(MaxUnits)*MaxUnits*4; math.Abs(float64(got)-want) > want/100 {
		t.Errorf("the most is %d, want %v", got, want)
	}
}

func TestLearnRatio(t *testing.T) {
	tests := map[string]struct {
		w    Witness
		want int64
	}{
		"nobody":          {Witness{}, 850},
		"too few":         {Witness{Used: 100, Requested: 1000, Count: 9}, 850},
		"enough":          {Witness{Used: 100, Requested: 1000, Count: 10}, 100},
		"next to nothing": {Witness{Used: 1, Requested: 1000, Count: 10}, 20},
		"far above":       {Witness{Used: 9000, Requested: 1000, Count: 10}, 2000},
		"no requests":     {Witness{Used: 9000, Count: 10}, 850},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.w.Learn(Habit{Ratio: 850}).Ratio; got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestLearnSpread(t *testing.T) {
	type pod struct{ used, deviation, requested int64 }
	same := func(n int, p pod) (out []pod) {
		for range n {
			out = append(out, p)
		}
		return out
	}
	const unknown = -1
	tests := map[string]struct {
		reason string
		pods   []pod
		want   int64
	}{
		"nobody":          {"nothing to learn from", nil, unknown},
		"too few":         {"nine are too few", same(9, pod{500, 100, 1000}), unknown},
		"as requested":    {"0 is an answer", same(10, pod{1000, 0, 1000}), 0},
		"each varies":     {"alike, and each 100 up and down", same(10, pod{500, 100, 1000}), 100},
		"they differ":     {"half use nothing, half all", append(same(5, pod{0, 0, 1000}), same(5, pod{1000, 0, 1000})...), 500},
		"both":            {"√(0.5² + 0.2²)", append(same(5, pod{0, 200, 1000}), same(5, pod{1000, 200, 1000})...), 539},
		"large ones most": {"one pod of 91 requests the most: √(0.9 − 0.81)", append(same(90, pod{0, 0, 1}), same(1, pod{810, 0, 810})...), 300},
		"beyond belief":   {"at most twice the request", same(10, pod{9000, 9000, 1000}), 2000},
		"beyond measure":  {"the sum must not turn over", same(3000, pod{MaxUnits, MaxUnits, 1}), 2000},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var w Witness
			for _, p := range tc.pods {
				w.Add(p.used, p.deviation, p.requested)
			}
			if got := w.Learn(Habit{Spread: unknown}).Spread; got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

// TestLearnSpreadIsTheFormula has the twin go through the pods twice: for the mean,
// and for how far each is from it.
func TestLearnSpreadIsTheFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for range 500 {
		var w Witness
		var used, deviation, requested []float64
		sum, weight := 0.0, 0.0
		for range 10 + r.IntN(50) {
			q := 100 + r.Int64N(1<<20)
			u, s := r.Int64N(q), r.Int64N(q)
			w.Add(u, s, q)
			used, deviation, requested = append(used, float64(u)), append(deviation, float64(s)), append(requested, float64(q))
			sum, weight = sum+float64(u), weight+float64(q)
		}
		variance := 0.0
		for i, q := range requested {
			distance := used[i]/q - sum/weight
			variance += q / weight * (distance*distance + deviation[i]/q*deviation[i]/q)
		}
		if got, want := float64(w.Learn(Habit{}).Spread), math.Sqrt(variance)*Thousand; math.Abs(got-want) > 2 {
			t.Fatalf("spread is %v, by the formula %v", got, want)
		}
	}
}
