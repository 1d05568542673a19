package window

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// draw makes a configuration and a series of demand for it.
func draw(seed uint64) (Config, []reading) {
	r := rand.New(rand.NewPCG(seed, 11))
	c, series := anyConfig(r), anySeries(r, 400)
	if c.Season != nil {
		seasons(r, series)
	}
	return c, series
}

func TestNeverBelowDemand(t *testing.T) {
	for seed := range uint64(200) {
		c, series := draw(seed)
		w := mustWindow(t, c)
		for _, sample := range series {
			observe(t, w, sample)
			answer, err := w.At(w.time(sample.tick))
			if err != nil || answer.Value < sample.value || answer.Demand != sample.value {
				t.Fatalf("seed %d: %+v, %v for a demand of %d", seed, answer, err, sample.value)
			}
		}
	}
}

func TestMoreDemandNeverLowersTheAnswer(t *testing.T) {
	for seed := range uint64(200) {
		c, series := draw(seed)
		r := rand.New(rand.NewPCG(seed, 12))
		less, more := mustWindow(t, c), mustWindow(t, c)
		for i, sample := range series {
			observe(t, less, sample)
			sample.value += r.Int64N(3) * r.Int64N(1000)
			observe(t, more, sample)
			if less.answer.value > more.answer.value {
				t.Fatalf("seed %d, tick %d: %d, but %d for more demand\n%+v", seed, i, less.answer.value, more.answer.value, c)
			}
		}
	}
}

// TestNoGrowthWithoutDemand bounds the answer by the largest demand that there was within the horizon, the margin of the
// season and the rounding of the dead-band.
func TestNoGrowthWithoutDemand(t *testing.T) {
	for seed := range uint64(200) {
		c, series := draw(seed)
		w := mustWindow(t, c)
		factor := 1.0
		if c.Season != nil {
			factor = max(1, c.Season.Margin+0.001)
		}
		if c.DeadBand != nil {
			factor *= 1 + c.DeadBand.Band
		}
		for i, sample := range series {
			observe(t, w, sample)
			most, from := int64(0), w.time(sample.tick).Add(-Horizon(&w.config))
			for _, earlier := range series[:i+1] {
				if !w.time(earlier.tick).Before(from) {
					most = max(most, earlier.value)
				}
			}
			if bound := float64(most)*factor*(1+1e-9) + 2; float64(w.answer.value) > bound {
				t.Fatalf("seed %d, tick %d: %d of at most %v\n%+v", seed, i, w.answer.value, bound, c)
			}
		}
	}
}

// TestPodsPerPeriod: of what the HPA may run, no stretch of a period with samples loses more pods than it may.
func TestPodsPerPeriod(t *testing.T) {
	tried, falls := 0, 0
	for seed := range uint64(600) {
		c, series := draw(seed)
		if c.SlowScaleDown == nil || c.SlowScaleDown.Pods == 0 {
			continue
		}
		tried++
		c.Outage = 30 * 24 * time.Hour // what is forgotten for being out of date falls at once
		w := mustWindow(t, c)
		period := int(c.ticks(c.SlowScaleDown.Period))
		var pods []int64
		for i, sample := range series {
			observe(t, w, sample)
			pods = append(pods, min(podsFor(w.answer.value, c.Target), int64(c.SlowScaleDown.MaxPods)))
			before := pods[max(0, i-period)]
			if before > pods[i] {
				falls++
			}
			if lost := before - pods[i]; lost > int64(c.SlowScaleDown.Pods) {
				t.Fatalf("seed %d, tick %d: %d pods fewer than a period ago\n%+v", seed, i, lost, c.SlowScaleDown)
			}
		}
	}
	if tried < 100 || falls < 1000 {
		t.Errorf("only %d windows had a line, and %d times fewer pods", tried, falls)
	}
}

