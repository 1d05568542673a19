package formula

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// dumbLoad is load in floating point, from the text of the formula.
func dumbLoad(b *Belief, d *Demand, z float64) float64 {
	highest := 0.0
	for dim := range usage.Dimensions {
		if b.Capacity[dim] == 0 {
			continue
		}
		mean := float64(b.Mean[dim]) + float64(d.Mean[dim])
		risky := mean + z*math.Sqrt(float64(b.Variance[dim])+float64(d.Variance[dim]))
		risky = math.Max(risky, float64(b.Floor[dim])+float64(d.Mean[dim]))
		highest = math.Max(highest, risky/float64(b.Capacity[dim]))
	}
	return math.Min(highest, 10)
}

func randomBelief(r *rand.Rand) Belief {
	var b Belief
	for d := range usage.Dimensions {
		if r.IntN(5) == 0 {
			continue
		}
		b.Capacity[d] = 1000 + r.Int64N(1<<22)
		b.Mean[d] = r.Int64N(b.Capacity[d] * 3 / 2)
		s := r.Int64N(b.Capacity[d])
		b.Variance[d] = s * s
		c := r.Int64N(b.Capacity[d])
		b.Churn[d] = c * c
		b.Floor[d] = r.Int64N(b.Capacity[d] * 3 / 2)
	}
	return b
}

func randomDemand(r *rand.Rand) Demand {
	var d Demand
	for dim := range usage.Dimensions {
		d.Mean[dim] = r.Int64N(1 << 20)
		s := r.Int64N(1 << 18)
		d.Variance[dim] = s * s
	}
	return d
}

func TestLoadIsTheFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b, d, z := randomBelief(r), randomDemand(r), r.Int64N(4000)
		got, want := float64(Load(&b, &d, z))/Whole, dumbLoad(&b, &d, float64(z)/Thousand)
		// One unit is lost to each of the deviation, its factor and the division.
		if math.Abs(got-want) > 0.008 {
			t.Fatalf("load is %v, by the formula %v\n%+v\n%+v z=%d", got, want, b, d, z)
		}
	}
}

func TestMoreIsNeverLessLoad(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		b, d := randomBelief(r), randomDemand(r)
		before := Load(&b, &d, 1500)
		dim, more := r.IntN(usage.Dimensions), r.Int64N(1<<20)
		switch r.IntN(4) {
		case 0:
			b.Mean[dim] += more
		case 1:
			b.Variance[dim] += more * more
		case 2:
			b.Floor[dim] += more
		default:
			d.Mean[dim] += more
		}
		if after := Load(&b, &d, 1500); after < before {
			t.Fatalf("load fell from %d to %d with more load in dimension %d", before, after, dim)
		}
	}
}

