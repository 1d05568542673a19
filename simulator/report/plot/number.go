package plot

import (
	"math"
	"strconv"
	"strings"

	gonum "gonum.org/v1/plot"
)

// noNumber stands in a table where there is no value.
const noNumber = "–"

// number writes v with so many decimals and its thousands apart.
func number(v float64, decimals int) string {
	if !finite(v) {
		return noNumber
	}
	if v = round(v, decimals); v < 0 {
		return "−" + grouped(strconv.FormatFloat(-v, 'f', decimals, 64))
	}
	// Adding zero turns a negative zero into a plain one.
	return grouped(strconv.FormatFloat(v+0, 'f', decimals, 64))
}

func count(n int) string { return number(float64(n), 0) }

func percent(v float64) string { return number(100*v, 0) + " %" }

func grouped(digits string) string {
	whole, fraction, found := strings.Cut(digits, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if !found {
		return whole
	}
	return whole + "." + fraction
}

// decimals are as many as show three digits of the largest value, and none when all are whole.
func decimals(values []float64) int {
	largest, whole := 0.0, true
	for _, v := range values {
		if finite(v) {
			largest = max(largest, math.Abs(v))
			whole = whole && v == math.Trunc(v)
		}
	}
	if whole || largest == 0 {
		return 0
	}
	return min(max(2-int(math.Floor(math.Log10(largest))), 0), 6)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func round(v float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(v*scale) / scale
}

// roundTicks marks an axis at about eight round values, the outermost of which enclose its range.
type roundTicks struct{}

// Ticks are the marks of an axis from low to high.
func (roundTicks) Ticks(low, high float64) []gonum.Tick {
	step := roundStep(low, high)
	places := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	return ticksEvery(step, low, high, places)
}

func ticksEvery(step, low, high float64, places int) []gonum.Tick {
	var ticks []gonum.Tick
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	for i := range int(last-first) + 1 {
		value := (first + float64(i)) * step
		ticks = append(ticks, gonum.Tick{Value: value, Label: number(value, places)})
	}
	return ticks
}

// roundStep is 1, 2 or 5 times a power of ten.
func roundStep(low, high float64) float64 {
	const marks = 8
	rough := (high - low) / marks
	if rough <= 0 || !finite(rough) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, factor := range []float64{1, 2, 5} {
		if rough <= factor*power*(1+1e-9) {
			return factor * power
		}
	}
	return 10 * power
}

// hourTicks marks an axis of hours where a clock or a calendar would.
type hourTicks struct{}

// Ticks are the marks of an axis from low to high.
func (hourTicks) Ticks(low, high float64) []gonum.Tick {
	const marks = 12
	for _, step := range []float64{1, 2, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24} {
		if span := (high - low) / step; span >= 3 && span <= marks {
			return ticksEvery(step, low, high, 0)
		}
	}
	return roundTicks{}.Ticks(low, high)
}
