package window

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// play observes demand every minute from nine on; a negative one is missing.
func play(t *testing.T, c Config, demand ...float64) *Window {
	t.Helper()
	c.Step = time.Minute
	w := mustWindow(t, c)
	for i, value := range demand {
		if value >= 0 {
			if verdict := w.Observe(nine.Add(time.Duration(i)*time.Minute), value); verdict != Taken {
				t.Fatalf("%v is %s", value, verdict)
			}
		}
	}
	return w
}

func TestWindow(t *testing.T) {
	const gone = -1
	line := &SlowScaleDown{Hold: 2 * time.Minute, Pods: 1, Period: 2 * time.Minute, MaxPods: 10}
	half := &SlowScaleDown{Hold: time.Minute, HalfLife: 2 * time.Minute, Range: 4}
	for name, tc := range map[string]struct {
		config Config
		demand []float64
		want   float64
		part   Part
		reason string
	}{
		"max":                     {Config{Max: &Max{3 * time.Minute}}, []float64{9, 1, 1}, 9, MaxWindow, "(t−3m, t] has three samples"},
		"max over":                {Config{Max: &Max{3 * time.Minute}}, []float64{9, 1, 1, 1}, 1, Demand, "the fourth is outside"},
		"max of a gap":            {Config{Max: &Max{3 * time.Minute}}, []float64{9, gone, gone, gone, gone, 1}, 9, MaxWindow, "time stands still without samples"},
		"max of an outage":        {Config{Max: &Max{3 * time.Minute}, Outage: 2 * time.Minute}, []float64{9, gone, gone, gone, gone, 1}, 1, Demand, "but not for ever"},
		"held":                    {Config{SlowScaleDown: half}, []float64{8, 0}, 8, SlowDown, "one minute old is not over the hold"},
		"half":                    {Config{SlowScaleDown: half}, []float64{8, 0, 0, 0}, 4, SlowDown, "held for one minute, then two of a half-life"},
		"a quarter":               {Config{SlowScaleDown: half}, []float64{8, 0, 0, 0, 0, 0}, 2, SlowDown, "the range is four"},
		"nothing":                 {Config{SlowScaleDown: half}, []float64{8, 0, 0, 0, 0, 0, 0}, 0, Demand, "beyond the range"},
		"a younger one counts":    {Config{SlowScaleDown: half}, []float64{64, 0, 0, 3, 0, 0, 0}, 1.5, SlowDown, "64 is out of its range, 3 came down to half"},
		"line held":               {Config{SlowScaleDown: line, Target: 1000}, []float64{5, 0, 0}, 5, SlowDown, "two minutes old is not over the hold"},
		"line":                    {Config{SlowScaleDown: line, Target: 1000}, []float64{5, 0, 0, 0, 0}, 4, SlowDown, "a pod in two minutes"},
		"half a line":             {Config{SlowScaleDown: line, Target: 1000}, []float64{5, 0, 0, 0}, 4.5, SlowDown, "in between"},
		"line of too many":        {Config{SlowScaleDown: line, Target: 1000}, []float64{50, 0, 0, 0, 0}, 9, SlowDown, "never more than ten pods ran"},
		"line that is over":       {Config{SlowScaleDown: line, Target: 1000}, []float64{1, 0, 0, 0, 0, 0}, 0, Demand, "all came down"},
		"percentile beside max":   {Config{Max: &Max{2 * time.Minute}, Percentile: &Percentile{50, 5 * time.Minute}}, []float64{9, 5, 5, 1, 1}, 5, PercentileWindow, "nearest rank: the third of five"},
		"dead-band":               {Config{DeadBand: &DeadBand{2 * time.Minute, 1}}, []float64{0.3}, 0.512, DeadBandGrid, "up to a power of two, in thousandths"},
		"dead-band dwells":        {Config{DeadBand: &DeadBand{2 * time.Minute, 1}}, []float64{0.6, 0.3}, 1.024, DeadBandGrid, "the sample before is still there"},
		"dead-band over the rest": {Config{DeadBand: &DeadBand{2 * time.Minute, 1}, Max: &Max{2 * time.Minute}}, []float64{0.6, 0.3, 0.3}, 1.024, DeadBandGrid, "it holds the answer of the parts"},
		"no demand":               {Config{DeadBand: &DeadBand{2 * time.Minute, 1}}, []float64{0}, 0, Demand, "zero is a demand"},
	} {
		t.Run(name, func(t *testing.T) {
			w := play(t, tc.config, tc.demand...)
			e, _ := w.Explain()
			if float64(e.Value)/1000 != tc.want || e.Part != tc.part {
				t.Errorf("%v by %s, want %v by %s: %s", float64(e.Value)/1000, e.Part, tc.want, tc.part, tc.reason)
			}
		})
	}
}

