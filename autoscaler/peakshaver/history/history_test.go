package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var midnight = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func at(hours float64) time.Time { return midnight.Add(time.Duration(hours * float64(time.Hour))) }

func runs(took ...time.Duration) []Run {
	var all []Run
	for i, t := range took {
		all = append(all, Run{Name: fmt.Sprint(i), Family: "f", Ended: at(float64(i)), Took: t})
	}
	return all
}

func TestOf(t *testing.T) {
	const m = time.Minute
	many := make([]time.Duration, 200)
	for i := range many {
		many[i] = 9 * m
		if i >= 150 {
			many[i] = 10 * m
		}
	}
	for name, test := range map[string]struct {
		took []time.Duration
		want RunTime
	}{
		"one is doubled":           {[]time.Duration{10 * m}, RunTime{10 * m, 20 * m, 20 * m, 1}},
		"all the same":             {[]time.Duration{10 * m, 10 * m, 10 * m}, RunTime{10 * m, 10 * m, 10 * m, 3}},
		"two that differ much":     {[]time.Duration{m, 100 * m}, RunTime{50*m + 30*time.Second, 400 * m, 400 * m, 2}},
		"the latest fifty":         {many, RunTime{10 * m, 10 * m, 10 * m, 50}},
		"what took no time is not": {[]time.Duration{0, 10 * m, -m}, RunTime{10 * m, 20 * m, 20 * m, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Of(runs(test.took...))["f"]); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if got := Of(nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// TestOrderOfRuns: in which order runs are listed is irrelevant, so that a new process knows the same.
func TestOrderOfRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var all []Run
	for i := range 300 {
		all = append(all, Run{Name: fmt.Sprint(i), Family: fmt.Sprint(i % 3), Ended: at(float64(random.IntN(50))), Took: time.Duration(1+random.IntN(1e6)) * time.Millisecond})
	}
	want := Of(all)
	for range 5 {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if diff := cmp.Diff(want, Of(all)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// families of n runs each, of which the logarithms deviate as the function says, and one more run of each.
func families(random *rand.Rand, count, n int, deviation func() float64) (all []Run, next map[string]time.Duration) {
	next = map[string]time.Duration{}
	for k := range count {
		s, family := deviation(), fmt.Sprint(k)
		draw := func() time.Duration { return time.Duration(math.Exp(random.NormFloat64()*s) * float64(time.Hour)) }
		for i := range n {
			all = append(all, Run{Name: fmt.Sprint(k, "-", i), Family: family, Ended: at(float64(i)), Took: draw()})
		}
		next[family] = draw()
	}
	return all, next
}

// TestCoverage: of runs that vary as logarithms do, about as many take longer than Likely and Surely as should; whether
// families are alike in how much they vary, or not, or there is but one.
func TestCoverage(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	alike := func() float64 { return 0.3 }
	unlike := func() float64 { // of variances that deviate by half of their mean
		s := 0.0
		for range 12 {
			x := random.NormFloat64()
			s += x * x
		}
		return 0.3 * math.Sqrt(10/s)
	}
	for name, test := range map[string]struct {
		n, count        int
		deviation       func() float64
		longer, surely  float64
		wide            float64 // what the bounds are of those of somebody who knows the deviation, at most
		least, narrower float64
	}{
		"one family of 4":   {4, 1, alike, 0.07, 0.03, 10, 0.01, 0.001},
		"one family of 30":  {30, 1, alike, 0.065, 0.018, 1.1, 0.02, 0.001},
		"alike, 4 of each":  {4, 200, alike, 0.06, 0.013, 1.05, 0.03, 0.005},
		"alike, 7 of each":  {7, 200, alike, 0.06, 0.013, 1.04, 0.03, 0.005},
		"unlike, 7 of each": {7, 200, unlike, 0.06, 0.015, 1.2, 0.03, 0.005},
	} {
		longer, much, wide, trials := 0, 0, 0.0, 0
		for trials < 20_000 {
			runs, next := families(random, test.count, test.n, test.deviation)
			for family, f := range Of(runs) {
				trials++
				wide += math.Log(f.Surely.Hours()) / (surely * 0.3 * math.Sqrt(1+1/float64(test.n)))
				if next[family] > f.Likely {
					longer++
				}
				if next[family] > f.Surely {
					much++
				}
			}
		}
		a, b, w := float64(longer)/float64(trials), float64(much)/float64(trials), wide/float64(trials)
		if a > test.longer || b > test.surely || a < test.least || b < test.narrower || w > test.wide {
			t.Errorf("%s: %.4f take longer than is likely and %.4f than is sure, with bounds %.2f times as wide as need be", name, a, b, w)
		}
	}
}

// TestCommon draws variances from the distribution that they are taken to have.
func TestCommon(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	samples := func(count, n int, variance func() float64) (all []*sample) {
		runs, _ := families(random, count, n, func() float64 { return math.Sqrt(variance()) })
		byFamily := map[string][]Run{}
		for _, r := range runs {
			byFamily[r.Family] = append(byFamily[r.Family], r)
		}
		for family, runs := range byFamily {
			all = append(all, newSample(family, runs))
		}
		return all
	}
	const variance, degrees = 0.04, 8
	inverse := func() float64 {
		sum := 0.0
		for range degrees {
			x := random.NormFloat64()
			sum += x * x
		}
		return variance * degrees / sum
	}
	for _, n := range []int{3, 7, 20} {
		if got := commonOf(samples(5000, n, inverse)); math.Abs(got.variance/variance-1) > 0.1 || math.Abs(got.degrees/degrees-1) > 0.25 {
			t.Errorf("of %d runs each: %+v", n, got)
		}
	}
	if got := commonOf(samples(5000, 7, func() float64 { return variance })); math.Abs(got.variance/variance-1) > 0.05 || got.degrees < 100 {
		t.Errorf("of families that are alike: %+v", got)
	}
	if got := commonOf(samples(5000, 7, func() float64 { return math.Exp(3 * random.NormFloat64()) })); got.degrees > 2 {
		t.Errorf("of families that have nothing in common: %+v", got)
	}
	for name, all := range map[string][]*sample{"none": nil, "one": samples(1, 7, inverse), "single runs": samples(9, 1, inverse)} {
		if got := commonOf(all); got != (common{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestFamilies: what one learns of another.
func TestFamilies(t *testing.T) {
	const m = time.Minute
	of := func(name string, took ...time.Duration) (all []Run) {
		for _, r := range runs(took...) {
			r.Family = name
			all = append(all, r)
		}
		return all
	}
	steady := slices.Concat(of("a", 9*m, 10*m, 11*m), of("b", 19*m, 20*m, 21*m), of("c", 29*m, 30*m, 33*m))
	alone := Of(of("new", 10*m))["new"]
	among := Of(append(steady, of("new", 10*m)...))["new"]
	if alone.Surely != 20*m || among.Surely <= 11*m || among.Surely >= 15*m {
		t.Errorf("a single run of 10 minutes lasts %s at most, and %s among others that are steady", alone.Surely, among.Surely)
	}
	same := Of(slices.Concat(of("a", 10*m, 10*m, 10*m), of("b", 20*m, 20*m), of("c", m, m, m)))
	if got := same["a"].Surely; got < 10*m || got > 10*m+10*time.Second {
		t.Errorf("of families whose runs are all the same, one of 10 minutes takes up to %s", got)
	}
}

// TestStudent compares with printed tables.
func TestStudent(t *testing.T) {
	for _, test := range []struct{ z, degrees, want, off float64 }{
		{surely, 2, 6.965, 0.08}, {surely, 6, 3.143, 0.002}, {surely, 30, 2.457, 0.001}, {likely, 2, 2.920, 0.02}, {likely, 6, 1.943, 0.001}, {likely, 1e9, 1.645, 0.001},
	} {
		if got := student(test.z, test.degrees); math.Abs(got-test.want) > test.off*test.want {
			t.Errorf("of %g degrees it is %.4f, want %.3f", test.degrees, got, test.want)
		}
	}
}

func TestEnd(t *testing.T) {
	f := RunTime{Mean: time.Hour, Likely: 2 * time.Hour}
	for now, want := range map[float64]float64{0: 1, 0.9: 1, 1: 2, 1.5: 2, 2: 4, 5: 10} {
		if got := f.End(midnight, at(now)); !got.Equal(at(want)) {
			t.Errorf("after %g h it ends after %s, want %g h", now, got.Sub(midnight), want)
		}
	}
	if got := (RunTime{}).End(midnight, at(3)); !got.IsZero() {
		t.Errorf("unknown, after 3 h it ends at %s", got)
	}
}

// series of so many days before midnight and one after, in steps of half an hour.
func series(days int, of func(hour float64) float64) Series {
	s := Series{Start: at(float64(-24 * days)), Step: 30 * time.Minute}
	for i := range (days + 1) * 48 {
		s.CPU = append(s.CPU, int64(math.Round(of(float64(i)/2-float64(24*days)))))
	}
	return s
}

// errors of a forecast from midnight on, with the truth after.
func errors(s Series, measured int64) (mean float64) {
	load := Learn(s, midnight).Ahead(midnight, measured, at(-0.5), s.Step, day)
	for i, cpu := range load.CPU {
		truth, _ := s.At(midnight.Add(time.Duration(i) * s.Step))
		mean += math.Abs(float64(cpu-truth)) / float64(len(load.CPU))
	}
	return mean
}

func TestAhead(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	wave := func(hour float64) float64 { return 5000 + 3000*math.Sin(hour*math.Pi/12) }
	daily, working := series(15, wave), series(15, func(hour float64) float64 {
		if weekday := int(math.Floor(hour/24)+70) % 7; weekday >= 5 {
			return 1000
		}
		return wave(hour)
	})
	last := func(s Series) int64 { cpu, _ := s.At(at(-0.5)); return cpu }
	for name, test := range map[string]struct {
		s    Series
		most float64
	}{
		"the same every day":  {daily, 1},
		"weekends are calmer": {working, 600},
		"one day is known":    {Series{Start: at(-24), Step: daily.Step, CPU: daily.CPU[14*48:]}, 1},
		"always the same":     {series(15, func(float64) float64 { return 700 }), 1},
	} {
		if got := errors(test.s, last(test.s)); got > test.most {
			t.Errorf("%s: the forecast is off by %.0f on average", name, got)
		}
	}
	noise := series(15, func(float64) float64 { return float64(1000 * random.IntN(10)) })
	yesterday := 0.0
	for i := range 48 {
		a, _ := noise.At(midnight.Add(time.Duration(i) * noise.Step))
		b, _ := noise.At(midnight.Add(time.Duration(i)*noise.Step - day))
		yesterday += math.Abs(float64(a-b)) / 48
	}
	if got := errors(noise, last(noise)); got > 0.9*yesterday {
		t.Errorf("noise is forecast by what it was the day before: off by %.0f, yesterday by %.0f", got, yesterday)
	}
}

// TestDeviation: what the load is above the usual stays for a while where such things stay, and not where they do not.
func TestDeviation(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	level := 0.0
	slow := series(15, func(float64) float64 { level = 0.95*level + 100*random.NormFloat64(); return 5000 + level })
	fast := series(15, func(float64) float64 { return 5000 + 300*random.NormFloat64() })
	for name, test := range map[string]struct {
		s           Series
		least, most int64
	}{"slow": {slow, 1300, 2100}, "fast": {fast, -300, 400}} {
		f := Learn(test.s, midnight)
		calm, busy := f.Ahead(midnight, 5000, at(-0.5), test.s.Step, day), f.Ahead(midnight, 7000, at(-0.5), test.s.Step, day)
		if got := busy.CPU[1] - calm.CPU[1]; got < test.least || got > test.most {
			t.Errorf("%s: after an hour %d of 2000 are left", name, got)
		}
		if got := busy.CPU[47] - calm.CPU[47]; got > 300 {
			t.Errorf("%s: after a day %d of 2000 are left", name, got)
		}
	}
}

// TestUnknown: what was not measured is no zero.
func TestUnknown(t *testing.T) {
	if got := Learn(Series{}, midnight).Ahead(midnight, 4000, midnight, time.Hour, 3*time.Hour); !cmp.Equal(got.CPU, []int64{4000, 4000, 4000}) {
		t.Errorf("without history the load stays: got %v", got.CPU)
	}
	s := series(15, func(float64) float64 { return 3000 })
	for i := range s.CPU {
		if i%48 >= 20 && i%48 < 30 {
			s.CPU[i] = -1
		}
	}
	for i, cpu := range Learn(s, midnight).Ahead(midnight, 3000, at(-0.5), s.Step, day).CPU {
		if cpu != 3000 {
			t.Errorf("step %d is forecast as %d", i, cpu)
		}
	}
	if _, ok := s.At(at(11)); ok {
		t.Error("a value below 0 is known")
	}
}

// TestFutureIsNotKnown: what comes after now does not change a forecast.
func TestFutureIsNotKnown(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	s := series(15, func(float64) float64 { return float64(random.IntN(9000)) })
	want := Learn(s, midnight).Ahead(midnight, 1, at(-0.5), s.Step, day)
	for i := 15 * 48; i < len(s.CPU); i++ {
		s.CPU[i] = 1_000_000
	}
	if diff := cmp.Diff(want, Learn(s, midnight).Ahead(midnight, 1, at(-0.5), s.Step, day)); diff != "" {
		t.Error(diff)
	}
}

// TestWithout: what is known to have been used is taken away once, and what is not known stays so.
func TestWithout(t *testing.T) {
	s := Series{Start: midnight, Step: time.Hour, CPU: []int64{1000, 1000, -1, 100}}
	got := s.Without([]Use{{CPU: 400, From: at(0.5), To: at(2)}, {CPU: 300, From: at(-9), To: at(99)}, {CPU: 9, From: at(2), To: at(1)}})
	if diff := cmp.Diff([]int64{500, 300, -1, 0}, got.CPU); diff != "" {
		t.Error(diff)
	}
	if s.CPU[0] != 1000 {
		t.Error("the series itself was changed")
	}
}
