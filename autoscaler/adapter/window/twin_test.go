package window

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// twin keeps all of history, and looks at all of it for each answer.
type twin struct {
	c       Config
	history []reading
}

type reading struct{ tick, value int64 }

// counts tells whether reading j counts at reading i for a part that looks back over so many of them.
func (t *twin) counts(j, i int, span int64) bool {
	outage := int64((t.c.Outage + t.c.Step - 1) / t.c.Step)
	return int64(i-j) < span && t.history[i].tick-t.history[j].tick < span+outage
}

func (t *twin) steps(d time.Duration) int64 { return int64(math.Ceil(float64(d) / float64(t.c.Step))) }

// demand is what there is at reading i, or is expected.
func (t *twin) demand(i int) int64 {
	s := t.c.Season
	if s == nil {
		return t.history[i].value
	}
	most := int64(-1)
	for k := 1; k <= s.Weeks; k++ {
		at := time.Duration(t.history[i].tick)*t.c.Step + s.Lead - time.Duration(k)*week
		from := at.Truncate(s.Bucket)
		for _, r := range t.history[:i+1] {
			if then := time.Duration(r.tick) * t.c.Step; then >= from && then < from+s.Bucket {
				most = max(most, r.value)
			}
		}
	}
	if most < 0 {
		return t.history[i].value
	}
	return max(t.history[i].value, int64(math.Ceil(float64(most)*math.Ceil(s.Margin*1000)/1000)))
}

func (t *twin) largest(i int, window time.Duration) int64 {
	most := int64(0)
	for j := range i + 1 {
		if t.counts(j, i, t.steps(window)) {
			most = max(most, t.history[j].value)
		}
	}
	return most
}

func (t *twin) percentile(i int) int64 {
	var values []int64
	for j := range i + 1 {
		if t.counts(j, i, t.steps(t.c.Percentile.Window)) {
			values = append(values, t.history[j].value)
		}
	}
	slices.Sort(values)
	rank := math.Ceil(math.Round(t.c.Percentile.Percent*100) * float64(len(values)) / 10_000)
	return values[int(rank)-1]
}

// slow is the formula, of every reading that counts.
func (t *twin) slow(i int) int64 {
	s := t.c.SlowScaleDown
	hold := t.steps(s.Hold)
	f := newFall(&t.c)
	span := hold + f.ticks(s.Range) + 1
	most := int64(0)
	for j := range i + 1 {
		if !t.counts(j, i, span) {
			continue
		}
		falling, demand := int64(i-j)-hold, t.demand(j)
		switch {
		case falling <= 0:
			most = max(most, demand)
		case demand == 0:
		case s.HalfLife > 0:
			most = max(most, int64(math.Ceil(exp2(log2(float64(demand))-f.num*falling))))
		default:
			line := min(demand, int64(s.MaxPods)*t.c.Target)
			gone := int64(s.Pods) * t.c.Target * falling / t.steps(s.Period)
			most = max(most, line-gone)
		}
	}
	return most
}

func (t *twin) parts(i int) int64 {
	most := t.demand(i)
	if t.c.Max != nil {
		most = max(most, t.largest(i, t.c.Max.Window))
	}
	if t.c.SlowScaleDown != nil {
		most = max(most, t.slow(i))
	}
	if t.c.Percentile != nil {
		most = max(most, t.percentile(i))
	}
	return most
}

func (t *twin) answer(i int, parts []int64) int64 {
	if t.c.DeadBand == nil {
		return parts[i]
	}
	most := int64(0)
	for j := range i + 1 {
		if t.counts(j, i, t.steps(t.c.DeadBand.Dwell)) {
			most = max(most, parts[j])
		}
	}
	if most == 0 {
		return 0
	}
	step := log2(1 + t.c.DeadBand.Band)
	for k := int64(0); ; k++ {
		if up := int64(math.Ceil(exp2(k * step))); up >= most {
			return up
		}
	}
}

func anyDuration(r *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+r.IntN(most-least+1)) * testStep
}

const testStep = 15 * time.Second