func TestLoad(t *testing.T) {
	const cores = 10_000
	tests := map[string]struct {
		reason string
		b      Belief
		d      Demand
		want   int64
	}{
		"empty": {
			reason: "nothing on it, nothing to come",
			b:      Belief{Capacity: Vector{cores}},
			want:   0,
		},
		"the pod counts": {
			reason: "the load is the one with the pod on the node",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{3000}},
			d:      Demand{Mean: Vector{1000}},
			want:   4000,
		},
		"deviation": {
			reason: "1.5 deviations of node and pod together: √(300²+400²) = 500",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{3000}, Variance: Vector{90_000}},
			d:      Demand{Mean: Vector{1000}, Variance: Vector{160_000}},
			want:   4750,
		},
		"floor": {
			reason: "the measured 95th percentile is higher than mean and deviation",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{3000}, Floor: Vector{6000}},
			d:      Demand{Mean: Vector{1000}},
			want:   7000,
		},
		"the worst dimension": {
			reason: "disk is nearer to its end than CPU",
			b:      Belief{Capacity: Vector{cores, 0, 0, 1000}, Mean: Vector{3000, 0, 0, 900}},
			want:   9000,
		},
		"not judged": {
			reason: "a network without known capacity is no load",
			b:      Belief{Capacity: Vector{cores}, Mean: Vector{3000, 0, 1 << 20}},
			want:   3000,
		},
		"no capacity at all": {
			reason: "no division by zero",
			b:      Belief{Mean: Vector{1, 1, 1, 1}},
			want:   0,
		},
		"beyond measure": {
			reason: "loads end at ten times the capacity",
			b:      Belief{Capacity: Vector{1}, Mean: Vector{1 << 26}},
			want:   MaxLoad,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Load(&tc.b, &tc.d, 1500); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

// dumbPack is the form of scheduling literature, in per cent.
func dumbPack(p, target float64) float64 {
	if p <= target {
		return (100-target)*p/target + target
	}
	if p <= 100 {
		return target * (100 - p) / (100 - target)
	}
	return 0
}

func TestPackScoreIsTheFormula(t *testing.T) {
	for target := int64(1); target < 100; target += 7 {
		for p := int64(0); p <= 15_000; p += 13 {
			got, want := float64(PackScore(p, target*100))/100, dumbPack(float64(p)/100, float64(target))
			if math.Abs(got-want) > 0.011 {
				t.Fatalf("load %d, target %d: got %v, want %v", p, target, got, want)
			}
		}
	}
}

func TestPackScoreRisesToTheTargetAndFallsAfterIt(t *testing.T) {
	const target = 6000
	best := PackScore(target, target)
	if best != Whole {
		t.Errorf("the score at the target is %d, want %d", best, Whole)
	}
	for p := int64(1); p <= 2*Whole; p++ {
		before, after := PackScore(p-1, target), PackScore(p, target)
		if p <= target && after < before || p > target && after > before {
			t.Fatalf("from load %d to %d the score went from %d to %d", p-1, p, before, after)
		}
	}
}

func TestStretch(t *testing.T) {
	tests := map[string]struct {
		reason           string
		raw, best, worst int64
		want             int64
	}{
		"best":            {"the best candidate has all", 9000, 9000, 2000, 100},
		"only one":        {"a single candidate is the best", 5, 5, 5, 100},
		"near equals":     {"0.3 points of load among near equals are 3 points", 8970, 9000, 8900, 97},
		"noise":           {"alike to the hundredth of a point is the same", 8991, 9000, 8990, 100},
		"wide":            {"half way down", 5000, 9000, 1000, 50},
		"worst":           {"the worst has nothing", 1000, 9000, 1000, 0},
		"an outlier":      {"a node overloaded does not squeeze the others: 20 points of load are 20", 88_000, 90_000, 0, 80},
		"beyond the span": {"nor does it score below 0", 0, 90_000, 0, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Stretch(tc.raw, tc.best, tc.worst); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

func TestStretchKeepsOrderAndRange(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		worst := r.Int64N(MaxLoad)
		best := worst + r.Int64N(MaxLoad-worst+1)
		a := worst + r.Int64N(best-worst+1)
		b := worst + r.Int64N(best-worst+1)
		x, y := Stretch(a, best, worst), Stretch(b, best, worst)
		if x < 0 || x > 100 || a > b && x < y || a < b && x > y {
			t.Fatalf("raw %d and %d of %d..%d became %d and %d", a, b, worst, best, x, y)
		}
		// Never coarser than a hundredth of the capacity.
		if a-b > Whole/100 && b > best-Whole && x == y {
			t.Fatalf("raw %d and %d of %d..%d are told apart no more", a, b, worst, best)
		}
	}
}

func TestTargetLoadPacking(t *testing.T) {
	// Computed by hand from the published formula with target 40.
	tests := map[string]struct {
		percent float64
		want    int64
	}{
		"idle":          {0, 40},
		"half way":      {20, 70},
		"at the target": {40, 100},
		"just above":    {40.0001, 40},
		"above":         {70, 20},
		"full":          {100, 0},
		"beyond":        {120, 0},
		"rounded":       {13, 60}, // 59.5
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := TargetLoadPacking(tc.percent, 40); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestLoadVariationRisk(t *testing.T) {
	tests := map[string]struct {
		reason                             string
		used, deviation, request, capacity float64
		margin, sensitivity                float64
		want                               float64
	}{
		"plain":       {"(0.4+0.1)/2 = 0.25", 300, 100, 100, 1000, 1, 1, 75},
		"margin":      {"(0.4+0.3)/2 = 0.35", 300, 100, 100, 1000, 3, 1, 65},
		"sensitivity": {"σ = √0.09 = 0.3", 300, 90, 100, 1000, 1, 2, 65},
		"no root":     {"sensitivity 0 makes σ^∞ = 0", 300, 90, 100, 1000, 1, 0, 80},
		"overfull":    {"both are at most 1", 3000, 3000, 100, 1000, 1, 1, 0},
		"no capacity": {"scores nothing", 1, 1, 1, 0, 1, 1, 0},
		"idle":        {"nothing used, nothing asked for", 0, 0, 0, 1000, 1, 1, 100},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := LoadVariationRisk(tc.used, tc.deviation, tc.request, tc.capacity, tc.margin, tc.sensitivity)
			if math.Abs(got-tc.want) > 1e-9 {
				t.Errorf("%s: got %v, want %v", tc.reason, got, tc.want)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(int64(1000), int64(100), int64(100), int64(50), int64(10), int64(10), int64(1500))
	f.Fuzz(func(t *testing.T, capacity, mean, deviation, floor, podMean, podDeviation, z int64) {
		bound := func(v int64) int64 { return max(0, v) % (MaxUnits + 1) }
		square := func(v int64) int64 { return bound(v) * bound(v) }
		b := Belief{Capacity: Vector{bound(capacity)}, Floor: Vector{bound(floor)}}
		b.Mean[0], b.Variance[0] = bound(mean), square(deviation)
		d := Demand{Mean: Vector{bound(podMean)}, Variance: Vector{square(podDeviation)}}
		got := Load(&b, &d, max(0, z)%(10*Thousand))
		if got < 0 || got > MaxLoad {
			t.Errorf("load %d is out of range", got)
		}
	})
}
