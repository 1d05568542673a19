package formula

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
)

var testHorizon = Horizon{
	Fresh:  (90 * time.Second).Milliseconds(),
	Expire: (5 * time.Minute).Milliseconds(),
	Skew:   (30 * time.Second).Milliseconds(),
}

func TestConfidence(t *testing.T) {
	tests := map[string]struct {
		age  time.Duration
		want int64
	}{
		"now":                    {0, 1000},
		"a minute":               {time.Minute, 1000},
		"the end of fresh":       {90 * time.Second, 1000},
		"a third of the way":     {160 * time.Second, 666},
		"half of the way":        {195 * time.Second, 500},
		"just before the end":    {299 * time.Second, 4},
		"expired":                {5 * time.Minute, 0},
		"ten minutes":            {10 * time.Minute, 0},
		"a little in the future": {-30 * time.Second, 1000},
		"far in the future":      {-31 * time.Second, 0},
		"five minutes ahead":     {-5 * time.Minute, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := testHorizon.Confidence(tc.age.Milliseconds()); got != tc.want {
				t.Errorf("confidence after %v is %d, want %d", tc.age, got, tc.want)
			}
		})
	}
}

// dumbConfidence is the same in words: all, then on a line, then none.
func dumbConfidence(age, fresh, expire, skew float64) float64 {
	if age < -skew {
		return 0
	}
	return math.Max(0, math.Min(1, (expire-age)/(expire-fresh)))
}

func TestOlderNeverRaisesConfidence(t *testing.T) {
	last := int64(Thousand)
	for age := int64(0); age < 400_000; age += 250 {
		c := testHorizon.Confidence(age)
		if c > last {
			t.Fatalf("confidence rose from %d to %d at the age of %d ms", last, c, age)
		}
		twin := dumbConfidence(float64(age), 90_000, 300_000, 30_000) * Thousand
		if math.Abs(float64(c)-twin) > 1 {
			t.Fatalf("confidence at %d ms is %d, on the line %v", age, c, twin)
		}
		last = c
	}
}

func TestSeen(t *testing.T) {
	const window = 300
	tests := map[string]struct {
		reason         string
		start, end, at int64
		want           int64
	}{
		"old":              {"it ran all of the window", 0, 0, 1000, 1000},
		"just started":     {"it started when the window ended", 1000, 0, 1000, 0},
		"not yet":          {"it started after the sample", 1100, 0, 1000, 0},
		"a third":          {"it ran the last third", 900, 0, 1000, 333},
		"ended before":     {"it was gone when the window began", 0, 700, 1000, 0},
		"ended within":     {"it ran the first third", 0, 800, 1000, 333},
		"came and went":    {"it ran a third, in the middle", 800, 900, 1000, 333},
		"ended after":      {"for that window it was there", 0, 1100, 1000, 1000},
		"ended at the end": {"it was there to the last", 700, 1000, 1000, 1000},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Seen(tc.start, tc.end, tc.at, window); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}

// TestSeenIsAnAverage compares with an average taken moment by moment.
func TestSeenIsAnAverage(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		start, at, window := r.Int64N(500), r.Int64N(1000), 1+r.Int64N(400)
		end := int64(0)
		if r.IntN(2) == 0 {
			end = start + 1 + r.Int64N(500)
		}
		moments := int64(0)
		for m := at - window; m < at; m++ {
			if m >= start && (end == 0 || m < end) {
				moments++
			}
		}
		if got, want := Seen(start, end, at, window), moments*Thousand/window; got != want {
			t.Fatalf("start %d end %d at %d window %d: got %d, want %d", start, end, at, window, got, want)
		}
	}
}

