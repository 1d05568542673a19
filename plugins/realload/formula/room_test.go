package formula

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// dumbMargin tries deviations until the load at so many is the limit.
func dumbMargin(mean, sigma, floor, limit float64) float64 {
	load := func(z float64) float64 {
		if z <= 0 || floor <= mean+1.645*sigma {
			return mean + z*sigma
		}
		if z <= 1.645 {
			return mean + (floor-mean)*z/1.645
		}
		return floor + (z-1.645)*sigma
	}
	low, high := -100.0, 100.0
	for range 60 {
		if middle := (low + high) / 2; load(middle) < limit {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// dumbMarginBelow is the room of one dimension below a share of its capacity.
func dumbMarginBelow(b *Belief, d *Demand, dim int, limit float64) float64 {
	capacity, pod := float64(b.Capacity[dim]), float64(d.Mean[dim])
	sigma := math.Sqrt(float64(b.Variance[dim]) + float64(b.Churn[dim]) + float64(d.Variance[dim]) + capacity/100*capacity/100)
	return dumbMargin(float64(b.Mean[dim])+pod, sigma, float64(b.Floor[dim])+pod, limit*capacity)
}

// dumbRoom is room in floating point, from the text of the formula.
func dumbRoom(b *Belief, d *Demand, hot *Vector) float64 {
	least := 100.0
	for dim := range usage.Dimensions {
		if b.Capacity[dim] > 0 {
			least = math.Min(least, dumbMarginBelow(b, d, dim, dumbLimit(hot, dim)))
		}
	}
	return least
}

func dumbLimit(hot *Vector, dim int) float64 {
	if hot[dim] == 0 {
		return 1
	}
	return float64(hot[dim]) / Whole
}

func randomLimits(r *rand.Rand) (hot Vector) {
	for d := range hot {
		if r.IntN(4) > 0 {
			hot[d] = 1 + r.Int64N(Whole)
		}
	}
	return hot
}

func TestRoomIsTheFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 20_000 {
		b, d, hot := randomBelief(r), randomDemand(r), randomLimits(r)
		got, want := float64(Room(&b, &d, &hot))/Thousand, dumbRoom(&b, &d, &hot)
		// The limit is cut to a unit, of which the least deviation may have ten.
		if math.Abs(got-want) > 0.11 {
			t.Fatalf("room is %v, by the formula %v\n%+v\n%+v\n%v", got, want, b, d, hot)
		}
	}
}

// TestMoreLoadNeverMakesRoom adds to one belief at a time.
func TestMoreLoadNeverMakesRoom(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for range 50_000 {
		b, d, hot := randomBelief(r), randomDemand(r), randomLimits(r)
		if r.IntN(2) == 0 {
			d = Demand{} // so that there is room more often
		}
		before := Room(&b, &d, &hot)
		dim, more, what := r.IntN(usage.Dimensions), 1+r.Int64N(1<<r.IntN(21)), "mean"
		switch r.IntN(5) {
		case 0:
			b.Mean[dim] += more
		case 1:
			what, d.Mean[dim] = "pod's mean", d.Mean[dim]+more
		case 2:
			what, b.Floor[dim] = "floor", b.Floor[dim]+more
		case 3:
			what, b.Variance[dim] = "variance", b.Variance[dim]+more*more
		default:
			what, b.Churn[dim] = "churn", b.Churn[dim]+more*more
		}
		if before < 0 && (what == "variance" || what == "churn") {
			continue // what is too much anyway may be less with more variance
		}
		after := Room(&b, &d, &hot)
		if after > before {
			t.Fatalf("room was %d, and is %d with more %s in dimension %d: %+v %+v %v", before, after, what, dim, b, d, hot)
		}
	}
}

func TestRoom(t *testing.T) {
	const cores = 10_000 // so that no deviation is less than 100
	tests := map[string]struct {
		reason string
		b      Belief
		d      Demand
		hot    Vector
		want   int64
	}{
		"empty": {
			reason: "all of it, at the least deviation",
			b:      Belief{Capacity: Vector{cores}},
			want:   100_000,
		},
		"up to where it is hot": {
			reason: "(8000 − 5000) / 100",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{5000}},
			hot:    Vector{8000},
			want:   30_000,
		},
		"the pod counts": {
			reason: "(8000 − 3000 − 1000) / √(300² + 386² + 100²)",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{3000}, Variance: Vector{300 * 300}},
			d:      Demand{Mean: Vector{1000}, Variance: Vector{150_000}},
			hot:    Vector{8000},
			want:   8000,
		},
		"a calm node has more room than a wild one": {
			reason: "(8000 − 5000) / √(1000² + 100²), less than 30 of a calm one",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{5000}, Variance: Vector{1000 * 1000}},
			hot:    Vector{8000},
			want:   2985,
		},
		"a high percentile": {
			reason: "1.645 up to 6000, and (8000 − 6000) / 100 from there",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{5000}, Floor: Vector{6000}},
			hot:    Vector{8000},
			want:   21_645,
		},
		"a percentile too high": {
			reason: "it is hot more than one time in twenty: 1.645 · 3000/6000",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{5000}, Floor: Vector{11_000}},
			hot:    Vector{8000},
			want:   822,
		},
		"a percentile that the deviation knows": {
			reason: "6000 is less than 5000 + 1.645·1000",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{5000}, Variance: Vector{990_000}, Floor: Vector{6000}},
			hot:    Vector{8000},
			want:   3000,
		},
		"the worst dimension": {
			reason: "memory does not move and is nearly full, CPU does: (10000 − 4000)/2002 < (90 − 85)/1",
			b:      Belief{Capacity: Vector{cores, 100}, Mean: Vector{4000, 85}, Variance: Vector{4_000_000}},
			hot:    Vector{0, 9000},
			want:   2996,
		},
		"pods come and go": {
			reason: "(8000 − 5000) / √(1000² + 100²), like a wild one",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{5000}, Churn: Vector{1000 * 1000}},
			hot:    Vector{8000},
			want:   2985,
		},
		"a dimension in which pods differ": {
			reason: "memory is half full, CPU idle, but only CPU is not foretold: 8000/2002 < 40/1",
			b:      Belief{Capacity: Vector{cores, 100}, Mean: Vector{0, 50}, Churn: Vector{4_000_000}},
			hot:    Vector{8000, 9000},
			want:   3995,
		},
		"hot": {
			reason: "(8000 − 9000) / 100",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{9000}, Floor: Vector{20_000}},
			hot:    Vector{8000},
			want:   -10_000,
		},
		"not judged": {
			reason: "a network without known capacity takes no room",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{9000, 0, 1 << 20}},
			want:   10_000,
		},
		"no capacity at all": {
			reason: "no division by zero",
			b:      Belief{Mean: Vector{1, 1, 1, 1}},
			want:   MaxRoom,
		},
		"a capacity of next to nothing": {
			reason: "no division by zero, and an end",
			b:      Belief{Capacity: Vector{1}, Mean: Vector{1 << 36}},
			want:   -MaxRoom,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Room(&tc.b, &tc.d, &tc.hot); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

func TestRank(t *testing.T) {
	tests := map[string]struct {
		reason             string
		score, best, worst int64
		want               int64
	}{
		"best":            {"the best candidate has all", 3000, 3000, 0, 100},
		"only one":        {"a single candidate is the best", -9, -9, -9, 100},
		"far":             {"five deviations are all points", -1000, 4000, -1000, 0},
		"farther":         {"and more are no fewer", -90_000, 4000, -90_000, 0},
		"an outlier":      {"does not squeeze the others: half a deviation is ten points", 3500, 4000, -90_000, 90},
		"half way":        {"of a deviation between best and worst", 2500, 3000, 2000, 50},
		"alike":           {"a twentieth of a deviation among near equals is ten points", 2950, 3000, 2900, 90},
		"alike but noise": {"less than a point is none", 2996, 3000, 2996, 100},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Rank(tc.score, tc.best, tc.worst); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

func TestRankKeepsOrderAndRange(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	for range 5000 {
		worst := r.Int64N(MaxRoom) - MaxRoom/2
		best := worst + r.Int64N(MaxRoom/2-worst+1)
		x, y := worst+r.Int64N(best-worst+1), worst+r.Int64N(best-worst+1)
		a, b := Rank(x, best, worst), Rank(y, best, worst)
		if a < 0 || a > 100 || x > y && a < b || x < y && a > b {
			t.Fatalf("scores %d and %d became %d and %d", x, y, a, b)
		}
	}
}

func FuzzRoom(f *testing.F) {
	f.Add(int64(1000), int64(100), int64(100), int64(50), int64(10), int64(10), int64(8000))
	f.Fuzz(func(t *testing.T, capacity, mean, deviation, floor, podMean, podDeviation, hot int64) {
		bound := func(v int64) int64 { return max(0, v) % (MaxUnits + 1) }
		square := func(v int64) int64 { return bound(v) * bound(v) }
		b := Belief{Capacity: Vector{bound(capacity)}, Floor: Vector{bound(floor)}}
		b.Mean[0], b.Variance[0] = bound(mean), square(deviation)
		d := Demand{Mean: Vector{bound(podMean)}, Variance: Vector{square(podDeviation)}}
		got := Room(&b, &d, &Vector{max(0, hot) % (2 * Whole)})
		if got < -MaxRoom || got > MaxRoom {
			t.Errorf("room %d is out of range", got)
		}
	})
}