// TestExplanationsComeTrue plays on with the demand of now and sees when the answer falls.
func TestExplanationsComeTrue(t *testing.T) {
	falls := 0
	for seed := range uint64(150) {
		c, series := draw(seed)
		r := rand.New(rand.NewPCG(seed, 13))
		c.Target *= r.Int64N(2)
		if c.SlowScaleDown != nil && c.SlowScaleDown.Pods > 0 {
			c.Target = max(c.Target, 1000)
		}
		w := mustWindow(t, c)
		cut := 1 + r.IntN(len(series))
		for _, sample := range series[:cut] {
			observe(t, w, sample)
		}
		before := w.answer
		e, ok := w.Explain()
		if !ok || w.answer != before {
			t.Fatalf("seed %d: explaining changed the answer", seed)
		}
		below := e.Value
		if c.Target > 0 {
			below = (e.Pods-1)*c.Target + 1
		}
		now := series[cut-1]
		for d := int64(1); d < 2000; d++ {
			at := w.time(now.tick + d)
			if !e.FallsAt.IsZero() && at.After(e.FallsAt) {
				break
			}
			observe(t, w, reading{now.tick + d, now.value})
			if fell := w.answer.value < below; fell != at.Equal(e.FallsAt) || fell && w.answer.value != e.Next {
				t.Fatalf("seed %d: %d at %v, was to fall below %d at %v, to %d", seed, w.answer.value, at, below, e.FallsAt, e.Next)
			}
		}
		if !e.FallsAt.IsZero() {
			falls++
		}
	}
	if falls < 50 {
		t.Errorf("only %d answers were to fall", falls)
	}
}

// TestHolderIsInHistory: what an explanation names is a sample that there was.
func TestHolderIsInHistory(t *testing.T) {
	for seed := range uint64(60) {
		c, series := draw(seed)
		w := mustWindow(t, c)
		values := map[time.Time]int64{}
		for _, sample := range series {
			observe(t, w, sample)
			values[w.time(sample.tick)] = sample.value
			if sample.tick%8 != 0 {
				continue
			}
			e, _ := w.Explain()
			if c.Percentile != nil && e.Part == DeadBandGrid {
				continue // it may be of a percentile, whose sample is gone
			}
			if got, ok := values[e.At]; !ok || got != e.Sample || e.Part == "" {
				t.Fatalf("seed %d: %+v, but there was %d", seed, e, got)
			}
			if (e.Part == Demand) != (e.Value == sample.value) {
				t.Fatalf("seed %d: %d for a demand of %d by %s", seed, e.Value, sample.value, e.Part)
			}
		}
	}
}

func TestSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for range 50_000 {
		values := make([]int64, r.IntN(30))
		var total int64
		for i := range values {
			values[i] = r.Int64N(3) * r.Int64N(100_000)
			total += values[i]
		}
		served := total + r.Int64N(100_000)
		before := append([]int64(nil), values...)
		Spread(values, served)
		var sum int64
		for i, value := range values {
			sum += value
			if total > 0 && before[i] == 0 && value != 0 {
				t.Fatalf("an idle pod was given %d", value)
			}
			for j := range i {
				if (before[j] < before[i] && values[j] > value) || (before[j] == before[i] && values[j] != value) {
					t.Fatalf("%d and %d became %d and %d", before[j], before[i], values[j], value)
				}
			}
		}
		if n := int64(len(values)); n > 0 && sum/n != int64(math.Ceil(float64(served)/float64(n))) {
			t.Fatalf("%v for %d: an average of %d", values, served, sum/n)
		}
	}
	Spread(nil, 5)
	large := []int64{MaxDemand / 2, MaxDemand / 4}
	if Spread(large, MaxDemand-1); large[0] < large[1] || large[0]+large[1] < MaxDemand-1 {
		t.Errorf("near the limit: %v", large)
	}
}