// anyConfig draws a valid configuration with short stretches.
func anyConfig(r *rand.Rand) Config {
	c := Config{Step: testStep, Outage: anyDuration(r, 0, 12), Target: int64(1 + r.IntN(20_000))}
	if r.IntN(4) == 0 {
		c.Season = &Season{Weeks: 1 + r.IntN(2), Lead: anyDuration(r, 0, 40), Margin: 0.5 + r.Float64(), Bucket: []time.Duration{testStep, time.Minute, 5 * time.Minute}[r.IntN(3)]}
	}
	if r.IntN(3) == 0 {
		c.SlowScaleDown = &SlowScaleDown{
			Hold: anyDuration(r, 0, 12), Pods: int32(1 + r.IntN(3)), Period: anyDuration(r, 1, 8), MaxPods: int32(1 + r.IntN(30)),
		}
		return c
	}
	if r.IntN(2) == 0 {
		c.SlowScaleDown = &SlowScaleDown{Hold: anyDuration(r, 0, 12), HalfLife: anyDuration(r, 1, 10), Range: 2 + 60*r.Float64()}
	}
	if r.IntN(2) == 0 {
		c.Max = &Max{Window: anyDuration(r, 2, 20)}
	}
	if (c.Max != nil || c.SlowScaleDown != nil) && r.IntN(2) == 0 {
		c.Percentile = &Percentile{Percent: 1 + 99*r.Float64(), Window: anyDuration(r, 21, 40)}
	}
	if r.IntN(3) == 0 || c.Max == nil && c.SlowScaleDown == nil && c.Season == nil {
		c.DeadBand = &DeadBand{Dwell: anyDuration(r, 2, 10), Band: 0.01 + r.Float64()/2}
	}
	return c
}

// anySeries draws demand that walks, leaps, stays and goes away, with samples missing one by one and for long.
func anySeries(r *rand.Rand, length int) []reading {
	var series []reading
	tick := int64(1_700_000_000/15 + r.IntN(1000))
	value := int64(r.IntN(100_000))
	for len(series) < length {
		switch r.IntN(12) {
		case 0:
			value = int64(r.IntN(1_000_000))
		case 1:
			value = 0
		case 2:
			value = int64(r.IntN(10))
		case 3, 4, 5:
			value = max(0, value+int64(r.IntN(2001))-1000)
		}
		switch r.IntN(40) {
		case 0:
			tick += int64(r.IntN(60))
		case 1, 2, 3:
			tick++
		}
		tick++
		series = append(series, reading{tick, value})
	}
	return series
}

// seasons puts a series' beginning a week or two before its end.
func seasons(r *rand.Rand, series []reading) {
	back := int64(week/testStep)*int64(1+r.IntN(2)) + int64(r.IntN(60)) - 30
	half := len(series) / 2
	for i := range half {
		series[i].tick -= back - (series[half].tick - series[0].tick)
	}
}

func observe(t *testing.T, w *Window, r reading) {
	t.Helper()
	if verdict := w.Observe(w.time(r.tick), float64(r.value)/1000); verdict != Taken {
		t.Fatalf("a reading of %v was %s", r, verdict)
	}
}

func mustWindow(t *testing.T, c Config) *Window {
	t.Helper()
	w, err := New(c)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return w
}

// TestAnswersAreThoseOfTheTwin compares every tick of every part and of all of them together: of a window that has seen
// everything, and of one that is restarted at random ticks and knows no more than its horizon.
func TestAnswersAreThoseOfTheTwin(t *testing.T) {
	for seed := range uint64(250) {
		r := rand.New(rand.NewPCG(seed, 4))
		c := anyConfig(r)
		series := anySeries(r, 260)
		if c.Season != nil {
			seasons(r, series)
		}
		w, restarted := mustWindow(t, c), mustWindow(t, c)
		dumb := twin{c: w.config}
		var parts []int64
		for i, sample := range series {
			observe(t, w, sample)
			if r.IntN(8) == 0 {
				restarted = replayed(t, c, series[:i], w.time(sample.tick))
			}
			observe(t, restarted, sample)
			dumb.history = append(dumb.history, sample)
			parts = append(parts, dumb.parts(i))
			want := dumb.answer(i, parts)
			for name, got := range map[string]*Window{"undisturbed": w, "restarted": restarted} {
				if got.answer.value != want {
					t.Fatalf("seed %d, tick %d, %s: answered %d, the twin %d\n%+v", seed, i, name, got.answer.value, want, c)
				}
			}
		}
	}
}

