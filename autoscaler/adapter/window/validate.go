package window

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	minStep = time.Second
	maxStep = time.Hour
	// longest is how far back a part may look, and maxSamples how many samples it may have to keep for it.
	longest    = 31 * 24 * time.Hour
	maxSamples = 200_000
	maxWeeks   = 8
)

// Validate returns what is wrong with a configuration once it is defaulted. Fields are below path, in the words of the
// ScalingWindow object.
func Validate(c *Config, path *field.Path) field.ErrorList {
	errs := within(path.Child("step"), c.Step, minStep, maxStep)
	if len(errs) > 0 {
		return errs // everything else is counted in steps
	}
	v := validator{c: c, path: path}
	v.sources()
	v.parts()
	if len(v.errs) == 0 {
		v.horizon()
	}
	return v.errs
}

type validator struct {
	c    *Config
	path *field.Path
	errs field.ErrorList
}

func (v *validator) add(errs field.ErrorList) { v.errs = append(v.errs, errs...) }

func (v *validator) parts() {
	c := v.c
	if *c == (Config{Step: c.Step, Target: c.Target, Fresh: c.Fresh, Stale: c.Stale, Outage: c.Outage, Retention: c.Retention}) {
		v.errs = append(v.errs, field.Required(v.path.Child("maxWindow"), "ask for at least one of maxWindow, slowScaleDown, deadBand and seasonalFloor"))
	}
	if c.Max != nil {
		v.window(v.path.Child("maxWindow"), c.Max.Window)
	}
	if c.SlowScaleDown != nil {
		v.slowScaleDown(v.path.Child("slowScaleDown"))
	}
	if c.Percentile != nil {
		v.percentile(v.path.Child("percentile"))
	}
	if c.DeadBand != nil {
		v.window(v.path.Child("deadBand", "dwell"), c.DeadBand.Dwell)
		v.add(within(v.path.Child("deadBand", "step"), c.DeadBand.Band, 0.001, 1))
	}
	if c.Season != nil {
		v.season(v.path.Child("seasonalFloor"))
	}
}

func (v *validator) sources() {
	c := v.c
	v.add(within(v.path.Child("fresh"), c.Fresh, c.Step, longest))
	v.add(within(v.path.Child("stale"), c.Stale, c.Fresh, longest))
	v.add(within(v.path.Child("outage"), c.Outage, 0, longest))
	v.add(within(v.path.Child("target", "averageValue"), c.Target, 0, MaxDemand))
	v.add(within(v.path.Child("retention"), c.Retention, 0, 100*365*24*time.Hour))
}

func (v *validator) window(path *field.Path, window time.Duration) {
	least := 2 * v.c.Step
	if window < least {
		v.errs = append(v.errs, field.Invalid(path, window.String(),
			fmt.Sprintf("holds nothing: must be at least two steps (%v); a shorter step is the other cure", least)))
		return
	}
	v.add(within(path, window, least, longest))
}

func (v *validator) slowScaleDown(path *field.Path) {
	s := v.c.SlowScaleDown
	v.add(within(path.Child("hold"), s.Hold, 0, longest))
	switch {
	case s.HalfLife != 0 && (s.Pods != 0 || s.Period != 0):
		v.errs = append(v.errs, field.Forbidden(path.Child("pods"), "halfLife is set: give the one or the other"))
	case s.HalfLife != 0:
		v.add(within(path.Child("halfLife"), s.HalfLife, v.c.Step, longest))
		v.add(within(path.Child("range"), s.Range, 2, 1<<20))
	case s.Pods == 0 && s.Period == 0:
		v.errs = append(v.errs, field.Required(path, "say how fast to scale down: halfLife, or pods and period"))
	default:
		v.line(path)
	}
}

