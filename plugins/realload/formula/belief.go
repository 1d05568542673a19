package formula

import (
	"math"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// Horizon says how long a sample is good for. All times are milliseconds.
type Horizon struct {
	Fresh, Expire, Skew int64
}

// Confidence tells how far a sample of that age is to be trusted: wholly up to
// fresh, then ever less, not at all from expire on. A negative age is a sample
// from the future: a little of it is clocks that differ, more is nonsense.
func (h Horizon) Confidence(age int64) int64 {
	switch {
	case age < -h.Skew, age >= h.Expire:
		return 0
	case age <= h.Fresh:
		return Thousand
	default:
		return Thousand * (h.Expire - age) / (h.Expire - h.Fresh)
	}
}

// Measurement is what was measured of one dimension of a node.
type Measurement struct {
	Mean, P95  int64
	Variance   int64
	HasSpread  bool  // Variance is known
	At         int64 // Unix milliseconds; 0: never
	Confidence int64 // per mille
}

// Tally sums one dimension over the pods of a node.
type Tally struct {
	Predicted, PredictedVariance int64 // Σ of what each is believed to use
	Young, YoungVariance         int64 // the part of it that the measurement has not seen
	Inside                       int64 // what the measurement has seen of them
	// ShownVariance is the part of PredictedVariance that pods were seen to have,
	// or others of their workloads: not what is guessed from requests.
	ShownVariance int64
}

// Stay counts a pod that is on the node, and of which the measurement has seen so many
// per mille; shown tells that its variance is no guess. The negatives of mean and
// variance take it out again.
func (t *Tally) Stay(mean, variance, seen int64, shown bool) {
	inside := mean * seen / Thousand
	t.Inside += inside
	t.Predicted += mean
	t.PredictedVariance += variance
	t.Young += mean - inside
	t.YoungVariance += variance - variance*seen/Thousand
	if shown {
		t.ShownVariance += variance
	}
}

// Leave counts a pod that is gone, of which the measurement still has so many per mille.
func (t *Tally) Leave(mean, seen int64) {
	inside := mean * seen / Thousand
	t.Inside += inside
	t.Young -= inside
}

// Believe weighs what was measured against what the pods foretell:
//
//	measured  = node's mean + pods it has not seen − pods that are gone
//	predicted = Σ pods + c·(node's mean − what it has seen of the pods)
//	mean      = c·measured + (1−c)·predicted
//
// The rest of the node's mean is the system's own share; with c = 0 nothing of an
// old measurement is left, so that it can call no node hot, and no node idle while
// pods are on it.
//
// The variance is likewise blended, the measured one being not less than what the
// pods have shown: a node's few minutes tell less of what is to come than the hours
// and days of its pods.
func Believe(m Measurement, t Tally) (mean, variance, floor int64) {
	rest := max(0, m.Mean-t.Inside) * m.Confidence / Thousand
	predicted := t.Predicted + rest
	if m.Confidence == 0 {
		return predicted, t.PredictedVariance, 0
	}
	measured := max(0, m.Mean+t.Young)
	measuredVariance := t.PredictedVariance
	if m.HasSpread {
		measuredVariance = max(m.Variance+t.YoungVariance, t.ShownVariance)
	}
	mean = Blend(measured, predicted, m.Confidence)
	variance = Blend(measuredVariance, t.PredictedVariance, m.Confidence)
	return mean, variance, floorOf(m, t, predicted)
}

// floorOf is the measured 95th percentile and the pods it has not seen, as far
// as the pods now on the node can bring it about: the last hour may have had others.
func floorOf(m Measurement, t Tally, predicted int64) int64 {
	if m.P95 == 0 {
		return 0
	}
	ceiling := predicted + 3*int64(math.Sqrt(float64(t.PredictedVariance)))
	return max(0, min(m.P95+t.Young, ceiling)) * m.Confidence / Thousand
}

// Blend is c·a + (1−c)·b.
func Blend(a, b, c int64) int64 { return b + (a-b)*c/Thousand }

// Seen tells how much of a task that ran from start to end (0: still running) an
// average over the window up to at has in it, per mille.
func Seen(start, end, at, window int64) int64 {
	from, to := max(start, at-window), at
	if end != 0 {
		to = min(to, end)
	}
	if to <= from {
		return 0
	}
	return (to - from) * Thousand / window
}

// The quantiles of a Gaussian that turn a 95th percentile, or the highest value
// of some hours, into a deviation.
const (
	p95Sigmas  = 1.645
	peakSigmas = 3
)

// Sigma returns the deviation to reckon with: the largest of what the measured
// one, the 95th percentile and the peak of earlier days imply.
func Sigma(u *[usage.Statistics]usage.Sample) (float64, bool) {
	mean, s, known := u[usage.Mean].Value, 0.0, false
	for _, o := range [...]struct {
		sample usage.Sample
		value  float64
	}{
		{u[usage.Deviation], u[usage.Deviation].Value},
		{u[usage.P95], (u[usage.P95].Value - mean) / p95Sigmas},
		{u[usage.Peak], (u[usage.Peak].Value - mean) / peakSigmas},
	} {
		if o.sample.Known() && !math.IsNaN(o.value) && !math.IsInf(o.value, 0) {
			s, known = max(s, o.value), true
		}
	}
	return s, known
}

// MaxUnits bounds a value so that the variances of a thousand pods fit in an
// int64: 67,108 cores, 64 TiB, 64 GiB a second.
const MaxUnits = 1 << 26

// Units turns a value as sources give it into the integers of a vector, rounded
// up. What is no quantity is unknown.
func Units(d int, value float64) (int64, bool) {
	if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		return 0, false
	}
	switch usage.Dimension(d) {
	case usage.CPU:
		value *= 1000
	case usage.Memory:
		value /= 1 << 20
	default:
		value /= 1 << 10
	}
	return int64(math.Ceil(min(value, MaxUnits))), true
}

// Natural turns the integers of a vector into cores, bytes and bytes a second.
func Natural(d int, value int64) float64 {
	switch usage.Dimension(d) {
	case usage.CPU:
		return float64(value) / 1000
	case usage.Memory:
		return float64(value) * (1 << 20)
	default:
		return float64(value) * (1 << 10)
	}
}

// Quantity returns a quantity in the integers of a vector; 0 for none.
func Quantity(d usage.Dimension, q *resource.Quantity) int64 {
	if q == nil {
		return 0
	}
	value, _ := Units(int(d), q.AsApproximateFloat64())
	return value
}

// UnknownSpread is the deviation, as a share of the mean, of what has never been
// seen to vary.
const UnknownSpread = 2

// Gauge reads mean and deviation of one dimension.
func Gauge(d int, u *[usage.Statistics]usage.Sample) (mean, spread int64, ok bool) {
	if !u[usage.Mean].Known() {
		return 0, 0, false
	}
	mean, ok = Units(d, u[usage.Mean].Value)
	if !ok {
		return 0, 0, false
	}
	s, known := Sigma(u)
	if !known {
		return mean, mean / UnknownSpread, true
	}
	spread, _ = Units(d, s)
	return mean, spread, true
}
