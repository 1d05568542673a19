package formula

import "github.com/evenkeel/evenkeel/internal/usage"

// Measure reads what was measured of one dimension of a node.
func (h Horizon) Measure(d int, u *[usage.Statistics]usage.Sample, now int64) Measurement {
	mean, ok := Units(d, u[usage.Mean].Value)
	if !u[usage.Mean].Known() || !ok {
		return Measurement{}
	}
	m := Measurement{Mean: mean, At: u[usage.Mean].At}
	m.Confidence = h.Confidence(now - m.At)
	if u[usage.Deviation].Known() {
		deviation, ok := Units(d, u[usage.Deviation].Value)
		m.Variance, m.HasSpread = deviation*deviation, ok
	}
	if u[usage.P95].Known() {
		m.P95, _ = Units(d, u[usage.P95].Value)
	}
	return m
}
