package history

import (
	"math"
	"time"

	"gonum.org/v1/gonum/mathext"
)

// resolution to which it is known how long a run took: an API server's times are whole seconds.
const resolution = time.Second

// common is how much run times vary in a cluster. Seven runs of one family say little of that; those of all families
// together say more, as far as families are alike in it. Each family's variance is drawn from a scaled inverse χ²
// distribution with so many degrees of freedom: 0 where nothing is known, infinitely many where all families are the same.
type common struct {
	variance, degrees float64
}

// commonOf families, by the moments of the logarithms of their variances (Smyth, Linear Models and Empirical Bayes Methods,
// 2004, section 6.2): with d degrees of freedom, ln s² − ψ(d/2) + ln(d/2) has the variance ψ′(d/2) + ψ′(degrees/2).
func commonOf(families []*sample) common {
	var logs []float64
	mean, own, n := 0.0, 0.0, 0.0
	for _, s := range families {
		if s.n < 2 {
			continue
		}
		half := (s.n - 1) / 2
		logs = append(logs, math.Log(max(s.variance, s.least()))-mathext.Digamma(half)+math.Log(half))
		own += trigamma(half)
		mean += logs[len(logs)-1]
		n++
	}
	if n < 2 {
		return common{}
	}
	mean /= n
	between := -own / n
	for _, l := range logs {
		between += (l - mean) * (l - mean) / (n - 1)
	}
	half := inverseTrigamma(between)
	if math.IsInf(half, 1) {
		return common{math.Exp(mean), half}
	}
	return common{math.Exp(mean + mathext.Digamma(half) - math.Log(half)), 2 * half}
}

// least is what the variance must be of times that are rounded at their beginning and at their end.
func (s *sample) least() float64 {
	of := float64(resolution) / float64(s.took)
	return of * of / 6
}

// moderate is a family's variance, moved towards the common one by what is known of each, and its degrees of freedom.
func (c common) moderate(s *sample) (variance, degrees float64) {
	if math.IsInf(c.degrees, 1) {
		return c.variance, c.degrees
	}
	degrees = s.n - 1 + c.degrees
	if degrees == 0 {
		return 0, 0
	}
	return ((s.n-1)*s.variance + c.degrees*c.variance) / degrees, degrees
}

// trigamma is the derivative of the digamma function.
func trigamma(x float64) float64 { return mathext.Zeta(2, x) }

// inverseTrigamma is where the trigamma function is y; it falls from infinity to 0.
func inverseTrigamma(y float64) float64 {
	low, high := 1e-6, 1e6
	if y <= trigamma(high) {
		return math.Inf(1)
	}
	for high/low > 1+1e-9 {
		if middle := math.Sqrt(low * high); trigamma(middle) > y {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}