func TestSeason(t *testing.T) {
	w := mustWindow(t, Config{
		Step: time.Minute, Season: &Season{Weeks: 2, Lead: 10 * time.Minute, Margin: 1.25, Bucket: time.Minute},
		SlowScaleDown: &SlowScaleDown{Hold: 2 * time.Minute, Pods: 1, Period: time.Minute, MaxPods: 100}, Target: 1000,
	})
	w.Observe(nine, 8)
	w.Observe(nine.Add(2*time.Minute), 4)
	for _, tc := range []struct {
		at   time.Duration
		want float64
		part Part
	}{
		{week - 11*time.Minute, 1, Demand},
		{week - 10*time.Minute, 10, SeasonalFloor},
		{week - 9*time.Minute, 10, SeasonalFloor},
		{week - 8*time.Minute, 10, SeasonalFloor},
		{week - 7*time.Minute, 9, SeasonalFloor},
		{2*week - 10*time.Minute, 10, SeasonalFloor},
		{3*week - 10*time.Minute, 1, Demand},
	} {
		w.Observe(nine.Add(tc.at), 1)
		if e, _ := w.Explain(); float64(e.Value)/1000 != tc.want || e.Part != tc.part {
			t.Errorf("at %v: %v by %s, want %v by %s", tc.at, float64(e.Value)/1000, e.Part, tc.want, tc.part)
		}
	}
}

func TestStaleness(t *testing.T) {
	w := play(t, Config{Max: &Max{5 * time.Minute}, Fresh: 2 * time.Minute, Stale: 10 * time.Minute}, 7, 3)
	newest := nine.Add(time.Minute)
	for _, tc := range []struct {
		age    time.Duration
		held   bool
		reason Reason
	}{
		{-time.Minute, false, ""}, {0, false, ""}, {2 * time.Minute, false, ""}, {2*time.Minute + 1, true, ""},
		{10 * time.Minute, true, ""}, {10*time.Minute + 1, false, Stale},
	} {
		answer, err := w.At(newest.Add(tc.age))
		var fault *Error
		if errors.As(err, &fault) != (tc.reason != "") || fault != nil && fault.Reason != tc.reason {
			t.Errorf("at the age of %v: %v", tc.age, err)
		}
		if want := (Answer{Value: 7000, Demand: 3000, At: newest, Held: tc.held}); err == nil && answer != want {
			t.Errorf("at the age of %v: %+v, want %+v", tc.age, answer, want)
		}
	}
	if _, err := mustWindow(t, Config{Max: &Max{time.Minute}}).At(nine); err == nil || !strings.Contains(err.Error(), "no sample") {
		t.Errorf("of nothing: %v", err)
	}
}