func TestBelieve(t *testing.T) {
	tests := map[string]struct {
		reason                string
		m                     Measurement
		t                     Tally
		Mean, Variance, Floor int64
	}{
		"no sample": {
			reason: "no sample is neither idle nor full: the pods say",
			t:      Tally{Predicted: 4000, PredictedVariance: 900, Young: 4000, YoungVariance: 900},
			Mean:   4000, Variance: 900,
		},
		"no sample, no pods": {
			reason: "a new node is what is on it",
		},
		"fresh": {
			reason: "what was measured counts, whatever the pods request",
			m:      Measurement{Mean: 3000, Variance: 400, HasSpread: true, At: 1, Confidence: 1000},
			t:      Tally{Predicted: 9000, PredictedVariance: 100, Inside: 9000},
			Mean:   3000, Variance: 400,
		},
		"fresh with a young pod": {
			reason: "a pod that the measurement has not seen comes on top",
			m:      Measurement{Mean: 3000, Variance: 400, HasSpread: true, At: 1, Confidence: 1000},
			t:      Tally{Predicted: 4000, PredictedVariance: 200, Young: 1000, YoungVariance: 50, Inside: 3000},
			Mean:   4000, Variance: 450,
		},
		"a pod is gone": {
			reason: "what the measurement still has of it is taken off",
			m:      Measurement{Mean: 3000, At: 1, Confidence: 1000},
			t:      Tally{Predicted: 1000, Young: -2000, Inside: 3000},
			Mean:   1000,
		},
		"more is gone than was there": {
			reason: "never below nothing",
			m:      Measurement{Mean: 1000, At: 1, Confidence: 1000},
			t:      Tally{Young: -2000, Inside: 2000},
			Mean:   0,
		},
		"expired": {
			reason: "with no confidence an old sample says nothing, not even of the system's share",
			m:      Measurement{Mean: 9500, Variance: 400, HasSpread: true, P95: 9900, At: 1},
			t:      Tally{Predicted: 1000, PredictedVariance: 25, Inside: 1000},
			Mean:   1000, Variance: 25,
		},
		"calmer than its pods": {
			reason: "a few calm minutes do not make calm pods of wild ones",
			m:      Measurement{Mean: 3000, Variance: 400, HasSpread: true, At: 1, Confidence: 1000},
			t:      Tally{Predicted: 3000, PredictedVariance: 12_000, ShownVariance: 10_000, Inside: 3000},
			Mean:   3000, Variance: 10_000,
		},
		"calmer than its pods' requests": {
			reason: "what is guessed of pods does not make a calm node wild",
			m:      Measurement{Mean: 3000, Variance: 400, HasSpread: true, At: 1, Confidence: 1000},
			t:      Tally{Predicted: 3000, PredictedVariance: 12_000, Inside: 3000},
			Mean:   3000, Variance: 400,
		},
		"half believed": {
			reason: "0.5·3000 + 0.5·(1000 + 0.5·(3000−800))",
			m:      Measurement{Mean: 3000, Variance: 400, HasSpread: true, At: 1, Confidence: 500},
			t:      Tally{Predicted: 1000, PredictedVariance: 100, Inside: 800},
			Mean:   2550, Variance: 250,
		},
		"no deviation measured": {
			reason: "the pods' own is taken",
			m:      Measurement{Mean: 3000, At: 1, Confidence: 1000},
			t:      Tally{Predicted: 1000, PredictedVariance: 100, Inside: 1000},
			Mean:   3000, Variance: 100,
		},
		"floor": {
			reason: "the 95th percentile and the pods it has not seen",
			m:      Measurement{Mean: 3000, P95: 5000, At: 1, Confidence: 1000},
			t:      Tally{Predicted: 4500, PredictedVariance: 1_000_000, Young: 500, Inside: 3000},
			Mean:   3500, Variance: 1_000_000, Floor: 5500,
		},
		"floor of pods long gone": {
			reason: "the pods that made the last hour's peak have left: 1000 + 3·100",
			m:      Measurement{Mean: 1000, P95: 9000, At: 1, Confidence: 1000},
			t:      Tally{Predicted: 1000, PredictedVariance: 10_000, Inside: 1000},
			Mean:   1000, Variance: 10_000, Floor: 1300,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			mean, variance, floor := Believe(tc.m, tc.t)
			if mean != tc.Mean || variance != tc.Variance || floor != tc.Floor {
				t.Errorf("%s: got %d, %d, %d, want %d, %d, %d", tc.reason, mean, variance, floor, tc.Mean, tc.Variance, tc.Floor)
			}
		})
	}
}

// dumbBelieve is the mean of believe in floating point, as its comment has it.
func dumbBelieve(node, seen, young, predicted, c float64) float64 {
	measured := math.Max(0, node+young)
	rest := c * math.Max(0, node-seen)
	return c*measured + (1-c)*(predicted+rest)
}

func TestBelieveIsTheFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 20_000 {
		m := Measurement{Mean: r.Int64N(1 << 20), Variance: r.Int64N(1 << 30), HasSpread: r.IntN(2) == 0, At: 1, Confidence: r.Int64N(1001)}
		y := Tally{Predicted: r.Int64N(1 << 20), PredictedVariance: r.Int64N(1 << 30), YoungVariance: r.Int64N(1 << 29), ShownVariance: r.Int64N(1 << 31)}
		y.Young, y.Inside = r.Int64N(1<<20)-1<<19, r.Int64N(1<<20)
		mean, variance, floor := Believe(m, y)
		want := dumbBelieve(float64(m.Mean), float64(y.Inside), float64(y.Young), float64(y.Predicted), float64(m.Confidence)/Thousand)
		if math.Abs(float64(mean)-want) > 2 {
			t.Fatalf("got %d, by the formula %v\n%+v\n%+v", mean, want, m, y)
		}
		c, wantVariance := float64(m.Confidence)/Thousand, float64(y.PredictedVariance)
		if m.HasSpread {
			wantVariance = (1-c)*wantVariance + c*math.Max(float64(m.Variance+y.YoungVariance), float64(y.ShownVariance))
		}
		if math.Abs(float64(variance)-wantVariance) > 2 {
			t.Fatalf("got the variance %d, by the formula %v\n%+v\n%+v", variance, wantVariance, m, y)
		}
		if mean < 0 || floor < 0 {
			t.Fatalf("negative belief %d, %d of %+v and %+v", mean, floor, m, y)
		}
	}
}