// line checks the form of so many pods in so much time, and what else would break it.
func (v *validator) line(path *field.Path) {
	c, s := v.c, v.c.SlowScaleDown
	v.add(within(path.Child("pods"), int64(s.Pods), 1, 1_000_000))
	v.add(within(path.Child("period"), s.Period, c.Step, longest))
	if s.Period%c.Step != 0 {
		v.errs = append(v.errs, field.Invalid(path.Child("period"), s.Period.String(),
			fmt.Sprintf("must be a multiple of the step (%v), or the rate is another", c.Step)))
	}
	v.add(within(path.Child("maxPods"), int64(s.MaxPods), 1, 1_000_000))
	if c.Target == 0 {
		v.errs = append(v.errs, field.Required(v.path.Child("target", "averageValue"), "pods per period need to know what one pod is there for"))
	}
	if most := int64(max(s.MaxPods, s.Pods)); c.Target > 0 && most > 0 && c.Target > MaxDemand/most {
		v.errs = append(v.errs, field.Invalid(path.Child("maxPods"), most, "this many pods at the target are more demand than can be counted"))
	}
	for _, part := range []struct {
		set  bool
		name string
	}{{c.Max != nil, "maxWindow"}, {c.Percentile != nil, "percentile"}, {c.DeadBand != nil, "deadBand"}} {
		if part.set {
			v.errs = append(v.errs, field.Forbidden(path.Child("pods"),
				part.name+" lets go of several pods at once, which breaks the rate: leave one of the two out"))
		}
	}
}

func (v *validator) percentile(path *field.Path) {
	p := v.c.Percentile
	v.window(path.Child("window"), p.Window)
	v.add(within(path.Child("value"), p.Percent, 1, 100))
	if v.c.Max == nil && v.c.SlowScaleDown == nil {
		v.errs = append(v.errs, field.Forbidden(path, "a percentile alone lets the size follow each dip: add maxWindow or slowScaleDown"))
	}
	if v.c.Max != nil && p.Window <= v.c.Max.Window {
		v.errs = append(v.errs, field.Invalid(path.Child("window"), p.Window.String(),
			fmt.Sprintf("never counts: the largest demand of maxWindow (%v) is not below it", v.c.Max.Window)))
	}
}

func (v *validator) season(path *field.Path) {
	s := v.c.Season
	v.add(within(path.Child("weeks"), int64(s.Weeks), 1, maxWeeks))
	v.add(within(path.Child("margin"), s.Margin, 0.01, 10))
	if s.Bucket < v.c.Step || s.Bucket > 24*time.Hour || s.Bucket%v.c.Step != 0 || week%s.Bucket != 0 {
		// No field of the object says how long a bucket is; what an operator can change is the step.
		v.errs = append(v.errs, field.Invalid(path, s.Bucket.String(), fmt.Sprintf("weeks are remembered by stretches of this length, "+
			"which must be whole steps (%v) and divide a week, and no longer than a day: choose another step for the adapter, as 15s", v.c.Step)))
	}
	v.add(within(path.Child("lead"), s.Lead, 0, week-24*time.Hour))
}

func (v *validator) horizon() {
	c := v.c
	if c.held() > maxSamples {
		v.errs = append(v.errs, field.Invalid(v.path.Child("step"), c.Step.String(),
			fmt.Sprintf("a sample may hold the size for %d steps, at most %d: make the step longer", c.held(), maxSamples)))
	}
	if horizon := c.horizon(); c.Retention > 0 && c.Retention < horizon {
		v.errs = append(v.errs, field.Invalid(v.path.Child("retention"), c.Retention.String(),
			fmt.Sprintf("a restart must replay %v: keep samples longer, or shorten what holds", horizon)))
	}
}

func within[T ~int64 | ~float64](path *field.Path, value, least, most T) field.ErrorList {
	// Written so that NaN is refused too.
	if value >= least && value <= most {
		return nil
	}
	return field.ErrorList{field.Invalid(path, fmt.Sprint(value), fmt.Sprintf("must be from %v to %v", least, most))}
}