// TestWhatIsNoDemand is held, then an error; it never becomes a zero.
func TestWhatIsNoDemand(t *testing.T) {
	for value, verdict := range map[float64]Verdict{
		math.Inf(1): Infinite, math.Inf(-1): Infinite, -1e-9: Negative, math.Nextafter(MaxDemand/1000, 1e99): TooLarge, 1e300: TooLarge,
	} {
		w := play(t, Config{Max: &Max{5 * time.Minute}}, 7)
		for i := range 3 {
			at := nine.Add(time.Duration(i+1) * time.Minute)
			if got := w.Observe(at, value); got != verdict {
				t.Errorf("%v is %s, want %s", value, got, verdict)
			}
			if answer, err := w.At(at); err != nil || answer.Value != 7000 || !answer.At.Equal(nine) {
				t.Errorf("after %v: %+v, %v", value, answer, err)
			}
		}
		_, err := w.At(nine.Add(time.Hour))
		var fault *Error
		if !errors.As(err, &fault) || fault.Reason != NotDemand || fault.Rejected != 3 || fault.As != verdict {
			t.Errorf("an hour after %v: %v", value, err)
		}
		if w.Observe(nine.Add(time.Hour), 1); w.rejected != 0 {
			t.Errorf("%d rejected after a sample", w.rejected)
		}
	}
	w := play(t, Config{Max: &Max{5 * time.Minute}}, 7)
	if got := w.Observe(nine.Add(time.Minute), math.NaN()); got != NotANumber {
		t.Errorf("NaN is %s", got)
	}
	for _, late := range []time.Duration{0, time.Second, 59 * time.Second, -time.Minute, -time.Hour} {
		if got := w.Observe(nine.Add(late), 99); got != Late {
			t.Errorf("a second sample at %v is %s", late, got)
		}
	}
}