// replayed is a new process: a window that was shown no more of history than its horizon before now.
func replayed(t *testing.T, c Config, history []reading, now time.Time) *Window {
	t.Helper()
	w := mustWindow(t, c)
	from := now.Add(-Horizon(&w.config))
	for _, sample := range history {
		if !w.time(sample.tick).Before(from) {
			observe(t, w, sample)
		}
	}
	return w
}

// TestFallIsTheFormula compares the counted decay with the real numbers that it stands for.
func TestFallIsTheFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 20_000 {
		c := Config{Step: testStep, SlowScaleDown: &SlowScaleDown{HalfLife: time.Duration(float64(testStep) * math.Exp(9*r.Float64())), Range: 1024}}
		f := newFall(&c)
		demand := int64(math.Exp(35 * r.Float64()))
		ticks := int64(1 + r.Float64()*10*float64(c.SlowScaleDown.HalfLife)/float64(testStep))
		want := float64(demand) * math.Exp2(-float64(ticks)*float64(testStep)/float64(c.SlowScaleDown.HalfLife))
		got := f.value(f.level(demand), ticks)
		if float64(got) < want*(1-1e-5) || float64(got) > want*(1+1e-5)+1 {
			t.Fatalf("%d after %d ticks of half-life %v: %d, by the formula %v", demand, ticks, c.SlowScaleDown.HalfLife, got, want)
		}
		if got > demand || f.value(f.level(demand), ticks-1) < got || f.value(f.level(demand+1), ticks) < got {
			t.Fatalf("%d after %d ticks: %d, but %d a tick before and %d of one more", demand, ticks, got,
				f.value(f.level(demand), ticks-1), f.value(f.level(demand+1), ticks))
		}
	}
}

// TestLevelsAreTheSameEverywhere pins bits: they must not depend on the processor.
func TestLevelsAreTheSameEverywhere(t *testing.T) {
	for _, tc := range []struct {
		x     float64
		level int64
		back  uint64
	}{
		{1, 0, 0x3ff0000000000000},
		{3, 6807362105, 0x4007ffffffefa28c},
		{1e9, 128408152744, 0x41cdcd64ffee94a4},
		{1.05, 302319861, 0x3ff0ccccccc9872f},
		{MaxDemand - 1, 227633266687, 0x433fffffffe9d1c0},
	} {
		if level := log2(tc.x); level != tc.level || math.Float64bits(exp2(level)) != tc.back {
			t.Errorf("log2(%v) = %d, exp2 of it %#x; want %d, %#x", tc.x, level, math.Float64bits(exp2(level)), tc.level, tc.back)
		}
	}
}

func TestLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	for range 100_000 {
		x := math.Exp2(53 * r.Float64())
		level := log2(x)
		if want := math.Log2(x) * (1 << levelBits); math.Abs(float64(level)-want) > 2+want*1e-15 {
			t.Fatalf("log2(%v) = %d, want about %v", x, level, want)
		}
		if y := exp2(level); math.Abs(y/x-1) > 4e-10 || y > x*(1+1e-13) {
			t.Fatalf("exp2(log2(%v)) = %v", x, y)
		}
		if log2(math.Nextafter(x, math.Inf(1))) < level || exp2(level+1) <= exp2(level) {
			t.Fatalf("not monotone at %v", x)
		}
	}
}

func TestScaled(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	for range 100_000 {
		a, b, c := r.Int64N(1<<20), r.Int64N(1<<20), 1+r.Int64N(1<<12)
		if got, up := scaled(a, b, c), scaledUp(a, b, c); got != a*b/c || up != (a*b+c-1)/c {
			t.Fatalf("%d·%d/%d: %d and %d", a, b, c, got, up)
		}
		if d := r.Int64N(1 << 12); atMost(a, b, c, d) != (a*b <= c*d) {
			t.Fatalf("%d·%d ≤ %d·%d", a, b, c, d)
		}
	}
	if got := scaled(MaxDemand, MaxDemand, 1); got != MaxDemand {
		t.Errorf("too much is %d", got)
	}
	if got := scaledUp(MaxDemand, MaxDemand-1, MaxDemand); got != MaxDemand-1 {
		t.Errorf("without overflow: %d", got)
	}
}
