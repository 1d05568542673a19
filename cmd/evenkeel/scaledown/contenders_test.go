package scaledown

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/simulator/scaling"
)

func TestNonsenseIsRefused(t *testing.T) {
	tests := map[string]struct {
		change func(*ScaleDown)
		want   string
	}{
		"machine":         {func(s *ScaleDown) { s.Machine = "eve" }, `--machine: there is no machine "eve"`},
		"from":            {func(s *ScaleDown) { s.From = -time.Hour }, "--from must be at least 0"},
		"beyond the end":  {func(s *ScaleDown) { s.From = 9000 * time.Hour }, "--from 9000h0m0s --length 3h0m0s: "},
		"an idle stretch": {func(s *ScaleDown) { s.From = 400 * time.Hour }, "nothing is asked for"},
		"a hole":          {func(s *ScaleDown) { s.From = firstHole(t) }, "the trace has a hole there"},
		"length":          {func(s *ScaleDown) { s.Length = time.Minute }, "--length must be at least 5m"},
		"speed":           {func(s *ScaleDown) { s.Speed = 1000 }, "--speed must be from 1 to 150"},
		"no speed":        {func(s *ScaleDown) { s.Speed = math.NaN() }, "--speed must be"},
		"peak":            {func(s *ScaleDown) { s.Peak = 0 }, "--peak must be from 1 to 100"},
		"target":          {func(s *ScaleDown) { s.Target = 101 }, "--target must be from 1 to 100"},
		"stabilisation":   {func(s *ScaleDown) { s.Stabilisation = 2 * time.Hour }, "--stabilisation must be from 1m0s (a second at this speed) to 1h"},
		"hold":            {func(s *ScaleDown) { s.Hold = time.Second }, "--hold must be from 1m0s"},
		"half-life":       {func(s *ScaleDown) { s.HalfLife = 0 }, "--half-life must be from 1m0s"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := New()
			tc.change(s)
			if _, err := s.demand(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// firstHole is where something is missing from the record of the machine that is played by default.
func firstHole(t *testing.T) time.Duration {
	d, err := scaling.OfRecorded(scaling.Recorded)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(d.Values, math.IsNaN)
	if i < 0 {
		t.Fatal("the record has no hole")
	}
	return time.Duration(i) * d.Step
}

// TestTheDefaultIsSpiky: the trace goes up and down by half of its peak time and again, and the window's hold spans the
// longest of the gaps between.
func TestTheDefaultIsSpiky(t *testing.T) {
	s := New()
	d, err := s.demand()
	if err != nil {
		t.Fatal(err)
	}
	if d.Length() != s.Length {
		t.Errorf("%v are played, want %v", d.Length(), s.Length)
	}
	falls, gap, longest, highest := 0, 0, 0, 0.0
	for i, asked := range d.Values {
		if math.IsNaN(asked) {
			t.Fatalf("step %d is not known", i)
		}
		highest = max(highest, asked)
		if asked >= s.Peak/2 {
			gap = 0
			continue
		}
		if gap++; gap == 1 {
			falls++
		}
		longest = max(longest, gap)
	}
	if falls < 4 || math.Abs(highest-s.Peak) > 1e-9 {
		t.Errorf("%d falls below half of the peak, which is %v pods", falls, highest)
	}
	if time.Duration(longest)*d.Step > s.Hold {
		t.Errorf("the longest gap is %v, the window holds %v", time.Duration(longest)*d.Step, s.Hold)
	}
}

// TestScaleUpIsTheDefaultOfHPAs: over a minute of trace as many pods come as four in each 15 s, or twice the size in each.
func TestScaleUpIsTheDefaultOfHPAs(t *testing.T) {
	for _, tc := range []struct {
		speed             float64
		seconds           int32
		pods, percent     int32
		stabilised, holds int32 // 5m and 30m, in seconds
	}{
		{1, 15, 4, 100, 300, 1800},
		{15, 1, 4, 100, 20, 120},
		{30, 1, 8, 300, 10, 60},
		{60, 1, 16, 1500, 5, 30},
		{120, 1, 32, 25500, 3, 15},
	} {
		s := New()
		s.Speed = tc.speed
		for i, c := range s.contenders() {
			hpa := s.autoscaler(c)
			up := hpa.Spec.Behavior.ScaleUp
			for _, p := range up.Policies {
				want := map[autoscalingv2.HPAScalingPolicyType]int32{
					autoscalingv2.PodsScalingPolicy: tc.pods, autoscalingv2.PercentScalingPolicy: tc.percent,
				}[p.Type]
				if p.Value != want || p.PeriodSeconds != tc.seconds {
					t.Errorf("at speed %v %s may grow by %d %s in %d s, want %d in %d", tc.speed, c.name, p.Value, p.Type, p.PeriodSeconds, want, tc.seconds)
				}
			}
			if len(up.Policies) != 2 || *up.SelectPolicy != autoscalingv2.MaxChangePolicySelect || *up.StabilizationWindowSeconds != 0 {
				t.Errorf("%s scales up by %+v", c.name, up)
			}
			if down := hpa.Spec.Behavior.ScaleDown; i == 2 && down != nil || i < 2 && *down.StabilizationWindowSeconds != []int32{tc.stabilised, tc.holds}[i] {
				t.Errorf("at speed %v %s scales down by %+v", tc.speed, c.name, down)
			}
		}
		if w := s.window(s.contenders()[2]); w.Spec.SlowScaleDown.Hold.Duration != time.Duration(tc.holds)*time.Second {
			t.Errorf("at speed %v the window holds %v", tc.speed, w.Spec.SlowScaleDown.Hold)
		}
	}
}

func TestContendersSayWhatTheyDo(t *testing.T) {
	s := New()
	s.Stabilisation, s.HalfLife = 45*time.Minute, 90*time.Second
	got := map[string]string{}
	for _, c := range s.contenders() {
		got[c.name] = c.settings
	}
	want := map[string]string{"hpa": "stabilisation 5m", "hpa-45m": "stabilisation 45m", "window": "hold 30m, half-life 90s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSizes: an HPA asks for as many pods as podsFor says, of the metric as it is served.
func TestSizes(t *testing.T) {
	s := New()
	for demand, want := range map[float64]int32{0: 1, 0.5: 1, 0.8: 1, 0.81: 2, 8: 10, 40: 50} {
		if got := s.podsFor(demand); got != want {
			t.Errorf("a demand of %v pods asks for %d, want %d", demand, got, want)
		}
		served := math.Ceil(demand * podBears * 1000)
		if hpa := max(1, int32(math.Ceil(served/float64(s.perPod().MilliValue())))); hpa != want {
			t.Errorf("an HPA makes %d pods of a demand of %v, want %d", hpa, demand, want)
		}
	}
}

// TestAdapterConfig: the adapter takes its configuration at any speed, and its rules.
func TestAdapterConfig(t *testing.T) {
	for _, speed := range []float64{1, 7, 15, 60, mostSpeed} {
		s := New()
		s.Speed = speed
		c, err := config.Parse([]byte(s.adapterConfig("http://127.0.0.1:9090")))
		if err != nil {
			t.Fatalf("at speed %v: %v", speed, err)
		}
		if errs := c.Validate(); len(errs) > 0 {
			t.Errorf("at speed %v: %v", speed, errs.ToAggregate())
		}
		if want := max(time.Second, time.Duration(15/speed*float64(time.Second))).Round(time.Millisecond); c.Step.Duration != want {
			t.Errorf("at speed %v it asks each %v, want %v", speed, c.Step.Duration, want)
		}
	}
	set := rules.Parse("rules.yaml", []byte(adapterRules))
	if len(set.Faults) > 0 || len(set.External) != 1 {
		t.Errorf("%d external rules, faults %v", len(set.External), set.Faults)
	}
}