func FuzzReplayFromTheHorizon(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, []byte{1, 200, 0, 0, 9, 255, 3, 0, 0, 0, 0, 17})
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps []byte) {
		r := rand.New(rand.NewPCG(seed, 17))
		c := anyConfig(r)
		c.Season, c.Max = nil, &Max{Window: anyDuration(r, 2, 20)}
		if c.SlowScaleDown != nil && c.SlowScaleDown.Pods > 0 {
			c.Max = nil
		}
		w, tick := mustWindow(t, c), int64(100_000_000)
		var history []reading
		for _, step := range steps[:min(len(steps), 200)] {
			tick += 1 + int64(step%5/4)*int64(step)
			history = append(history, reading{tick, int64(step) * int64(step) * 37})
			observe(t, w, history[len(history)-1])
		}
		if len(history) == 0 {
			return
		}
		again := replayed(t, c, history, w.time(tick))
		if w.answer.value != again.answer.value || w.answer.value < w.newest.value {
			t.Fatalf("%d, again %d, of %d", w.answer.value, again.answer.value, w.newest.value)
		}
		if dumb := (&twin{c: w.config, history: history}); c.DeadBand == nil && dumb.parts(len(history)-1) != w.answer.value {
			t.Fatalf("%d, the twin %d", w.answer.value, dumb.parts(len(history)-1))
		}
	})
}

func FuzzObserve(f *testing.F) {
	f.Add(int64(0), 0.0)
	f.Add(int64(-1), math.NaN())
	f.Add(int64(math.MaxInt64), math.Inf(1))
	f.Add(int64(1), 517.364)
	f.Add(int64(1), -1.0)
	f.Add(int64(1), math.MaxFloat64)
	f.Add(int64(1), math.SmallestNonzeroFloat64)
	f.Fuzz(func(t *testing.T, nanos int64, demand float64) {
		w := mustWindow(t, Config{Max: &Max{Window: time.Minute}})
		at := time.Unix(0, nanos)
		verdict := w.Observe(at, demand)
		if sound := demand >= 0 && demand <= MaxDemand/1000; sound != (verdict == Taken) {
			t.Fatalf("%v is %s", demand, verdict)
		}
		answer, err := w.At(at)
		if (err == nil) != (verdict == Taken) {
			t.Fatalf("%v: %v", verdict, err)
		}
		if served := float64(answer.Value) / 1000; err == nil && (served < demand*(1-1e-14) || served > demand*(1+1e-14)+0.001) {
			t.Fatalf("%v is served as %v", demand, served)
		}
	})
}

// busy is a window with every part, fed until nothing grows any more.
func busy(tb testing.TB) (*Window, func()) {
	w, err := New(Config{
		Max: &Max{Window: 10 * time.Minute}, SlowScaleDown: &SlowScaleDown{Hold: 5 * time.Minute, HalfLife: 10 * time.Minute},
		Percentile: &Percentile{Percent: 95, Window: 2 * time.Hour}, DeadBand: &DeadBand{Dwell: 10 * time.Minute, Band: 0.05},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tick, r := int64(100_000_000), rand.New(rand.NewPCG(1, 1))
	next := func() {
		tick++
		phase := tick % 5760
		w.Observe(w.time(tick), float64(6000-phase)+10*r.Float64()) // a day's decline: every sample matters
	}
	for range 20_000 {
		next()
	}
	return w, next
}

func TestObserveDoesNotAllocate(t *testing.T) {
	w, next := busy(t)
	if n := testing.AllocsPerRun(2000, func() {
		next()
		if _, err := w.At(w.time(w.newest.tick)); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%g allocations a tick", n)
	}
}

// TestMemoryIsBounded: what a window keeps does not grow with what it has seen.
func TestMemoryIsBounded(t *testing.T) {
	w, next := busy(t)
	kept := func() int {
		return len(w.max.ring) + len(w.slow.held.ring) + len(w.slow.falling.ring) + len(w.quantile.samples.ring) + cap(w.quantile.sorted) + len(w.deadBand.ring)
	}
	for range 50_000 {
		next()
	}
	most := 0
	for _, reach := range []reach{w.max.reach, w.slow.reach, w.slow.reach, w.quantile.reach, w.quantile.reach, w.deadBand.reach} {
		most += 2*int(reach.span) + 8
	}
	if kept() > most {
		t.Errorf("%d entries, at most %d", kept(), most)
	}
}

func BenchmarkObserve(b *testing.B) {
	_, next := busy(b)
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
}
