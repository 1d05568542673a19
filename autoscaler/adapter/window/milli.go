package window

// Milli is a measurement in thousandths, rounded up, as an HPA reads it; or why it is no demand.
func Milli(value float64) (int64, Verdict) { return thousandths(value) }