func TestMorePodsAreNeverBelievedToBeLess(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 20_000 {
		m := Measurement{Mean: r.Int64N(1 << 20), HasSpread: true, At: 1, Confidence: r.Int64N(1001)}
		y := Tally{Predicted: r.Int64N(1 << 20), Young: r.Int64N(1 << 18), Inside: r.Int64N(1 << 20)}
		before, _, _ := Believe(m, y)
		// A pod put there now: no measurement has seen it.
		more := r.Int64N(1 << 18)
		y.Predicted, y.Young = y.Predicted+more, y.Young+more
		if after, _, _ := Believe(m, y); after < before {
			t.Fatalf("a pod more took the belief from %d to %d", before, after)
		}
	}
}

func at(value float64) usage.Sample { return usage.Sample{Value: value, At: 1} }

func TestSigma(t *testing.T) {
	tests := map[string]struct {
		reason string
		u      [usage.Statistics]usage.Sample
		want   float64
		known  bool
	}{
		"nothing":           {"a mean alone does not vary, as far as known", [4]usage.Sample{at(5)}, 0, false},
		"deviation":         {"the deviation", [4]usage.Sample{at(5), at(2)}, 2, true},
		"percentile":        {"5 + 1.645·2 = 8.29", [4]usage.Sample{at(5), at(1), at(8.29)}, 2, true},
		"peak":              {"(14−5)/3", [4]usage.Sample{at(5), at(1), at(5), at(14)}, 3, true},
		"below the mean":    {"a percentile below the mean is no negative deviation", [4]usage.Sample{at(5), {}, at(1)}, 0, true},
		"not a number":      {"is nothing known", [4]usage.Sample{at(5), at(math.NaN())}, 0, false},
		"infinite":          {"nor is infinity", [4]usage.Sample{at(5), at(1), at(math.Inf(1))}, 1, true},
		"unknown deviation": {"an unknown sample is not zero", [4]usage.Sample{at(5), {Value: 9}, at(8.29)}, 2, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, known := Sigma(&tc.u)
			if math.Abs(got-tc.want) > 1e-9 || known != tc.known {
				t.Errorf("%s: got %v, %v, want %v, %v", tc.reason, got, known, tc.want, tc.known)
			}
		})
	}
}

func TestUnits(t *testing.T) {
	tests := map[string]struct {
		dimension usage.Dimension
		value     float64
		want      int64
		ok        bool
	}{
		"cores":        {usage.CPU, 1.5, 1500, true},
		"rounded up":   {usage.CPU, 0.0001, 1, true},
		"memory":       {usage.Memory, 3 << 20, 3, true},
		"network":      {usage.Network, 1 << 20, 1024, true},
		"disk":         {usage.Disk, 1, 1, true},
		"zero":         {usage.Disk, 0, 0, true},
		"negative":     {usage.CPU, -1, 0, false},
		"not a number": {usage.CPU, math.NaN(), 0, false},
		"infinite":     {usage.Memory, math.Inf(1), 0, false},
		"absurd":       {usage.CPU, 1e300, MaxUnits, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := Units(int(tc.dimension), tc.value)
			if got != tc.want || ok != tc.ok {
				t.Errorf("got %d, %v, want %d, %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func FuzzBelieve(f *testing.F) {
	f.Add(int64(1000), int64(10), int64(5), int64(500), int64(100), int64(50), int64(20))
	f.Fuzz(func(t *testing.T, mean, spread, p95, confidence, predicted, young, inside int64) {
		bound := func(v int64) int64 { return max(0, v) % (MaxUnits + 1) }
		spread = bound(spread)
		m := Measurement{Mean: bound(mean), Variance: spread * spread, HasSpread: true, P95: bound(p95), At: 1}
		m.Confidence = max(0, confidence) % (Thousand + 1)
		y := Tally{Predicted: bound(predicted), PredictedVariance: spread * spread, Inside: bound(inside)}
		y.Young = bound(young) - bound(inside)
		a, b, c := Believe(m, y)
		if a < 0 || b < 0 || c < 0 {
			t.Errorf("negative belief %d, %d, %d", a, b, c)
		}
	})
}
