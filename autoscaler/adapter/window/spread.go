package window

// Spread scales the values of pods, in place and in thousandths, so that an HPA which averages them sees the demand that
// a window answered: each is value · served / Σ values, rounded up, and alike where all are 0. Their average, which an HPA
// rounds down, is exactly ⌈served / pods⌉.
//
// Give it the pods that the HPA counts, no others: one that is pending, failed or going away would take its share of the
// answer with it, though what it serves belongs to the demand. Pods without a sample are left out: an HPA takes them for
// idle when it would scale up and for at their target when it would scale down. Without pods there is nothing to scale,
// and no list to serve: that is an error to an HPA, which is right.
func Spread(values []int64, served int64) {
	if len(values) == 0 {
		return
	}
	n, total := int64(len(values)), int64(0)
	for _, value := range values {
		total += value
	}
	average := (served + n - 1) / n
	for i, value := range values {
		if total == 0 {
			values[i] = average
			continue
		}
		values[i] = scaledUp(value, n*average, total)
	}
}
