package plot

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	gonum "gonum.org/v1/plot"
)

func TestNumber(t *testing.T) {
	for _, test := range []struct {
		v        float64
		decimals int
		want     string
	}{
		{0, 0, "0"}, {0, 2, "0.00"}, {1, 0, "1"}, {999, 0, "999"}, {1000, 0, "1,000"}, {12345.678, 1, "12,345.7"},
		{1234567, 0, "1,234,567"}, {-1234.5, 1, "−1,234.5"}, {-0.04, 1, "0.0"}, {math.Copysign(0, -1), 0, "0"}, {0.05, 1, "0.1"},
		{99.96, 1, "100.0"}, {999.9, 0, "1,000"}, {nan, 1, "–"}, {inf, 0, "–"}, {-inf, 0, "–"}, {0.000001, 6, "0.000001"},
	} {
		if got := number(test.v, test.decimals); got != test.want {
			t.Errorf("%v with %d decimals: %q, want %q", test.v, test.decimals, got, test.want)
		}
	}
}

func TestNumbersReadBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		v, places := (random.Float64()-0.5)*math.Pow10(random.IntN(12)), random.IntN(5)
		text := number(v, places)
		back, err := strconv.ParseFloat(strings.NewReplacer(",", "", "−", "-").Replace(text), 64)
		if err != nil || math.Abs(back-v) > 0.5000001*math.Pow10(-places)+1e-9*math.Abs(v) {
			t.Fatalf("%v with %d decimals is %q, which reads as %v: %v", v, places, text, back, err)
		}
	}
}

func TestPercentAndCount(t *testing.T) {
	if got := percent(0.85); got != "85 %" {
		t.Errorf("got %q", got)
	}
	if got := count(48210); got != "48,210" {
		t.Errorf("got %q", got)
	}
}

func TestDecimals(t *testing.T) {
	for name, test := range map[string]struct {
		values []float64
		want   int
	}{
		"nothing":            {nil, 0},
		"zero":               {[]float64{0}, 0},
		"whole":              {[]float64{1, 20, 3000}, 0},
		"tenths":             {[]float64{0.5, 81.2}, 1},
		"hundredths":         {[]float64{1.234}, 2},
		"hundreds":           {[]float64{100.5}, 0},
		"small":              {[]float64{0.0123}, 4},
		"tiny":               {[]float64{1e-12}, 6},
		"negative":           {[]float64{-81.2}, 1},
		"unknown among them": {[]float64{nan, inf, 81.2}, 1},
		"nothing but gaps":   {[]float64{nan}, 0},
	} {
		if got := decimals(test.values); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func labels(ticks []gonum.Tick) string {
	var list []string
	for _, tick := range ticks {
		list = append(list, tick.Label)
	}
	return strings.Join(list, " ")
}

func TestTicks(t *testing.T) {
	for name, test := range map[string]struct {
		ticker    gonum.Ticker
		low, high float64
		want      string
	}{
		"percent":          {roundTicks{}, 0, 100, "0 20 40 60 80 100"},
		"an odd range":     {roundTicks{}, 71.3, 98.9, "70 75 80 85 90 95 100"},
		"both signs":       {roundTicks{}, -7, 12, "−10 −5 0 5 10 15"},
		"fractions":        {roundTicks{}, 0, 0.7, "0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7"},
		"thousands":        {roundTicks{}, 0, 7800, "0 1,000 2,000 3,000 4,000 5,000 6,000 7,000 8,000"},
		"no range":         {roundTicks{}, 3, 3, "3"},
		"an hour":          {hourTicks{}, 0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
		"a day":            {hourTicks{}, 0, 24, "0 2 4 6 8 10 12 14 16 18 20 22 24"},
		"a week":           {hourTicks{}, 0, 168, "0 24 48 72 96 120 144 168"},
		"a quarter":        {hourTicks{}, 0, 2160, "0 336 672 1,008 1,344 1,680 2,016 2,352"},
		"not from the top": {hourTicks{}, 30, 54, "30 32 34 36 38 40 42 44 46 48 50 52 54"},
		"years":            {hourTicks{}, 0, 20000, "0 5,000 10,000 15,000 20,000"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := labels(test.ticker.Ticks(test.low, test.high)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestTicksEncloseTheRangeInFewRoundSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 5000 {
		scale := math.Pow10(random.IntN(16) - 8)
		low := (random.Float64() - 0.5) * scale
		high := low + (0.001+random.Float64())*scale
		ticks := roundTicks{}.Ticks(low, high)
		if len(ticks) < 3 || len(ticks) > 11 {
			t.Fatalf("%d marks from %v to %v", len(ticks), low, high)
		}
		step := ticks[1].Value - ticks[0].Value
		if ticks[0].Value > low+1e-6*step || ticks[len(ticks)-1].Value < high-1e-6*step {
			t.Fatalf("marks from %v to %v do not enclose %v to %v", ticks[0].Value, ticks[len(ticks)-1].Value, low, high)
		}
		digit := step / math.Pow10(int(math.Floor(math.Log10(step)+1e-9)))
		if d := math.Round(digit); math.Abs(digit-d) > 1e-6 || d != 1 && d != 2 && d != 5 {
			t.Fatalf("a step of %v", step)
		}
		seen := map[string]bool{}
		for _, tick := range ticks {
			if seen[tick.Label] {
				t.Fatalf("two marks %s from %v to %v", tick.Label, low, high)
			}
			seen[tick.Label] = true
		}
	}
}

// An axis that a caller has broken must not take all memory.
func TestTicksOfOddRanges(t *testing.T) {
	for _, test := range [][2]float64{{1, 0}, {0, math.MaxFloat64}, {-math.MaxFloat64, math.MaxFloat64}, {0, 5e-324}, {1e15, 1e15 + 1}} {
		for _, ticker := range []gonum.Ticker{roundTicks{}, hourTicks{}} {
			if ticks := ticker.Ticks(test[0], test[1]); len(ticks) > 15 {
				t.Errorf("%d marks from %v to %v", len(ticks), test[0], test[1])
			}
		}
	}
}