func TestExplanationIsASentence(t *testing.T) {
	at := func(minutes int) time.Time { return nine.Add(time.Duration(minutes) * time.Minute) }
	w := mustWindow(t, Config{
		Step: time.Minute, Target: 200_000,
		SlowScaleDown: &SlowScaleDown{Hold: 30 * time.Minute, Pods: 1, Period: 30 * time.Minute, MaxPods: 50},
	})
	w.Observe(at(14), 2340)
	w.Observe(at(15), 600)
	e, ok := w.Explain()
	if want := "2,340 at 09:14 holds 12 pods until 10:05 (slow scale-down, hold 30m, 1 pods per 30m)"; !ok || e.String() != want {
		t.Errorf("%s\nwant %s", e, want)
	}
	w.Observe(at(16), 1e6)
	if e, _ := w.Explain(); e.String() != "1,000,000 at 09:16 holds 5,000 pods while demand stays (the demand itself)" {
		t.Error(e)
	}
	slow := play(t, Config{Max: &Max{26 * time.Hour}, Percentile: &Percentile{99, 27 * time.Hour}}, 2.5, 1)
	if e, _ := slow.Explain(); e.String() != "2.5 at 09:00 holds 2.5 until 2026-03-03 11:00 (max window of 26h)" {
		t.Error(e)
	}
	if _, ok := mustWindow(t, Config{Max: &Max{time.Hour}}).Explain(); ok {
		t.Error("explained what was never asked")
	}
	for part, want := range map[Part]string{PercentileWindow: "percentile 99 of 27h", Demand: "the demand itself", MaxWindow: "max window of 26h"} {
		if got := slow.config.describe(part); got != want {
			t.Errorf("%s is %q, want %q", part, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	line := func(change func(*Config)) Config {
		c := Config{Target: 1000, SlowScaleDown: &SlowScaleDown{Hold: time.Hour, Pods: 1, Period: 30 * time.Minute, MaxPods: 20}}
		change(&c)
		return c
	}
	half := func(change func(*Config)) Config {
		c := Config{SlowScaleDown: &SlowScaleDown{Hold: time.Hour, HalfLife: time.Hour}}
		change(&c)
		return c
	}
	for name, tc := range map[string]struct {
		config Config
		want   string // a part of the only error; empty: it is valid
	}{
		"half-life":                  {half(func(*Config) {}), ""},
		"line":                       {line(func(*Config) {}), ""},
		"season alone":               {Config{Season: &Season{Weeks: 1}}, ""},
		"dead-band alone":            {Config{DeadBand: &DeadBand{Dwell: time.Minute, Band: 0.1}}, ""},
		"line with a season":         {line(func(c *Config) { c.Season = &Season{Weeks: 4} }), ""},
		"nothing":                    {Config{}, "spec.maxWindow: Required value: ask for at least one"},
		"step too short":             {half(func(c *Config) { c.Step = time.Millisecond }), "spec.step: Invalid value"},
		"step negative":              {half(func(c *Config) { c.Step = -1 }), "spec.step"},
		"window of one step":         {Config{Max: &Max{Window: 15 * time.Second}}, "spec.maxWindow: Invalid value: \"15s\": holds nothing"},
		"window beyond measure":      {Config{Max: &Max{Window: 1000 * time.Hour}}, "spec.maxWindow"},
		"percentile alone":           {Config{Percentile: &Percentile{95, time.Hour}}, "spec.percentile: Forbidden: a percentile alone"},
		"percentile below max":       {Config{Max: &Max{time.Hour}, Percentile: &Percentile{95, time.Hour}}, "spec.percentile.window: Invalid value: \"1h0m0s\": never counts"},
		"percentile of nothing":      {half(func(c *Config) { c.Percentile = &Percentile{0, time.Hour} }), "spec.percentile.value"},
		"percentile NaN":             {half(func(c *Config) { c.Percentile = &Percentile{math.NaN(), time.Hour} }), "spec.percentile.value"},
		"neither form":               {half(func(c *Config) { c.SlowScaleDown.HalfLife = 0 }), "spec.slowScaleDown: Required value: say how fast"},
		"both forms":                 {line(func(c *Config) { c.SlowScaleDown.HalfLife = time.Hour }), "spec.slowScaleDown.pods: Forbidden: halfLife is set"},
		"half-life below a step":     {half(func(c *Config) { c.SlowScaleDown.HalfLife = time.Second }), "spec.slowScaleDown.halfLife"},
		"hold negative":              {half(func(c *Config) { c.SlowScaleDown.Hold = -time.Second }), "spec.slowScaleDown.hold"},
		"range":                      {half(func(c *Config) { c.SlowScaleDown.Range = 1 }), "spec.slowScaleDown.range"},
		"line without a target":      {line(func(c *Config) { c.Target = 0 }), "spec.target.averageValue: Required value: pods per period need"},
		"line without the most pods": {line(func(c *Config) { c.SlowScaleDown.MaxPods = 0 }), "spec.slowScaleDown.maxPods"},
		"line of no pods":            {line(func(c *Config) { c.SlowScaleDown.Pods = 0 }), "spec.slowScaleDown.pods"},
		"period between steps":       {line(func(c *Config) { c.SlowScaleDown.Period = 100 * time.Second }), "must be a multiple of the step (15s)"},
		"line and max":               {line(func(c *Config) { c.Max = &Max{time.Hour} }), "spec.slowScaleDown.pods: Forbidden: maxWindow lets go of several pods"},
		"line and percentile":        {line(func(c *Config) { c.Percentile = &Percentile{95, time.Hour} }), "Forbidden: percentile lets go"},
		"line and dead-band":         {line(func(c *Config) { c.DeadBand = &DeadBand{time.Hour, 0.1} }), "Forbidden: deadBand lets go"},
		"line beyond counting":       {line(func(c *Config) { c.Target = MaxDemand }), "more demand than can be counted"},
		"band":                       {Config{DeadBand: &DeadBand{Dwell: time.Minute}}, "spec.deadBand.step"},
		"season without weeks":       {Config{Season: &Season{}}, "spec.seasonalFloor.weeks"},
		"season off the grid":        {Config{Season: &Season{Weeks: 1, Bucket: 7 * time.Minute * 11}}, "spec.seasonalFloor"},
		"season of tomorrow":         {Config{Season: &Season{Weeks: 1, Lead: 7 * 24 * time.Hour}}, "spec.seasonalFloor.lead"},
		"margin":                     {Config{Season: &Season{Weeks: 1, Margin: -1}}, "spec.seasonalFloor.margin"},
		"stale before it is fresh":   {half(func(c *Config) { c.Fresh, c.Stale = time.Hour, time.Minute }), "spec.stale"},
		"fresh below a step":         {half(func(c *Config) { c.Fresh = time.Second }), "spec.fresh"},
		"outage negative":            {half(func(c *Config) { c.Outage = -time.Second }), "spec.outage"},
		"retention is enough":        {half(func(c *Config) { c.Retention = 13 * time.Hour }), ""},
		"retention is too short":     {half(func(c *Config) { c.Retention = 11 * time.Hour }), "spec.retention: Invalid value: \"11h0m0s\": a restart must replay 12h0m30s"},
		"retention of a season":      {Config{Season: &Season{Weeks: 4}, Retention: 15 * 24 * time.Hour}, "a restart must replay 672h"},
		"too many samples":           {half(func(c *Config) { c.Step, c.SlowScaleDown.HalfLife = time.Second, 100*time.Hour }), "spec.step: Invalid value: \"1s\": a sample may hold"},
	} {
		t.Run(name, func(t *testing.T) {
			c := tc.config
			c.Default()
			errs := Validate(&c, field.NewPath("spec"))
			if tc.want == "" {
				if len(errs) > 0 {
					t.Error(errs)
				}
				return
			}
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), tc.want) {
				t.Errorf("%v, want one with %q", errs, tc.want)
			}
			if _, err := New(tc.config); err == nil {
				t.Error("made a window of it")
			}
		})
	}
}

func TestNewLeavesTheConfigurationAlone(t *testing.T) {
	c := Config{SlowScaleDown: &SlowScaleDown{HalfLife: time.Hour}}
	w := mustWindow(t, c)
	c.SlowScaleDown.HalfLife = 1
	if w.config.SlowScaleDown.HalfLife != time.Hour || c.SlowScaleDown.Range != 0 || c.Step != 0 {
		t.Errorf("%+v, %+v", w.config, c)
	}
}

// Example is a window that keeps half an hour, and then lets a pod of 200 requests a second go every half an hour.
func Example() {
	w, err := New(Config{
		Step:   15 * time.Second,
		Target: 200_000, // thousandths
		SlowScaleDown: &SlowScaleDown{
			Hold: 30 * time.Minute, Pods: 1, Period: 30 * time.Minute, MaxPods: 40,
		},
		Season: &Season{Weeks: 2, Lead: 5 * time.Minute, Margin: 1.1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for minute, demand := range []float64{600, 2340, 700} {
		w.Observe(nine.Add(time.Duration(minute)*time.Minute), demand)
	}
	answer, err := w.At(nine.Add(2*time.Minute + 20*time.Second))
	fmt.Println(answer.Value, answer.At.Format("15:04"), err)
	fmt.Println(w.Explain())
	// Output:
	// 2340000 09:02 <nil>
	// 2,340 at 09:01 holds 12 pods until 09:52 (slow scale-down, hold 30m, 1 pods per 30m) true
}

// TestSeasonReplaysWholeBuckets: the demand that counts may lie at the beginning of a bucket whose end is looked at.
func TestSeasonReplaysWholeBuckets(t *testing.T) {
	c := Config{Step: time.Minute, Season: &Season{Weeks: 1, Margin: 1, Bucket: time.Hour}}
	w := mustWindow(t, c)
	history := []reading{{w.tick(nine), 9000}, {w.tick(nine.Add(week + 58*time.Minute)), 1000}}
	for _, sample := range history {
		observe(t, w, sample)
	}
	again := replayed(t, c, history, nine.Add(week+59*time.Minute))
	for name, w := range map[string]*Window{"undisturbed": w, "restarted": again} {
		observe(t, w, reading{w.tick(nine.Add(week + 59*time.Minute)), 1000})
		if w.answer.value != 9000 {
			t.Errorf("%s: %d", name, w.answer.value)
		}
	}
}
