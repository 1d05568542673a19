package formula

import "math"

// Habit is what pods make of their requests in one dimension, per mille of them: what
// they use on average, and its deviation (negative: not known, which 0 is not).
type Habit struct {
	Ratio, Spread int64
}

// Use returns what a pod that requests so much uses by the habit, and how that varies.
func (h Habit) Use(request int64) (mean, spread int64) {
	mean = request * h.Ratio / Thousand
	if h.Spread < 0 {
		return mean, mean / UnknownSpread
	}
	return mean, request * h.Spread / Thousand
}

// Witness is what count pods used and requested together, in one dimension.
type Witness struct {
	Used, Requested int64
	// Squares is Σ (used² + deviation²) / requested, which no int64 is sure to hold.
	Squares float64
	Count   int
}

// Add has a pod testify that requested so much, which must not be 0, and used that.
func (w *Witness) Add(used, deviation, requested int64) {
	w.Used, w.Requested, w.Count = w.Used+used, w.Requested+requested, w.Count+1
	w.Squares += float64(used*used+deviation*deviation) / float64(requested)
}

// Learn returns the habit of the witnesses, otherwise where they are too few to tell:
// the ratio Σ used / Σ requested, and the deviation of used/requested, weighted by
// request, from how much each varies and how they differ,
//
//	√(Σ (used² + deviation²)/requested / Σ requested − ratio²)
//
// which may well be 0: memory may be used just as it is requested.
func (w *Witness) Learn(otherwise Habit) Habit {
	const enough, least, most = 10, 20, 2 * Thousand
	if w.Count < enough || w.Requested == 0 {
		return otherwise
	}
	ratio := float64(w.Used) / float64(w.Requested)
	variance := w.Squares/float64(w.Requested) - float64(ratio*ratio) // converted, so that no machine fuses it
	return Habit{
		Ratio:  min(max(w.Used*Thousand/w.Requested, least), most),
		Spread: min(int64(math.Round(math.Sqrt(max(variance, 0))*Thousand)), most),
	}
}
