package window

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// Part is a part of a window, by its field in a ScalingWindow.
type Part string

// The parts. Demand is the demand itself: nothing is held up.
const (
	Demand           Part = "demand"
	MaxWindow        Part = "maxWindow"
	SlowDown         Part = "slowScaleDown"
	PercentileWindow Part = "percentile"
	SeasonalFloor    Part = "seasonalFloor"
	DeadBandGrid     Part = "deadBand"
)

// unsought is the origin of an answer whose sample nobody has looked for yet.
const unsought = -1

// Explanation says what holds an answer up.
type Explanation struct {
	// Value is the answer in thousandths, and Pods what it takes at the target; 0: no target is given.
	Value int64
	Pods  int64
	// Part holds it up, by the sample of so many thousandths at that time. A percentile that a dead-band holds has the time
	// when it was that.
	Part   Part
	Sample int64
	At     time.Time
	// FallsAt is when the answer falls at the earliest if demand stays as it is now, to Next: below what Pods pods
	// are there for, or without a target at all. Zero: it falls only with demand.
	FallsAt time.Time
	Next    int64

	how string
}

// Explain says what holds the last answer up; false before the first sample. It costs up to as many steps as FallsAt is
// away.
func (w *Window) Explain() (Explanation, bool) {
	if w.lived == 0 {
		return Explanation{}, false
	}
	holder := w.answer
	if holder.origin == unsought {
		holder.origin = w.quantile.youngest(holder)
	}
	e := Explanation{Value: holder.value, Part: holder.part, Sample: holder.sample, At: w.time(holder.origin), how: w.config.describe(holder.part)}
	below := holder.value
	if w.config.Target > 0 {
		e.Pods = podsFor(holder.value, w.config.Target)
		below = (e.Pods-1)*w.config.Target + 1
	}
	e.FallsAt, e.Next = w.falls(below)
	return e, true
}

func podsFor(value, target int64) int64 { return (value + target - 1) / target }

// falls plays the demand of now on until the answer is below; never: a zero time.
func (w *Window) falls(below int64) (at time.Time, value int64) {
	if below <= w.newest.value {
		return time.Time{}, 0
	}
	future := w.clone()
	last := w.config.held()
	if w.season != nil {
		last += w.season.week
	}
	e := w.newest
	for range last {
		e.tick++
		e.lived++
		e.origin = e.tick
		if answer := future.settle(e); answer.value < below {
			return w.time(e.tick), answer.value
		}
	}
	return time.Time{}, 0
}

// describe says what a part does.
func (c *Config) describe(part Part) string {
	switch part {
	case MaxWindow:
		return fmt.Sprintf("max window of %s", short(c.Max.Window))
	case SlowDown:
		s := c.SlowScaleDown
		if s.HalfLife > 0 {
			return fmt.Sprintf("slow scale-down, hold %s, half-life %s", short(s.Hold), short(s.HalfLife))
		}
		return fmt.Sprintf("slow scale-down, hold %s, %d pods per %s", short(s.Hold), s.Pods, short(s.Period))
	case PercentileWindow:
		return fmt.Sprintf("percentile %g of %s", c.Percentile.Percent, short(c.Percentile.Window))
	case SeasonalFloor:
		return fmt.Sprintf("seasonal floor of %d weeks", c.Season.Weeks)
	case DeadBandGrid:
		return fmt.Sprintf("dead-band, dwell %s", short(c.DeadBand.Dwell))
	default:
		return "the demand itself"
	}
}

// short leaves out the zeros of a duration: 30m, not 30m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// String is a sentence, as in: 2,340 at 09:14 holds 12 pods until 09:44 (slow scale-down, hold 30m, half-life 10m).
func (e Explanation) String() string {
	p := message.NewPrinter(language.English)
	what := p.Sprint(units(e.Value))
	if e.Pods > 0 {
		what = p.Sprintf("%d pods", e.Pods)
	}
	until := "while demand stays"
	if !e.FallsAt.IsZero() {
		until = "until " + e.clock(e.FallsAt)
	}
	return p.Sprintf("%v at %s holds %s %s (%s)", units(e.Sample), e.At.Format("15:04"), what, until, e.how)
}

func units(thousandths int64) number.Formatter { return number.Decimal(float64(thousandths) / 1000) }

// clock leaves the date out of a time on the sample's day.
func (e Explanation) clock(at time.Time) string {
	if at.Truncate(24 * time.Hour).Equal(e.At.Truncate(24 * time.Hour)) {
		return at.Format("15:04")
	}
	return at.Format("2006-01-02 15:04")
}
