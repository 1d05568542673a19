// Package window decides what demand to tell an autoscaler: never less than there is, and less than there was only
// slowly. It takes the total demand of a scale target on a grid and is a pure function of a bounded stretch of it, so
// that a fresh process that replays the stretch, and every replica, answers the same to the bit.
package window

import (
	"math"
	"time"
)

// MaxDemand is the largest demand, in thousandths: beyond it not every whole number is a float64.
const MaxDemand = 1 << 53

// Window answers for one scale target. It is not safe for concurrent use.
//
// Demand is counted in thousandths, rounded up, as an HPA reads it. The parts look at it side by side, the season first:
// what it expects is demand, which SlowScaleDown holds as any other. The answer is the largest of the parts and of the
// demand itself; the dead-band comes last, over that answer, since whatever came after it would undo its steps. Each of
// these only raises, so the answer is never below the demand.
type Window struct {
	config Config

	max        *maximum
	slow       *slow
	quantile   *quantile
	deadBand   *deadBand
	season     *season
	newest     entry // the last sample
	answer     entry
	lived      int64
	rejected   int // readings since that were none
	rejectedAs Verdict
}

// New makes a window that has seen nothing. What is left out of the configuration is filled in.
func New(c Config) (*Window, error) {
	c = c.clone()
	c.Default()
	if errs := Validate(&c, nil); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	w := &Window{config: c}
	if c.Max != nil {
		w.max = &maximum{reach: c.reach(c.ticks(c.Max.Window))}
	}
	if c.SlowScaleDown != nil {
		w.slow = new(newSlow(&c))
	}
	if c.Percentile != nil {
		w.quantile = new(newQuantile(&c))
	}
	if c.DeadBand != nil {
		w.deadBand = new(newDeadBand(&c))
	}
	if c.Season != nil {
		w.season = new(newSeason(&c))
	}
	return w, nil
}

// Verdict is what became of a reading.
type Verdict string

// The verdicts. All but Taken leave the window as it was.
const (
	Taken      Verdict = "Taken"
	Late       Verdict = "Late" // not after the newest sample's tick
	NotANumber Verdict = "NotANumber"
	Infinite   Verdict = "Infinite"
	Negative   Verdict = "Negative"
	TooLarge   Verdict = "TooLarge" // more than MaxDemand
)

// Observe takes the total demand at a tick; a time between two ticks counts for the earlier one. What is missing is not
// observed at all. Samples must come in order: one that was missed is lost to this window, and a replay cures that.
func (w *Window) Observe(at time.Time, demand float64) Verdict {
	tick := w.tick(at)
	if w.lived > 0 && tick <= w.newest.tick {
		return Late
	}
	sample, verdict := Milli(demand)
	if verdict != Taken {
		w.rejected++
		w.rejectedAs = verdict
		return verdict
	}
	w.rejected = 0
	w.lived++
	w.newest = entry{tick: tick, lived: w.lived, value: sample, part: Demand, origin: tick, sample: sample}
	w.answer = w.settle(w.newest)
	return Taken
}

// Milli is a measurement in thousandths, rounded up, as an HPA reads it; or why it is no demand.
func Milli(demand float64) (int64, Verdict) {
	switch {
	case math.IsNaN(demand):
		return 0, NotANumber
	case math.IsInf(demand, 0):
		return 0, Infinite
	case demand < 0:
		return 0, Negative
	case demand > MaxDemand/1000:
		return 0, TooLarge
	}
	const noise = 0x1p-50           // what multiplying may add to a decimal such as 517.364
	exact := float64(demand * 1000) // converted, so that no processor fuses it with what follows
	if near := math.Round(exact); math.Abs(exact-near) <= near*noise {
		return int64(near), Taken
	}
	return int64(math.Ceil(exact)), Taken
}

// settle has every part see a sample.
func (w *Window) settle(e entry) entry {
	best := e
	if w.season != nil {
		w.season.observe(e)
		if expected, ok := w.season.floor(e); ok && expected.value > best.value {
			best = expected
		}
	}
	if w.slow != nil {
		best = better(best, w.slow.observe(best), SlowDown)
	}
	if w.max != nil {
		best = better(best, *w.max.observe(e), MaxWindow)
	}
	if w.quantile != nil {
		if value := w.quantile.observe(e); value > best.value {
			best = entry{value: value, part: PercentileWindow, origin: unsought, sample: value}
		}
	}
	best.tick, best.lived = e.tick, e.lived
	if w.deadBand != nil {
		best = w.deadBand.observe(best)
	}
	return best
}

// better prefers the demand itself, then the part that came first.
func better(best, other entry, part Part) entry {
	if other.value <= best.value {
		return best
	}
	if other.part == Demand {
		other.part = part
	}
	return other
}

func (w *Window) tick(at time.Time) int64 {
	nanos, step := at.UnixNano(), int64(w.config.Step)
	tick := nanos / step
	if nanos%step < 0 {
		tick--
	}
	return tick
}

func (w *Window) time(tick int64) time.Time { return time.Unix(0, tick*int64(w.config.Step)).UTC() }
