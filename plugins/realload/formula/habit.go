package formula

import "math"

// Habit is what pods make of their requests in one dimension, per mille of them: what
// they use on average, and its deviation (negative: not known, which 0 is not).
type Habit struct {
	Ratio, Spread int64
	// Size is what a pod requests, the mean over what is requested: as of the pod that
	// a unit of it, picked at random, belongs to. 0 where there are none.
	Size int64
}

// Use returns what a pod that requests so much uses by the habit, and how that varies.
func (h Habit) Use(request int64) (mean, spread int64) {
	return request * h.Ratio / Thousand, request * h.spread() / Thousand
}

func (h Habit) spread() int64 {
	if h.Spread < 0 {
		return h.Ratio / UnknownSpread
	}
	return h.Spread
}

// Churn is how the load varies of a capacity that is wholly requested by pods of which
// nothing else is known: (size·spread)² for each of capacity/size pods.
func (h Habit) Churn(capacity int64) int64 {
	return h.Size * capacity / Thousand * h.spread() / Thousand * h.spread()
}

// Churn is that of a node, in each dimension that pods request.
func Churn(habits *[2]Habit, capacity *Vector) (variance Vector) {
	for d := range habits {
		variance[d] = habits[d].Churn(capacity[d])
	}
	return variance
}

// Witness is what count pods used and requested together, in one dimension.
type Witness struct {
	Used, Requested int64
	// Squares is Σ (used² + deviation²) / requested, which no int64 is sure to hold.
	Squares float64
	Count   int
	// Asked and Sizes are Σ requested and Σ requested² of all pods, measured or not.
	Asked, Sizes float64
}

// Ask has a pod tell what it requests.
func (w *Witness) Ask(requested int64) {
	w.Asked, w.Sizes = w.Asked+float64(requested), w.Sizes+float64(requested)*float64(requested)
}

// Add has a pod testify that requested so much, which must not be 0, and used that.
func (w *Witness) Add(used, deviation, requested int64) {
	w.Used, w.Requested, w.Count = w.Used+used, w.Requested+requested, w.Count+1
	w.Squares += float64(used*used+deviation*deviation) / float64(requested)
}

// Enough tells whether the witnesses are enough to learn a ratio and a deviation from.
func (w *Witness) Enough() bool { return w.Count >= 10 && w.Requested > 0 }

// Learn returns the habit of the witnesses, its ratio and deviation otherwise where
// they are too few to tell: the ratio Σ used / Σ requested, and the deviation of
// used/requested, weighted by request, from how much each varies and how they differ,
//
//	√(Σ (used² + deviation²)/requested / Σ requested − ratio²)
//
// which may well be 0: memory may be used just as it is requested.
func (w *Witness) Learn(otherwise Habit) Habit {
	const least, most = 20, 2 * Thousand
	learned := otherwise
	if w.Asked > 0 {
		learned.Size = int64(math.Round(w.Sizes / w.Asked))
	}
	if !w.Enough() {
		return learned
	}
	ratio := float64(w.Used) / float64(w.Requested)
	variance := w.Squares/float64(w.Requested) - float64(ratio*ratio) // converted, so that no machine fuses it
	learned.Ratio = min(max(w.Used*Thousand/w.Requested, least), most)
	learned.Spread = min(int64(math.Round(math.Sqrt(max(variance, 0))*Thousand)), most)
	return learned
}
